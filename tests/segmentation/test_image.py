"""Every kind of array becomes the same planes."""

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_iaunet.errors import ImageError
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation import image as image_module
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.intensity import find_normalisation


@pytest.fixture
def gray():
    rng = np.random.default_rng(0)
    return (rng.random((50, 60)) ** 3 * 255).astype(np.uint8)


def plane(image, channel_axis=None):
    planes = as_planes(image, channel_axis)
    assert planes.shape == ()
    (result,) = planes
    assert result.dtype == np.float32
    assert result.shape[0] == 3
    assert np.isfinite(result).all()
    return result


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.tolist(),
        lambda a: a.astype(">u2") * 200,
        lambda a: a.astype(np.int8).astype(np.int16) * 0 + a,
        lambda a: a.astype(np.int32) - 2_000_000_000,
        lambda a: a.astype(np.int64) + (2**63 - 256),
        lambda a: a.astype(np.uint64) + np.uint64(2**64 - 256),
        lambda a: a.astype(np.float16),
        lambda a: a.astype(">f8") * 1e305,
        lambda a: a.astype(np.float32) * np.float32(1e36) - np.float32(1.2e38),
        lambda a: a.astype(np.float64) * 1e-310,
        lambda a: a.astype(np.longdouble) * 7,
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: np.ma.masked_array(a),
        lambda a: da.from_array(a, chunks=20),
        lambda a: zarr.array(a, chunks=(16, 16)),
        lambda a: a[:, :, None],
        lambda a: np.stack([a] * 3, axis=-1),
    ],
)
def test_types_and_layouts_give_equal_planes(gray, change):
    np.testing.assert_allclose(plane(change(gray)), plane(gray), atol=1e-5)


