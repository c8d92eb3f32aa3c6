"""Other cells like one are found in a real image, beside those that are there."""

import numpy as np
import pytest
from stained import among_four

from napari_iaunet import Segmenter
from napari_iaunet.errors import Cancelled, ImageError


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter(device="cpu")


@pytest.fixture(scope="module")
def nuclei(crowded_nuclei):
    """A real image of nuclei, their annotation, and one of usual size."""
    image, labels = crowded_nuclei
    area = np.bincount(labels.ravel())[1:]
    usual = int(np.argsort(area)[len(area) // 2]) + 1
    return image, labels, usual


def around(cell):
    y, x = np.argwhere(cell).mean(0).astype(int)
    return tuple(slice(max(0, c - 60), min(256, c + 60)) for c in (y, x))


def overlap(one, two):
    return (one & two).sum() / (one | two).sum()


@pytest.fixture(scope="module")
def rest(segmenter, nuclei):
    """What is found when a third of the cells is there."""
    image, labels, usual = nuclei
    there = np.where(labels % 3 == 0, labels, 0)
    return there, segmenter.find_rest(image, labels == usual, there)


def test_most_of_the_rest_is_found_and_nothing_painted_over(nuclei, rest):
    _, labels, usual = nuclei
    there, (found, sure) = rest
    assert found.shape == labels.shape
    assert found.dtype == np.int32
    assert np.unique(found).tolist() == list(range(len(sure) + 1))
    assert not found[(there > 0) | (labels == usual)].any()
    area = np.bincount(labels.ravel()) / np.count_nonzero(labels == usual)
    alike = np.flatnonzero((area > 0.5) & (area < 2))
    missing = [n for n in alike if n % 3 and n not in (0, usual)]
    hit = 0
    for number in missing:
        cell = labels == number
        best = np.bincount(found[cell], minlength=2)[1:].argmax() + 1
        hit += overlap(found == best, cell) > 0.5
    assert hit > 0.6 * len(missing)


def test_the_surest_come_first_and_can_be_kept_alone(rest):
    _, cells = rest
    assert (np.diff(cells.sure) <= 0).all()
    middle = float(np.median(cells.sure))
    kept = cells.kept(middle)
    assert kept.max() == np.count_nonzero(cells.sure >= middle)
    np.testing.assert_array_equal(kept[kept > 0], cells.labels[kept > 0])


def test_a_part_of_a_plane_is_searched(segmenter, nuclei):
    image, labels, usual = nuclei
    part = around(labels == usual)
    found = segmenter.find_rest(image, (labels == usual)[part], part=part)
    assert found.labels.shape == labels[part].shape
    assert len(found.sure) > 1


@pytest.mark.parametrize("is_whole", [True, False])
def test_channels_are_seen_by_what_they_show(segmenter, nuclei, is_whole):
    image, labels, usual = nuclei
    four, two = among_four(image)
    part = None if is_whole else around(labels == usual)
    mask = (labels == usual)[part or ...]
    found = segmenter.find_rest(
        four, mask, channel_axis=-1, nuclei=2, cells=0, part=part
    )
    seen = segmenter.find_rest(two, mask, channel_axis=-1, part=part)
    np.testing.assert_array_equal(found.labels, seen.labels)
    untold = segmenter.find_rest(four, mask, channel_axis=-1, part=part)
    assert len(found.sure) > 1
    assert (found.labels != untold.labels).any()


def test_it_can_be_cancelled(segmenter, nuclei):
    image, labels, usual = nuclei

    def cancel(_done, _total):
        raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.find_rest(image, labels == usual, progress=cancel)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda i, m: (np.stack([i, i]), m), "one plane"),
        (lambda i, m: (i, m[1:]), "shape"),
        (lambda i, m: (i, m & False), "0 pixels"),
        (lambda i, m: (i, m, m[1:]), "size"),
    ],
)
def test_what_cannot_be_searched_is_told(segmenter, nuclei, change, says):
    image, labels, usual = nuclei
    with pytest.raises(ImageError, match=says):
        segmenter.find_rest(*change(image, labels == usual))
