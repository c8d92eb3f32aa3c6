"""From fields and clicks to one cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from napari_iaunet.errors import ImageError
from napari_iaunet.inference.fields import FieldImage
from napari_iaunet.segmentation.correction import correction, obey
from napari_iaunet.segmentation.queries import (
    Queries,
    can_win,
    compare,
    distinct,
    find_peaks,
    merge_queries,
    nearest_queries,
    smoothed,
    votes_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.inference.fields import DecodeSettings
    from napari_iaunet.segmentation.queries import SameCell

# Half side of the neighbourhood that is decoded, in diameters: a cell of twice the
# usual diameter and its neighbours. It is doubled while the cell reaches its border,
# but not beyond the second value: no cell is so large, foreground gone wrong may be.
_REACH = 2.5
_WIDEST = 40.0
# Pixels of a lower foreground probability belong to no cell, whatever is clicked: only
# the clicks themselves do. Far below the threshold, so that clicks can add a faint
# cell.
_LEAST_FOREGROUND = 0.02
# Logits are cut off here, where the probability is .9997: else, where the network is
# very sure, a click could not move the outline.
_STRONG = 8.0
# By so much, in units of the logit, a negative click must recognise a query better than
# any positive click does to take it away. Smaller values cut pieces off the wanted cell
# where the click was meant for its outline.
_CLEARLY = 1.0
# How far a click moves the outline, in diameters: about as far as the cell reaches.
_SPREAD = 0.75


@dataclass(frozen=True)
class EncodedImage:
    """An image after the network: everything a click needs.

    Attributes
    ----------
    fields : FieldImage
        At the network's scale.
    shape : (Y, X)
        Of the image, in pixels.
    diameter : float
        Cell diameter, in pixels of the image, that it was rescaled by.
    """

    fields: FieldImage
    shape: tuple[int, int]
    diameter: float

    def to_network(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P, 2) pixels of the image -> (P, 2) pixels of the fields."""
        size = np.asarray(self.fields.foreground.shape)
        scaled = (points + 0.5) * size / self.shape - 0.5
        clipped: NDArray[np.float64] = np.clip(scaled, 0, size - 1)
        return clipped


