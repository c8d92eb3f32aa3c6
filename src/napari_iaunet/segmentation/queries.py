"""Queries: the pixels that stand for cells, and which pixels they recognise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from skimage.measure import label as label_components

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.segmentation.decode import DecodeSettings

    SameCell = Callable[[Tensor, Tensor], Tensor]


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
    centre: Tensor, inside: NDArray[np.bool_], height: float
) -> NDArray[np.int64]:
    """Flat indices of the local maxima of the slightly smoothed centre map."""
    value = centre[None, None]
    smooth = F.avg_pool2d(value, 3, 1, 1, count_include_pad=False)
    highest = F.max_pool2d(smooth, 5, 1, 2)
    peak = ((smooth == highest) & (smooth > height))[0, 0].numpy() & inside
    # A plateau is one peak.
    plateaus, count = label_components(peak, connectivity=2, return_num=True)
    flat = np.flatnonzero(plateaus)
    first = np.full(count + 1, -1)
    first[plateaus.ravel()[flat][::-1]] = flat[::-1]
    peaks: NDArray[np.int64] = first[1:]
    return peaks


def votes_of(offset: Tensor, diameter: float) -> NDArray[np.float32]:
    """Where each pixel places its cell's centre: (Y * X, 2), in diameters."""
    height, width = offset.shape[1:]
    votes = offset.permute(1, 2, 0).contiguous().numpy().copy()
    votes[..., 0] += (np.arange(height, dtype=np.float32) / diameter)[:, None]
    votes[..., 1] += (np.arange(width, dtype=np.float32) / diameter)[None]
    flat: NDArray[np.float32] = votes.reshape(-1, 2)
    return flat


def merge_queries(
    index: NDArray[np.int64],
    votes: NDArray[np.float32],
    embedding: Tensor,
    same_cell: SameCell,
    settings: DecodeSettings,
) -> Queries:
    """Make queries of pixels; those that recognise each other are one cell."""
    vote, vectors = votes[index], embedding.flatten(1).T[torch.from_numpy(index)]
    pairs = cKDTree(vote).query_pairs(settings.reach, output_type="ndarray")
    logit = same_cell(
        vectors[pairs[:, 0]] - vectors[pairs[:, 1]],
        torch.from_numpy(vote[pairs[:, 0]] - vote[pairs[:, 1]]),
    )
    pairs = pairs[torch.sigmoid(logit).numpy() > settings.merge]
    graph = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(len(index),) * 2)
    cell = connected_components(graph, directed=False)[1].astype(np.int64)
    return Queries(index, vote, vectors, cell)


def join(
    pixels: NDArray[np.int64],
    votes: NDArray[np.float32],
    embedding: Tensor,
    queries: Queries,
    same_cell: SameCell,
    settings: DecodeSettings,
    resolution: float,
) -> NDArray[np.int64]:
    """Cell of each pixel: that of the nearby query which recognises it best."""
    # Votes of one cell fall on few places: search the tree once per place.
    places, inverse = np.unique(
        np.rint(votes[pixels] * resolution).astype(np.int32).view(np.int64)[:, 0],
        return_inverse=True,
    )
    points = places.view(np.int32).reshape(-1, 2) / resolution
    count = min(settings.nearest, len(queries.place))
    distance, near = cKDTree(queries.vote).query(points, k=count)
    distance, near = distance.reshape(-1, count), near.reshape(-1, count)
    cell = queries.cell[near]
    rival = (cell != cell[:, :1]) & (distance < settings.reach)
    contested = np.flatnonzero(rival.any(1)[inverse])
    result: NDArray[np.int64] = cell[inverse, 0]
    if not len(contested):
        return result
    flat = embedding.flatten(1).T
    best = np.full(len(contested), -np.inf, np.float32)
    place, pixel = inverse[contested], pixels[contested]
    vectors, vote = flat[torch.from_numpy(pixel)], votes[pixel]
    for k in range(count):
        use = np.flatnonzero((distance[place, k] < settings.reach) | (k == 0))
        query = near[place[use], k]
        logit = same_cell(
            vectors[use] - queries.embedding[query],
            torch.from_numpy(vote[use] - queries.vote[query]),
        ).numpy()
        better = logit > best[use]
        best[use[better]] = logit[better]
        result[contested[use[better]]] = queries.cell[query[better]]
    return result
