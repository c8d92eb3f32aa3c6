"""Axes of an image: what a file says of them, and what its owner knows better."""

import dask.array as da
import numpy as np
import pytest

from napari_iaunet.errors import ImageError
from napari_iaunet.io.axes import arrange


@pytest.mark.parametrize(
    ("shape", "axes", "planes", "expected", "named"),
    [
        ((8, 50, 60), "CYX", "C", (8, 50, 60), "QYX"),
        ((8, 50, 60), "CYX", 0, (8, 50, 60), "QYX"),
        ((50, 60, 5), "QYX", -1, (5, 50, 60), "QYX"),
        ((50, 60, 3), "YXS", "s", (3, 50, 60), "QYX"),
        ((50, 60, 9), "YXZ", "Z", (9, 50, 60), "ZYX"),
        ((7, 50, 60, 5), "TYXQ", 3, (7, 5, 50, 60), "TQYX"),
        ((7, 1, 50, 60), "CZYX", "C", (7, 50, 60), "QYX"),
        ((7, 50, 60, 3), "CYXS", "C", (7, 50, 60, 3), "QYXS"),
        ((9, 50, 3), "CYX", "C", (9, 50, 3, 1), "QYXC"),
    ],
)
@pytest.mark.parametrize("make", [np.asarray, da.from_array])
def test_planes_are_where_the_owner_says(shape, axes, planes, expected, named, make):
    pixels = np.arange(np.prod(shape)).reshape(shape)
    found = arrange(make(pixels), axes, None, planes)
    assert found.array.shape == expected
    assert found.axes == named
    assert found.channel_axis == next(
        (named.index(a) for a in "CS" if a in named), None
    )


def test_pixels_of_planes_that_come_last():
    pixels = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    found = arrange(pixels, "QYX", None, 2)
    np.testing.assert_array_equal(found.array[3], pixels[..., 3])


def test_channels_are_where_the_owner_says():
    pixels = np.zeros((4, 50, 60, 5))
    assert arrange(pixels, "QQYX", -1, None)[1:3] == ("QYXC", 3)
    assert arrange(pixels, "QQYX", 3, 0)[1:3] == ("QYXC", 3)
    assert arrange(pixels, "CQYX", 0, 3)[1:3] == ("CQYX", 0)


@pytest.mark.parametrize("planes", [None, "C", 0])
def test_the_fourth_of_colours_is_alpha_until_told(planes):
    pixels = np.zeros((5, 50, 60, 4))
    found = arrange(pixels, "QYXS" if planes is None else "CYXS", None, planes)
    assert (found.array.shape, found.axes) == ((5, 50, 60, 3), "QYXS")
    (note,) = found.notes
    assert "say so by --channel-axis 3 " in note
    assert arrange(pixels, "QYXS", 3, None)[1:] == ("QYXC", 3, ())


@pytest.mark.parametrize(
    ("shape", "axes", "planes", "channels", "expected"),
    [
        ((60, 80, 9, 3), "QQYX", 2, None, ((9, 60, 80, 3), "QYXS")),
        ((60, 80, 9, 4), "QQYX", 2, None, ((9, 60, 80, 3), "QYXS")),
        ((60, 80, 9, 3), "QYXS", 2, None, ((9, 60, 80, 3), "QYXS")),
        ((60, 80, 9, 3), "QYXS", 2, 3, ((9, 60, 80, 3), "QYXS")),
        ((60, 80, 9, 4), "QQYX", 2, 3, ((9, 60, 80, 4), "QYXC")),
        ((60, 80, 9, 3), "QQYX", 0, None, ((60, 80, 9, 3), "QYXS")),
        ((9, 60, 80, 3), "QQYX", 0, None, ((9, 60, 80, 3), "QYXS")),
        ((60, 80, 3, 9), "QQYX", 3, 2, ((9, 60, 80, 3), "QYXC")),
        ((60, 80, 3, 60), "QQYX", 3, 2, ((60, 60, 80, 3), "QYXC")),
        ((9, 60, 3, 80), "QQYX", None, 2, ((9, 60, 3, 80), "QYCX")),
        ((2, 60, 80, 9), "QQYX", 3, 0, ((2, 9, 60, 80), "CQYX")),
    ],
)
def test_planes_and_colours_of_four_axes(shape, axes, planes, channels, expected):
    pixels = np.zeros(shape, np.uint16)
    found = arrange(pixels, axes, channels, planes)
    assert (found.array.shape, found.axes) == expected
    assert found.axes[found.channel_axis] in "CS"


@pytest.mark.parametrize(
    ("shape", "axes", "channels", "says"),
    [
        ((60, 80, 9, 3), "QYXS", None, "--planes 2 says planes, --planes 0 columns"),
        ((60, 80, 9, 3), "QQYX", 3, "--planes 2 says planes, --planes 0 columns"),
        ((60, 80, 9, 4), "QYXS", None, "--planes 2 says planes, --planes 0 columns"),
        ((60, 3, 80, 9), "QSYX", None, "--planes 3 says planes, --planes 0 columns"),
        ((7, 60, 80, 3), "CYXS", 0, "both channels and colours"),
        ((60, 80, 3), "YXS", 0, "axis 2, not 0: --channel-axis 2"),
    ],
)
def test_what_hardly_is_a_row_or_column_is_refused(shape, axes, channels, says):
    with pytest.raises(ImageError, match=says):
        arrange(np.zeros(shape, np.uint8), axes, channels, None)


def test_columns_that_a_file_names_are_believed():
    assert arrange(np.zeros((60, 80, 9, 3)), "ZYXS", None, None).channel_axis == 3
    assert arrange(np.zeros((60, 80, 3, 9)), "TZYX", None, None).axes == "TZYXC"


@pytest.mark.parametrize(
    ("channels", "planes", "says"),
    [
        (3, None, "no channel axis 3 in an image with the axes C, Y, X"),
        (None, "T", "no axis of planes T"),
        (None, 3, "no axis of planes 3"),
        (0, "C", "no two axes left"),
        (1, "C", "no two axes left"),
    ],
)
def test_axes_that_cannot_be(channels, planes, says):
    with pytest.raises(ImageError, match=says):
        arrange(np.zeros((8, 50, 60)), "CYX", channels, planes)


def test_axes_without_a_name_have_numbers():
    with pytest.raises(ImageError, match=r"axes Q, Y, X\. Give its number"):
        arrange(np.zeros((60, 80, 9)), "QYX", None, "Z")
