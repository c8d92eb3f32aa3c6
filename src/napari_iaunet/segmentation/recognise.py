"""How much a cell on one image is that on another: what tells it, and overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iaunet.segmentation.queries import votes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.segmentation.click import ClickedCell, EncodedImage
    from napari_iaunet.segmentation.queries import SameCell

# So many pixels of a cell stand for it.
_PIXELS = 24


@dataclass(frozen=True)
class SeenCell:
    """A cell of a plane, and what it is recognised by.

    Attributes
    ----------
    cell : ClickedCell
    middle : (2,) float64
        In pixels of the plane.
    area : int
    vectors : Tensor, (P, E)
        Embeddings of some of its pixels.
    votes : (P, 2) float32
        Where these place the cell's centre, in diameters from where most of them do.
    foreground : float
        How surely they belong to some cell.
    """

    cell: ClickedCell
    middle: NDArray[np.float64]
    area: int
    vectors: Tensor
    votes: NDArray[np.float32]
    foreground: float

    @property
    def size(self) -> float:
        """Diameter of a disc of its area, in pixels."""
        return float(2 * np.sqrt(self.area / np.pi))


def see(
    cell: ClickedCell, part: EncodedImage, corner: NDArray[np.int64], known: float
) -> SeenCell:
    """Look at a cell of a plane in an encoded part of it, which begins at a corner.

    ``known`` is the network's cell diameter, in its own pixels.
    """
    places = np.argwhere(cell.mask) + cell.corner
    chosen = places[np.linspace(0, len(places) - 1, _PIXELS).astype(int)]
    fields = part.fields
    pixels = np.rint(part.to_network((chosen - corner).astype(float))).astype(int)
    flat = np.ravel_multi_index(tuple(pixels.T), fields.foreground.shape)
    votes = votes_of(fields.offset, known, flat)
    index = torch.from_numpy(flat)
    return SeenCell(
        cell,
        places.mean(axis=0),
        len(places),
        fields.embedding.flatten(1).T[index],
        votes - np.median(votes, axis=0).astype(np.float32),
        float(fields.foreground.flatten()[index].median()),
    )


def likeness(
    before: SeenCell, step: NDArray[np.float64], after: SeenCell, same_cell: SameCell
) -> float:
    """How much two are one cell, the first after a step: from 0 to 2.

    That is the mean probability that pixels of both are of one cell, and the overlap.
    """
    logit = same_cell(
        (after.vectors[:, None] - before.vectors[None]).flatten(0, 1),
        torch.from_numpy((after.votes[:, None] - before.votes[None]).reshape(-1, 2)),
    )
    recognised = float(torch.sigmoid(logit.nan_to_num(0.0)).mean())
    return recognised + overlap(before.cell, np.rint(step), after.cell)


def holds(cell: ClickedCell, place: NDArray[np.float64]) -> bool:
    """Whether a pixel of the plane lies in a cell."""
    y, x = np.rint(place - cell.corner).astype(int)
    height, width = cell.mask.shape
    return 0 <= y < height and 0 <= x < width and bool(cell.mask[y, x])


def overlap(one: ClickedCell, step: NDArray[np.float64], other: ClickedCell) -> float:
    """IoU of two cells, the first after a step of whole pixels."""
    corner = np.add(one.corner, step).astype(int)
    low = np.maximum(corner, other.corner)
    high = np.minimum(corner + one.mask.shape, np.add(other.corner, other.mask.shape))
    shared = 0
    if (high > low).all():
        parts = [
            cell[tuple(slice(a, b) for a, b in zip(low - c, high - c, strict=True))]
            for cell, c in ((one.mask, corner), (other.mask, np.array(other.corner)))
        ]
        shared = int(np.count_nonzero(parts[0] & parts[1]))
    total = np.count_nonzero(one.mask) + np.count_nonzero(other.mask) - shared
    return shared / max(int(total), 1)
