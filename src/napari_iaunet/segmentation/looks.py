"""What is found in a plane at one scale or another, and which one shows more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter
from skimage.measure import label as label_components

from napari_iaunet.segmentation.measure import disc_area
from napari_iaunet.segmentation.scale import (
    ONE_SCALE,
    diameter_for,
    in_steps,
    scale_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.inference.fields import FieldImage
    from napari_iaunet.segmentation.decode import Instances

# A change of scale within these bounds buys nothing but time.
_CLOSE = (0.9, 1.11)
# Sides in pixels: planes up to the first are measured as a whole; of others, a window
# of the second, and of that a part of the third if it is upscaled, unless all its cells
# are doubtful. They trade cells that are measured for time.
_WHOLE, _WINDOW, _PART = 1100, 512, 300
# Of a plane that becomes larger than so many pixels only such a window is looked at;
# only a part, if that is to show whether cells are missed, and may be in vain.
_MOST_PIXELS, _MOST_IN_VAIN = 1_500_000, 600_000
# Scales to try where no cell was found, or where those that were found are doubtful:
# they may be pieces of cells that are many times the usual size. The two cost a fifth
# of what one look at the image's own scale costs.
_SMALLER = (0.4, 0.12)
# Much smaller cells are sought in a part of so many pixels' side, which then is as
# large as a window.
_LARGER, _TINY_PART = 3.5, 150
# How often the scale follows the diameter found at the one before: cells that are far
# from the network's usual size are measured as if they were nearer to it.
_TURNS = 3
# Of two scales the better one shows more of the plane as cells and is surer of them:
# area times this power of the score. From afar glands and colonies look like cells:
# there it must be better by this factor, which it is where only pieces were found, and
# show two cells. Chosen on held-out images that were rescaled to cells of 4 to 300 px.
_POWER, _BETTER = 4, 10.0
# Where to follow the diameter makes it worse by this factor, it leads astray.
_ASTRAY = 1.25
# Where much foreground is faint and was not taken for cells, these may be too small for
# the network, and the image is upscaled by so much. This factor and those below were
# chosen on training and on held-out images.
UPSCALE = 1.4
_FAINT, _FAINT_AREA = 0.2, 0.025  # Probability; share of a usual cell's area.
_MANY_LOST = 0.1  # Per cell that was found.
FEW_CELLS = 5
# What must be gained, as a factor of the sum of all scores, and the median score that
# is good enough. Where it falls below that and below what it was, this power of its
# change counts as well: twice as many cells may be a little more doubtful.
_GAINED, GOOD_SCORE, _DOUBT = 1.18, 0.82, 8
# Where half of the cells already differ in size by more than one scale serves, the
# small ones are more likely to be missed, and so much is enough.
_GAINED_OF_MIXED = 1.05
# Cells that hang together are found as one, whose median score is lower than this, and
# nothing seems to be lost. Such a plane is looked at this much larger, as less would
# often leave it at its own scale, and in a whole window: where most cells hang together
# there may be fewest to tell apart. Bacteria that the network hardly knew had .70, and
# broke into pieces where they were looked at like that.
_MERGED, _APART = 0.65, 2.0


class Decoded(NamedTuple):
    """Cells of a plane at the network's scale.

    Attributes
    ----------
    plane : (3, Y, X) float32, or None
        Rescaled; None if it was segmented chunk by chunk. The cells are at the scale
        of the image then.
    fields : FieldImage or None
        Of that plane.
    cells : Instances
        Decoded from these.
    lost : float or None
        What `count_lost` found in the chunks.
    """

    plane: NDArray[np.float32] | None
    fields: FieldImage | None
    cells: Instances
    lost: float | None = None


class Look(NamedTuple):
    """What was found at a scale.

    Attributes
    ----------
    decoded : Decoded
    scale : float
    part : (3, y, x) float32
        What was looked at, before it was rescaled.
    is_whole : bool
        Whether that is the whole plane.
    """

    decoded: Decoded
    scale: float
    part: NDArray[np.float32]
    is_whole: bool

    @property
    def diameter(self) -> float | None:
        """Median cell diameter in the plane's own pixels, None without cells."""
        sizes = self.diameters
        return float(np.median(sizes)) if sizes.size else None

    @property
    def diameters(self) -> NDArray[np.float64]:
        """Diameters, in the plane's own pixels, of discs of the cells' areas."""
        areas, decoded = self._areas, self.decoded
        scale = self.scale if decoded.lost is None else 1.0
        return np.sqrt(areas[areas > 0] * 4 / np.pi) / scale

    @property
    def is_of_one_size(self) -> bool:
        """Whether one scale serves the middle half of the cells."""
        sizes = self.diameters
        low, high = np.percentile(sizes, (25, 75)) if sizes.size else (0.0, 0.0)
        return bool(high <= ONE_SCALE * low)

    @property
    def of_whole(self) -> Decoded | None:
        """The cells, if they are those of the whole plane."""
        return self.decoded if self.is_whole else None

    @property
    def sureness(self) -> float:
        """Mean score of the pixels of cells; 0 without cells."""
        areas = self._areas
        return float(areas @ self.decoded.cells.scores / max(areas.sum(), 1))

    @property
    def worth(self) -> float:
        """How much of the plane is shown as cells, and how surely."""
        share = float(self._areas.sum() / self.decoded.cells.labels.size)
        return share * self.sureness**_POWER

    @property
    def _areas(self) -> NDArray[np.int64]:
        labels, scores = self.decoded.cells
        return np.bincount(labels.ravel(), minlength=len(scores) + 1)[1:]


