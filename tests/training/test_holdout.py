"""A part of the annotation is held out, and only that part is scored."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from stained import among_four

from napari_iaunet.evaluation import average_precision
from napari_iaunet.io.read import read_image
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.training.dataset import Annotation, find_pairs, prepare, read_pairs
from napari_iaunet.training.holdout import (
    HeldOut,
    counted,
    hold_out,
    split,
    split_pairs,
    whole,
)


@pytest.fixture(scope="module")
def nuclei(data_folder: Path):
    """A real image of many nuclei."""
    pairs = find_pairs([data_folder / "nuclei-fluorescence" / "train"])
    for image, mask in pairs:
        labels = read_image(mask).array
        if len(np.unique(labels)) > 60:
            return Annotation(np.asarray(read_image(image).array), np.asarray(labels))
    raise AssertionError


def score(held_out, segment):
    return average_precision(*zip(*counted(held_out, segment), strict=True))


def names(labels):
    return set(np.unique(labels[labels > 0]).tolist())


def test_no_held_out_cell_is_trained_on(nuclei):
    (training,), (part,) = hold_out([nuclei])
    inside = names(nuclei.labels[part.block])
    assert not inside & names(training.labels)
    assert inside | names(training.labels) == names(nuclei.labels)
    # Nothing is known where the held-out cells are, not even that there are none.
    assert not training.region[np.isin(nuclei.labels, list(inside))].any()
    assert not training.region[part.block].any()
    prepared = prepare(training, 28.0)
    assert not prepared.known[part.block].any()
    found = score([part], lambda _: nuclei.labels)
    share = found.tp[0, 0] / len(names(nuclei.labels))
    assert 0.15 < share < 0.35


def test_what_is_known_of_the_block_alone(nuclei):
    (training,), (part,) = hold_out([nuclei])
    alone = part.alone()
    assert not names(nuclei.labels[alone.labels > 0]) & names(training.labels)
    assert not alone.region[~part.block].any()
    known = prepare(alone, 28.0).known
    assert not (known & prepare(training, 28.0).known).any()


def test_score_counts_the_block_only(nuclei):
    _, (part,) = hold_out([nuclei])
    assert (score([part], lambda _: nuclei.labels).pooled == 1).all()
    elsewhere = np.where(part.block, nuclei.labels, 0)
    assert score([part], lambda _: elsewhere).pooled[0] > 0.9
    nothing = score([part], lambda _: np.zeros_like(nuclei.labels))
    assert nothing.pooled[0] == 0
    assert nothing.fn[0, 0] == score([part], lambda _: nuclei.labels).tp[0, 0]


def test_unlabelled_cells_are_no_mistake_outside_of_the_region():
    labels = np.zeros((40, 90), int)
    for number in range(4):
        labels[10:30, 5 + 20 * number : 20 + 20 * number] = number + 1
    known = np.where(np.isin(labels, [1, 4]), labels, 0)
    region = np.zeros(labels.shape, bool)
    region[:, :45] = True  # cell 2 lies in it, and is missing; cell 3 does not
    part = whole(Annotation(labels, known, region))
    found = score([part], lambda _: labels)
    assert (found.tp[0, 0], found.fp[0, 0], found.fn[0, 0]) == (2, 1, 0)


def test_two_cells_are_not_divided(nuclei):
    two = sorted(names(nuclei.labels))[:2]
    few = nuclei._replace(
        labels=np.where(np.isin(nuclei.labels, two), nuclei.labels, 0)
    )
    training, held_out = hold_out([few, nuclei])
    assert training[0] is few
    assert len(held_out) == 1
    assert isinstance(held_out[0], HeldOut)


def row_of_discs(count, shift=0):
    """Discs side by side; moved to the right."""
    y, x = np.mgrid[:40, : 40 * count + 40]
    labels = np.zeros(y.shape, int)
    for number in range(count):
        labels[(y - 20) ** 2 + (x - 20 - 40 * number - shift) ** 2 < 150] = number + 1
    return labels


def test_the_same_strip_is_held_out_in_all_planes_of_a_stack():
    # Cells drift, so that each plane by itself would be cut elsewhere.
    films = [row_of_discs(8, 3 * plane) for plane in range(6)]
    planes = [Annotation(film, film, stack="film") for film in films]
    training, held_out = hold_out(planes)
    assert len(held_out) == len(planes)
    assert all((part.block == held_out[0].block).all() for part in held_out)
    assert not any(names(t.labels[held_out[0].block]) for t in training)
    others = [plane._replace(stack="") for plane in planes]
    blocks = [part.block.sum() for part in hold_out(others)[1]]
    assert len(set(blocks)) > 1, "the films are not what this test needs"


def test_planes_of_a_stack_with_few_cells_each_are_divided():
    planes = [Annotation(row, row, stack="s") for row in [row_of_discs(3)] * 5]
    training, held_out = hold_out(planes)
    assert sum(len(names(part.alone().labels)) for part in held_out) == 5
    assert all(len(names(plane.labels)) == 2 for plane in training)


def test_a_plane_without_held_out_cells_is_not_measured():
    full, half = row_of_discs(8), row_of_discs(4)
    half = np.pad(half, ((0, 0), (0, full.shape[1] - half.shape[1])))
    cells = [full, np.where(full > 4, full, 0), half]
    _, held_out = hold_out([Annotation(c, c, stack="s") for c in cells])
    block = held_out[0].block
    assert len(held_out) == sum(bool(names(c[block])) for c in cells) == 2


def test_images_of_few_cells_are_held_out_as_a_whole():
    row = row_of_discs(3)
    images = [Annotation(row, row, name=str(i)) for i in range(5)]
    training, held_out = hold_out(images)
    assert [image.name for image in training] == ["0", "1", "2"]
    assert [part.annotation.name for part in held_out] == ["3", "4"]
    assert all(part.block.all() for part in held_out)
    assert hold_out(images[:1])[1] == []
    blank = images[0]._replace(labels=np.zeros_like(images[0].labels))
    training, held_out = hold_out([images[0], blank, images[1]])
    assert names(training[0].labels)
    assert len(held_out) == 1


def test_nuclei_and_cells_of_one_image_are_seen_each_in_their_channels():
    row = row_of_discs(8)
    four, _ = among_four(row)
    nuclei = Annotation(four, row, channel_axis=-1, nuclei=2)
    training, held_out = split([nuclei, nuclei._replace(cells=[0])])
    told = [annotation.seen_as for annotation in (nuclei, nuclei._replace(cells=[0]))]
    for seen, image, part in zip(told, training, held_out, strict=True):
        expected = as_planes(four, **seen)[0]
        for found in (image, part.annotation):
            plane = as_planes(found.image, **found.seen_as)[0]
            np.testing.assert_array_equal(plane, expected)


def test_regions_lie_beside_the_images(nuclei, tmp_path: Path):
    from skimage.io import imsave

    region = np.zeros(nuclei.labels.shape, np.uint8)
    region[:50] = 255
    imsave(tmp_path / "a_img.tif", nuclei.image)
    imsave(tmp_path / "a_mask.tif", nuclei.labels, check_contrast=False)
    imsave(tmp_path / "a_region.png", region, check_contrast=False)
    (read,) = read_pairs(find_pairs([tmp_path]))
    assert read.region[:50].all()
    # Below it, only cells and their edges are known.
    away = distance_transform_edt(nuclei.labels == 0)
    known = prepare(read, 28.0).known
    assert known[:50].all()
    assert known[50:][away[50:] <= 1].all()
    assert not known[50:][away[50:] > 3].any()


def test_split_cuts_each_series_once():
    pairs = [
        (Path(f"k/{n}_img.png"), Path(f"k/{n}_mask.png"))
        for n in [f"film_{i:03d}" for i in range(16)] + [f"wt_{i}" for i in range(4)]
    ]
    training, validation = split_pairs(pairs)
    assert [p[0].stem for p in validation] == [
        "film_014_img",
        "film_015_img",
        "wt_3_img",
    ]
    assert not set(training) & set(validation)
    assert len(training) + len(validation) == len(pairs)


def test_real_split_shares_nothing(data_folder: Path):
    pairs = find_pairs([data_folder / "nuclei-fluorescence" / "train"])
    training, validation = split_pairs(pairs)
    assert len(validation) == 56
    assert not {p[0] for p in training} & {p[0] for p in validation}


def test_something_is_held_out_of_many_images_of_no_series(tmp_path: Path):
    from skimage.io import imsave

    labels = row_of_discs(8)
    for name in "abcdefgh":
        imsave(tmp_path / f"{name}_img.tif", labels, check_contrast=False)
        imsave(tmp_path / f"{name}_mask.tif", labels, check_contrast=False)
    training, held_out = split(find_pairs([tmp_path]))
    assert len(training) == len(held_out) == 8
    assert not held_out[0].block.all()


def test_an_image_that_is_divided_is_normalised_once(nuclei):
    (training,), (part,) = split([(nuclei.image, nuclei.labels)])
    assert training.image is part.annotation.image
    prepare(training, 28.0)
    assert len(training.image._found) == 1
