"""What the user wants segmented, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SegmentChoice:
    """What the user wants segmented, and how.

    Attributes
    ----------
    image : str
        `ImageInfo.key` of the image.
    together_with : tuple of str
        Keys of the other images that are channels of it.
    channel_axis : int or None
        Axis of the channels in the image's layer.
    channels : tuple of int or None
        Channels to use along that axis.
    whole_stack : bool
        False: only the plane on view.
    model : str
        Name or folder.
    device : str
    diameter : float or None
        In pixels; None: to be estimated.
    """

    image: str
    together_with: tuple[str, ...]
    channel_axis: int | None
    channels: tuple[int, ...] | None
    whole_stack: bool
    model: str
    device: str
    diameter: float | None


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
