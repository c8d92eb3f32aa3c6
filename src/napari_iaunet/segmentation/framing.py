"""Which cell a box or a lasso means, and how it fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iaunet.segmentation.correction import largest_part
from napari_iaunet.segmentation.queries import join

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.inference.fields import DecodeSettings
    from napari_iaunet.segmentation.prompts import Region
    from napari_iaunet.segmentation.queries import Queries, SameCell

# A cell belongs to a frame if more than this share of it lies there.
_MOSTLY = 0.5
# So much better, in units of the overlap, one more cell must make the fit.
_BETTER = 0.02
# Thresholds are tried at which the mask covers these shares of the frame.
_SHARES = np.arange(0.1, 0.96, 0.025)
# To fill a frame the map is raised by a dome: its rim, where the ellipse in a box or
# the lasso is, is so high beside the rise from there to the middle. Where the fields
# see no cell, the dome alone makes one.
_RIM = 1.0
# Overlap of the mask with a lasso, or of its ends with a box, that is good enough:
# nobody draws more exactly.
_BOX_FILLED, _LASSO_FILLED = 0.9, 0.6


class Frame:
    """A region, as a window of the fields sees it.

    Attributes
    ----------
    held : (Y, X) bool
        Its pixels, one at least.
    middle : int
        Flat index of the pixel in its middle.

    ``slack`` is how far, in pixels, a mask that fills a box may end beside its side.
    """

    def __init__(
        self, region: Region, shape: tuple[int, ...], slack: float | NDArray[np.float64]
    ) -> None:
        self._region, self._slack = region, slack
        self.held = region.mask(shape)
        if not self.held.any():  # smaller than a pixel of the fields
            place = np.rint(np.mean(region.ends, axis=0)).astype(int)
            self.held[tuple(np.clip(place, 0, np.subtract(shape, 1)))] = True
        self._remote = region.remoteness(self.held)
        inside = np.where(self.held, self._remote, np.inf)
        self.middle = int(inside.argmin())

    def fit(self, mask: NDArray[np.bool_]) -> float:
        """How well a mask (Y, X) fits, from 0 to 1.

        That is the intersection over union with a lasso, or of both boxes.
        """
        if not mask.any():
            return 0.0
        if self._region.lasso is not None:
            return float((mask & self.held).sum() / (mask | self.held).sum())
        assert self._region.box is not None
        first, last = self._region.box
        places = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
        low = np.array([p[0] - 0.5 for p in places])
        high = np.array([p[-1] + 0.5 for p in places])
        low, high = (
            np.where(np.abs(end - side) <= self._slack, side, end)
            for end, side in ((low, first), (high, last))
        )
        shared = np.clip(np.minimum(high, last) - np.maximum(low, first), 0, None)
        areas = np.prod(high - low) + np.prod(last - first)
        return float(shared.prod() / (areas - shared.prod()))

    def fill(self, height: NDArray[np.float32], least: float) -> NDArray[np.float32]:
        """Move a map (Y, X) so that what is above 0 fills the frame.

        Outside of it the map becomes `least`.
        """
        lasso = self._region.lasso is not None
        enough = _LASSO_FILLED if lasso else _BOX_FILLED
        dome = np.maximum(_RIM + 1 - self._remote**2, 1e-3)
        # The move that takes each pixel in; moves below 0 lower all of the map.
        needed = np.where(height > 0, -height, -height / dome)
        needed[~self.held] = np.inf
        rows, columns = ndimage.find_objects(self.held.astype(np.int8))[0]
        around = np.s_[
            max(rows.start - 1, 0) : rows.stop + 1,
            max(columns.start - 1, 0) : columns.stop + 1,
        ]
        # A little more, so that the pixel of that quantile is in.
        moves = [0.0, *np.quantile(needed[self.held], _SHARES) + 1e-3]
        best, found = -1.0, 0.0
        for move in sorted(moves, key=abs):
            mask = np.zeros(height.shape, bool)
            mask[around] = largest_part(needed[around] < move)
            fit = min(self.fit(mask), enough)
            if fit > best:
                best, found = fit, move
        moved = height + np.float32(found) * (dome if found > 0 else 1)
        return np.where(self.held, moved, np.float32(least)).astype(np.float32)


def framed(
    queries: Queries,
    frame: Frame,
    inside: NDArray[np.bool_],
    votes: NDArray[np.float32],
    embedding: Tensor,
    same_cell: SameCell,
    settings: DecodeSettings,
    diameter: float,
) -> NDArray[np.bool_]:
    """Return which queries (Q,) are of the cell that fits a frame best.

    It may be of several of the cells that were recognised.
    """
    within = frame.held.ravel()[queries.place]
    pixels = np.flatnonzero(inside)
    if not within.any():
        return within
    # Of a cell with queries on both sides of the frame, only one side is meant.
    part = 2 * queries.cell + within
    cells = join(
        pixels,
        votes[pixels],
        embedding,
        queries._replace(cell=part),
        same_cell,
        settings,
        diameter,
    ).cell
    owner = np.full(inside.size, -1, np.int64)
    owner[pixels] = cells
    left = [
        n
        for n in np.unique(part[within])
        if (owner == n)[frame.held.ravel()].sum() > _MOSTLY * (owner == n).sum()
    ]
    chosen: list[int] = []
    best = 0.0
    while left:
        fits = [
            frame.fit(largest_part(np.isin(owner, [*chosen, n]).reshape(inside.shape)))
            for n in left
        ]
        if max(fits) < best + _BETTER:
            break
        best = max(fits)
        chosen.append(left.pop(int(np.argmax(fits))))
    return np.isin(part, chosen)
