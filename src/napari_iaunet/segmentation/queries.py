"""Queries: the pixels that stand for cells, and which pixels they recognise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from napari_iaunet.model.ops import highest_near
from napari_iaunet.segmentation.basins import merge_basins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.inference.fields import DecodeSettings

    SameCell = Callable[[Tensor, Tensor], Tensor]


# A query is compared with a pixel only if the pixel's vote is no farther from it than
# this, in diameters, plus so many times the distance to the nearest query. Larger
# values cost time; much smaller ones change labels where neighbours' votes mix.
_AHEAD = 0.5
_TIMES = 3.0
# For fewer places than this, starting threads takes longer than looking them up.
_FEW_PLACES = 10_000
# How far off the plane votes may lie, in diameters: a cell that is cut by the border
# has its centre within one; the rest keeps a bad network's votes out of endless
# searches.
_OFF = 3.0
# Stands for infinite logits: far beyond any other, and the difference of two is finite.
_EXTREME = 1e30


class Queries(NamedTuple):
    """Pixels that stand for cells.

    Attributes
    ----------
    place : (Q,) int64
        Index into the flattened plane.
    vote : (Q, 2) float32
        Where each places its cell's centre, in diameters.
    embedding : Tensor, (Q, E)
    cell : (Q,) int64
        Queries of one cell share the number.
    """

    place: NDArray[np.int64]
    vote: NDArray[np.float32]
    embedding: Tensor
    cell: NDArray[np.int64]


def find_peaks(
    smooth: Tensor, inside: NDArray[np.bool_], height: float
) -> NDArray[np.int64]:
    """Flat indices of the local maxima of the smoothed centre map above a height."""
    peak = ((smooth == highest_near(smooth, 2)) & (smooth > height)).numpy() & inside
    flat = np.flatnonzero(peak)
    # A plateau is one peak: that of its first pixel.
    places = np.stack(np.divmod(flat, peak.shape[1]), 1)
    pairs = cKDTree(places).query_pairs(1, p=np.inf, output_type="ndarray")
    plateau = groups(pairs, len(flat))
    peaks: NDArray[np.int64] = flat[np.unique(plateau, return_index=True)[1]]
    return peaks


def groups(pairs: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Group what is paired, directly or through others.

    Of pairs (P, 2) of items 0..count - 1, returns the group of each item, (count,);
    groups are numbered in the order of their first members.
    """
    graph = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(count, count))
    group = connected_components(graph, directed=False)[1]
    return np.asarray(group, np.int64)


