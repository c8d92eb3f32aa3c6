"""File > Save: cells as OME-Zarr, also those too large for one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.omezarr_labels import write_labels_ome_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence


def save_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer at full resolution.

    Parameters
    ----------
    path : str
        Ends with ".zarr".
    data : array-like (..., Y, X), or a sequence of them
        Of several resolutions the first one is written.
    attributes : dict
        Of the layer.

    Raises
    ------
    ImageError
        If something else is there, the folder cannot be written to, or there are
        more axes than time, depth, rows and columns.
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
    size = _micrometres(attributes.get("scale"), attributes.get("units"))
    write_labels_ome_zarr(Path(path), full, pixel_size=size)
    return [path]


def _micrometres(
    scale: Sequence[float] | None, units: Sequence[Any] | None
) -> tuple[float, float] | None:
    """Height and width of a pixel; None if their unit is no length."""
    if scale is None or units is None:
        return None
    import pint

    try:
        y, x = (
            float(pint.get_application_registry().Quantity(step, str(unit)).to("um").m)
            for step, unit in list(zip(scale, units, strict=True))[-2:]
        )
    except pint.PintError:
        return None
    return y, x
