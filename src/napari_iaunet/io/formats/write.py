"""Write cells in the formats of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.io.formats.anndata import check_anndata, write_anndata
from napari_iaunet.io.formats.cells import CLASS
from napari_iaunet.io.formats.classes import (
    check_panoptic,
    check_semantic,
    write_panoptic,
    write_semantic,
)
from napari_iaunet.io.formats.coco import check_coco, write_coco
from napari_iaunet.io.formats.ctc import check_ctc, write_ctc
from napari_iaunet.io.formats.geff import check_geff, write_geff
from napari_iaunet.io.formats.geojson import check_geojson, write_geojson
from napari_iaunet.io.formats.imagej import check_rois, write_rois
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.ours import check_labels, check_picture
from napari_iaunet.io.write import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_iaunet.io.formats.cells import Cells


def check_free(path: Path, to: str) -> None:
    """Raise ImageError if something is at `path` that this program did not write.

    `to` is one of the formats of `napari_iaunet.io.formats.names`.
    """
    _FORMATS[to][0](path)


def write_cells(path: Path, images: Sequence[Cells], to: str) -> None:
    """Write the cells of images, or of the only one, to a file or a folder.

    Parameters
    ----------
    path : Path
        What this program wrote there is replaced.
    images : sequence of Cells
        One, unless the format holds several.
    to : str
        One of the formats of `napari_iaunet.io.formats.names`.

    Raises
    ------
    ImageError
        If something else is at `path`, it cannot be written, the format cannot hold
        such cells, or a package that it needs is missing.
    """
    check, write = _FORMATS[to]
    check(path)
    write(path, images)


def _write_zarr(path: Path, images: Sequence[Cells]) -> None:
    (cells,) = images
    names = ["label", *(n for n in ("plane", CLASS) if n in cells.table)]
    columns = {
        name: np.asarray(cells.table[name]).tolist()
        for name in dict.fromkeys([*names, *cells.measured])
        if name in cells.table
    }
    rows = [
        {"label-value" if k == "label" else k: v for k, v in row.items() if _known(v)}
        for row in (
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        )
    ]
    write_labels_ome_zarr(
        path,
        cells.labels,
        axes=cells.axes,
        places=cells.places,
        label_details={"properties": rows} if rows else {},
    )


def _known(value: Any) -> bool:
    """Whether JSON can say a value, and there is one."""
    return bool(value) if isinstance(value, str) else bool(np.isfinite(value))


def _write_tif(path: Path, images: Sequence[Cells]) -> None:
    (cells,) = images
    write_labels(path, cells.labels, axes=cells.axes, places=cells.places)


_FORMATS: dict[
    str, tuple[Callable[[Path], None], Callable[[Path, Sequence[Cells]], None]]
] = {
    "rois": (check_rois, write_rois),
    "geojson": (check_geojson, write_geojson),
    "coco": (check_coco, write_coco),
    "ome-zarr": (check_labels, _write_zarr),
    "tif": (check_picture, _write_tif),
    "anndata": (check_anndata, write_anndata),
    "ctc": (check_ctc, write_ctc),
    "geff": (check_geff, write_geff),
    "semantic": (check_semantic, write_semantic),
    "panoptic": (check_panoptic, write_panoptic),
}
