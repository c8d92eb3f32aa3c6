"""Values that fill borders are told from all that a sample shows."""

import numpy as np
import pytest
from scipy import ndimage

from napari_iaunet.segmentation.fillings import find_fillings


def sample(side: int = 256, seed: int = 0) -> np.ndarray:
    """Round cells, 16 pixels wide, on a background of 400; brightest 2800."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side), 400.0)
    rows, columns = np.ogrid[:side, :side]
    for y, x in rng.uniform(0, side, (side // 12, 2)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 64] = rng.uniform(1000, 2800)
    return ndimage.gaussian_filter(image, 1) + rng.normal(0, 60, image.shape)


def mosaic(value: float, dtype: type = np.float32) -> np.ndarray:
    image = np.full((512, 512), value, dtype)
    image[100:356, 120:376] = sample().clip(0).astype(dtype)
    return image


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (65535, np.uint16),
        (4095, np.uint16),
        (32768, np.uint16),
        (-32768, np.int16),
        (-9999, np.float32),
        (-9999, np.int32),
        (-(2**63), np.int64),
        (1e20, np.float64),
        (np.inf, np.float32),
        (-np.inf, np.float32),
    ],
)
def test_a_mosaic_is_filled(value, dtype):
    assert find_fillings(mosaic(value, dtype)) == (value,)


def test_hot_pixels_of_the_same_or_another_value_hide_no_filling():
    hot = np.random.default_rng(0).random((512, 512)) < 0.003
    for value in (65535, -9999):
        image = mosaic(value)
        image[hot] = 65535
        assert find_fillings(image) == (value,)


def test_two_fillings_hide_neither():
    image = mosaic(-9999)
    image[:, 400:] = 65535
    assert sorted(find_fillings(image)) == [-9999, 65535]


@pytest.mark.parametrize("order", [0, 1])
def test_corners_of_a_rotated_image(order):
    turned = ndimage.rotate(sample(), 5, order=order, cval=65535, reshape=False)
    assert find_fillings(turned) == (65535,)


def test_strips_frames_and_tiles():
    strip, frame, corner, tile = (sample(512) for _ in range(4))
    strip[:, :6] = 65535
    frame[[0, -1]] = frame[:, [0, -1]] = 65535
    corner[-60:, -60:] = 65535
    tile[128:256, 128:256] = 65535
    for image in (strip, frame, corner, tile):
        assert find_fillings(image) == (65535,)


def test_black_around_a_bright_background_but_not_around_a_dark_one():
    assert find_fillings(mosaic(0) + 0.0) == ()
    image = mosaic(0)
    image[100:356, 120:376] += 10_000
    assert find_fillings(image) == (0,)


def test_what_a_sample_shows_is_no_filling():
    cells = sample()
    saturated = cells.clip(0, 1000)
    bright = np.where(cells > 900, 4095, cells)
    masked = np.where(cells > 900, cells, 0)
    binary = np.where(cells > 900, 255, 0).astype(np.uint8)
    overexposed = (3000 - cells).clip(0, 2400)
    for image in (cells, saturated, bright, masked, binary, overexposed, cells > 900):
        assert find_fillings(image) == ()


def test_the_white_around_a_stained_tissue_is_no_filling():
    rng = np.random.default_rng(0)
    tissue = ndimage.gaussian_filter(rng.normal(0, 1, (3, 512, 512)), (0, 3, 3)) * 400
    picture = (tissue + np.array([180, 120, 190])[:, None, None]).clip(0, 235)
    rows, columns = np.ogrid[:512, :512]
    outside = np.hypot(rows - 256, columns - 256) > 240
    soft = ndimage.gaussian_filter(outside.astype(float), 3)
    for share in (outside, soft):
        slide = picture * (1 - share) + 255 * share
        assert find_fillings(np.rint(slide).astype(np.uint8)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 4), (2, 0), (3, 1, 9)])
def test_small_images(shape):
    assert find_fillings(np.arange(np.prod(shape)).reshape(shape)) == ()
