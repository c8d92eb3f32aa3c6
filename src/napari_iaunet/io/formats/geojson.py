"""Outlines of cells as GeoJSON, as QuPath reads and writes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.damage import damaged
from napari_iaunet.io.formats.cells import (
    Drawn,
    begins_with_our_name,
    check_free_for_file,
    draw_cells,
    said_shape,
    shape_said,
)
from napari_iaunet.io.ours import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_iaunet.io.formats.cells import Cells
    from napari_iaunet.io.formats.outlines import Outline, Polygon


# -- out -------------------------------------------------------------------------------


def write_geojson(path: Path, images: Sequence[Cells]) -> None:
    """Write the cells of one image as detections with class and measurements.

    Coordinates are pixels from the corner of the image.

    Raises ImageError if something else is there, or it cannot be written.
    """
    (cells,) = images
    check_geojson(path)
    head = {"type": "FeatureCollection", PROGRAM: shape_said(cells)}
    with (
        replacing(path, ImageError) as fresh,
        fresh.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        # Line by line: an image may have hundreds of thousands of cells.
        file.write(f'{json.dumps(head)[:-1]}, "features": [')
        for i, feature in enumerate(_features(cells)):
            line = json.dumps(feature, ensure_ascii=False)
            file.write(f"{',' if i else ''}\n{line}")
        file.write("\n]}\n")


def check_geojson(path: Path) -> None:
    """Raise ImageError if something is there that `write_geojson` did not write."""
    check_free_for_file(path, begins_with_our_name)


def _features(cells: Cells) -> Iterator[dict[str, Any]]:
    for number, place, outline in cells.outlines():
        geometry = _geometry(outline)
        if any(place.values()):
            at = {"c": -1, "z": place.get("Z", 0), "t": place.get("T", 0)}
            geometry["plane"] = at
        about: dict[str, Any] = {
            "objectType": "detection",
            "name": str(outline.label),
            "label": outline.label,
        }
        if kind := cells.class_of(outline.label, number):
            about["classification"] = {"name": kind}
        if measures := cells.measures(outline.label, number):
            about["measurements"] = measures
        yield {"type": "Feature", "geometry": geometry, "properties": about}


def _geometry(outline: Outline) -> dict[str, Any]:
    polygons = [_coordinates(polygon) for polygon in outline.polygons]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _coordinates(polygon: Polygon) -> list[Any]:
    # The first corner ends a ring, too.
    return [np.concatenate([ring, ring[:1]]).tolist() for ring in polygon.rings]


# -- in --------------------------------------------------------------------------------


def read_geojson(path: Path, document: Any) -> Cells:
    """Make labels of the areas of a GeoJSON document.

    Features with a ``label``, or a number as name, keep it as label id. The labels are
    as large as the image that we wrote the document for; else just large enough.

    Raises ImageError if it is damaged, or holds no areas.
    """
    features, axes, shape = document, "", None
    if isinstance(document, dict):
        features = document.get("features", [document])
        axes, shape = said_shape(document.get(PROGRAM))
    try:
        drawn = [cell for feature in features for cell in _drawn(feature)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise damaged(path, error) from error
    if not drawn and shape is None:
        raise ImageError(f"{path} holds no areas.")
    return draw_cells(path, drawn, axes, shape)


def _drawn(feature: Mapping[str, Any]) -> Iterator[Drawn]:
    geometry, about = feature.get("geometry") or {}, feature.get("properties") or {}
    rings = list(_rings(geometry))
    if rings:
        plane = geometry.get("plane") or feature.get("plane") or {}
        place = {key.upper(): int(plane[key]) for key in ("t", "z") if plane.get(key)}
        yield Drawn(about.get("label", about.get("name")), place, rings)


def _rings(geometry: Mapping[str, Any]) -> Iterator[Any]:
    kind, parts = geometry.get("type"), geometry.get("coordinates", ())
    if kind == "GeometryCollection":
        for one in geometry["geometries"]:
            yield from _rings(one)
    elif kind in ("Polygon", "MultiPolygon"):
        for polygon in [parts] if kind == "Polygon" else parts:
            for ring in polygon:
                corners = np.array([corner[:2] for corner in ring], np.float64)
                if len(corners) > 2 and np.isfinite(corners).all():
                    yield corners