class Named:
    """An array of another library that computes to one of its own, as xarray does."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return Named(self.values[key])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def compute(self):
        return Named(self.values)


@pytest.mark.parametrize("make", [np.asarray, da.from_array])
def test_what_computes_to_an_array_of_its_own(gray, make):
    np.testing.assert_array_equal(plane(Named(make(gray))), plane(gray))


def test_masked_dask_arrays(gray):
    image = np.ma.masked_array(gray, mask=gray > 250)
    np.testing.assert_array_equal(plane(da.from_array(image)), plane(image))


def test_read_only_input_is_left_alone(gray):
    image = gray.astype(np.float32)
    image[3, 3] = np.nan
    image.flags.writeable = False
    before = image.copy()
    plane(image)
    np.testing.assert_array_equal(image, before)


def test_nan_and_infinities(gray):
    image = gray.astype(np.float64)
    image[0, 0], image[0, 1], image[0, 2] = np.nan, np.inf, -np.inf
    result, clean = plane(image)[0], plane(gray)[0]
    np.testing.assert_allclose(result[1:], clean[1:], atol=0.02)
    assert result[0, 0] == 0
    assert result[0, 1] == result.max()
    assert result[0, 2] == result.min()


def test_masked_pixels_do_not_count(gray):
    image = np.ma.masked_array(gray.astype(np.int32), mask=np.zeros_like(gray, bool))
    image[:10] = 1_000_000
    image.mask[:10] = True
    np.testing.assert_allclose(plane(image)[:, 10:], plane(gray[10:]), atol=1e-6)
    assert not plane(image)[:, :10].any()


@pytest.mark.parametrize("value", [0, 7, -1e300, np.nan, np.inf])
@pytest.mark.parametrize("shape", [(1, 1), (9, 4)])
def test_constant_images_are_zero(value, shape):
    assert not plane(np.full(shape, value)).any()


def test_sparse_mask_is_not_lost():
    mask = np.zeros((100, 100), bool)
    mask[4, 4] = True
    assert plane(mask)[0, 4, 4] == 1
    assert plane(mask).sum() == 3


def test_normalise_is_robust_and_bounded():
    rng = np.random.default_rng(1)
    x = rng.normal(100, 10, (1, 1500, 1500)).astype(np.float32)
    x[0, :4, :4] = 1e9  # dust; a single pixel would be taken for a hot one
    out = find_normalisation(x)(x)
    assert out.max() == 3
    assert out.min() >= -0.5
    assert np.percentile(out, 1) == pytest.approx(0, abs=0.01)
    assert np.percentile(out, 99.8) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3, np.int64(1)])
def test_channel_axis_anywhere(gray, axis):
    rgb = np.stack([gray, gray // 2, 255 - gray], axis=-1)
    moved = np.moveaxis(rgb, -1, int(axis))
    np.testing.assert_array_equal(plane(moved, axis), plane(rgb))


def test_colours_of_a_picture_stay_comparable(gray):
    rgb = np.stack([gray, gray // 2, gray // 4], axis=-1)
    picture = plane(rgb)
    assert picture[0].max() > 1.5 * picture[1].max() > 2 * picture[2].max()
    np.testing.assert_allclose(plane(rgb / 255.0), picture, atol=1e-5)


def test_fluorescent_channels_are_stretched_one_by_one(gray):
    channels = np.stack(
        [
            gray.astype(np.uint16),
            gray[::-1] * 100,
            gray.T[:50, :50].astype(np.uint16).repeat(2, 1)[:, :60],
        ]
    )
    for i, result in enumerate(plane(channels, 0)):
        alone = find_normalisation(channels[i])(channels[i])
        np.testing.assert_array_equal(result, alone)


def test_alpha_is_dropped(gray):
    rgb = np.stack([gray, gray // 2, 255 - gray], axis=-1)
    rgba = np.dstack([rgb, np.full_like(gray, 255)])
    np.testing.assert_array_equal(plane(rgba), plane(rgb))


def test_four_channels_are_all_read_whatever_their_type(gray):
    cells, empty = gray, np.zeros_like(gray)
    channels = np.stack([empty, empty, empty, cells])
    for dtype in (np.uint8, np.uint16, np.float32):
        np.testing.assert_allclose(
            plane(channels.astype(dtype), 0), plane(cells) / 4, atol=1e-6
        )
        last = np.moveaxis(channels, 0, -1).astype(dtype)
        np.testing.assert_allclose(plane(last, -1), plane(cells) / 4, atol=1e-6)


@pytest.mark.parametrize("n", [1, 5])
def test_other_numbers_of_channels_are_averaged(gray, n):
    channels = np.stack([gray.astype(np.uint16) * (i + 1) for i in range(n)])
    np.testing.assert_allclose(plane(channels, 0), plane(gray), atol=1e-5)


def test_two_channels_stay_as_they_are(gray):
    turned = np.ascontiguousarray(gray[::-1])
    seen = plane(np.stack([gray, turned]), 0)
    np.testing.assert_array_equal(seen[0], plane(gray)[0])
    np.testing.assert_array_equal(seen[1], plane(turned)[0])
    assert not seen[2].any()


def test_channels_are_chosen_by_what_they_show(gray):
    rng = np.random.default_rng(0)
    one, two, three, four = (
        np.roll(gray, rng.integers(1, 50, 2), (0, 1)).astype(np.uint8) for _ in range(4)
    )
    image = np.stack([one, two, three, four], axis=-1)

    def seen(**roles):
        return as_planes(image, -1, **roles)[0]

    nuclei = plane(three)[0]
    np.testing.assert_array_equal(seen(nuclei=2), plane(three))
    np.testing.assert_array_equal(seen(cells=1), plane(two))
    both = seen(nuclei=2, cells=0)
    np.testing.assert_array_equal(both[:2], [nuclei, plane(one)[0]])
    assert not both[2].any()
    np.testing.assert_array_equal(
        seen(nuclei=2, cells=[0, -1]), [nuclei, plane(one)[0], plane(four)[0]]
    )
    many = seen(nuclei=2, cells=[0, 1, 3])
    others = np.mean([plane(c)[0] for c in (one, two, four)], axis=0)
    np.testing.assert_allclose(many[:2], [nuclei, others], atol=1e-6)
    part = as_planes(image, -1, nuclei=2, cells=0).part(np.s_[5:9], np.s_[7:20])
    np.testing.assert_array_equal(part[0], both[:, 5:9, 7:20])
    stack = as_planes(np.stack([image[::-1], image]), -1, nuclei=2, cells=0)
    np.testing.assert_array_equal(stack.plane(1)[0], both)


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"nuclei": 3}, "no channel 3.*3 channels"),
        ({"cells": []}, "No channel"),
        ({"cells": "b"}, "whole number"),
        ({"nuclei": 0.5}, "whole number"),
    ],
)
def test_a_channel_that_is_not_there_is_told(gray, roles, words):
    with pytest.raises(ImageError, match=words):
        as_planes(np.stack([gray] * 3), 0, **roles)


@pytest.mark.parametrize(
    ("shape", "axis", "stack", "size"),
    [
        ((5, 20, 30), None, (5,), (20, 30)),
        ((3, 20, 30), None, (3,), (20, 30)),
        ((2, 4, 20, 30), None, (2, 4), (20, 30)),
        ((5, 20, 30, 3), None, (5,), (20, 30)),
        ((2, 4, 20, 30, 4), None, (2, 4), (20, 30)),
        ((5, 2, 20, 30), 1, (5,), (20, 30)),
        ((2, 2, 4, 20, 30), 1, (2, 4), (20, 30)),
        ((2, 2, 3), None, (2,), (2, 3)),
        ((4, 20, 30, 2), -1, (4,), (20, 30)),
    ],
)
def test_stacks(shape, axis, stack, size):
    image = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    planes = as_planes(image, axis)
    assert planes.shape == stack
    assert planes.plane_shape == size
    results = list(planes)
    assert len(results) == len(planes) == np.prod(stack)
    assert all(r.shape == (3, *size) for r in results)


def test_planes_of_a_stack_come_in_order(gray):
    stack = np.stack([np.roll(gray, i, 0) * (i % 2 + 1) for i in range(6)])
    planes = as_planes(stack.reshape(2, 3, *gray.shape))
    for i, result in enumerate(planes):
        np.testing.assert_array_equal(result, plane(stack[i]))
        np.testing.assert_array_equal(planes.raw(i)[0], stack[i])
    with pytest.raises(IndexError):
        planes[6]


def test_dask_stacks_are_read_one_plane_at_a_time():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return np.ones((1, 8, 9), np.uint8)

    stack = da.map_blocks(
        block, chunks=((1,) * 4, (8,), (9,)), dtype=np.uint8, meta=np.empty((0, 0, 0))
    )
    planes = iter(as_planes(stack.astype(np.uint8)))
    assert not read
    next(planes)
    assert read == [0]


@pytest.mark.parametrize(
    ("image", "axis", "says"),
    [
        (3, None, "rows and columns"),
        ([1, 2, 3], None, "rows and columns"),
        (np.zeros((0, 5)), None, "empty"),
        (np.zeros((4, 5), complex), None, "complex"),
        (np.array([["a", "b"]]), None, "numbers"),
        (np.array([[None, 1]]), None, "numbers"),
        (np.zeros((2, 2), "datetime64[s]"), None, "dates"),
        ([[1, 2], [3]], None, "rows differ"),
        (None, None, "numbers"),
        (np.zeros((20, 30, 2)), None, "channel_axis=2"),
        (np.zeros((20, 30, 5)), None, "channel_axis=2"),
        (np.zeros((7, 256, 256, 20)), None, "--planes 3"),
        (np.zeros((60, 80, 9, 3)), None, "--planes 2"),
        (np.zeros((60, 80, 9, 4)), None, "--planes 2"),
        (np.zeros((60, 80, 3, 9)), None, "--channel-axis 2"),
        (np.zeros((60, 80, 2, 3)), None, "--channel-axis 2"),
        (np.zeros((60, 80, 3, 60)), None, "--planes 3"),
        (np.zeros((9, 60, 3, 80)), None, "--channel-axis 2"),
        (np.zeros((20, 30)), 0, "two axes"),
        (np.zeros((3, 20, 30)), 3, "no channel axis 3"),
        (np.zeros((3, 20, 30)), -4, "no channel axis -4"),
        (np.zeros((3, 20, 30)), 1.5, "whole number"),
        (np.zeros((2,) * 6), None, "too many axes"),
    ],
)
def test_unusable_arrays_are_one_sentence(image, axis, says):
    with pytest.raises(ImageError, match=r"^[^\n]+\.$") as caught:
        as_planes(image, axis)
    assert says in str(caught.value)


@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0, 2.5])
def test_rescale(gray, scale):
    image = find_normalisation(gray)(gray[None])
    out = rescale(image, scale)
    assert out.dtype == np.float32
    assert out.shape == (1, max(1, round(50 * scale)), max(1, round(60 * scale)))
    assert out.mean() == pytest.approx(image.mean(), rel=0.05)


def test_shrinking_does_not_alias():
    stripes = np.tile(np.float32([0, 1]), (1, 32, 16))
    assert rescale(stripes, 0.25)[:, 2:-2, 2:-2] == pytest.approx(0.5, abs=0.1)


def test_the_percentiles_of_a_plane_are_found_once(monkeypatch):
    found = []

    def find(raw):
        found.append(raw)
        return find_normalisation(raw)

    monkeypatch.setattr(image_module, "find_normalisation", find)
    planes = as_planes(np.random.default_rng(0).random((2, 20, 30)))
    first = planes[1]
    assert as_planes(planes) is planes
    assert (planes[1] == first).all()
    assert len(found) == 1


def test_filled_borders_and_hot_pixels_leave_the_rest_as_it_was():
    rng = np.random.default_rng(0)
    inside = rng.normal(400, 60, (200, 200))
    inside[50:80, 60:90] += 2400
    image = np.full((300, 300), -9999.0)
    image[50:250, 50:250] = inside
    image[rng.random(image.shape) < 0.004] = 65535
    found = plane(image)
    shown = image[50:250, 50:250] == inside
    np.testing.assert_allclose(
        found[:, 50:250, 50:250][:, shown], plane(inside)[:, shown], atol=0.02
    )
    assert found.max() < 1.3
    assert not found[:, :50].any()


def test_a_part_is_normalised_as_in_the_whole():
    rng = np.random.default_rng(0)
    image = rng.normal(400, 60, (1, 300, 300))
    image[0, 50:80, 60:90] += 2400
    image[rng.random(image.shape) < 0.004] = 65535
    image[..., :40] = 65535
    whole = find_normalisation(image)
    part = whole(image[..., 30:200, 20:150])
    np.testing.assert_array_equal(
        part[..., 8:-8, 8:-8], whole(image)[..., 38:192, 28:142]
    )


def test_a_channel_is_filled_alone():
    rng = np.random.default_rng(0)
    image = rng.normal(400, 60, (2, 200, 200))
    image[:, 50:80, 60:90] += 2400
    filled = image.copy()
    filled[1, :, :50] = 65535
    np.testing.assert_allclose(
        plane(filled, 0)[..., 50:], plane(image, 0)[..., 50:], atol=0.03
    )
