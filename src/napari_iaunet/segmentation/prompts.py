"""What a user shows of a cell: clicks, strokes, a box around it, a line around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Point = tuple[float, float]
    Shape = tuple[int, ...]

_BOX = "A box is four numbers (y0, x0, y1, x1), with y0 below y1 and x0 below x1."
_LASSO = "A lasso is three places (y, x) or more around the cell."
_STROKE = "A stroke is places (y, x), and 1 (on the cell) or 0 (on the background)."
_NOTHING_INSIDE = (
    "At least one click or stroke must be inside of the cell, or a box or a lasso "
    "around it."
)


@dataclass(frozen=True)
class Prompts:
    """What a user shows of one cell; places are (y, x) in pixels of the image.

    Attributes
    ----------
    points : sequence of (y, x)
        Clicks.
    labels : sequence of int, optional
        For each click 1 (inside of the cell) or 0 (outside); None if all are inside.
    box : (y0, x0, y1, x1), optional
        Around the cell: its pixels lie between these places.
    lasso : sequence of (y, x), optional
        A line around the cell, closed by its ends.
    scribbles : sequence of (places, label)
        Lines through places (y, x), on the cell (1) or on the background (0).
    """

    points: Sequence[Sequence[float]] = ()
    labels: Sequence[int] | None = None
    box: Sequence[float] | None = None
    lasso: Sequence[Sequence[float]] | None = None
    scribbles: Sequence[tuple[Sequence[Sequence[float]], int]] = ()

    @property
    def places(self) -> list[Point]:
        """All places that they name, corners of the box included."""
        box = () if self.box is None else (self.box[:2], self.box[2:])
        lines = [places for places, _ in self.scribbles]
        named = [
            *self.points,
            *box,
            *(self.lasso or ()),
            *(p for ps in lines for p in ps),
        ]
        return [(float(y), float(x)) for y, x in named]

    @property
    def clicks_inside(self) -> list[Point]:
        """Clicks inside of the cell."""
        labels = [1] * len(self.points) if self.labels is None else self.labels
        pairs = zip(self.points, labels, strict=True)
        return [(float(y), float(x)) for (y, x), yes in pairs if yes]

    @property
    def inside(self) -> list[Point]:
        """Clicks inside of the cell, and places of the lines on it."""
        lines = [places for places, yes in self.scribbles if yes]
        drawn = [(float(y), float(x)) for places in lines for y, x in places]
        return [*self.clicks_inside, *drawn]

    def moved(self, y: float, x: float) -> Prompts:
        """Return the same prompts farther down and to the right, in pixels."""

        def there(places: Sequence[Sequence[float]]) -> list[Point]:
            return [(place[0] + y, place[1] + x) for place in places]

        return Prompts(
            there(self.points),
            self.labels,
            None if self.box is None else np.add(self.box, (y, x, y, x)).tolist(),
            None if self.lasso is None else there(self.lasso),
            [(there(places), label) for places, label in self.scribbles],
        )

    def hints(self, shape: tuple[int, int]) -> Hints:
        """Return what the decoder needs of them on an image (Y, X).

        Raises ImageError, in the user's words, if they make no sense on it.
        """
        points, positive = _clicks(self.points, self.labels, shape)
        strokes = [_stroke(*_pair(scribble), shape) for scribble in self.scribbles]
        places = np.concatenate([points, *(pixels for pixels, _ in strokes)])
        signs = np.concatenate([positive, *(_like(*stroke) for stroke in strokes)])
        region = _region(self.box, self.lasso, shape)
        if region is None and not signs.any():
            raise ImageError(_NOTHING_INSIDE)
        pixels = [{(y, x) for y, x in np.rint(places[p])} for p in (signs, ~signs)]
        if pixels[0] & pixels[1]:
            raise ImageError(
                "Two clicks or strokes contradict each other: one pixel cannot be "
                "inside and outside."
            )
        return Hints(places, signs, np.arange(len(places)) >= len(points), region)


class Hints(NamedTuple):
    """Prompts as the decoder takes them.

    Attributes
    ----------
    points : (P, 2) float64
        Clicks, and every pixel of the strokes: (y, x) in pixels.
    positive : (P,) bool
        Which of them are inside of the cell.
    drawn : (P,) bool
        Which of them are pixels of strokes.
    region : Region, optional
        Where the cell lies.
    """

    points: NDArray[np.float64]
    positive: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    region: Region | None

    def spaced(self, scaled: NDArray[np.float64], apart: float) -> NDArray[np.int64]:
        """Return which points to decode by: clicks, and of strokes what is `apart`.

        Neighbours in a stroke say the same, and each costs time. ``scaled`` are the
        points, ``apart`` a distance in the same pixels.
        """
        place = np.floor(scaled / apart)
        key = np.column_stack([place, self.positive])
        first = np.unique(key, axis=0, return_index=True)[1]
        return np.union1d(np.flatnonzero(~self.drawn), first)

    @property
    def places(self) -> NDArray[np.float64]:
        """All points and the ends of the region, (P, 2)."""
        ends = [] if self.region is None else [np.stack(self.region.ends)]
        return np.concatenate([self.points, *ends])


@dataclass(frozen=True)
class Region:
    """Where a cell lies: in a box, in a lasso, or in both.

    Attributes
    ----------
    box : (2, 2) float64, optional
        First and last place (y, x): edges of its pixels.
    lasso : (L, 2) float64, optional
    """

    box: NDArray[np.float64] | None
    lasso: NDArray[np.float64] | None

    @property
    def ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """First and last place (y, x)."""
        shapes = [shape for shape in (self.box, self.lasso) if shape is not None]
        return (
            np.max([shape.min(0) for shape in shapes], axis=0),
            np.min([shape.max(0) for shape in shapes], axis=0),
        )

    def seen(self, factor: NDArray[np.float64], corner: NDArray[np.int64]) -> Region:
        """Return the region at another scale, in pixels from a corner there."""

        def moved(places: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
            return None if places is None else (places + 0.5) * factor - 0.5 - corner

        return Region(moved(self.box), moved(self.lasso))

    def mask(self, shape: Shape) -> NDArray[np.bool_]:
        """Return the pixels whose middle lies in the region, (Y, X) bool."""
        held = np.ones(shape, bool)
        if self.box is not None:
            (y0, x0), (y1, x1) = self.box
            y, x = np.ogrid[: shape[0], : shape[1]]
            held &= (y >= y0) & (y <= y1) & (x >= x0) & (x <= x1)
        if self.lasso is not None:
            held &= _enclosed(self.lasso, shape)
        return held

    def remoteness(self, held: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return how far pixels are from the middle, 1 at the edge: (Y, X).

        In a box it is 1 on the ellipse that touches its sides. ``held`` is `mask`.
        """
        if self.lasso is not None:
            depth = ndimage.distance_transform_edt(np.pad(held, 1))[1:-1, 1:-1]
            return np.asarray(1 - depth / max(depth.max(), 1), np.float32)
        assert self.box is not None
        middle = self.box.mean(0)
        half = np.maximum(np.ptp(self.box, axis=0) / 2, 0.5)
        axes = (np.arange(n) for n in held.shape)
        y, x = (
            ((places - m) / h) ** 2
            for places, m, h in zip(axes, middle, half, strict=True)
        )
        return np.asarray(np.sqrt(y[:, None] + x), np.float32)


