"""Places of cells on a map: cells that look alike lie close to each other.

The leading principal axes are there at once. UMAP, and groups of cells that lie close
together, come from packages that are installed only on request; both run in a process
of their own (`layout_task`), which ends at once when the user cancels.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError, InstallationError
from napari_iaunet.identity.axes import leading_axes
from napari_iaunet.identity.layout_task import GROUPS, UMAP, run_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Progress = Callable[[int, int], None]

AXES = "axes"
# What comes after the first axes of the embedding is mostly noise, and slow.
_AXES_OF_UMAP, _AXES_OF_GROUPS = 50, 10
# UMAP looks for neighbours of every cell, so it needs some.
_FEWEST = 5
_PACKAGES = {UMAP: "umap-learn", GROUPS: "scikit-learn"}
_MISSING = (
    "{} need{} the package {}, which is not installed. This installs it: "
    "python -m pip install 'napari-iaunet[umap]'"
)


class Layout(NamedTuple):
    """Where cells are on a map.

    Attributes
    ----------
    places : (N, 2) float32
        Along the axis to the right, and along that upwards.
    names : (str, str)
        Of both axes.
    """

    places: NDArray[np.float32]
    names: tuple[str, str]


def missing_package(what: str) -> str:
    """Return how to install what `UMAP` or `GROUPS` needs; "" if it is there."""
    package = _PACKAGES[what]
    try:
        distribution(package)
    except PackageNotFoundError:
        named = ("UMAP", "s") if what == UMAP else ("Groups", "")
        return _MISSING.format(*named, package)
    return ""


def axes_layout(vectors: NDArray[Any]) -> Layout:
    """Lay cells out by the two axes along which their vectors (N, D) differ most.

    Names of the axes say how much of all differences they hold.
    """
    vectors = np.asarray(vectors, np.float32)
    places = np.zeros((len(vectors), 2), np.float32)
    found = leading_axes(vectors, 2)
    places[:, : found.shape[1]] = found
    # All variance, without another copy of the vectors.
    total = float(vectors.var(axis=0, dtype=np.float64).sum()) if len(vectors) else 0.0
    shares = [
        100 * float(axis.var()) / total if total > 0 and axis.size else 0.0
        for axis in places.T.astype(np.float64)
    ]
    first, second = (f"principal axis {i} ({s:.0f} %)" for i, s in enumerate(shares, 1))
    return Layout(places, (first, second))


def umap_layout(vectors: NDArray[Any], *, progress: Progress) -> Layout:
    """Lay cells out by UMAP of their vectors (N, D), the same ones alike each time.

    Raises
    ------
    InstallationError
        If umap-learn is not installed.
    ImageError
        If there are too few cells.
    """
    _check(UMAP)
    if len(vectors) < _FEWEST:
        raise ImageError(f"UMAP needs at least {_FEWEST} cells.")
    axes = leading_axes(vectors, _AXES_OF_UMAP).astype(np.float32)
    places = run_apart(UMAP, axes, {}, progress=progress)
    return Layout(places.astype(np.float32), ("UMAP 1", "UMAP 2"))


def find_groups(
    vectors: NDArray[Any], smallest: int, *, progress: Progress
) -> NDArray[np.int64]:
    """Find groups of cells that lie close together, by HDBSCAN.

    Parameters
    ----------
    vectors : (N, D) float
        Of the cells, or their places (N, 2) on a map.
    smallest : int
        Cells that a group has at least.
    progress : callable
        Called as ``progress(done, total)``; raising in it stops the work.

    Returns
    -------
    (N,) int64
        The number of each cell's group from 1, the largest group first; 0 for cells
        that are in none.

    Raises
    ------
    InstallationError
        If scikit-learn is not installed.
    """
    _check(GROUPS)
    if len(vectors) < max(smallest, 2):
        return np.zeros(len(vectors), np.int64)
    values = np.asarray(vectors, np.float32)
    if values.shape[1] > _AXES_OF_GROUPS:
        values = leading_axes(values, _AXES_OF_GROUPS).astype(np.float32)
    options = {"smallest": max(smallest, 2)}
    found = run_apart(GROUPS, values, options, progress=progress).astype(np.int64)
    sizes = np.bincount(found[found >= 0]) if (found >= 0).any() else np.zeros(0, int)
    number = np.zeros(sizes.size + 1, np.int64)  # the last is that of no group, -1
    number[np.argsort(-sizes, kind="stable")] = np.arange(1, sizes.size + 1)
    return number[found]


def _check(what: str) -> None:
    if text := missing_package(what):
        raise InstallationError(text)
