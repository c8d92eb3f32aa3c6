"""Transparency is left out; where it may be a channel, that is told."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_iaunet.io.labels import read_labels
from napari_iaunet.io.read import read_image

HEIGHT, WIDTH = 48, 64


def noise(seed):
    return (
        np.random.default_rng(seed).integers(1, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    )


def disc():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (y - 24) ** 2 + (x - 30) ** 2 < 200


def soft(mask):
    return (255 * ndimage.uniform_filter(mask.astype(float), 3)).astype(np.uint8)


def cut_out(alpha):
    return np.where(alpha > 0, noise(0), 7), alpha


# Gray and transparency.
CUT_OUT = {
    "opaque": (noise(0), np.full((HEIGHT, WIDTH), 255, np.uint8)),
    "half transparent": (noise(0), np.full((HEIGHT, WIDTH), 128, np.uint8)),
    "margin": cut_out(255 * disc().astype(np.uint8)),
    "soft margin": cut_out(soft(disc())),
    "nothing": (np.zeros((HEIGHT, WIDTH), np.uint8),) * 2,
}
PICTURES = {
    "picture beside another": (noise(0), noise(1)),
    "picture beside black": (0 * noise(0), noise(1)),
    "discs beside gray": (0 * noise(0) + 9, 255 * disc().astype(np.uint8)),
    "discs over noise": (noise(0), 255 * disc().astype(np.uint8)),
}


def as_16_bits(pixels):
    return pixels.astype(np.uint16) * 257


def tiff(path, pixels):
    gray = pixels.shape[-1] == 2
    tifffile.imwrite(
        path,
        pixels,
        photometric="minisblack" if gray else "rgb",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    )


WRITERS = {
    "8.png": lambda path, pixels: Image.fromarray(pixels).save(path),
    "16.png": lambda path, pixels: path.write_bytes(
        imagecodecs.png_encode(as_16_bits(pixels))
    ),
    "8.tif": tiff,
    "16.tif": lambda path, pixels: tiff(path, as_16_bits(pixels)),
    "float.tif": lambda path, pixels: tiff(path, pixels.astype(np.float32)),
}


def stored(path, gray, alpha, colours):
    """Write gray, or three colours of one shape, and transparency."""
    steps = (gray, gray // 2, gray // 3)[: 3 if colours else 1]
    pixels = np.dstack([*steps, alpha])
    WRITERS[path.name](path, pixels)
    return as_16_bits(pixels) if path.name.startswith("16") else pixels


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", CUT_OUT)
def test_what_only_cuts_out_is_left_out(tmp_path, name, kind, colours, caplog):
    pixels = stored(tmp_path / name, *CUT_OUT[kind], colours)
    image = read_image(tmp_path / name)
    expected = pixels[..., :3] if colours else pixels[..., 0]
    np.testing.assert_array_equal(image.array, expected)
    assert not caplog.records


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", PICTURES)
def test_what_may_be_a_channel_is_told_and_can_be_read(
    tmp_path, name, kind, colours, caplog
):
    pixels = stored(tmp_path / name, *PICTURES[kind], colours)
    image = read_image(tmp_path / name)
    expected = pixels[..., :3] if colours else pixels[..., 0]
    np.testing.assert_array_equal(image.array, expected)
    (record,) = caplog.records
    assert "(alpha) is left out, but may be a channel" in record.getMessage()
    assert "--channel-axis 2" in record.getMessage()
    caplog.clear()
    image = read_image(tmp_path / name, channel_axis=2)
    np.testing.assert_array_equal(image.array, pixels)
    assert image.axes == "YXC"
    planes = read_image(tmp_path / name, planes=2)
    np.testing.assert_array_equal(planes.array, np.moveaxis(pixels, 2, 0))
    assert not caplog.records


def test_opaque_colours_stay_colours_for_who_names_their_axis(tmp_path):
    stored(tmp_path / "8.png", *CUT_OUT["opaque"], colours=True)
    image = read_image(tmp_path / "8.png", channel_axis=2)
    assert (image.array.shape, image.axes) == ((HEIGHT, WIDTH, 3), "YXS")


@pytest.mark.parametrize("name", ["8.png", "16.png", "8.tif"])
def test_labels_are_read_without(tmp_path, name, caplog):
    labels = 7 * disc().astype(np.uint8)
    pixels = stored(tmp_path / name, labels, noise(1), colours=False)
    np.testing.assert_array_equal(read_labels(tmp_path / name), pixels[..., 0])
    assert not caplog.records