def votes_of(
    offset: Tensor, diameter: float, pixels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Where pixels place their cells' centres, in diameters.

    Never far off the plane, even if the network's training went wrong.

    Parameters
    ----------
    offset : Tensor, (2, Y, X)
    diameter : float
        The network's cell diameter, in pixels.
    pixels : (P,) int64
        Indices into the flattened plane; the result is (P, 2) float32.
    """
    height, width = offset.shape[1:]
    votes = offset.flatten(1).T[torch.from_numpy(pixels)].numpy()
    for axis, place in enumerate(np.divmod(pixels, width)):
        votes[:, axis] += place.astype(np.float32) / np.float32(diameter)
    np.nan_to_num(votes, copy=False)
    np.clip(
        votes, -_OFF, [height / diameter + _OFF, width / diameter + _OFF], out=votes
    )
    return votes


def merge_queries(
    index: NDArray[np.int64],
    vote: NDArray[np.float32],
    embedding: Tensor,
    smooth: Tensor,
    inside: NDArray[np.bool_],
    same_cell: SameCell,
    settings: DecodeSettings,
) -> Queries:
    """Make queries of pixels and find those that belong to one cell.

    Two are one cell if they recognise each other, or if the centre map hardly
    falls on the best way from one to the other.

    Parameters
    ----------
    index : (Q,) int64
        Into the flattened plane.
    vote : (Q, 2) float32
        Of these pixels, as of `votes_of`.
    embedding : Tensor, (E, Y, X)
    smooth : Tensor, (Y, X)
        The centre map, as of `smoothed`.
    inside : (Y, X) bool
        Foreground; holds the pixels.
    """
    vectors = embedding.flatten(1).T[torch.from_numpy(index)]
    pairs = cKDTree(vote).query_pairs(settings.reach, output_type="ndarray")
    logit = same_cell(
        vectors[pairs[:, 0]] - vectors[pairs[:, 1]],
        torch.from_numpy(vote[pairs[:, 0]] - vote[pairs[:, 1]]),
    )
    one = torch.sigmoid(logit).numpy() > settings.merge
    heights = smooth.numpy()
    # A way that leads lower than this is too deep between any two peaks.
    high = inside & (heights > settings.peak - settings.saddle)
    basin = merge_basins(heights, high, index, settings.saddle)
    _, first, member = np.unique(basin, return_index=True, return_inverse=True)
    beside = np.stack([np.arange(len(index)), first[member]], 1)
    pairs = np.concatenate([pairs[one], beside])
    return Queries(index, vote, vectors, groups(pairs, len(index)))


def smoothed(centre: Tensor) -> Tensor:
    """Mean over 3 x 3 pixels of a map (Y, X), at the border over those that exist."""
    # Sums of shifted views: torch's pooling of a single channel is ten times slower.
    padded = F.pad(centre, (1, 1, 1, 1))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    height, width = (torch.full((n,), 3.0) for n in centre.shape)
    for count in (height, width):
        count[0] -= 1
        count[-1] -= 1
    return total / height[:, None] / width


class Joined(NamedTuple):
    """Which cell each pixel joined.

    Attributes
    ----------
    cell : (P,) int64
    lead : (P,) float32
        By how much that cell's best query recognises the pixel better than any
        other cell's, in units of the logit; infinite without a rival.
    """

    cell: NDArray[np.int64]
    lead: NDArray[np.float32]


def join(
    pixels: NDArray[np.int64],
    votes: NDArray[np.float32],
    embedding: Tensor,
    queries: Queries,
    same_cell: SameCell,
    settings: DecodeSettings,
    resolution: float,
) -> Joined:
    """Cell of each pixel: that of the nearby query which recognises it best."""
    # Votes of one cell fall on few places: search the tree once per place.
    places, inverse = distinct(np.rint(votes * resolution).astype(np.int64))
    near, close, _ = nearest_queries(queries.vote, places / resolution, settings)
    cell = queries.cell[near]
    rival = (cell != cell[:, :1]) & close
    contested = np.flatnonzero(rival.any(1)[inverse])
    result = Joined(cell[inverse, 0], np.full(len(pixels), np.inf, np.float32))
    if not len(contested):
        return result
    vectors = embedding.flatten(1).T[torch.from_numpy(pixels[contested])]
    best, second = np.full((2, len(contested)), -np.inf, np.float32)
    chosen = np.full(len(contested), -1, np.int64)
    place, vote = inverse[contested], votes[contested]
    for use, query, logit in compare(
        vectors, vote, queries, near, close, place, same_cell
    ):
        own = queries.cell[query]
        same, better = own == chosen[use], logit > best[use]
        passed = np.where(better, best[use], logit)
        second[use] = np.where(same, second[use], np.maximum(second[use], passed))
        best[use] = np.maximum(best[use], logit)
        chosen[use] = np.where(better, own, chosen[use])
    result.cell[contested], result.lead[contested] = chosen, best - second
    return result


def compare(
    vectors: Tensor,
    votes: NDArray[np.float32],
    queries: Queries,
    near: NDArray[np.int64],
    close: NDArray[np.bool_],
    place: NDArray[np.int64],
    same_cell: SameCell,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Compare pixels with the queries near them, first the nearest, then the next.

    ``near`` and ``close`` are as of `nearest_queries`; pixel i is at ``place[i]``.
    Yields which pixels were compared, with which queries, and the logits.
    """
    for k in range(near.shape[1]):
        use = np.flatnonzero(close[place, k])
        query = near[place[use], k]
        logit = same_cell(
            vectors[use] - queries.embedding[query],
            torch.from_numpy(votes[use] - queries.vote[query]),
        )
        # Of a network whose training went wrong, a logit may be no number.
        logit = logit.nan_to_num(-_EXTREME, _EXTREME, -_EXTREME)
        yield use, query, logit.numpy()


def nearest_queries(
    votes: NDArray[np.float32], places: NDArray[np.float64], settings: DecodeSettings
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
    """Find the queries nearest to each place, K of them at most.

    Parameters
    ----------
    votes : (Q, 2) float32
        Of the queries, in diameters; one at least.
    places : (P, 2) float
        In diameters.

    Returns
    -------
    near : (P, K) int64
        Numbers of queries, the nearest first.
    close : (P, K) bool
        Whether the query is worth a comparison; the nearest always is.
    distance : (P,) float64
        To the nearest query, in diameters.
    """
    count = min(settings.nearest, len(votes))
    workers = torch.get_num_threads() if len(places) > _FEW_PLACES else 1
    distance, near = cKDTree(votes).query(places, k=count, workers=workers)
    distance, near = distance.reshape(-1, count), near.reshape(-1, count)
    close = can_win(distance, distance[:, :1], settings)
    close[:, 0] = True
    return near, close, distance[:, 0]


def can_win(
    distance: NDArray[np.float64],
    nearest: NDArray[np.float64],
    settings: DecodeSettings,
) -> NDArray[np.bool_]:
    """Whether queries so far away can win a place; distances are in diameters."""
    farthest = np.minimum(settings.reach, _AHEAD + _TIMES * nearest)
    return np.asarray(distance < farthest)


def distinct(
    places: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct rows of (P, 2) places, and where each place is among them.

    What `numpy.unique` does, without sorting: places lie close together.
    """
    # Column by column: along the rows numpy takes ten times as long.
    low = np.array([column.min(initial=0) for column in places.T])
    size = np.array([column.max(initial=0) for column in places.T]) - low + 1
    key = (places[:, 0] - low[0]) * size[1] + (places[:, 1] - low[1])
    present = np.zeros(int(size.prod()), bool)
    present[key] = True
    distinct = np.flatnonzero(present)
    number = np.empty(len(present), np.int32)
    number[distinct] = np.arange(len(distinct), dtype=np.int32)
    return np.stack(np.divmod(distinct, size[1]), axis=1) + low, number[key]