class Looks:
    """Looks at a plane at several scales; parameters are as for `measure_plane`."""

    def __init__(
        self,
        plane: NDArray[np.float32],
        segment_at: Callable[[NDArray[np.float32], float], Decoded],
        known: float,
    ) -> None:
        self._plane, self._segment_at, self._known = plane, segment_at, known
        self._small = max(plane.shape[1:]) <= _WHOLE
        self._in_vain: list[float] = []  # Larger scales that showed no more.

    def scale_of(self, diameter: float) -> float:
        """Scale at which cells of a diameter, in pixels, are segmented."""
        return scale_for(in_steps(diameter), self._known, self._plane.shape)

    def at(self, scale: float, around: Look | None = None) -> Look:
        """Look at the plane, or at a window of it, at a scale.

        The window is in its middle, or where most cells were found.
        """
        plane = self._plane
        if self._small and plane[0].size * scale**2 <= _MOST_PIXELS:
            return self._in(plane, scale)
        size = round(_WINDOW / (math.sqrt(scale) if scale > 1 else scale))
        if around is None or not around.is_whole:
            return self._in(_middle(plane, size), scale)
        return self._in(_fullest(around, size), scale)

    def _in(self, part: NDArray[np.float32], scale: float) -> Look:
        is_whole = part is self._plane
        return Look(self._segment_at(part, scale), scale, part, is_whole)

    def at_larger(self) -> Look:
        """Look for tiny cells."""
        return self._in(_middle(self._plane, _TINY_PART), _LARGER)

    def follow(self, found: Look, seen: Look | None = None) -> Look:
        """Go to the scale of the diameter that was found, as long as it changes.

        What was seen before is not looked at again.
        """
        for _ in range(_TURNS):
            if found.diameter is None:
                break
            better = self.scale_of(found.diameter)
            if is_close(better / found.scale):
                break
            if seen and is_close(better / seen.scale):
                return seen
            again = self.at(better, found)
            if again.diameter is None:
                break
            found = again
        return found

    def for_larger_cells(self, found: Look) -> Look:
        """Look for cells of which only pieces, or none, were found."""
        best, needed = found, _BETTER * found.worth
        for scale in _SMALLER:
            if scale < found.scale:
                first = self.at(scale)
                other = self.follow(first, found)
                if first.worth > _ASTRAY * other.worth:
                    other = first
                enough = found.diameter is None or len(other.decoded.cells.scores) >= 2
                if enough and other.worth > max(needed, best.worth):
                    best = other
        return best

    def for_missed_cells(self, found: Look) -> Look | None:
        """Look again upscaled where cells may be missed; None unless many are found."""
        upscaled = self.scale_of((found.diameter or self._known) / UPSCALE)
        if is_close(upscaled / found.scale) or not _loses(found.decoded, self._known):
            return None
        return self._upscaled(found, upscaled, _PART, _MOST_IN_VAIN)

    def for_merged_cells(self, found: Look) -> Look | None:
        """Look again upscaled where all cells are doubtful; None unless more are found.

        They may be groups of cells, each found as one.
        """
        scores = found.decoded.cells.scores
        if len(scores) < FEW_CELLS or np.median(scores) >= _MERGED:
            return None
        upscaled = self.scale_of(diameter_for(_APART * found.scale, self._known))
        seen = [found.scale, *self._in_vain]
        if any(is_close(upscaled / scale) for scale in seen):
            return None
        return self._upscaled(found, upscaled, _WINDOW, _MOST_PIXELS)

    def _upscaled(
        self, found: Look, upscaled: float, side: int, most: int
    ) -> Look | None:
        """Look again at a larger scale; None unless many more cells are found.

        Of a plane of more than so many pixels a part of such a side is looked at.
        """
        scale, part, before = found.scale, found.part, found
        if not found.is_whole or part[0].size * upscaled**2 > most:
            part = _fullest(found, round(side / min(scale, 1.0)))
            before = self._in(part, scale)
        after = self._in(part, upscaled)
        needed = _GAINED if found.is_of_one_size else _GAINED_OF_MIXED
        if _gains(after.decoded, before.decoded, needed):
            return after
        self._in_vain.append(upscaled)
        return None


