"""File > Save: cells as OME-Zarr, also those too large for one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.ome_zarr import AxisPlace
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr

if TYPE_CHECKING:
    from napari.types import LayerDataTuple


def save_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer at full resolution.

    ``path`` ends with ".zarr". Of several resolutions, each (..., Y, X), the first one
    is written.

    Raises `ImageError` if something else is there, the folder cannot be written to, or
    there are more axes than time, depth, rows and columns.
    """
    full = data[0] if attributes.get("multiscale") else data
    # OME-Zarr knows no more than time and depth; napari may show further axes.
    while full.ndim > 4 and full.shape[0] == 1:
        full = full[0]
    if full.ndim > 4:
        msg = (
            f"This layer has {full.ndim} axes. OME-Zarr labels have four at most: "
            "time, depth, rows and columns."
        )
        raise ImageError(msg)
    axes, places = _axes_of(full.ndim, attributes)
    write_labels_ome_zarr(Path(path), full, axes=axes, places=places)
    return [path]


def _axes_of(ndim: int, attributes: dict[str, Any]) -> tuple[str, dict[str, AxisPlace]]:
    """Letters and places of the last axes of a layer."""
    scale, translate, units, names = (
        list(others if attributes.get(key) is None else attributes[key])[-ndim:]
        for key, others in (
            ("scale", [1.0] * ndim),
            ("translate", [0.0] * ndim),
            ("units", ["pixel"] * ndim),
            ("axis_labels", [""] * ndim),
        )
    )
    described = [
        _place(float(step), float(begin), str(unit))
        for step, begin, unit in zip(scale, translate, units, strict=True)
    ]
    axes = "TZYX"[-ndim:] if ndim != 3 else f"{_stacked(names[0], described[0])}YX"
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


def stained_tissue() -> list[LayerDataTuple]:
    """Tissue stained for a protein (brown), its nuclei counterstained (blue)."""
    from skimage.data import immunohistochemistry

    options = {"name": "stained tissue", "rgb": True}
    return [(immunohistochemistry(), options, "image")]
