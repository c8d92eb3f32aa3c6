"""From fields to instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from skimage.measure import label as label_components
from skimage.morphology import h_maxima, remove_small_holes
from skimage.segmentation import relabel_sequential, watershed

from napari_iaunet.model.ops import highest_near
from napari_iaunet.segmentation.masks import one_piece_each
from napari_iaunet.segmentation.measure import disc_area
from napari_iaunet.segmentation.queries import (
    find_peaks,
    join,
    merge_queries,
    smoothed,
    votes_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.inference.fields import DecodeSettings, FieldImage
    from napari_iaunet.segmentation.queries import SameCell

# Smaller holes in the foreground, as a share of a usual cell's area, are filled. They
# are nucleoli and vacuoles; larger ones may be background between cells.
_HOLE = 0.05
# Of the plain decoding: by how much the centre map must fall between two maxima for
# them to be two cells, as `DecodeSettings.saddle`. Long cells break into pieces where
# it is smaller, touching cells stay one where it is larger.
_RIDGE_DEPTH = 0.15


class Instances(NamedTuple):
    """Cells of one plane.

    Attributes
    ----------
    labels : (Y, X) int32
        0 background, 1..N.
    scores : (N,) float32
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]


def tidy(labels: NDArray[np.int32], smallest: float) -> NDArray[np.int32]:
    """Keep the largest connected part of each cell, of `smallest` pixels at least.

    The labels that are returned are consecutive.
    """
    parts, count = label_components(labels, connectivity=1, return_num=True)
    if not count:
        return np.zeros(labels.shape, np.int32)
    where = np.flatnonzero(parts > 0)
    part = parts.ravel()[where]
    area = np.bincount(part, minlength=count + 1)
    owner = np.zeros(count + 1, np.int64)
    owner[part] = labels.ravel()[where]
    largest = np.zeros(int(owner.max()) + 1, np.int64)
    np.maximum.at(largest, owner, area)
    keep = (area == largest[owner]) & (area >= smallest) & (owner > 0)
    # Of two parts of equal size only the first is kept.
    numbers = np.flatnonzero(keep)
    numbers = numbers[np.unique(owner[numbers], return_index=True)[1]]
    kept = np.zeros(count + 1, bool)
    kept[numbers] = True
    return _renumbered(parts, kept)


