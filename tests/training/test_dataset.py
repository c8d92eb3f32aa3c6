"""Pairs, splits and the geometry of cells."""

import unicodedata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from skimage.io import imsave
from stained import among_four
from tifffile import imwrite

from napari_iaunet.errors import TrainingError
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.measure import median_diameter
from napari_iaunet.training.dataset import (
    Annotation,
    find_pairs,
    load_pairs,
    prepare,
    read_pairs,
    sampling_probabilities,
    usual_diameter,
    with_edges,
)


def disc(shape, centre, radius):
    ys, xs = np.ogrid[: shape[0], : shape[1]]
    return (ys - centre[0]) ** 2 + (xs - centre[1]) ** 2 <= radius**2


@pytest.fixture
def labels():
    labels = np.zeros((100, 120), np.uint16)
    labels[disc(labels.shape, (30, 30), 14)] = 7
    labels[disc(labels.shape, (30, 58), 13)] = 3
    labels[disc(labels.shape, (99, 90), 14)] = 200
    return labels


def test_geometry_of_discs(labels):
    prepared = prepare(Annotation(labels.astype(float), labels), 28.0)
    order = [prepared.labels[30, 30], prepared.labels[30, 58], prepared.labels[97, 90]]
    assert sorted(order) == [1, 2, 3]
    np.testing.assert_allclose(prepared.centres[order[0]], (30, 30), atol=0.6)
    np.testing.assert_allclose(prepared.centres[order[1]], (30, 58), atol=0.6)
    assert prepared.edge_distance[30, 30] == pytest.approx(1, abs=0.02)
    # Touching cells have an edge between them, the end of the image is none.
    assert prepared.edge_distance[30, 44] < 0.2
    assert prepared.edge_distance[99, 90] == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(prepared.radii[order[0]], 14, rtol=0.03)


def test_large_cells_are_stored_smaller(labels):
    big = np.kron(labels, np.ones((4, 4), np.uint16))
    prepared = prepare(Annotation(big.astype(float), big), 28.0)
    assert prepared.labels.shape[0] < 200
    areas = np.bincount(prepared.labels.ravel())[1:]
    assert median_diameter(areas) * prepared.scale == pytest.approx(28, rel=0.1)


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.zeros((8, 8)), np.zeros((8, 9), int), "differ in size"),
        (np.zeros((8, 8)), np.zeros((8, 8), float), "whole numbers"),
        (np.zeros((8, 8)), np.full((8, 8), -1), "whole numbers"),
        (np.zeros((8, 8)), np.zeros((2, 8, 8), int), "one plane"),
        (np.zeros((5, 8, 8)), np.zeros((8, 8), int), "stack of 5 planes"),
    ],
)
def test_bad_pairs(image, mask, message):
    with pytest.raises(TrainingError, match=message):
        prepare(Annotation(image, mask), 28.0)


def test_find_pairs(tmp_path: Path, labels, caplog):
    with pytest.raises(TrainingError, match="no folder"):
        find_pairs([tmp_path / "none"])
    with pytest.raises(TrainingError, match="no pair"):
        find_pairs([tmp_path])
    for name in ("b", "a"):
        imsave(tmp_path / f"{name}_img.png", labels.astype(np.uint8))
        imsave(tmp_path / f"{name}_mask.tif", labels, check_contrast=False)
    imsave(tmp_path / "alone_img.png", labels.astype(np.uint8))
    pairs = find_pairs([tmp_path])
    assert [p[0].name for p in pairs] == ["a_img.png", "b_img.png"]
    assert [r.getMessage() for r in caplog.records] == [
        f"{tmp_path}: left out for want of a mask: alone_img.png"
    ]
    loaded = load_pairs(pairs, 28.0)
    assert [image.name for image in loaded] == ["a", "b"]
    assert all(image.domain == tmp_path.name for image in loaded)


@pytest.mark.parametrize(
    "how",
    [
        {"imagej": True, "metadata": {"axes": "CYX"}},
        {"ome": True, "metadata": {"axes": "CYX"}},
        {"photometric": "rgb", "planarconfig": "separate"},
    ],
    ids=["ImageJ", "OME", "planar"],
)
def test_all_channels_of_a_file_are_seen(tmp_path: Path, labels, how):
    channels = np.stack([labels * 0, labels > 0, labels > 5]).astype(np.uint16) * 900
    imwrite(tmp_path / "a_img.tif", channels, **how)
    imwrite(tmp_path / "a_mask.tif", labels)
    pairs = find_pairs([tmp_path])
    (annotation,) = read_pairs(pairs)
    assert annotation.channel_axis == 0
    (seen,) = load_pairs(pairs, 28.0)
    planes = as_planes(channels, 0)
    np.testing.assert_allclose(seen.image, planes[0], atol=1e-3)
    assert seen.image[:, 30, 30].max() > 0.9


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_a_stack_is_no_pair(tmp_path: Path, labels, axes):
    stack = np.stack([labels] * 5)
    imwrite(tmp_path / "a_img.tif", stack, imagej=True, metadata={"axes": axes})
    imwrite(tmp_path / "a_mask.tif", labels)
    with pytest.raises(TrainingError, match="a: the image is a stack of 5 planes"):
        load_pairs(find_pairs([tmp_path]), 28.0)


