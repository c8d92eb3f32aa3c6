"""What lies between painted cells: a teacher fills in what the painter left open.

A network that learns from painted cells alone sees no background and no neighbours, and
takes everything for a cell. What a model that finds the painted cells says of the rest,
where it is sure, is the missing half (self-training: Yarowsky, ACL 1995; with an
averaged network as teacher: Tarvainen and Valpola, NeurIPS 2017).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_iaunet.evaluation import overlaps
from napari_iaunet.training.dataset import geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iaunet.segmentation.decode import Instances
    from napari_iaunet.training.dataset import AnnotatedImage

# Around a painted cell lies an edge: so much of a diameter is taken for background.
_RING = 0.08
# A teacher that finds this share of the painted cells (at IoU 0.5) is believed.
_BELIEVED = 0.5
# Of its cells, those of such a score; less sure ones stay unknown.
_SURE = 0.5
# A found cell that lies on known pixels by more than this share is no other cell.
_ON_KNOWN = 0.2


def is_sparse(source: AnnotatedImage) -> bool:
    """Whether it is unknown of some pixels what they are."""
    return source.known is not None and not bool(source.known.all())


def share_found(painted: NDArray[np.int32], found: NDArray[np.int32]) -> float:
    """Share of the painted cells that are found at an IoU of 0.5 or more."""
    count = int(painted.max(initial=0))
    pairs = overlaps(painted, found)
    return len(np.unique(pairs.true[pairs.iou >= 0.5])) / max(count, 1)


def fill(
    source: AnnotatedImage, diameter: float, found: Instances | None
) -> AnnotatedImage:
    """Make more of a sparsely painted image known.

    Parameters
    ----------
    source : AnnotatedImage
        As it was painted.
    diameter : float
        Of its cells, in pixels of ``source.image``.
    found : Instances or None
        What a teacher finds in it, (Y, X); None: there is no teacher yet.

    Returns
    -------
    AnnotatedImage
        Painted cells and what was known of other places stay as they are. A thin ring
        around painted cells is background. Where the teacher is believed, its sure
        cells are cells, and where it finds none is background.
    """
    assert source.known is not None
    painted, known = source.labels, source.known
    around = ndimage.distance_transform_edt(painted == 0)
    ring = ~known & (around <= max(1.0, _RING * diameter))
    if found is None or share_found(painted, found.labels) < _BELIEVED:
        return replace(source, known=known | ring)
    theirs = found.labels
    area = np.bincount(theirs.ravel(), minlength=len(found.scores) + 1)
    on_known = np.bincount(theirs[known], minlength=len(area)) / np.maximum(area, 1)
    sure = np.concatenate([[False], found.scores >= _SURE]) & (on_known <= _ON_KNOWN)
    new = sure[theirs] & ~known
    numbers = np.cumsum(sure) + int(painted.max(initial=0))
    labels = np.where(new, numbers[theirs], painted).astype(np.int32)
    distance, centres, radii = geometry(labels)
    return replace(
        source,
        labels=labels,
        edge_distance=distance,
        centres=centres,
        radii=radii,
        known=known | new | (~known & (theirs == 0)),
    )
