"""Layers of cells as files have them: their axes, and what is known of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import CLASS, Cells
from napari_iaunet.io.formats.tables import check_cells
from napari_iaunet.io.pixels import AxisPlace
from napari_iaunet.plugin.layers.images import CHANNEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pandas import DataFrame

# The feature of tracked cells that says whose daughter one is.
_MOTHER = "mother"


def cells_of(name: str, data: Any, attributes: dict[str, Any]) -> Cells:
    """Return the cells of a layer, at full resolution, with its features.

    ``attributes`` are those of `Labels.as_layer_data_tuple`. Raises ImageError if the
    layer has too many axes, or labels that no cell has.
    """
    full = data[0] if attributes.get("multiscale") else data
    kept = kept_axes(full.shape, attributes.get("axis_labels"))
    axes, places = axes_of(kept, attributes)
    index = tuple(slice(None) if a in kept else 0 for a in range(full.ndim))
    table = _table(attributes.get("features"))
    mothers = table.get(_MOTHER, np.zeros(0, np.int64))
    pairs = zip(table.get("label", ()), mothers, strict=False)
    cells = Cells(
        np.asarray(full[index]),
        axes,
        str(attributes.get("name", name)),
        places,
        table,
        parents={int(one): int(mother) for one, mother in pairs if mother > 0},
    )
    return check_cells(cells.name, cells)


def _table(features: DataFrame | None) -> dict[str, NDArray[Any]]:
    """Features by their names; napari knows the cell by the column "index"."""
    if features is None or not len(features):
        return {}
    table = {str(name): column.to_numpy() for name, column in features.items()}
    if "index" in table:
        table["label"] = table.pop("index")
    elif "label" not in table:  # then napari counts the rows
        table["label"] = np.arange(len(features))
    if CLASS in table:
        table[CLASS] = np.array([str(name) for name in table[CLASS]], object)
    return table


def kept_axes(shape: tuple[int, ...], names: Sequence[str] | None) -> list[int]:
    """Leave out axes of length 1: labels in files have no channels, and four axes."""
    kept = list(range(len(shape)))
    if names is not None:
        kept = [
            axis
            for axis in kept
            if shape[axis] > 1 or names[axis].strip().lower() not in CHANNEL_NAMES
        ]
    while len(kept) > 4:
        needless = [axis for axis in kept[:-2] if shape[axis] == 1]
        if not needless:
            msg = (
                f"This layer has {len(shape)} axes. Label images have four at most: "
                "time, depth, rows and columns."
            )
            raise ImageError(msg)
        kept.remove(needless[0])
    if len(kept) < 2:
        raise ImageError("This layer has no rows and columns.")
    return kept


def axes_of(
    kept: list[int], attributes: dict[str, Any]
) -> tuple[str, dict[str, AxisPlace]]:
    """Letters and places of the axes of a layer that are kept."""
    n = len(kept)
    scale, translate, units, names = (
        others if attributes.get(key) is None else [attributes[key][a] for a in kept]
        for key, others in (
            ("scale", [1.0] * n),
            ("translate", [0.0] * n),
            ("units", ["pixel"] * n),
            ("axis_labels", [""] * n),
        )
    )
    described = [
        _place(float(step), float(begin), str(unit))
        for step, begin, unit in zip(scale, translate, units, strict=True)
    ]
    axes = "TZYX"[-n:] if n != 3 else f"{_stacked(str(names[0]), described[0])}YX"
    return axes, dict(zip(axes, described, strict=True))


def _stacked(name: str, place: AxisPlace) -> str:
    """Whether an axis is time or depth, as far as the layer tells."""
    if name.strip().lower() in ("t", "z"):
        return name.strip().upper()
    return "Z" if place.unit == "micrometer" else "T"


def _place(step: float, begin: float, unit: str) -> AxisPlace:
    """Lengths in micrometres, times in seconds, anything else without a unit."""
    import pint

    registry = pint.get_application_registry()
    for named in ("micrometer", "second"):
        try:
            factor = float(registry.Quantity(1.0, unit).to(named).m)
        except pint.PintError:
            continue
        return AxisPlace(step * factor, begin * factor, named)
    return AxisPlace(step, begin)
