"""From fields and prompts to one cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import ndimage

from napari_iaunet.errors import ImageError
from napari_iaunet.inference.fields import FieldImage
from napari_iaunet.segmentation.correction import correction, obey
from napari_iaunet.segmentation.framing import Frame, framed
from napari_iaunet.segmentation.prompts import Hints
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
# Pixels of a stroke that are nearer than this, in diameters, say the same.
_SPACING = 0.1
# Boxes are not drawn more exactly than this, in pixels of the image.
_SLACK = 1.0

_NOTHING_LEFT = "Nothing is left of the cell: all of it was said to be background."


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

    @property
    def factor(self) -> NDArray[np.float64]:
        """Pixels of the fields by pixel of the image, (2,)."""
        return np.asarray(self.fields.foreground.shape) / self.shape

    def to_network(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P, 2) pixels of the image -> (P, 2) pixels of the fields."""
        size = np.asarray(self.fields.foreground.shape)
        scaled = (points + 0.5) * self.factor - 0.5
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


def segment_prompts(
    image: EncodedImage,
    hints: Hints,
    same_cell: SameCell,
    diameter: float,
    settings: DecodeSettings,
) -> ClickedCell:
    """Return the cell that the prompts show.

    It holds the positive points and no negative one, and lies in the region. Only the
    neighbourhood of the prompts is decoded, by the steps of `decode`.

    Parameters
    ----------
    hints : Hints
        In pixels of the image.
    same_cell, diameter
        As for `decode`.
    """
    reach = _REACH * diameter
    centre = image.to_network(hints.places)
    points = image.to_network(hints.points)
    used = hints.spaced(points, _SPACING * diameter)
    slack = _SLACK * image.factor
    while True:
        fields, corner = _cut(image.fields, centre, reach)
        region = hints.region and hints.region.seen(image.factor, corner)
        local = Hints(points - corner, hints.positive, hints.drawn, region)
        mask = _decode_window(fields, local, used, slack, same_cell, diameter, settings)
        if reach >= _WIDEST * diameter or not _leaves(mask, corner, image.fields):
            break
        reach *= 2
    return _to_image(image, corner, mask, hints)


def _to_image(
    image: EncodedImage,
    corner: NDArray[np.int64],
    mask: NDArray[np.bool_],
    hints: Hints,
) -> ClickedCell:
    """Bring a window's mask to the image's scale, as small as possible."""
    if not mask.any():
        raise ImageError(_NOTHING_LEFT)
    factor = image.factor
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    low = corner + np.array([rows[0], columns[0]])
    high = corner + np.array([rows[-1], columns[-1]]) + 1
    first = np.clip(np.floor((low - 1) / factor), 0, None).astype(int)
    last = np.minimum(np.ceil((high + 1) / factor), image.shape).astype(int)
    places = [
        (np.arange(a, b) + 0.5) * f - 0.5 - c
        for a, b, f, c in zip(first, last, factor, corner, strict=True)
    ]
    rows, columns = (place.astype(int) for place in places)
    native = (
        mask[np.ix_(rows, columns)] if (factor == 1).all() else _sample(mask, places)
    )
    local = hints.points - first
    on_it = ((local > -0.5) & (local < np.asarray(native.shape) - 0.5)).all(1)
    obeyed = _obey_all(
        native,
        Hints(
            local[on_it],
            hints.positive[on_it],
            hints.drawn[on_it],
            hints.region and hints.region.seen(np.ones(2), first),
        ),
    )
    if not obeyed.any():
        raise ImageError(_NOTHING_LEFT)
    return ClickedCell((int(first[0]), int(first[1])), obeyed)


def _obey_all(mask: NDArray[np.bool_], hints: Hints) -> NDArray[np.bool_]:
    """Change a mask (Y, X) so that points and region are obeyed to the pixel.

    A point inside of the cell but outside of the region wins over the region.
    """
    points, positive, drawn, region = hints
    if region is None:
        return obey(mask, points, positive, drawn)
    held = region.mask(mask.shape)
    clipped = mask & held
    if not clipped.any():  # smaller than a pixel of the fields
        clipped = held & (region.remoteness(held) <= 1)
    obeyed = obey(clipped if clipped.any() else held, points, positive, drawn)
    pixels = tuple(np.rint(points[positive]).astype(int).T)
    return obeyed & held if held[pixels].all() else obeyed


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


