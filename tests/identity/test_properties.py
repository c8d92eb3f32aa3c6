"""Measured properties of cells, and their union with embeddings."""

import numpy as np
import pytest
from skimage.draw import ellipse
from skimage.measure import regionprops

from napari_iaunet.errors import ImageError
from napari_iaunet.identity.properties import (
    DEFAULT_WEIGHTS,
    as_angles,
    combine,
    measure_properties,
)


@pytest.fixture(scope="module")
def plane():
    """Nine ellipses, turned and of several sizes, in colour."""
    labels = np.zeros((300, 300), np.int32)
    for i in range(9):
        y, x = divmod(i, 3)
        place = ellipse(
            50 + 100 * y, 50 + 100 * x, 10 + i, 20 + 2 * i, rotation=0.3 * i
        )
        labels[place] = 5 * i + 2
    image = np.random.default_rng(0).integers(0, 255, (3, 300, 300), np.uint8)
    return labels, image


def names_of(labels):
    return np.unique(labels[labels > 0])


def test_agrees_with_scikit_image(plane):
    labels, image = plane
    found = measure_properties([plane], names_of(labels))
    regions = regionprops(labels, image.mean(axis=0))
    expected = [
        (r.area, r.axis_major_length, r.axis_minor_length, r.eccentricity)
        for r in regions
    ]
    size = np.exp(found["size"])
    np.testing.assert_allclose(size, np.array(expected)[:, :3], rtol=0.01)
    np.testing.assert_allclose(
        found["shape"][:, 0], np.array(expected)[:, 3], atol=0.01
    )
    crofton = [4 * np.pi * r.area / r.perimeter_crofton**2 for r in regions]
    np.testing.assert_allclose(found["shape"][:, 2], crofton, rtol=0.03)
    assert (found["shape"][:, 3] > 0.98).all()
    bright = [
        (r.intensity_mean, r.intensity_std, r.intensity_min, r.intensity_max)
        for r in regions
    ]
    np.testing.assert_allclose(found["intensity"], bright, rtol=1e-4)
    np.testing.assert_allclose(found["colour"].sum(axis=1), 1, rtol=1e-5)


def test_hardly_depends_on_the_turn(plane):
    turned = tuple(np.rot90(part, axes=(-2, -1)) for part in plane)
    names = names_of(plane[0])
    before, after = (measure_properties([p], names) for p in (plane, turned))
    for key in before:
        np.testing.assert_allclose(before[key], after[key], rtol=1e-4, atol=1e-5)


def test_a_cell_of_several_planes_is_the_mean_of_its_sections():
    labels = np.zeros((2, 20, 20), np.int64)
    labels[0, 2:6, 2:6] = labels[1, 2:10, 2:10] = 7
    image = np.stack([np.full((1, 20, 20), 3.0), np.full((1, 20, 20), 8.0)])
    found = measure_properties(zip(labels, image, strict=True), np.array([7]))
    assert found["intensity"][0, 0] == pytest.approx((16 * 3 + 64 * 8) / 80)
    assert found["colour"].shape == (1, 0)


def test_no_value_and_a_single_pixel():
    labels = np.zeros((4, 4), np.uint8)
    labels[0, 0], labels[2, 2] = 1, 2
    image = np.full((1, 4, 4), np.nan, np.float32)
    image[0, 2, 2] = 5
    found = measure_properties([(labels, image)], np.array([1, 2]))
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["intensity"][1].tolist() == [5, 0, 5, 5]


def test_angles_fall_with_the_difference():
    values = np.linspace(-2, 2, 9)[:, None]
    unit = as_angles(values)
    cosines = unit @ unit[0]
    assert cosines[0] == pytest.approx(1)
    assert (np.diff(cosines) < 0).all()
    assert as_angles(np.ones((3, 2))).tolist() == as_angles(np.zeros((3, 2))).tolist()
    assert as_angles(np.zeros((3, 0))).shape == (3, 0)


def test_the_cosine_is_the_weighted_mean():
    rng = np.random.default_rng(0)
    groups = {"appearance": rng.normal(size=(6, 8)), "size": rng.normal(size=(6, 3))}
    joined = combine(groups, {"appearance": 3.0, "size": 1.0, "shape": 1.0})
    assert joined.shape == (6, 11)
    assert joined.dtype == np.float32
    unit = {k: v / np.linalg.norm(v, axis=1, keepdims=True) for k, v in groups.items()}
    cosine = {k: v @ v.T for k, v in unit.items()}
    expected = 0.75 * cosine["appearance"] + 0.25 * cosine["size"]
    np.testing.assert_allclose(joined @ joined.T, expected, atol=1e-6)


def test_a_group_without_weight_or_columns_is_left_out():
    groups = {"appearance": np.eye(3), "colour": np.zeros((3, 0)), "size": np.eye(3)}
    weights = {**DEFAULT_WEIGHTS, "size": 0.0}
    np.testing.assert_array_equal(combine(groups, weights), np.eye(3))
    with pytest.raises(ImageError, match="Nothing counts"):
        combine(groups, {"colour": 1.0})