def _loses(decoded: Decoded, known: float) -> bool:
    """Whether much faint foreground might be cells and was not taken for any."""
    count = len(decoded.cells.scores)
    if count < FEW_CELLS:
        return False
    lost = decoded.lost
    if decoded.fields:
        foreground = decoded.fields.foreground.numpy()
        lost = count_lost(foreground, decoded.cells.labels, known)
    return (lost or 0) > _MANY_LOST * count


def count_lost(
    foreground: NDArray[np.float32], labels: NDArray[np.int32], known: float
) -> int:
    """Count the parts of faint foreground (Y, X) that lie on no cell."""
    parts = label_components(foreground > _FAINT, connectivity=1)
    area = np.bincount(parts.ravel())
    large = area >= _FAINT_AREA * disc_area(known)
    large[parts[labels > 0]] = False
    return int(large[1:].sum())


def _gains(upscaled: Decoded, usual: Decoded, needed: float) -> bool:
    """Whether many more cells are found, and these are hardly more doubtful.

    What is needed is a factor of the sum of all scores.
    """
    more, less = upscaled.cells.scores, usual.cells.scores
    if min(len(more), len(less)) < FEW_CELLS:
        return False
    change = float(np.median(more)) / min(float(np.median(less)), GOOD_SCORE)
    return bool(more.sum() / less.sum() * min(change, 1.0) ** _DOUBT > needed)


def is_close(change: float) -> bool:
    """Whether a change of scale is too small to be worth it."""
    return _CLOSE[0] <= change <= _CLOSE[1]


def _fullest(seen: Look, size: int) -> NDArray[np.float32]:
    """Cut the square of a size out of what was seen that has most cells."""
    shape = np.array(seen.part.shape[1:])
    if shape.max() <= size:
        return seen.part
    labels = seen.decoded.cells.labels
    share = 1 / np.maximum(np.bincount(labels.ravel()), 1).astype(np.float32)
    share[0] = 0
    scale = np.array(labels.shape) / shape
    sides = np.maximum(size * scale, 1).astype(int)
    density = uniform_filter(share[labels], sides, mode="constant")
    middle = np.unravel_index(density.argmax(), density.shape) / scale
    y, x = np.clip(np.round(middle - size / 2), 0, np.maximum(shape - size, 0))
    return seen.part[:, int(y) : int(y) + size, int(x) : int(x) + size]


def _middle(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Cut the middle out of a (C, Y, X) plane."""
    if max(plane.shape[1:]) <= size:
        return plane
    y, x = (max(0, (n - size) // 2) for n in plane.shape[1:])
    return plane[:, y : y + size, x : x + size]
