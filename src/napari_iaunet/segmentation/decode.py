"""From fields to instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from skimage.measure import label as label_components
from skimage.morphology import remove_small_holes

from napari_iaunet.model.ops import highest_near
from napari_iaunet.segmentation.queries import (
    find_peaks,
    join,
    merge_queries,
    votes_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.inference.fields import DecodeSettings, FieldImage
    from napari_iaunet.segmentation.queries import SameCell


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
    """Keep the largest connected part of each cell; drop cells that are too small.

    Parameters
    ----------
    labels : (Y, X) int32
    smallest : float
        Least area, in pixels.

    Returns
    -------
    (Y, X) int32, consecutive.
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
    table = np.zeros(count + 1, np.int32)
    table[np.sort(numbers)] = np.arange(1, len(numbers) + 1)
    tidied: NDArray[np.int32] = table[parts]
    return tidied


def flood(
    labels: NDArray[np.int32], centre: NDArray[np.float32], inside: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Give foreground without a label to the cells beside it, down the centre map.

    Parameters
    ----------
    labels : (Y, X) int32
        0 where there is no cell, or none yet.
    centre : (Y, X) float32
    inside : (Y, X) bool
        Foreground.

    Returns
    -------
    (Y, X) int32
    """
    from skimage.segmentation import watershed

    missing = inside & (labels == 0)
    # Only the shores matter: a marker costs as much time as a flooded pixel.
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
    fields : FieldImage
        Of size (Y, X).
    same_cell : callable
        ``IAUNet.same_cell_logit``.
    diameter : float
        The network's cell diameter, in pixels.
    settings : DecodeSettings
    """
    typical = np.pi / 4 * diameter**2
    inside = fields.foreground.numpy() > settings.foreground
    inside = remove_small_holes(inside, max_size=int(0.05 * typical))
    index = find_peaks(fields.centre, inside, settings.peak)
    empty = Instances(np.zeros(inside.shape, np.int32), np.zeros(0, np.float32))
    if not len(index):
        return empty
    pixels = np.flatnonzero(inside)
    votes = votes_of(fields.offset, diameter, pixels)
    vote = votes[np.searchsorted(pixels, index)]
    queries = merge_queries(index, vote, fields, inside, same_cell, settings)
    joined = join(
        pixels, votes, fields.embedding, queries, same_cell, settings, diameter
    )
    labels = np.zeros(inside.shape, np.int32)
    labels.ravel()[pixels] = np.where(joined.lead > settings.lead, joined.cell + 1, 0)
    cores = tidy(labels, 0)
    flooded = flood(cores, fields.centre.numpy(), inside)
    tidied = tidy(flooded, settings.smallest * typical)
    return drop_doubtful(tidied, score_cells(tidied, fields), settings.score)


def score_cells(labels: NDArray[np.int32], fields: FieldImage) -> NDArray[np.float32]:
    """Mean foreground probability of each cell times its highest centre."""
    count = int(labels.max(initial=0))
    where = np.flatnonzero(labels > 0)
    cell = labels.ravel()[where]
    area = np.bincount(cell, minlength=count + 1)[1:]
    total = np.bincount(cell, fields.foreground.numpy().ravel()[where], count + 1)[1:]
    height = np.zeros(count + 1, np.float32)
    np.maximum.at(height, cell, fields.centre.numpy().ravel()[where])
    scores: NDArray[np.float32] = (
        total / np.maximum(area, 1) * np.sqrt(height[1:])
    ).astype(np.float32)
    return np.clip(scores, 0, 1)


def drop_doubtful(
    labels: NDArray[np.int32], scores: NDArray[np.float32], least: float
) -> Instances:
    """Drop cells whose score is too low and number the others consecutively."""
    keep = scores >= least
    if keep.all():
        return Instances(labels, scores)
    table = np.zeros(len(scores) + 1, np.int32)
    table[1:][keep] = np.arange(1, int(keep.sum()) + 1)
    return Instances(table[labels], scores[keep])


def to_image_size(
    labels: NDArray[np.int32],
    foreground: Tensor,
    shape: tuple[int, int],
    threshold: float,
) -> NDArray[np.int32]:
    """Bring labels from the network's scale to the image's.

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
    out: NDArray[np.int32] = (
        torch.where(smooth > threshold, resized[0, 0], 0).int().numpy()
    )
    return out


def decode_plain(
    fields: FieldImage, diameter: float, settings: DecodeSettings
) -> Instances:
    """Decode a network without identity branch: components, then watershed.

    Parameters
    ----------
    fields : FieldImage
    diameter : float
        The network's cell diameter, in pixels.
    settings : DecodeSettings
    """
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    typical = np.pi / 4 * diameter**2
    inside = fields.foreground.numpy() > settings.foreground
    inside = remove_small_holes(inside, max_size=int(0.05 * typical))
    height = np.where(inside, fields.centre.numpy(), 0)
    # Low saddles along the ridge of a long cell do not make two cells of it.
    peaks = h_maxima(height, _RIDGE_DEPTH).astype(bool) & (height > settings.peak)
    markers = label_components(peaks, connectivity=2)
    labels = watershed(-height, markers, mask=inside)
    tidied = tidy(labels, settings.smallest * typical)
    return drop_doubtful(tidied, score_cells(tidied, fields), settings.score)
