"""Any array becomes planes that the network understands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.intensity import find_normalisation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.intensity import Normalisation

# Columns that are fewer than rows and planes by this factor are hardly columns: of
# channels and sections there are few, and strips rarely come in such numbers.
_MUCH_NARROWER = 4
# As many rows as planes are rather rows and columns of a square image.
_NARROWER_THAN_SQUARE = 2
# Rows that are so few are rather channels.
_FEW = 4
# What the only channel of an image is called.
_ONE = ("intensity",)


@dataclass(frozen=True)
class Planes:
    """An image, or a stack of images, read plane by plane.

    Iterating reads one plane at a time, so that a dask or zarr stack is never
    loaded as a whole. The percentiles of a plane are found once, however often it is
    read.

    Attributes
    ----------
    shape : tuple of int
        Shape of the stack: () for one image, (T,) or (T, Z) for a stack.
    plane_shape : (int, int)
        Y and X in pixels.
    n_channels : int
        Channels that are read, before they are turned into three: at most three are
        shown to the network as they are, two beside an empty third; more are averaged,
        those of cells alone if one is known to show nuclei.
    """

    shape: tuple[int, ...]
    plane_shape: tuple[int, int]
    n_channels: int
    _source: Any
    _channel_axis: int | None
    _jointly: bool
    _chosen: tuple[int, ...] | None = None  # along the axis of the channels; None: all
    _nuclei_first: bool = False
    _found: dict[int, tuple[Normalisation, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def is_coloured(self) -> bool:
        """Whether the channels are red, green and blue."""
        return self.n_channels == 3 and self._jointly

    @property
    def has_stains(self) -> bool:
        """Whether channels are stains of their own, not red, green and blue."""
        return self.n_channels in (2, 3) and not self._jointly

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for i in range(len(self)):
            yield self[i]

    def __getitem__(self, i: int) -> NDArray[np.float32]:
        """Plane ``i`` of the flattened stack, normalised; (3, Y, X) float32."""
        if not 0 <= i < len(self):
            raise IndexError(f"plane {i} of {len(self)}")
        raw = self.raw(i)
        return self.normalise(raw, self.normalisations(i, raw))

    def normalisations(self, i: int, raw: NDArray[Any]) -> tuple[Normalisation, ...]:
        """Normalisations of plane ``i``, which is `raw`; found once."""
        if i not in self._found:
            self._found[i] = self.find_normalisations(raw)
        return self._found[i]

    def loaded(self) -> Planes:
        """Return the same planes in memory, to be read more than once."""
        return replace(self, _source=_materialise(self._source))

    def plane(self, i: int) -> Planes:
        """Return plane ``i`` of the flattened stack, in memory, by itself."""
        return self._of_plane(self.raw(i), {})

    def part(self, rows: slice, columns: slice) -> Planes:
        """Return a part of an image that is no stack, normalised as the whole is."""
        found = self.normalisations(0, self.raw(0))
        return self._of_plane(self.raw(0, rows, columns), {0: found})

    def _of_plane(
        self, raw: NDArray[Any], found: dict[int, tuple[Normalisation, ...]]
    ) -> Planes:
        """Return a plane (C, Y, X), or a part of it, whose channels are chosen."""
        return replace(
            self,
            shape=(),
            plane_shape=(raw.shape[1], raw.shape[2]),
            _source=raw,
            _channel_axis=0,
            _chosen=None,
            _found=found,
        )

    def position(self, i: int) -> tuple[int, ...]:
        """Where plane ``i`` of the flattened stack lies in the stack."""
        return tuple(map(int, np.unravel_index(i, self.shape))) if self.shape else ()

    def find_normalisations(self, raw: NDArray[Any]) -> tuple[Normalisation, ...]:
        """One normalisation for all channels together, or one for each.

        Parameters
        ----------
        raw : (C, ...) array
            A plane, or a sample of it.
        """
        if self._jointly:
            return (find_normalisation(raw),)
        return tuple(find_normalisation(channel) for channel in raw)

    def normalise(
        self, raw: NDArray[Any], normalisations: tuple[Normalisation, ...]
    ) -> NDArray[np.float32]:
        """Normalise a plane (C, Y, X), or a part of it, to (3, Y, X) float32."""
        if self._jointly:
            plane = normalisations[0](raw)
        else:
            plane = np.stack([n(c) for n, c in zip(normalisations, raw, strict=True)])
        if self._nuclei_first and len(plane) > 3:
            plane = np.stack([plane[0], plane[1:].mean(axis=0)])
        if len(plane) == 2:
            plane = np.stack([*plane, np.zeros_like(plane[0])])
        elif len(plane) != 3:
            # Unlike np.repeat, np.stack releases Python's lock: the window stays alive.
            plane = np.stack([plane.mean(axis=0)] * 3)
        return plane

    def raw(
        self,
        i: int,
        rows: slice = slice(None),
        columns: slice = slice(None),
    ) -> NDArray[Any]:
        """Plane ``i`` of the flattened stack as it is, or a part of it.

        Returns
        -------
        (C, Y, X) array of the image's own dtype
        """
        where = iter(self.position(i))
        axes = range(len(self._source.shape))
        channel, stack = self._channel_axis, len(self.shape)
        spatial = [a for a in axes if a != channel][stack:]
        chosen = self._chosen or (0, self.n_channels - 1)
        first = min(chosen)
        channels = slice(first, max(chosen) + 1)
        part = {spatial[0]: rows, spatial[1]: columns, channel: channels}
        key = tuple(part[a] if a in part else next(where) for a in axes)
        plane = _materialise(self._source[key])
        if channel is None:
            return plane[None]
        channel -= sum(a < channel and a not in spatial for a in axes)
        read = np.moveaxis(plane, channel, 0)
        if self._chosen is None:
            return read
        return read[[index - first for index in self._chosen]]


def as_planes(
    image: Any,
    channel_axis: int | None = None,
    *,
    nuclei: int | None = None,
    cells: int | Sequence[int] | None = None,
) -> Planes:
    """Prepare any image for the network.

    Parameters
    ----------
    image : array_like
        (Y, X), (Y, X, 3 or 4), (T or Z, Y, X), (T, Z, Y, X), each with a
        channel axis anywhere if ``channel_axis`` says so. Boolean, integer
        or real, of numpy, dask, zarr or nested lists. Planes stay as they are.
    channel_axis : int, optional
        Axis of the channels, may be negative. Without it a last axis of 3 or
        4 is red, green, blue (and alpha, which is ignored); every other
        array is gray.
    nuclei : int, optional
        The channel that shows nuclei, counted from 0. Alone, nuclei are to be found;
        beside `cells` it helps to tell these from one another.
    cells : int or sequence of int, optional
        The channel or channels that show whole cells: membranes, cytoplasm. Without
        `nuclei` and `cells` all channels are looked at, the nuclei taken to be first.

    Returns
    -------
    Planes
        Two or three channels stay as they are. Red, green and blue are normalised
        together if they are a picture (8-bit, or channels last, and not chosen by
        what they show) and each on its own otherwise; more than three channels are
        normalised one by one and averaged, those of cells beside one of nuclei.

    Raises
    ------
    ImageError
    """
    if isinstance(image, Planes):
        return image
    source = _as_array(image)
    shape = tuple(int(n) for n in source.shape)
    _check(shape, source.dtype)
    picture = False
    if channel_axis is None:
        channel_axis = guess_channel_axis(shape)
        picture = channel_axis is not None
    else:
        channel_axis = _check_axis(channel_axis, shape)
    rest = [n for a, n in enumerate(shape) if a != channel_axis]
    if len(rest) < 2:
        raise ImageError(
            f"An image of shape {shape} has no two axes left for rows and "
            "columns beside its channels."
        )
    if len(rest) > 4:
        raise ImageError(
            f"An image of shape {shape} has too many axes: at most time, depth, "
            "rows, columns and a channel axis can be read."
        )
    channels = 1 if channel_axis is None else shape[channel_axis]
    chosen = _chosen(channels, nuclei, cells)
    eight_bit = source.dtype == np.uint8
    last = channel_axis == len(shape) - 1
    if chosen:
        channels = len(chosen)
    elif channels == 4 and picture:
        channels = 3
    coloured = channels == 3 and (eight_bit or last) and not chosen
    return Planes(
        shape=tuple(rest[:-2]),
        plane_shape=(rest[-2], rest[-1]),
        n_channels=channels,
        _source=source,
        _channel_axis=channel_axis,
        _jointly=channels == 1 or coloured,
        _chosen=chosen,
        _nuclei_first=nuclei is not None,
    )


def _chosen(
    count: int, nuclei: int | None, cells: int | Sequence[int] | None
) -> tuple[int, ...] | None:
    """Channels to look at, nuclei first; None for all."""
    if nuclei is None and cells is None:
        return None
    told = [] if nuclei is None else [nuclei]
    told += [] if cells is None else list(np.atleast_1d(np.asarray(cells)))
    found: list[int] = []
    for channel in told:
        try:
            index = int(channel.__index__())
        except (AttributeError, TypeError) as error:
            msg = f"A channel is told by a whole number, counted from 0: {channel!r}."
            raise ImageError(msg) from error
        if not -count <= index < count:
            there = "one channel" if count == 1 else f"{count} channels, from 0"
            raise ImageError(f"There is no channel {index}: the image has {there}.")
        if index % count not in found:
            found.append(index % count)
    if not found:
        raise ImageError("No channel is named that shows the cells.")
    return tuple(found)


def channel_names_of(
    planes: Planes, names: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Name all channels, each by a name of its own.

    The names are those that are given, if there are as many, with blanks for what is
    not printable; else red, green and blue, "intensity" of a single channel, or
    numbers.
    """
    count = planes.n_channels
    if names is None or len(names) != count:
        if planes.is_coloured:
            return ("red", "green", "blue")
        return tuple(f"channel_{k + 1}" for k in range(count)) if count > 1 else _ONE
    found: list[str] = []
    for k, given in enumerate(names):
        visible = "".join(c if c.isprintable() else " " for c in str(given))
        name = " ".join(visible.split()) or f"channel_{k + 1}"
        taken = {*found, *(_ONE if count > 1 else ())}
        # Columns of all channels together have the name of a single one's.
        number = next(n for n in range(1, count + 3) if _numbered(name, n) not in taken)
        found.append(_numbered(name, number))
    return tuple(found)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _as_array(image: Any) -> Any:
    """``image`` itself if it can be indexed lazily, else as a numpy array."""
    if isinstance(image, np.ndarray):
        return image
    lazy = isinstance(getattr(image, "dtype", None), np.dtype)
    if lazy and hasattr(image, "shape") and hasattr(image, "__getitem__"):
        return image
    try:
        return np.asarray(image)
    except (ValueError, TypeError, RuntimeError) as error:
        msg = "The image is not an array: its rows differ in length or type."
        raise ImageError(msg) from error


