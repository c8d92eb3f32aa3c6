"""GeoJSON, as shapely sees it, and read back."""

import json

import numpy as np
import pytest
import shapely
from cells import IMAGES, with_classes

from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.geojson import read_geojson, write_geojson


def read(path):
    return read_geojson(path, json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("name", IMAGES)
def test_cells_come_back_as_they_were(tmp_path, name):
    cells = IMAGES[name]
    write_geojson(tmp_path / "ä.geojson", [cells])
    found = read(tmp_path / "ä.geojson")
    assert found.axes == cells.axes
    np.testing.assert_array_equal(found.labels, cells.labels)


def test_shapely_sees_the_same_areas(tmp_path):
    cells = IMAGES["high numbers"]
    write_geojson(tmp_path / "a.geojson", [cells])
    text = (tmp_path / "a.geojson").read_text("utf-8")
    collection = shapely.from_geojson(text)
    features = json.loads(text)["features"]
    assert len(collection.geoms) == len(features) == 9
    for shape, feature in zip(collection.geoms, features, strict=True):
        assert shape.is_valid
        label = feature["properties"]["label"]
        assert shape.area == (cells.labels == label).sum()
        assert feature["properties"]["name"] == str(label)
    kinds = {shape.geom_type for shape in collection.geoms}
    assert kinds == {"Polygon", "MultiPolygon"}


def test_classes_measures_and_planes_are_where_qupath_looks_for_them(tmp_path):
    cells = with_classes(IMAGES["time"])
    write_geojson(tmp_path / "a.geojson", [cells])
    features = json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]
    one, two, *_, last = (feature["properties"] for feature in features)
    assert one["objectType"] == "detection"
    assert one["classification"] == {"name": "große Zelle"}
    assert one["measurements"] == {"area (µm²)": 0.5}
    assert "classification" not in two
    assert two["measurements"] == {"area (µm²)": 1.0, "mean of “DAPI”": 3.0}
    assert last["label"] == 108
    assert "plane" not in features[0]["geometry"]
    assert features[-1]["geometry"]["plane"] == {"c": -1, "z": 0, "t": 1}


def test_what_qupath_has_saved_again_keeps_numbers_and_planes(tmp_path):
    """It drops what it does not know: our notes, and the label."""
    cells = IMAGES["time"]
    write_geojson(tmp_path / "a.geojson", [cells])
    features = json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]
    for feature in features:
        del feature["properties"]["label"]
        feature["id"] = "7d2a5b8e-5a5e-4b62-9d4e-000000000000"
    found = read_geojson(tmp_path / "a.geojson", features)
    assert found.axes == "TYX"
    np.testing.assert_array_equal(found.labels, cells.labels[:2])


def test_areas_without_numbers_are_numbered(tmp_path):
    square = shapely.box(1, 2, 4, 5)
    disc = shapely.Point(20, 20).buffer(8)
    document = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": shapely.geometry.mapping(geometry)}
            for geometry in (square, shapely.Point(3, 3), disc)
        ],
    }
    found = read_geojson(tmp_path / "a.geojson", document)
    assert found.labels.shape == (28, 28)
    assert (found.labels == 1).sum() == 9
    assert (found.labels == 2).sum() == pytest.approx(disc.area, rel=0.05)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"type": "FeatureCollection", "features": []}, "holds no areas"),
        (
            {"features": [{"geometry": {"type": "Polygon", "coordinates": [[7]]}}]},
            "damaged",
        ),
        ({"features": 7}, "damaged"),
        ([7], "damaged"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, document, says):
    with pytest.raises(ImageError, match=says):
        read_geojson(tmp_path / "a.geojson", document)


def test_a_canvas_that_no_memory_holds_is_refused(tmp_path):
    far = {"type": "Polygon", "coordinates": [[[0, 0], [1e9, 0], [1e9, 1e9]]]}
    with pytest.raises(ImageError, match="does not fit into memory"):
        read_geojson(tmp_path / "a.geojson", [{"geometry": far}])


def test_only_our_own_files_are_replaced(tmp_path):
    path = tmp_path / "a.geojson"
    write_geojson(path, [IMAGES["plane"]])
    write_geojson(path, [IMAGES["empty"]])
    assert not read(path).labels.any()
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(ImageError, match="not written by this program"):
        write_geojson(path, [IMAGES["plane"]])
    with pytest.raises(ImageError, match="is a folder"):
        write_geojson(tmp_path, [IMAGES["plane"]])