def one_cell(diameter):
    cells = disc((200, 200), (100, 100), diameter / 2).astype(np.int32)
    return prepare(Annotation(cells.astype(float), cells), 28.0)


def test_a_usual_diameter_only_where_images_are_alike():
    empty = np.zeros((50, 50), np.int32)
    nothing = prepare(Annotation(empty.astype(float), empty), 28.0)
    # The largest is stored shrunk, and its diameter is that of the image as it was.
    alike = [one_cell(60), nothing, one_cell(80), one_cell(110)]
    assert usual_diameter(alike, 28.0) == pytest.approx(80, rel=0.03)
    assert usual_diameter([*alike, one_cell(30)], 28.0) is None


def test_domains_are_drawn_by_their_weights():
    domains = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    images = [SimpleNamespace(domain=domain) for domain in domains]

    def drawn(weights):
        return sampling_probabilities(images, weights).reshape(3, 4).sum(1)

    assert np.allclose(drawn({}), 1 / 3)
    assert np.allclose(drawn({"a": 3, "b": 1, "elsewhere": 5}), [1 / 2, 1 / 6, 1 / 3])
    assert np.allclose(drawn({"a": 8, "b": 1, "c": 1}), [0.8, 0.1, 0.1])


@pytest.mark.parametrize(
    ("shape", "dtype", "axis", "stains"),
    [
        ((3, 40, 50), np.uint16, 0, True),
        ((3, 40, 50), np.uint8, 0, False),
        ((40, 50, 3), np.uint16, None, False),
        ((40, 50), np.uint16, None, False),
    ],
)
def test_stains_are_told_from_colours(shape, dtype, axis, stains):
    image = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    labels = np.zeros((40, 50), np.int32)
    labels[10:20, 10:20] = 1
    annotation = Annotation(image, labels, channel_axis=axis)
    assert prepare(annotation, 28.0).stains == stains


def test_channels_are_seen_by_what_they_show():
    image = np.random.default_rng(0).integers(0, 200, (40, 50)).astype(np.uint8)
    four, two = among_four(image)
    labels = np.zeros((40, 50), np.int32)
    labels[10:20, 10:20] = 1
    told = Annotation(four, labels, channel_axis=-1, nuclei=2, cells=[0])
    found = prepare(told, 28.0)
    seen = prepare(Annotation(two, labels, channel_axis=-1), 28.0)
    np.testing.assert_array_equal(found.image, seen.image)
    assert found.stains


def test_names_of_a_mac_are_paired_with_those_of_others(tmp_path, labels):
    for form, ending in (("NFC", "img"), ("NFD", "mask"), ("NFD", "region")):
        name = unicodedata.normalize(form, f"größe_{ending}.tif")
        imwrite(tmp_path / name, labels)
    pairs = find_pairs([tmp_path])
    assert len(pairs) == 1
    assert next(read_pairs(pairs)).region is not None


def test_painted_cells_have_an_edge_where_nothing_else_is_known():
    labels = np.zeros((90, 90), np.int32)
    labels[30:58, 30:58], labels[30:58, 60:80] = 1, 2
    nowhere = np.zeros(labels.shape, np.bool_)
    painted = Annotation(labels * 100.0, labels, nowhere)
    image = prepare(with_edges(painted), 28.0)
    assert image.known is not None
    assert image.is_sparse
    beyond = image.known & (labels == 0)
    assert beyond[28:30, 30:58].all()
    assert not beyond[:27].any()
    assert beyond.sum() < 4 * 3 * 64
    assert not with_edges(painted).region[labels > 0].any()
    assert with_edges(painted._replace(region=None)).region is None
    none = painted._replace(labels=np.zeros_like(labels))
    assert not with_edges(none).region.any()


@pytest.mark.parametrize("kind", ["=u2", ">u2"])
def test_masks_may_be_read_only_and_of_any_byte_order(kind):
    labels = np.zeros((90, 90), kind)
    labels[30:58, 30:58], labels[60:80, 60:80] = 7, 3
    labels.flags.writeable = False
    image = prepare(Annotation(np.array(labels), labels), 28.0)
    assert image.labels.max() == 2


def test_an_image_of_which_all_is_known_is_not_sparse():
    labels = np.zeros((90, 90), np.int32)
    labels[30:58, 30:58] = 1
    assert not prepare(Annotation(labels * 100.0, labels), 28.0).is_sparse
    everywhere = np.ones(labels.shape, np.bool_)
    assert not prepare(Annotation(labels * 100.0, labels, everywhere), 28.0).is_sparse
