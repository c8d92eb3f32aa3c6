"""Which axes of a layer are what."""

from __future__ import annotations


def split_axes(ndim: int, channel_axis: int | None) -> tuple[list[int], list[int]]:
    """Return the axes of the stack, and those of rows and columns.

    Parameters
    ----------
    ndim : int
        Of a layer, without the colours of an RGB image.
    channel_axis : int or None
        Of the layer; belongs to neither.
    """
    axes = [axis for axis in range(ndim) if axis != channel_axis]
    return axes[:-2], axes[-2:]