def _renumbered(labels: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Keep some of the labels 0..N, numbered consecutively; (N + 1,) bool."""
    table, *_ = relabel_sequential(np.where(kept, np.arange(len(kept)), 0))
    renumbered: NDArray[np.int32] = table.astype(np.int32)[labels]
    return renumbered


def flood(
    labels: NDArray[np.int32], centre: NDArray[np.float32], inside: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Give foreground without a label to the cells beside it, down the centre map."""
    missing = inside & (labels == 0)
    # Of the cells only pixels beside missing ones are markers: each costs as much time
    # as a flooded pixel.
    near = missing.copy()
    near[1:] |= missing[:-1]
    near[:-1] |= missing[1:]
    near[:, 1:] |= missing[:, :-1]
    near[:, :-1] |= missing[:, 1:]
    beside = near & (labels > 0)
    flooded = watershed(
        -centre, np.where(beside, labels, 0), mask=missing | beside, connectivity=1
    )
    filled = labels.copy()
    np.copyto(filled, flooded, where=missing)
    return filled


def decode(
    fields: FieldImage,
    same_cell: SameCell,
    diameter: float,
    settings: DecodeSettings,
) -> Instances:
    """Group the foreground into cells.

    Local maxima of the centre map are queries; those that recognise each other
    are one cell; every foreground pixel is compared with the queries nearest to
    where it votes its centre and joins the best. What no cell has claimed clearly
    is flooded from the cells beside it.

    Parameters
    ----------
    same_cell : callable
        ``IAUNet.same_cell_logit``.
    diameter : float
        The network's cell diameter, in pixels.
    """
    inside = _foreground(fields, diameter, settings)
    smooth = smoothed(fields.centre)
    index = find_peaks(smooth, inside, settings.peak)
    empty = Instances(np.zeros(inside.shape, np.int32), np.zeros(0, np.float32))
    if not len(index):
        return empty
    pixels = np.flatnonzero(inside)
    votes = votes_of(fields.offset, diameter, pixels)
    vote = votes[np.searchsorted(pixels, index)]
    queries = merge_queries(
        index, vote, fields.embedding, smooth, inside, same_cell, settings
    )
    joined = join(
        pixels, votes, fields.embedding, queries, same_cell, settings, diameter
    )
    labels = np.zeros(inside.shape, np.int32)
    labels.ravel()[pixels] = np.where(joined.lead > settings.lead, joined.cell + 1, 0)
    cores = tidy(labels, 0)
    flooded = flood(cores, fields.centre.numpy(), inside)
    return _finish(flooded, fields, diameter, settings)


def _foreground(
    fields: FieldImage, diameter: float, settings: DecodeSettings
) -> NDArray[np.bool_]:
    """Pixels of cells (Y, X), small holes filled."""
    inside = fields.foreground.numpy() > settings.foreground
    hole = int(_HOLE * disc_area(diameter))
    filled: NDArray[np.bool_] = remove_small_holes(inside, max_size=hole)
    return filled


def _finish(
    labels: NDArray[np.int32],
    fields: FieldImage,
    diameter: float,
    settings: DecodeSettings,
) -> Instances:
    """Drop what is too small, too far from its cell, or too doubtful to be a cell."""
    tidied = tidy(labels, settings.smallest * disc_area(diameter))
    scores = score_cells(tidied, fields)
    return keep_cells(Instances(tidied, scores), scores >= settings.score)


def score_cells(labels: NDArray[np.int32], fields: FieldImage) -> NDArray[np.float32]:
    """Mean foreground probability of each cell times its highest centre."""
    count = int(labels.max(initial=0))
    where = np.flatnonzero(labels > 0)
    cell = labels.ravel()[where]
    area = np.bincount(cell, minlength=count + 1)[1:]
    total = np.bincount(cell, fields.foreground.numpy().ravel()[where], count + 1)[1:]
    height = np.zeros(count + 1, np.float32)
    np.maximum.at(height, cell, fields.centre.numpy().ravel()[where])
    scores = total / np.maximum(area, 1) * np.sqrt(height[1:])
    return np.clip(scores.astype(np.float32), 0, 1)


def keep_cells(cells: Instances, kept: NDArray[np.bool_]) -> Instances:
    """Keep some of N cells, (N,) bool, and number them consecutively."""
    if kept.all():
        return cells
    labels = _renumbered(cells.labels, np.concatenate([[False], kept]))
    return Instances(labels, cells.scores[kept])


def to_image_size(
    labels: NDArray[np.int32],
    foreground: Tensor,
    shape: tuple[int, int],
    threshold: float,
) -> NDArray[np.int32]:
    """Bring labels from the network's scale to the image's, each in one piece.

    Outlines follow the interpolated foreground, so they are not made of blocks
    where the image is larger, and not too small where it is smaller.
    """
    if labels.shape == shape:
        return labels
    found = torch.from_numpy(labels)
    grown = torch.where(found > 0, found, highest_near(found, 1))
    resized = F.interpolate(grown[None, None].float(), size=shape, mode="nearest-exact")
    smooth = F.interpolate(
        foreground[None, None],
        size=shape,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[0, 0]
    # The interpolated foreground may break where a cell is narrow.
    return one_piece_each(
        np.asarray(torch.where(smooth > threshold, resized[0, 0], 0).int())
    )


def decode_plain(
    fields: FieldImage, diameter: float, settings: DecodeSettings
) -> Instances:
    """Decode a network without identity branch: components, then watershed."""
    inside = _foreground(fields, diameter, settings)
    height = np.where(inside, fields.centre.numpy(), 0)
    # Low saddles along the ridge of a long cell do not make two cells of it.
    peaks = h_maxima(height, _RIDGE_DEPTH).astype(bool) & (height > settings.peak)
    markers = label_components(peaks, connectivity=2)
    labels = watershed(-height, markers, mask=inside)
    return _finish(labels, fields, diameter, settings)
