"""What lies along the axes of an image: planes, channels, rows and columns.

An axis has a letter: T, Z, Y, X; C channels; S red, green, blue; Q anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.alpha import holds_picture
from napari_iaunet.segmentation.image import check_rows_and_columns, guess_channel_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

# More channels than these are rare, and more planes than these are not.
_USUAL_CHANNELS = 4
_COLOURS = 3  # red, green and blue
# Fewer rows than this, in more planes of more columns, are rather channels.
_FEW_ROWS, _MANY = 5, 16
_BOTH = (
    'It has both channels and colours: --planes C (in Python planes="C") takes the '
    "channels for planes, or keep one of the two."
)


class Arranged(NamedTuple):
    """An array whose axes are known.

    Attributes
    ----------
    array : numpy or dask array
        Axes of length 1 are left out, Y and X excepted.
    axes : str
        One letter for each axis; Y and X are the last ones beside the channels.
    channel_axis : int or None
    notes : tuple of str
        What was assumed, and how to say otherwise.
    """

    array: Any
    axes: str
    channel_axis: int | None
    notes: tuple[str, ...] = ()


def arrange(
    array: Any,
    axes: str,
    channel_axis: int | None,
    planes: int | str | None,
    alpha: Sequence[int] = (),
) -> Arranged:
    """Find the planes and the channels of an image.

    Parameters
    ----------
    array : numpy or dask array
    axes : str
        One letter for each axis, as the file names them.
    channel_axis, planes : int, str or None
        What the caller knows better, as for `napari_iaunet.io.read.read_image`.
    alpha : sequence of int
        Which samples, of the axis S or else C, are transparency. They are left out
        unless the caller names that axis, and they may be channels.

    Raises
    ------
    ImageError
        If there is no such axis, or not enough are left for rows and columns.
    """
    array, axes = squeeze(array, axes)
    if alpha:
        known = (
            [_find(channel_axis, axes, "channels")] if channel_axis is not None else []
        )
        known += [_find(planes, axes, "planes")] if planes is not None else []
        array, axes, notes = _without_alpha(array, axes, alpha, known)
        found = arrange(array, axes, channel_axis, planes)
        return found._replace(notes=notes + found.notes)
    stacked = None if planes is None else _find(planes, axes, "planes")
    if (order := _usual_order(axes)) != list(range(len(axes))):
        channels = None
        if channel_axis is not None:
            channels = order.index(_find(channel_axis, axes, "channels"))
        return arrange(
            *_reordered(array, axes, order),
            channels,
            None if stacked is None else order.index(stacked),
        )
    if channel_axis is not None:
        channels = _find(channel_axis, axes, "channels")
        _check_colours(axes, channels, stacked)
        found = _rename(array, axes, channels, stacked)
        if stacked is None and "Q" in axes:
            check_rows_and_columns(array.shape, channels)
        return found
    axes = _with_colours(array.shape, axes, stacked)
    named = [axes.index(a) for a in "SC" if a in axes]
    named = [axis for axis in named if axis != stacked]
    if len(named) > 1:
        raise ImageError(_BOTH)
    if named and axes[named[0]] == "S" and array.shape[named[0]] > _COLOURS:
        coloured = _as_colours(array, axes, named[0])
        found = arrange(coloured.array, axes, None, planes)
        return found._replace(notes=coloured.notes)
    if stacked is not None:
        if len(axes) < 4:  # with channels, too few are left for rows and columns
            named = []
        arranged = _rename(array, axes, named[0] if named else None, stacked)
        return _without_guessing(arranged)
    if not named and len(axes) > 2:
        return _find_channels(array, axes)
    if not named:
        return Arranged(array, axes, None)
    if "Q" in axes:
        check_rows_and_columns(array.shape, named[0])
    return _checked(Arranged(array, axes, named[0]))


def _without_alpha(
    array: Any, axes: str, alpha: Sequence[int], known: Sequence[int]
) -> tuple[Any, str, tuple[str, ...]]:
    """Leave out transparency, but for what may be channels on an axis that is known.

    Returns array and axes, and notes of what is left out although it may be a channel.
    """
    axis = axes.index("S" if "S" in axes else "C")
    channels = {sample for sample in alpha if holds_picture(array, axis, sample)}
    dropped = [
        sample for sample in alpha if axis not in known or sample not in channels
    ]
    kept = [sample for sample in range(array.shape[axis]) if sample not in dropped]
    array, axes = squeeze(array.take(kept, axis) if dropped else array, axes)
    if not channels & set(dropped):
        return array, axes, ()
    note = (
        "its transparency (alpha) is left out, but may be a channel with a picture of "
        f"its own. If it is, say so by --channel-axis {axis} (in Python "
        f"channel_axis={axis})."
    )
    return array, axes, (note,)


def squeeze(array: Any, axes: str) -> tuple[Any, str]:
    """Leave out axes of length 1, Y and X excepted."""
    key = tuple(
        0 if n == 1 and letter not in "YX" else slice(None)
        for n, letter in zip(array.shape, axes, strict=True)
    )
    return array[key], "".join(a for a, k in zip(axes, key, strict=True) if k != 0)


def ordered(array: Any, axes: str) -> tuple[Any, str]:
    """Put rows and columns last, beside colours, where a file names them elsewhere."""
    order = _usual_order(axes)
    if order == list(range(len(axes))):
        return array, axes
    return _reordered(array, axes, order)


def _reordered(array: Any, axes: str, order: Sequence[int]) -> tuple[Any, str]:
    return array.transpose(order), "".join(axes[i] for i in order)


def _usual_order(axes: str) -> list[int]:
    """Return the order of axes in which planes come before their rows and columns."""
    same = list(range(len(axes)))
    without = axes.replace("C", "").replace("S", "")
    if without.endswith("YX") or not {"Y", "X"} <= set(axes):
        return same
    return sorted(same, key=lambda i: "TQCZYXS".index(axes[i]))


def _checked(found: Arranged) -> Arranged:
    """Doubt channels that are more likely planes: some writers call all planes so."""
    array, axes, channel_axis, _ = found
    if channel_axis is None or axes[channel_axis] == "S":
        return found
    count = array.shape[channel_axis]
    if count <= _USUAL_CHANNELS:
        return found
    if axes == "CYX" and not _is_clear(array.shape):
        return Arranged(array, "QYX", None)
    note = (
        f"its {count} channels are averaged to one image, unless --cells or --nuclei "
        "choose some of them. If they are sections or time points, say so by "
        '--planes C (in Python planes="C").'
    )
    return found._replace(notes=(note,))


def _with_colours(shape: tuple[int, ...], axes: str, stacked: int | None) -> str:
    """Name colours that come last where only the planes are known."""
    rest = tuple(n for i, n in enumerate(shape) if i != stacked)
    last = len(axes) - 1
    unnamed = "Q" in axes and not {"S", "C"} & set(axes)
    if stacked in (None, last) or len(axes) < 4 or not unnamed or rest[-1] == 1:
        return axes
    try:
        coloured = guess_channel_axis(rest) is not None
    except ImageError:
        return axes
    return "Q" * (last - 2) + "YXS" if coloured else axes


def _check_colours(axes: str, channels: int, stacked: int | None) -> None:
    """Refuse channels beside colours, which would become rows or columns."""
    colours = axes.find("S")
    if colours < 0 or colours in (channels, stacked):
        return
    if len(axes) > 3:
        raise ImageError(_BOTH)
    raise ImageError(
        f"Its colours lie along axis {colours}, not {channels}: "
        f"--channel-axis {colours}."
    )


def _find(axis: int | str, axes: str, what: str) -> int:
    """Index of an axis that is given by its letter or its number."""
    if isinstance(axis, str):
        index = axes.find(axis.upper())
        known = index >= 0 and len(axis) == 1
    else:
        known, index = -len(axes) <= axis < len(axes), axis % len(axes)
    if not known:
        name = "channel axis" if what == "channels" else "axis of planes"
        shown = axis.upper() if isinstance(axis, str) else axis
        msg = f"There is no {name} {shown} in an image with the axes {', '.join(axes)}."
        if isinstance(axis, str) and "Q" in axes:
            msg += " Give its number, counted from 0, where the file does not name it."
        raise ImageError(msg)
    return index


def _rename(
    array: Any, axes: str, channel: int | None, stacked: int | None
) -> Arranged:
    """Name the axes by where channels and planes are, and put planes before rows."""
    rest = [i for i in range(len(axes)) if i not in (channel, stacked)]
    if len(rest) < 2 or (channel is not None and channel == stacked):
        raise ImageError(
            f"An image of shape {array.shape} has no two axes left for rows and "
            "columns beside its channels and planes."
        )
    *others, y, x = rest
    letters = dict(enumerate(axes)) | {y: "Y", x: "X"}
    stack = [*others] if stacked is None else [*others, stacked]
    letters |= {i: "Q" for i in stack if letters[i] not in "TZ"}
    if channel is not None:
        coloured = letters[channel] == "S" and array.shape[channel] == _COLOURS
        letters[channel] = "S" if coloured else "C"
    order = list(range(len(axes)))
    if stacked is not None and stacked > y:
        order.remove(stacked)
        order.insert(order.index(y), stacked)
        array = np.moveaxis(array, stacked, order.index(stacked))
    placed = None if channel is None else order.index(channel)
    return Arranged(array, "".join(letters[i] for i in order), placed)


def _without_guessing(arranged: Arranged) -> Arranged:
    """Give narrow planes a channel axis, so that they are not taken for colours."""
    array, axes, channel_axis, _ = arranged
    if channel_axis is None and not _is_clear(array.shape):
        return Arranged(array[..., None], axes + "C", len(axes))
    return arranged


def _is_clear(shape: tuple[int, ...]) -> bool:
    """Whether an image of this shape is taken for gray planes by itself."""
    try:
        return guess_channel_axis(shape) is None
    except ImageError:
        return False


def _find_channels(array: Any, axes: str) -> Arranged:
    """Find the axis of the channels of a file that does not name it."""
    if "Q" not in axes:
        return _without_guessing(Arranged(array, axes, None))
    last = len(axes) - 1
    try:
        guess = guess_channel_axis(array.shape)
    except ImageError:
        return Arranged(array, axes, None)
    if guess is None:
        return Arranged(array, axes, None, _about_planes(array.shape))
    kind = "C" if array.shape[-1] == 1 else "S"
    axes = "Q" * (last - 2) + "YX" + kind
    if array.shape[-1] < 4:
        return Arranged(array, axes, guess)
    return _as_colours(array, axes, last)


def _about_planes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return notes of planes without a name that may be something else."""
    *stack, rows, columns = shape
    if len(stack) > 1:
        return ()
    if stack[0] <= _USUAL_CHANNELS:
        what, axis = f"it is taken for {stack[0]} planes, in time or depth", 0
    elif rows < _FEW_ROWS and min(stack[0], columns) >= _MANY:
        what, axis = f"it is taken for {stack[0]} planes of {rows} x {columns}", 1
    else:
        return ()
    note = (
        f"{what}. If axis {axis} holds channels, say so by --channel-axis {axis} (in "
        f"Python channel_axis={axis}); --planes 0 says planes."
    )
    return (note,)


def _as_colours(array: Any, axes: str, axis: int) -> Arranged:
    """Take the first three of four samples for colours, the fourth for alpha."""
    colours = (slice(None),) * axis + (slice(_COLOURS),)
    place = "last" if axis == len(axes) - 1 else "first" if axis == 0 else "channel"
    note = (
        f"its {place} axis is taken for red, green, blue and alpha. If it holds four "
        f"channels, say so by --channel-axis {axis} (in Python channel_axis={axis})."
    )
    return Arranged(array[colours], axes, axis, (note,))
