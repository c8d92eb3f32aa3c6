"""A cell of a real image is found again on the planes beside it."""

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from skimage.restoration import inpaint_biharmonic
from stained import among_four

from napari_iaunet import Segmenter
from napari_iaunet.errors import Cancelled, ImageError
from napari_iaunet.segmentation.through import check_cell

DRIFT = [(3 * i, 2 * i) for i in range(5)]
START = 2


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter(device="cpu")


def overlap(one, two):
    return (one & two).sum() / (one | two).sum()


@pytest.fixture(scope="module")
def stack(crowded_nuclei):
    """A real image that drifts and brightens, and its cells away from the border."""
    image, labels = crowded_nuclei
    images = [np.roll(image, d, (0, 1)) * (1 + 0.1 * i) for i, d in enumerate(DRIFT)]
    cells = np.stack([np.roll(labels, d, (0, 1)) for d in DRIFT])
    inside = np.zeros(labels.shape, bool)
    inside[20:-40, 20:-40] = True
    area = np.bincount(labels.ravel())
    numbers = [
        n for n in range(1, len(area)) if area[n] > 80 and inside[labels == n].all()
    ]
    return np.stack(images), cells, numbers


def test_cells_are_found_on_all_planes_in_both_ways(segmenter, stack):
    images, cells, numbers = stack
    found, masks = [], []
    for number in numbers[:6]:
        mask = cells[START] == number
        through = segmenter.follow(images, mask, START, diameter=17)
        assert through.shape == images.shape
        np.testing.assert_array_equal(through[START], mask)
        planes = [i for i in range(len(images)) if i != START]
        found += [overlap(through[i], cells[i] == number) for i in planes]
        masks.append(through)
    assert np.mean(np.array(found) > 0.5) > 0.9
    assert np.median(found) > 0.75


def test_a_cell_that_vanishes_ends(segmenter, stack):
    images, cells, numbers = stack
    images = images.copy()
    number = numbers[0]
    for plane in (3, 4):
        others = binary_dilation((cells[plane] > 0) & (cells[plane] != number))
        # The glow around it, too: a ring would look like a cell of another kind.
        gone = binary_dilation(cells[plane] == number, iterations=8) & ~others
        images[plane] = inpaint_biharmonic(images[plane].astype(float), gone)
    mask = cells[0] == number
    planes = [
        p for p, _ in segmenter.follow_on(images, check_cell(mask, mask.shape), 0)
    ]
    assert planes == [1, 2]


def test_only_planes_between_two_are_read_and_counted(segmenter, stack):
    images, cells, numbers = stack
    read, told = [], []

    def plane(block, block_info=None):
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(images, chunks=(1, 256, 256)).map_blocks(
        plane, dtype=images.dtype, meta=images[:0]
    )
    cell = check_cell(cells[START] == numbers[1], images.shape[1:])
    found = segmenter.follow_on(
        lazy,
        cell,
        START,
        diameter=17,
        between=(1, 3),
        progress=lambda *steps: told.append(steps),
    )
    assert [one.plane for one in found] == [3, 1]
    assert set(read) == {1, 2, 3}
    assert told[-1] == (2, 2)
    assert told == sorted(told)


def test_channels_are_seen_by_what_they_show(segmenter, stack):
    images, cells, numbers = stack
    four, two = among_four(images[START:])
    mask = cells[START] == numbers[0]
    found = segmenter.follow(four, mask, 0, channel_axis=-1, nuclei=2, cells=0)
    seen = segmenter.follow(two, mask, 0, channel_axis=-1)
    np.testing.assert_array_equal(found, seen)
    assert found[1:].any(axis=(1, 2)).all()
    untold = segmenter.follow(four, mask, 0, channel_axis=-1)
    assert (found != untold).any()


def test_it_can_be_cancelled(segmenter, stack):
    images, cells, numbers = stack

    def cancel(_done, _total):
        raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.follow(images, cells[0] == numbers[0], 0, progress=cancel)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda i, m: (i[0], m, 0), "0 axes of planes"),
        (lambda i, m: (i[None], m, 0), "2 axes of planes"),
        (lambda i, m: (i, m[1:], 0), "shape"),
        (lambda i, m: (i, m & False, 0), "0 pixels"),
        (lambda i, m: (i, m, 5), "no plane 5"),
    ],
)
def test_what_cannot_be_followed_is_told(segmenter, stack, change, says):
    images, cells, numbers = stack
    with pytest.raises(ImageError, match=says):
        segmenter.follow(*change(images, cells[0] == numbers[0]))