# -- input -------------------------------------------------------------------


def _clicks(
    points: Sequence[Sequence[float]],
    labels: Sequence[int] | None,
    shape: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return points (P, 2) float64 and which of them are inside, (P,) bool."""
    try:
        places = np.asarray(points, np.float64).reshape(-1, 2)
        positive = (
            np.ones(len(places), bool) if labels is None else np.asarray(labels) == 1
        )
        known = labels is None or bool(np.isin(labels, (0, 1)).all())
    except (TypeError, ValueError) as error:
        raise ImageError(
            "A click is a pair of numbers (y, x), its label 1 (inside) or 0 (outside)."
        ) from error
    if positive.shape != (len(places),) or not known:
        msg = "There must be one label, 1 (inside) or 0 (outside), for each click."
        raise ImageError(msg)
    _check_on_image(places, "click", shape)
    return places, positive


def _pair(scribble: Any) -> tuple[Any, Any]:
    try:
        places, label = scribble
    except (TypeError, ValueError) as error:
        raise ImageError(_STROKE) from error
    return places, label


def _stroke(
    places: Any, label: Any, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], bool]:
    """Return the pixels (P, 2) of a stroke, and whether it is on the cell."""
    line = _line(places, 1, _STROKE)
    if np.ndim(label) or label not in (0, 1):
        raise ImageError(_STROKE)
    _check_on_image(line, "stroke", shape)
    return pixels_of(line), bool(label)


def _like(pixels: NDArray[np.float64], positive: bool) -> NDArray[np.bool_]:
    return np.full(len(pixels), positive)


def _region(
    box: Sequence[float] | None,
    lasso: Sequence[Sequence[float]] | None,
    shape: tuple[int, int],
) -> Region | None:
    if box is None and lasso is None:
        return None
    edges = None if box is None else _box(box, shape)
    line = None if lasso is None else _line(lasso, 3, _LASSO)
    if line is not None:
        line = np.clip(line, -np.asarray(shape), 2 * np.asarray(shape))
    region = Region(edges, line)
    low, high = region.ends
    # A line may have been drawn from far beyond the image: only what lies on it counts.
    first = np.clip(np.floor(low), 0, None).astype(int)
    size = np.minimum(np.ceil(high) + 1, shape).astype(int) - first
    if (size <= 0).any() or not region.seen(np.ones(2), first).mask(tuple(size)).any():
        what = "lasso" if box is None else "box" if lasso is None else "box and lasso"
        raise ImageError(_nothing_in(what, shape))
    return region


def _nothing_in(what: str, shape: tuple[int, int]) -> str:
    return f"No pixel of the image of {shape[0]} x {shape[1]} lies in the {what}."


def _box(box: Sequence[float], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return first and last place of a box, as far as it lies on the image."""
    try:
        edges = np.asarray(box, np.float64).reshape(2, 2)
    except (TypeError, ValueError) as error:
        raise ImageError(_BOX) from error
    if not np.isfinite(edges).all() or not (edges[0] < edges[1]).all():
        raise ImageError(_BOX)
    last = np.asarray(shape) - 0.5
    if (edges[1] < -0.5).any() or (edges[0] >= last).any():
        msg = f"The box lies off the image of {shape[0]} x {shape[1]} pixels."
        raise ImageError(msg)
    # The whole of each pixel whose middle lies in the box.
    held = np.stack([np.ceil(edges[0]) - 0.5, np.floor(edges[1]) + 0.5])
    if not (held[0] < held[1]).all():
        raise ImageError(_nothing_in("box", shape))
    return np.asarray(np.clip(held, -0.5, last))


def _line(places: Any, least: int, otherwise: str) -> NDArray[np.float64]:
    try:
        line = np.asarray(places, np.float64)
    except (TypeError, ValueError) as error:
        raise ImageError(otherwise) from error
    if line.ndim != 2 or line.shape[1] != 2 or len(line) < least:
        raise ImageError(otherwise)
    if not np.isfinite(line).all():
        raise ImageError(otherwise)
    return line


def _check_on_image(
    places: NDArray[np.float64], what: str, shape: tuple[int, int]
) -> None:
    with np.errstate(invalid="ignore"):
        on_image = (places >= -0.5) & (places < np.asarray(shape) - 0.5)
    if not on_image.all():
        msg = f"A {what} lies off the image of {shape[0]} x {shape[1]} pixels."
        raise ImageError(msg)


# -- lines -------------------------------------------------------------------


def pixels_of(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pixels of a line through places (P, 2), without gaps, each once."""
    steps = np.ceil(np.abs(np.diff(line, axis=0)).max(axis=1)).astype(int)
    ways = [
        first + (last - first) * np.arange(1, count + 1)[:, None] / count
        for first, last, count in zip(line[:-1], line[1:], steps, strict=True)
        if count
    ]
    pixels = np.rint(np.concatenate([line, *ways]))
    order = np.sort(np.unique(pixels, axis=0, return_index=True)[1])
    return np.asarray(pixels[order])


def _enclosed(line: NDArray[np.float64], shape: Shape) -> NDArray[np.bool_]:
    """Return the pixels inside of a closed line, which may cross itself."""
    closed = np.concatenate([line, line[:1]])
    low = np.floor(closed.min(0)).astype(int) - 1
    size = np.ceil(closed.max(0)).astype(int) + 2 - low
    drawn = np.zeros(size, bool)
    drawn[tuple((pixels_of(closed) - low).astype(int).T)] = True
    # Where a line goes around twice, an even number of crossings does not mean outside.
    inside = polygon2mask(tuple(size), line - low)
    inside |= ndimage.binary_erosion(ndimage.binary_fill_holes(drawn))
    held = np.zeros(shape, bool)
    first, last = np.maximum(low, 0), np.minimum(low + size, shape)
    if (first < last).all():
        here = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        there = tuple(slice(a, b) for a, b in zip(first - low, last - low, strict=True))
        held[here] = inside[there]
    return held