class ClickedCell(NamedTuple):
    """One cell of an image.

    Attributes
    ----------
    corner : (int, int)
        Row and column of the image where the mask begins.
    mask : (y, x) bool
        No larger than it must be.
    """

    corner: tuple[int, int]
    mask: NDArray[np.bool_]

    def in_image(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask in an image of a shape: (Y, X) bool."""
        full = np.zeros(shape, bool)
        (y, x), (height, width) = self.corner, self.mask.shape
        full[y : y + height, x : x + width] = self.mask
        return full


def segment_clicks(
    image: EncodedImage,
    points: NDArray[np.float64],
    positive: NDArray[np.bool_],
    same_cell: SameCell,
    diameter: float,
    settings: DecodeSettings,
) -> ClickedCell:
    """Return the cell that holds the positive points and no negative one.

    Only the neighbourhood of the points is decoded, by the steps of `decode`.

    Parameters
    ----------
    points : (P, 2) float
        (y, x) in pixels of the image.
    positive : (P,) bool
        True for points inside of the cell; one at least.
    same_cell, diameter
        As for `decode`.
    """
    reach = _REACH * diameter
    centre = image.to_network(points)
    while True:
        fields, corner = _cut(image.fields, centre, reach)
        local = centre - corner
        mask = _decode_clicks(fields, local, positive, same_cell, diameter, settings)
        if reach >= _WIDEST * diameter or not _leaves(mask, corner, image.fields):
            break
        reach *= 2
    return _to_image(image, corner, mask, points, positive)


def _to_image(
    image: EncodedImage,
    corner: NDArray[np.int64],
    mask: NDArray[np.bool_],
    points: NDArray[np.float64],
    positive: NDArray[np.bool_],
) -> ClickedCell:
    """Bring a window's mask to the image's scale, as small as possible."""
    size = np.asarray(image.fields.foreground.shape)
    factor = size / image.shape
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    low = corner + np.array([rows[0], columns[0]])
    high = corner + np.array([rows[-1], columns[-1]]) + 1
    first = np.clip(np.floor((low - 1) / factor), 0, None).astype(int)
    last = np.minimum(np.ceil((high + 1) / factor), image.shape).astype(int)
    places = [
        (np.arange(a, b) + 0.5) * f - 0.5 - c
        for a, b, f, c in zip(first, last, factor, corner, strict=True)
    ]
    same_scale = tuple(size) == tuple(image.shape)
    rows, columns = (place.astype(int) for place in places)
    native = mask[np.ix_(rows, columns)] if same_scale else _sample(mask, places)
    local = points - first
    on_it = ((local > -0.5) & (local < np.asarray(native.shape) - 0.5)).all(1)
    native = obey(native, local[on_it], positive[on_it])
    return ClickedCell((int(first[0]), int(first[1])), native)


def _sample(
    mask: NDArray[np.bool_], places: list[NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """Outline of a mask, interpolated at rows and columns that are no integers."""
    values = mask.astype(np.float32)
    for axis, place in enumerate(places):
        last = values.shape[axis] - 1
        below = np.clip(np.floor(place).astype(int), 0, last)
        above = np.minimum(below + 1, last)
        share = np.clip(place - below, 0, 1).astype(np.float32)
        share = np.expand_dims(share, 1 - axis)
        values = np.take(values, below, axis) * (1 - share) + share * np.take(
            values, above, axis
        )
    inside: NDArray[np.bool_] = values > 0.5
    return inside


def _cut(
    fields: FieldImage, points: NDArray[np.float64], reach: float
) -> tuple[FieldImage, NDArray[np.int64]]:
    """Cut out what lies within `reach` pixels of the points; also its first pixel."""
    size = np.asarray(fields.foreground.shape)
    low = np.clip(np.floor(points.min(0) - reach), 0, size - 1).astype(int)
    high = np.clip(np.ceil(points.max(0) + reach) + 1, 1, size).astype(int)
    rows, columns = (slice(a, b) for a, b in zip(low, high, strict=True))
    cut = FieldImage(*(f[..., rows, columns] for f in fields))
    # The values of a pixel lie side by side: embeddings are read by pixels, many times.
    embedding = cut.embedding.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    return cut._replace(embedding=embedding), low


def _leaves(
    mask: NDArray[np.bool_], corner: NDArray[np.int64], fields: FieldImage
) -> bool:
    """Whether the cell touches a border of the window that is none of the image."""
    y, x = corner
    height, width = fields.foreground.shape
    return bool(
        (y > 0 and mask[0].any())
        or (x > 0 and mask[:, 0].any())
        or (y + mask.shape[0] < height and mask[-1].any())
        or (x + mask.shape[1] < width and mask[:, -1].any())
    )


# -- one window --------------------------------------------------------------


def _decode_clicks(
    fields: FieldImage,
    points: NDArray[np.float64],
    positive: NDArray[np.bool_],
    same_cell: SameCell,
    diameter: float,
    settings: DecodeSettings,
) -> NDArray[np.bool_]:
    """Decode a window with the clicked pixels as further queries."""
    shape = fields.foreground.shape
    clicks = np.ravel_multi_index(tuple(np.rint(points).astype(np.int64).T), shape)
    inside = fields.foreground.numpy() > settings.foreground
    smooth, embedding = smoothed(fields.centre), fields.embedding
    peaks = np.setdiff1d(find_peaks(smooth, inside, settings.peak), clicks)
    votes = votes_of(fields.offset, diameter, np.arange(inside.size))
    automatic = merge_queries(
        peaks, votes[peaks], embedding, smooth, inside, same_cell, settings
    )
    queries = _add_clicks(
        automatic, clicks, positive, votes, embedding, same_cell, settings
    )
    candidate = fields.foreground.numpy() > _LEAST_FOREGROUND
    candidate.ravel()[clicks] = True
    pixels = np.flatnonzero(candidate)
    lead = _lead(pixels, votes, embedding, queries, same_cell, settings, diameter)
    level = np.log(settings.foreground / (1 - settings.foreground))
    height = np.full(inside.size, -_STRONG, np.float32)
    height[pixels] = np.minimum(
        torch.logit(fields.foreground.flatten()[torch.from_numpy(pixels)], 1e-4).numpy()
        - level,
        lead,
    )
    height = height.reshape(shape)
    height += correction(height, points, positive, _SPREAD * diameter)
    return obey(height > 0, points, positive)


def _lead(
    pixels: NDArray[np.int64],
    votes: NDArray[np.float32],
    embedding: Tensor,
    queries: Queries,
    same_cell: SameCell,
    settings: DecodeSettings,
    resolution: float,
) -> NDArray[np.float32]:
    """By how much cell 0 recognises each pixel better than any other cell does."""
    own, other = np.flatnonzero(queries.cell == 0), np.flatnonzero(queries.cell)
    if not len(other):
        return np.full(len(pixels), _STRONG, np.float32)
    # Votes of one cell fall on few places: search the trees once per place.
    places, inverse = distinct(np.rint(votes[pixels] * resolution).astype(np.int64))
    found = [
        nearest_queries(queries.vote[members], places / resolution, settings)
        for members in (own, other)
    ]
    # Most of a window votes for places that are clearly nearer to other cells.
    mine, others = (distance for *_, distance in found)
    contested = can_win(mine, others, settings) | (mine <= others)
    asked = np.flatnonzero(contested[inverse])
    place, pixel = inverse[asked], pixels[asked]
    vectors, vote = embedding.flatten(1).T[torch.from_numpy(pixel)], votes[pixel]
    best = np.full((2, len(asked)), -np.inf, np.float32)
    for logits, members, (near, close, _) in zip(
        best, (own, other), found, strict=True
    ):
        for use, _, logit in compare(
            vectors, vote, queries, members[near], close, place, same_cell
        ):
            logits[use] = np.maximum(logits[use], logit)
    lead = np.full(len(pixels), -_STRONG, np.float32)
    lead[asked] = np.clip(best[0] - best[1], -_STRONG, _STRONG)
    return lead


def _add_clicks(
    automatic: Queries,
    clicks: NDArray[np.int64],
    positive: NDArray[np.bool_],
    votes: NDArray[np.float32],
    embedding: Tensor,
    same_cell: SameCell,
    settings: DecodeSettings,
) -> Queries:
    """Add the clicks to the queries; cell 0 is the one that was asked for.

    A cell of the automatic result belongs to the positive clicks if they recognise
    one of its queries. Queries that a negative click recognises clearly better are
    taken from them, together with that click. A negative click without such a
    query lies beside the outline: it is no query, but moves the outline later.
    """
    vectors, vote = embedding.flatten(1).T[torch.from_numpy(clicks)], votes[clicks]
    cell, kept = automatic.cell + 2, positive.copy()
    if len(cell):
        apart = vote[:, None] - automatic.vote[None]
        difference = vectors[:, None] - automatic.embedding[None]
        logit = same_cell(
            difference.flatten(0, 1), torch.from_numpy(apart.reshape(-1, 2))
        ).numpy()
        logit = logit.reshape(len(clicks), -1)
        logit[np.linalg.norm(apart, axis=-1) >= settings.reach] = -np.inf
        claim = logit[positive].max(0)
        own = np.isin(automatic.cell, automatic.cell[claim > 0])
        against = logit[~positive] > np.maximum(claim, 0) + _CLEARLY
        against[:, claim.argmax()] = False
        cell[own] = 0
        cell[against.any(0)] = 1
        kept[~positive] = against.any(1)
    return Queries(
        np.concatenate([automatic.place, clicks[kept]]),
        np.concatenate([automatic.vote, vote[kept]]),
        torch.cat([automatic.embedding, vectors[torch.from_numpy(kept)]]),
        np.concatenate([cell, np.where(positive[kept], 0, 1)]),
    )


# -- input -------------------------------------------------------------------


def check_points(
    points: Sequence[Sequence[float]],
    labels: Sequence[int] | None,
    shape: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return points (P, 2) float64 and which of them are inside, (P,) bool.

    Raises ImageError if no point is inside, points and labels do not match, a point
    lies off the image, or one pixel is said to be inside and outside.
    """
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
    if not positive.any():
        raise ImageError("At least one click must be inside of the cell.")
    with np.errstate(invalid="ignore"):
        on_image = (places >= -0.5) & (places < np.asarray(shape) - 0.5)
    if not on_image.all():
        msg = f"A click lies off the image of {shape[0]} x {shape[1]} pixels."
        raise ImageError(msg)
    pixels = [{(y, x) for y, x in np.rint(places[p])} for p in (positive, ~positive)]
    if pixels[0] & pixels[1]:
        raise ImageError(
            "Two clicks contradict each other: one pixel cannot be inside and outside."
        )
    return places, positive
