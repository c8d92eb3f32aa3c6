"""Layers of cells saved for other programs, and outlines opened as layers."""

import json

import anndata
import geff
import numpy as np
import pandas as pd
import pytest
from cells import plane
from film import film
from napari.layers import Labels

from napari_iaunet.io.labels import read_cells
from napari_iaunet.plugin.contributions import get_outline_reader, save_outlines


def save(layer: Labels, path) -> None:
    data, attributes, _ = layer.as_layer_data_tuple()
    assert save_outlines(str(path), data, attributes) == [str(path)]


@pytest.mark.parametrize("ending", [".zip", ".geojson", ".json", ".GeoJSON"])
@pytest.mark.parametrize("stack", [False, True])
def test_cells_are_opened_as_they_were_saved(tmp_path, ending, stack):
    labels = np.stack([plane(), plane(50)]) if stack else plane()
    path = tmp_path / f"Zellen (größer){ending}"
    save(Labels(labels, name="Zellen (größer)"), path)
    ((found, options, kind),) = get_outline_reader(str(path))(str(path))
    assert (kind, options["name"]) == ("labels", "Zellen (größer)")
    np.testing.assert_array_equal(found, labels)
    Labels(found, **options)


def test_features_are_measures_and_classes(tmp_path):
    features = pd.DataFrame(
        {"index": [3, 1], "area": [132.0, 54.0], "class": ["große", ""], "note": "x"}
    )
    layer = Labels(plane(), features=features)
    save(layer, tmp_path / "a.geojson")
    document = json.loads((tmp_path / "a.geojson").read_text("utf-8"))
    by_label = {f["properties"]["label"]: f["properties"] for f in document["features"]}
    assert by_label[3]["measurements"] == {"area": 132}
    assert by_label[3]["classification"] == {"name": "große"}
    assert "classification" not in by_label[1]
    assert "measurements" not in by_label[2]
    save(layer, tmp_path / "a.h5ad")
    table = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert list(table.var_names) == ["area"]
    np.testing.assert_array_equal(table.X[:3, 0], [54, np.nan, 132])


def test_divisions_go_along(tmp_path):
    """As the Track tab notes them in the features."""
    cells = film()
    features = pd.DataFrame({"index": [1, 2, 3, 7, 9], "mother": [0, 1, 1, 0, 0]})
    save(Labels(cells.labels, features=features), tmp_path / "a.geff")
    graph, _ = geff.read(tmp_path / "a.geff")
    assert graph.number_of_edges() == 9


def test_several_resolutions_and_channel_axes(tmp_path):
    labels = plane()[None]
    layer = Labels(
        [labels, labels[:, ::2, ::2]], multiscale=True, axis_labels=("c", "y", "x")
    )
    save(layer, tmp_path / "a.zip")
    np.testing.assert_array_equal(read_cells(tmp_path / "a.zip").labels, plane())


def test_why_nothing_is_saved_is_said(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"mine")
    with pytest.raises(OSError, match="was not written by this program"):
        save(Labels(plane()), tmp_path / "a.zip")
    with pytest.raises(OSError, match="is no film"):
        save(Labels(plane()), tmp_path / "a.geff")
    with pytest.raises(OSError, match="has 5 axes"):
        save(Labels(np.zeros((2, 2, 2, 3, 3), int)), tmp_path / "b.zip")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_other_files_are_left_to_other_readers(tmp_path):
    for name, content in (
        ("a.zip", b"mine"),
        ("a.json", b'{"settings": 1}'),
        ("a.tif", b"II"),
    ):
        (tmp_path / name).write_bytes(content)
        assert get_outline_reader(str(tmp_path / name)) is None
    assert get_outline_reader(str(tmp_path / "none.json")) is None
    assert get_outline_reader(str(tmp_path)) is None
