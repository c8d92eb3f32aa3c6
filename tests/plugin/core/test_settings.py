"""Which axes are what."""

import pytest

from napari_iaunet.plugin.core.settings import split_axes


@pytest.mark.parametrize(
    ("ndim", "channel_axis", "stack", "plane"),
    [
        (2, None, [], [0, 1]),
        (3, None, [0], [1, 2]),
        (3, 0, [], [1, 2]),
        (3, 2, [], [0, 1]),
        (5, 1, [0, 2], [3, 4]),
        (4, 3, [0], [1, 2]),
    ],
)
def test_split_axes(ndim, channel_axis, stack, plane):
    assert split_axes(ndim, channel_axis) == (stack, plane)
