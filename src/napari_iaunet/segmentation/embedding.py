"""An image and any labels on it -> one embedding per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_iaunet.errors import ImageError, ModelError
from napari_iaunet.identity.descriptor import cell_pixels
from napari_iaunet.inference.progress import PlaneProgress
from napari_iaunet.inference.resizing import ResizedLabels, ResizedPlane
from napari_iaunet.segmentation.measure import median_diameter, row_image
from napari_iaunet.segmentation.scale import scale_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.inference.backend import Backend
    from napari_iaunet.segmentation.image import Planes


class LabelPlanes:
    """Labels of an image or of a stack, plane by plane.

    Parameters
    ----------
    labels : array_like
        Of the image's shape without channels; dask arrays are read by planes.
    planes : Planes
        Of the image.

    Attributes
    ----------
    label_ids : (N,) int64
        All labels above 0, sorted.
    diameter : float or None
        Median over the cells of all planes, in pixels; None without cells.
    cells : list of two arrays (n,) int
        Of each plane: its sorted labels, and the area of each in pixels.
    with_cells : list of int
        The planes that have cells.

    Raises
    ------
    ImageError
        If the shapes differ or the labels are no whole numbers.
    """

    def __init__(self, labels: Any, planes: Planes) -> None:
        if not hasattr(labels, "dtype") or not hasattr(labels, "shape"):
            labels = np.asarray(labels)
        expected = (*planes.shape, *planes.plane_shape)
        if tuple(labels.shape) != expected:
            raise ImageError(
                f"Image and labels differ in size: {expected} and "
                f"{tuple(labels.shape)} pixels."
            )
        if labels.dtype.kind not in "iu":
            raise ImageError("The labels must be whole numbers, one number per cell.")
        self._labels, self._planes = labels, planes
        self.cells = [
            np.unique(plane[plane > 0], return_counts=True)
            for plane in map(self.__getitem__, range(len(planes)))
        ]
        label_ids, areas = (np.concatenate(c) for c in zip(*self.cells, strict=True))
        self.label_ids = np.unique(label_ids).astype(np.int64)
        self.with_cells = [i for i, (ids, _) in enumerate(self.cells) if ids.size]
        self.diameter = median_diameter(areas)

    def __getitem__(self, i: int) -> NDArray[np.integer[Any]]:
        """Labels of a plane, (Y, X); those below 0 are background, too."""
        labels = np.asarray(self._labels[self._planes.position(i)])
        return np.maximum(labels, 0) if labels.dtype.kind == "i" else labels


def embed_cells(
    backend: Backend,
    planes: Planes,
    labels: LabelPlanes,
    diameter: float | None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Describe every cell by a unit vector.

    A label in several planes gets the mean over these, weighted by area.

    Returns (N, D) float32; row i belongs to ``labels.label_ids[i]``. The diameter is
    in pixels; without it, that of the labels is taken.
    """
    network = backend.network
    if not bool(network.descriptor_basis.any()):
        raise ModelError(
            "This model cannot tell which cells look alike: it was never trained to "
            "the end. Train it once more."
        )
    label_ids = labels.label_ids
    total = torch.zeros(len(label_ids), network.descriptor_basis.shape[1])
    known = backend.config.diameter
    steps = PlaneProgress(progress, len(planes))
    for index in range(len(planes)):
        steps.plane = index
        steps(0, 1)
        present, area = labels.cells[index]
        if not present.size:
            continue
        plane = _at_scale(planes[index], diameter or labels.diameter, known)
        pixels = cell_pixels(labels[index], present, plane.shape[1:])
        pooled = backend.describe(plane, pixels, len(present), steps)
        vectors = network.describe(pooled.to(network.descriptor_mean.device)).cpu()
        rows = torch.from_numpy(np.searchsorted(label_ids, present.astype(np.int64)))
        total.index_add_(0, rows, vectors * torch.from_numpy(area)[:, None])
    steps(1, 1)
    unit: NDArray[np.float32] = torch.nn.functional.normalize(total, dim=1).numpy()
    return unit


def identify_cells(
    backend: Backend,
    planes: Planes,
    labels: LabelPlanes,
    diameter: float | None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Project every cell to a unit vector by which individuals are told apart.

    Unlike `embed_cells`, this is the projection that the cell triplets train: two
    views of one cell are alike, and a cell is unlike its look-alikes. Of a label in
    several planes, the last one counts.
    """
    if not backend.config.identity:
        raise ModelError("This model has no identity branch: it cannot follow cells.")
    found = np.zeros((len(labels.label_ids), backend.config.projection), np.float32)
    known = backend.config.diameter
    for index in range(len(planes)):
        present, _ = labels.cells[index]
        if present.size:
            plane = _at_scale(planes[index], diameter or labels.diameter, known)
            rows = np.searchsorted(labels.label_ids, present.astype(np.int64))
            cells = ResizedLabels(row_image(labels[index], present), plane.shape[1:])
            found[rows] = backend.identify(plane, cells, len(present)).numpy()
        if progress:
            progress(index + 1, len(planes))
    return found


def _at_scale(
    plane: NDArray[np.float32], diameter: float | None, known: float
) -> ResizedPlane:
    return ResizedPlane(plane, scale_for(diameter or known, known, plane.shape))
