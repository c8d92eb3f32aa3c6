"""The images to try the program on."""

import numpy as np
import pytest

from napari_iaunet import Segmenter, average_precision, samples


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter(device="cpu")


@pytest.mark.parametrize(
    ("draw", "shape", "channels"),
    [
        (samples.nuclei, (420, 560), {}),
        (samples.film, (12, 220, 300), {}),
        (samples.two_channels, (2, 360, 480), {"channel_axis": 0}),
        (samples.phase_contrast, (360, 480), {}),
    ],
)
def test_the_model_finds_the_cells_of_a_sample(segmenter, draw, shape, channels):
    image, labels = draw()
    assert (image.shape, image.dtype) == (shape, np.uint16)
    assert labels.shape == tuple(
        n for a, n in enumerate(shape) if a != channels.get("channel_axis")
    )
    found = segmenter.segment(image, **channels).labels
    planes = (a.reshape(-1, *a.shape[-2:]) for a in (labels, found))
    assert average_precision(*map(list, planes), thresholds=(0.5,)).pooled[0] > 0.85


def test_a_sample_is_the_same_each_time():
    np.testing.assert_array_equal(samples.nuclei().image, samples.nuclei().image)


def test_in_the_film_two_nuclei_divide():
    labels = samples.film().labels
    here = [set(np.unique(plane)) - {0} for plane in labels]
    assert [len(now) - len(here[0]) for now in here] == [0] * 4 + [1] * 3 + [2] * 5
    gone, born = here[0] - here[-1], here[-1] - here[0]
    assert (len(gone), len(born)) == (2, 4)
