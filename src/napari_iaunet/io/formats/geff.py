"""Tracked cells as a graph: the Graph Exchange File Format (GEFF)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import check_free_for_folder, shape_said
from napari_iaunet.io.formats.ctc import frames_of
from napari_iaunet.io.formats.extras import needed
from napari_iaunet.io.ours import PROGRAM
from napari_iaunet.io.pixels import step_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.cells import Cells

    Columns = dict[str, NDArray[Any]]

_WHAT = "GEFF"


def write_geff(path: Path, images: Sequence[Cells]) -> None:
    """Write the cells of a film as nodes, and what becomes of them as edges.

    A node is a cell in a frame: its centre in pixels, its ``label``, its measures. An
    edge leads to where the cell is seen next, and from a mother to her daughters.

    Raises ImageError if something else is there, it cannot be written, or there is no
    time axis; InstallationError without the package geff.
    """
    (cells,) = images
    spec = needed("geff_spec", "geff", _WHAT)
    core = needed("geff.core_io", "geff", _WHAT)
    check_geff(path)
    nodes = _nodes(cells, frames_of(cells, "GEFF"))
    edges = _edges(nodes["label"], nodes["t"], cells.parents)
    about = spec.GeffMetadata(
        directed=True,
        axes=[_axis(spec, cells, name) for name in "tzyx" if name in nodes],
        node_props_metadata={},
        edge_props_metadata={},
        extra={PROGRAM: shape_said(cells)},
    )
    columns = {
        name: {"values": values, "missing": None} for name, values in nodes.items()
    }
    for name, values in _measures(cells, nodes).items():
        missing = ~np.isfinite(values)
        # A slash would make folders of a name.
        columns[name.replace("/", "_")] = {
            "values": np.where(missing, 0.0, values),
            "missing": missing,
        }
    with replacing(path, ImageError, _is_ours) as fresh:
        ids = np.arange(len(nodes["label"]), dtype=np.uint64)
        core.write_arrays(str(fresh), ids, columns, edges, {}, about)


def _nodes(cells: Cells, frames: NDArray[Any]) -> Columns:
    """Return label, frame and centre of each cell in each frame."""
    axes = [*cells.axes[1:].lower()]
    found: list[Columns] = []
    for number, frame in enumerate(frames):
        where = np.nonzero(frame)
        labels, row, area = np.unique(
            frame[where], return_inverse=True, return_counts=True
        )
        one: Columns = {"label": labels.astype(np.uint64)}
        one["t"] = np.full(len(labels), float(number))
        for axis, index in zip(axes, where, strict=True):
            one[axis] = np.bincount(row, index, len(labels)) / area
        found.append(one)
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def _edges(
    label: NDArray[Any], frame: NDArray[Any], parents: Mapping[int, int]
) -> NDArray[np.uint64]:
    """Return (N, 2): rows of a node and of what it becomes."""
    order = np.lexsort((frame, label))
    same = label[order][1:] == label[order][:-1]
    pairs = [np.stack([order[:-1][same], order[1:][same]], axis=1)]
    first = dict(zip(label[order][::-1].tolist(), order[::-1].tolist(), strict=True))
    last = dict(zip(label[order].tolist(), order.tolist(), strict=True))
    for daughter, mother in parents.items():
        if daughter in first and mother in last:
            begin, end = first[daughter], last[mother]
            if frame[end] < frame[begin]:
                pairs.append(np.array([[end, begin]]))
    return np.concatenate(pairs).astype(np.uint64)


def _measures(cells: Cells, nodes: Columns) -> Columns:
    """Return what is measured of each node; of volumes, nothing is by their planes."""
    if cells.labels.ndim != 3:
        return {}
    at = zip(nodes["label"].tolist(), nodes["t"].tolist(), strict=True)
    known = [cells.measures(int(label), int(frame)) for label, frame in at]
    return {
        name: np.array([values.get(name, np.nan) for values in known])
        for name in cells.measured
        if name not in nodes
    }


def _axis(spec: Any, cells: Cells, name: str) -> Any:
    is_time = name == "t"
    options: dict[str, Any] = {"unit": "frame" if is_time else "pixel"}
    place = cells.places.get(name.upper())
    if place is not None and (step := step_of(place)) is not None:
        options |= {"scale": step, "scaled_unit": "second" if is_time else "micrometer"}
    return spec.Axis(name=name, type="time" if is_time else "space", **options)


def check_geff(path: Path) -> None:
    """Raise ImageError if something is there that `write_geff` did not write."""
    check_free_for_folder(path, _is_ours)


def _is_ours(path: Path) -> bool:
    import zarr

    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        about: Any = zarr.open_group(str(path), mode="r").attrs["geff"]
        return PROGRAM in about["extra"]
    return False
