"""Which channels of a file are looked at."""

import argparse

import numpy as np
import pytest
import tifffile

from napari_iaunet.commands.channels import add_channels, seen_planes
from napari_iaunet.errors import ImageError
from napari_iaunet.io.read import read_image

NAMES = ["actin", "DAPI", "GFP", "membrane"]


@pytest.fixture
def stained(tmp_path):
    channels = np.random.default_rng(0).integers(0, 4000, (4, 40, 60), np.uint16)
    file = tmp_path / "stained.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": NAMES}}
    tifffile.imwrite(file, channels, ome=True, metadata=metadata)
    return read_image(file), channels


def seen(image, *words):
    parser = argparse.ArgumentParser()
    add_channels(parser)
    return seen_planes(image, parser.parse_args(words)).raw(0)


@pytest.mark.parametrize(
    ("words", "channels"),
    [
        ((), [0, 1, 2, 3]),
        (("--nuclei", "dapi"), [1]),
        (("--nuclei", "2"), [1]),
        (("--cells", "actin, 4"), [0, 3]),
        (("--cells", "GFP", "--nuclei", "DAPI"), [1, 2]),
    ],
)
def test_channels_are_named_or_counted(stained, words, channels):
    image, pixels = stained
    np.testing.assert_array_equal(seen(image, *words), pixels[channels])


@pytest.mark.parametrize("word", ["0", "5", "-1", "CFP", ""])
def test_a_channel_that_is_not_there_is_told_with_those_that_are(stained, word):
    with pytest.raises(ImageError, match=r"channels 1 to 4 \(actin, DAPI"):
        seen(stained[0], f"--cells={word}")


def test_a_gray_image_has_one_channel(tmp_path):
    file = tmp_path / "gray.tif"
    tifffile.imwrite(file, np.arange(1200, dtype=np.uint16).reshape(30, 40))
    image = read_image(file)
    np.testing.assert_array_equal(seen(image, "--nuclei", "1")[0], image.array)
    with pytest.raises(ImageError, match="one channel"):
        seen(image, "--cells", "2")
