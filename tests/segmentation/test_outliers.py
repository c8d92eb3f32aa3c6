"""Hot and dead pixels are told from cells, noise and dust."""

import numpy as np
import pytest
from scipy import ndimage

from napari_iaunet.segmentation.outliers import find_outliers, without_specks

SIDE = 256


@pytest.fixture
def cells() -> np.ndarray:
    """Round cells, 10 pixels wide, on a background of 400."""
    rng = np.random.default_rng(0)
    image = np.full((SIDE, SIDE), 400.0)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    for y, x in rng.uniform(0, SIDE, (40, 2)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 25] = 2800
    return image + rng.normal(0, 60, image.shape)


def repaired(image: np.ndarray) -> np.ndarray:
    for outliers in find_outliers(image):
        image, _ = outliers.repaired(image)
    return image


def places(share: float) -> np.ndarray:
    return np.random.default_rng(1).random((SIDE, SIDE)) < share


@pytest.mark.parametrize("share", [0.0005, 0.003, 0.01])
def test_hot_and_dead_pixels_become_as_their_surroundings(cells, share):
    image = cells + 5000
    truth = image.copy()
    hot, dead = places(share), places(share)[::-1]
    image[hot], image[dead] = 65535, 0
    found = repaired(image)
    assert np.abs(found - truth)[hot | dead].max() < 3000
    assert np.median(np.abs(found - truth)[hot | dead]) < 150
    np.testing.assert_array_equal(found[~(hot | dead)], truth[~(hot | dead)])


def test_hot_columns_rows_and_traces(cells):
    image = cells.copy()
    image[:, [40, 100, 101]] = 65535
    image[[50, 120]] = 65535
    steps = np.arange(12)
    image[200 + steps, 200 + steps] = 40_000
    image[20:22, 20:22] = 65535
    assert repaired(image).max() < 4000


def test_borders_and_corners_are_repaired_too(cells):
    image = cells.copy()
    image[[0, 0, -1, -1, 0, 90], [0, -1, 0, -1, 90, 0]] = 65535
    assert repaired(image).max() < 4000


def test_hot_pixels_amid_nothing_are_nothing(cells):
    image = np.full((SIDE, 2 * SIDE), np.nan)
    image[:, :SIDE] = cells
    image[100, 400] = image[100, 100] = 65535
    found = repaired(image)
    assert np.isnan(found[100, 400])
    assert np.nanmax(found) < 4000


@pytest.mark.parametrize("radius", [3, 5, 9])
@pytest.mark.parametrize("height", [2400, 40_000])
def test_a_few_bright_cells_stay_as_they_are(radius, height):
    rng = np.random.default_rng(0)
    image = 400 + rng.normal(0, 60, (512, 512))
    rows, columns = np.ogrid[:512, :512]
    for y, x in rng.uniform(20, 490, (4, 2)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] += height
    assert (repaired(image) == image).mean() > 0.9999
    assert (repaired(image) == image)[image > 1000].all()


def test_images_without_defects_stay_as_they_are(cells):
    rng = np.random.default_rng(0)
    for image in (
        cells,
        ndimage.gaussian_filter(cells, 2),
        3000 - cells,
        np.where(cells > 1000, 255.0, 0.0),
        np.full((9, 9), 7.0),
        rng.random((1, 1)),
        np.full((20, 20), np.nan),
        cells[:1],
        cells[:, :1],
    ):
        assert find_outliers(image) == ()


def test_single_photons_are_no_hot_pixels(cells):
    for photons in (2, 6, 20):
        rate = photons * np.where(cells > 1000, 1.0, 0.1)
        image = np.random.default_rng(0).poisson(rate).astype(float)
        assert (repaired(image) == image).mean() > 0.999


def test_what_is_wider_than_a_speck_stays():
    image = np.zeros((20, 30))
    image[3:9, 4:10] = 1
    image[:, 20] = image[15, :] = 5
    found = without_specks(image, 1)
    assert found.max() == 1
    assert found[5:7, 6:8].all()