def _decode_window(
    fields: FieldImage,
    hints: Hints,
    used: NDArray[np.int64],
    slack: NDArray[np.float64],
    same_cell: SameCell,
    diameter: float,
    settings: DecodeSettings,
) -> NDArray[np.bool_]:
    """Decode a window with the pixels of some points as further queries."""
    shape = fields.foreground.shape
    points, positive = hints.points[used], hints.positive[used]
    frame = None if hints.region is None else Frame(hints.region, shape, slack)
    clicks = np.ravel_multi_index(tuple(np.rint(points).astype(np.int64).T), shape)
    inside = fields.foreground.numpy() > settings.foreground
    smooth, embedding = smoothed(fields.centre), fields.embedding
    peaks = np.setdiff1d(find_peaks(smooth, inside, settings.peak), clicks)
    votes = votes_of(fields.offset, diameter, np.arange(inside.size))
    queries = merge_queries(
        peaks, votes[peaks], embedding, smooth, inside, same_cell, settings
    )
    meant, asked, yes = np.zeros(len(peaks), bool), clicks, positive
    if frame is not None:
        meant = framed(
            queries, frame, inside, votes, embedding, same_cell, settings, diameter
        )
        if not meant.any() and not positive.any():  # as if its middle were clicked
            asked, yes = np.append(clicks, frame.middle), np.append(positive, True)
    queries = _add_clicks(
        queries, meant, asked, yes, votes, embedding, same_cell, settings
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
    if frame is not None:
        height = frame.fill(height, -_STRONG)
        if not positive.any():  # clicks outside of the cell are to leave some of it
            held = _deepest(height > 0, clicks)
            points, positive = np.vstack([points, held]), np.append(positive, True)
    height += correction(height, points, positive, _SPREAD * diameter)
    return obey(height > 0, points, positive)


def _deepest(mask: NDArray[np.bool_], but_not: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pixel (y, x) deepest in a mask and farthest from flat indices."""
    kept = np.pad(mask, 1)
    kept[1:-1, 1:-1].flat[but_not] = False
    depth = ndimage.distance_transform_edt(kept)[1:-1, 1:-1]
    return np.array(np.unravel_index(int(depth.argmax()), mask.shape))


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
    meant: NDArray[np.bool_],
    clicks: NDArray[np.int64],
    positive: NDArray[np.bool_],
    votes: NDArray[np.float32],
    embedding: Tensor,
    same_cell: SameCell,
    settings: DecodeSettings,
) -> Queries:
    """Add the clicks to the queries; cell 0 is the one that was asked for.

    Those of the automatic result that are meant, (Q,) bool, belong to it. A cell of the
    automatic result belongs to the positive clicks if they recognise one of its
    queries. Queries that a negative click recognises clearly better are taken from
    them, together with that click. A negative click without such a query lies beside
    the outline: it is no query, but moves the outline later.
    """
    vectors, vote = embedding.flatten(1).T[torch.from_numpy(clicks)], votes[clicks]
    cell, kept = automatic.cell + 2, positive.copy()
    if len(cell):
        apart = vote[:, None] - automatic.vote[None]
        difference = vectors[:, None] - automatic.embedding[None]
        logit = same_cell(
            difference.flatten(0, 1), torch.from_numpy(apart.reshape(-1, 2))
        ).numpy()
        logit = logit.reshape(len(clicks), len(cell))
        logit[np.linalg.norm(apart, axis=-1) >= settings.reach] = -np.inf
        claim = logit[positive].max(0, initial=-np.inf)
        own = np.isin(automatic.cell, automatic.cell[claim > 0]) | meant
        against = logit[~positive] > np.maximum(claim, 0) + _CLEARLY
        surest = claim
        if not positive.any():  # one of those that are meant stays
            opposed = logit.max(0, initial=-np.inf)
            surest = np.where(meant, -opposed, -np.inf)
        against[:, surest.argmax()] = False
        cell[own] = 0
        cell[against.any(0)] = 1
        kept[~positive] = against.any(1)
    return Queries(
        np.concatenate([automatic.place, clicks[kept]]),
        np.concatenate([automatic.vote, vote[kept]]),
        torch.cat([automatic.embedding, vectors[torch.from_numpy(kept)]]),
        np.concatenate([cell, np.where(positive[kept], 0, 1)]),
    )