def _materialise(part: Any) -> NDArray[Any]:
    """Numpy array of a part of the image; masked pixels become NaN."""
    if hasattr(part, "compute"):
        # Not a loop: what xarray computes is an array of its own, with `compute` again.
        part = part.compute()
    if isinstance(part, np.ma.MaskedArray):
        if not np.ma.is_masked(part):
            return np.asarray(part.data)
        kind = part.dtype if part.dtype.kind == "f" else np.dtype(np.float64)
        return np.ma.filled(part.astype(kind), np.nan)
    return np.asarray(part)


def _check(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "buif":
        kinds = {"c": "complex numbers", "M": "dates", "m": "durations"}
        what = kinds.get(dtype.kind, "something other than numbers")
        msg = f"The image holds {what}; integers or real numbers are needed."
        raise ImageError(msg)
    if len(shape) < 2:
        msg = f"An image needs rows and columns, but this array has shape {shape}."
        raise ImageError(msg)
    if 0 in shape:
        raise ImageError(f"The image is empty: its shape is {shape}.")


def _check_axis(axis: Any, shape: tuple[int, ...]) -> int:
    try:
        index = int(axis.__index__())
    except (AttributeError, TypeError) as error:
        msg = f"The channel axis must be a whole number, not {axis!r}."
        raise ImageError(msg) from error
    if not -len(shape) <= index < len(shape):
        msg = f"There is no channel axis {index} in an image of shape {shape}."
        raise ImageError(msg)
    return index % len(shape)


def guess_channel_axis(shape: tuple[int, ...]) -> int | None:
    """Axis of the channels, or None for a gray image or stack.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image whose axes have no names.

    Raises
    ------
    ImageError
        If what would be rows or columns looks like something else.
    """
    if len(shape) < 3:
        return None
    last, spatial = len(shape) - 1, min(shape[-3:-1])
    if shape[-1] == 1 and spatial > 1:
        return last
    if shape[-1] in (3, 4) and spatial > shape[-1]:
        check_rows_and_columns(shape, last)
        return last
    square = shape[-3] == shape[-2]
    few = shape[-1] * (_NARROWER_THAN_SQUARE if square else _MUCH_NARROWER) <= spatial
    if (shape[-1] == 2 and spatial > 8) or (shape[-1] > 4 and few):
        raise ImageError(
            f"The last axis of an image of shape {shape} looks like channels or "
            f"planes, not columns: --channel-axis {last} says channels, --planes "
            f"{last} planes, --planes 0 columns (in Python channel_axis={last}, "
            f"np.moveaxis(image, {last}, 0), or image[..., None] and "
            f"channel_axis={last + 1})."
        )
    check_rows_and_columns(shape, None)
    return None


def check_rows_and_columns(shape: tuple[int, ...], channel_axis: int | None) -> None:
    """Refuse axes without names if what would be rows or columns hardly are.

    Parameters
    ----------
    shape : tuple of int
        The two axes before the last are planes and rows, or rows and columns, of
        images whose last axes hold planes, or channels and planes.
    channel_axis : int or None
        Axis that holds the channels, if one does.

    Raises
    ------
    ImageError
    """
    axes = [axis for axis in range(len(shape)) if axis != channel_axis]
    if len(axes) < 3:
        return
    plane, y, x = axes[-3:]
    planes, rows, columns = (shape[axis] for axis in (plane, y, x))
    if channel_axis is not None:
        if columns * _MUCH_NARROWER <= min(planes, rows):
            raise ImageError(
                f"Axis {x} of an image of shape {shape} looks like planes, not "
                f"columns: --planes {x} says planes, --planes {axes[0]} columns (in "
                f"Python np.moveaxis(image, {x}, 0), or channel_axis={channel_axis})."
            )
        return
    is_narrow = rows * _MUCH_NARROWER <= planes
    if (
        len(axes) > 3
        and is_narrow
        and (rows <= _FEW or columns * _MUCH_NARROWER <= planes)
    ):
        raise ImageError(
            f"Axis {y} of an image of shape {shape} looks like channels or planes, not "
            f"rows: --channel-axis {y} says channels, beside --planes {x} if the last "
            f"axis holds planes; --planes 0 says rows (in Python channel_axis={y}, "
            f"np.moveaxis, or image[..., None] and channel_axis={len(shape)})."
        )
