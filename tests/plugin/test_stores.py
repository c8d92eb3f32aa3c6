"""Cells saved as OME-Zarr are opened as they were; why they cannot be saved is told."""

import json

import numpy as np
import pandas as pd
import pytest
import zarr
from drawn import discs
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_iaunet.errors import ImageError
from napari_iaunet.io.ome_zarr_labels import register_labels, write_labels_ome_zarr
from napari_iaunet.plugin.contributions import get_reader, save_labels
from napari_iaunet.plugin.layers.labels import is_of_classes

CELLS = discs(3, 30)[0].astype(np.int32)


def features():
    count = int(CELLS.max())
    return pd.DataFrame(
        {
            "index": np.arange(1, count + 1),
            "area": np.bincount(CELLS.ravel())[1:],
            "score": np.linspace(0.5, 1, count),
            "class": ["mitosis", *[""] * (count - 1)],
        }
    )


def save(layer, path):
    data, attributes, _ = layer.as_layer_data_tuple()
    return save_labels(str(path), data, attributes)


def opened(path):
    """The layers of a viewer into which a store was opened."""
    viewer = ViewerModel()
    for layer in get_reader(str(path))(str(path)):
        viewer._add_layer_from_data(*layer)
    return viewer.layers


def test_cells_come_back_with_their_features(tmp_path):
    layer = Labels(
        CELLS,
        name="nuclei",
        features=features(),
        scale=(0.5, 0.25),
        translate=(3, 4),
        units=("um", "um"),
        metadata={"napari_iaunet": {"model": "default", "diameter": np.float64(21.5)}},
    )
    save(layer, tmp_path / "cells.zarr")
    (again,) = opened(tmp_path / "cells.zarr")
    assert isinstance(again, Labels)
    assert again.name == "nuclei"
    np.testing.assert_array_equal(again.data, CELLS)
    pd.testing.assert_frame_equal(
        again.features, features(), check_dtype=False, check_like=True
    )
    np.testing.assert_allclose(again.scale, (0.5, 0.25))
    np.testing.assert_allclose(again.translate, (3, 4))
    assert [str(unit) for unit in again.units] == ["micrometer"] * 2
    assert again.metadata["napari_iaunet"] == {"model": "default", "diameter": 21.5}
    again.data_setitem((np.array([0]), np.array([0])), 7)  # it can be painted in
    assert again.data[0, 0] == 7


def test_other_programs_find_the_features(tmp_path):
    save(Labels(CELLS, features=features()), tmp_path / "cells.zarr")
    found = json.loads((tmp_path / "cells.zarr" / ".zattrs").read_text())
    first = found["image-label"]["properties"][0]
    assert first["label-value"] == 1
    assert first["class"] == "mitosis"


def test_classes_keep_their_colours(tmp_path):
    colours = {None: "transparent", 0: "transparent", 1: "#e69f00", 4: "#56b4e9"}
    layer = Labels(
        CELLS,
        features=features(),
        colormap=DirectLabelColormap(color_dict=colours),
        metadata={"napari_iaunet": {"classes_of": "a", "classes": ["mitosis"]}},
    )
    save(layer, tmp_path / "cells.zarr")
    (again,) = opened(tmp_path / "cells.zarr")
    for label in (1, 2, 4):
        np.testing.assert_allclose(
            again.get_color(label), layer.get_color(label), atol=0.01
        )
    assert is_of_classes(again)
    assert again.metadata["napari_iaunet"]["classes"] == ["mitosis"]


def test_values_that_are_missing_stay_missing(tmp_path):
    table = features()
    table.loc[2, "score"] = np.nan
    table["class"] = table["class"].where(table["class"] != "")
    save(Labels(CELLS, features=table), tmp_path / "cells.zarr")
    (again,) = opened(tmp_path / "cells.zarr")
    assert np.flatnonzero(again.features["score"].isna()) == [2]
    assert again.features["class"].isna().sum() == len(table) - 1


def test_numbers_are_not_rounded(tmp_path):
    table = features()
    table["area_m2"] = table["area"] * 1.2345678901234567e-13
    table["score"] = table["score"].astype(np.float32) / 3
    table["ratio"] = table["score"].astype("Float64") / 7
    table.loc[1, "ratio"] = pd.NA
    save(Labels(CELLS, features=table), tmp_path / "cells.zarr")
    (again,) = opened(tmp_path / "cells.zarr")
    for name in ("area_m2", "score", "ratio"):
        expected = table[name].to_numpy(float, na_value=np.nan)
        np.testing.assert_array_equal(again.features[name], expected)


def test_features_without_an_index_are_those_of_the_rows(tmp_path):
    table = pd.DataFrame({"size": np.arange(10) * 10})
    save(Labels(CELLS, features=table), tmp_path / "cells.zarr")
    (again,) = opened(tmp_path / "cells.zarr")
    by_label = again.features.set_index("index")["size"]
    assert by_label[3] == 30


def test_a_rotated_layer_lies_where_it_lay(tmp_path):
    layer = Labels(CELLS, rotate=30, scale=(2, 2), affine=np.diag([1, -1, 1]))
    save(layer, tmp_path / "cells.zarr")
    (again,) = opened(tmp_path / "cells.zarr")
    for place in ((0, 0), (5, 80)):
        np.testing.assert_allclose(
            again.data_to_world(place), layer.data_to_world(place), atol=1e-6
        )


def test_cells_of_a_film_of_volumes_lie_on_its_channels(tmp_path):
    names = ("t", "c", "z", "y", "x")
    stack = np.broadcast_to(CELLS, (2, 1, 3, *CELLS.shape)).copy()
    layer = Labels(stack, scale=(60, 4, 2, 0.5, 0.5), axis_labels=names)
    save(layer, tmp_path / "cells.zarr")
    assert zarr.open(str(tmp_path / "cells.zarr"))["0"].shape == (2, 3, *CELLS.shape)
    (again,) = opened(tmp_path / "cells.zarr")
    assert again.data.shape == stack.shape
    np.testing.assert_allclose(again.scale, layer.scale)
    assert again.axis_labels == names


def image_store(path):
    """An OME-Zarr image of two channels with a pyramid."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    pixels = np.stack([CELLS * 10, CELLS * 20]).astype(np.uint16)
    group.create_array("0", data=pixels)
    group.create_array("1", data=pixels[:, ::2, ::2])
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    levels = [
        {
            "path": str(i),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 0.5 * 2**i, 0.5 * 2**i]}
            ],
        }
        for i in range(2)
    ]
    multiscale = {"version": "0.4", "axes": axes, "datasets": levels}
    group.attrs["multiscales"] = [multiscale]
    return pixels


def test_labels_beside_an_image_come_with_it(tmp_path):
    store = tmp_path / "slide.ome.zarr"
    pixels = image_store(store)
    (store / "labels").mkdir()
    write_labels_ome_zarr(store / "labels" / "cells", CELLS)
    register_labels(store, "cells", "0.4")
    first, second, cells = opened(store)
    assert [first.name, second.name] == ["slide", "slide [1]"]
    assert first.multiscale
    np.testing.assert_array_equal(first.data[0], pixels[0])
    np.testing.assert_allclose(first.scale, (0.5, 0.5))
    assert isinstance(cells, Labels)
    np.testing.assert_array_equal(cells.data, CELLS)


def test_a_bare_array_of_labels(tmp_path):
    zarr.save(str(tmp_path / "labels.zarr"), CELLS)
    (cells,) = opened(tmp_path / "labels.zarr")
    assert isinstance(cells, Labels)
    zarr.save(str(tmp_path / "image.zarr"), CELLS.astype(np.uint8))
    (image,) = opened(tmp_path / "image.zarr")
    assert not isinstance(image, Labels)


@pytest.mark.viewer
def test_napari_opens_what_it_saved(make_napari_viewer_proxy, tmp_path):
    viewer = make_napari_viewer_proxy()
    path = str(tmp_path / "cells.zarr")
    layer = viewer.add_labels(CELLS, features=features(), name="nuclei")
    assert layer.save(path, plugin="napari-iaunet") == [path]
    viewer.layers.clear()
    (again,) = viewer.open(path, plugin="napari-iaunet")
    assert again.name == "nuclei"
    assert list(again.features["class"]) == list(features()["class"])


@pytest.mark.viewer
def test_several_layers_are_saved_together(make_napari_viewer_proxy, tmp_path):
    viewer = make_napari_viewer_proxy()
    film = np.stack([CELLS, CELLS[::-1]])
    viewer.add_labels(CELLS, name="a/b", features=features(), scale=(2, 3))
    viewer.add_labels(film, name="a b", translate=(0, 5, 6))
    path = tmp_path / "both.zarr"
    for _ in range(2):  # they are replaced, too
        assert viewer.layers.save(str(path), plugin="napari-iaunet") == [str(path)]
    viewer.layers.clear()
    viewer.open(path, plugin="napari-iaunet")
    first, second = viewer.layers
    assert (first.name, second.name) == ("a/b", "a b")
    np.testing.assert_array_equal(first.data, CELLS)
    np.testing.assert_array_equal(second.data, film)
    assert list(first.features["class"]) == list(features()["class"])
    np.testing.assert_allclose(first.scale, (2, 3))
    np.testing.assert_allclose(second.translate, (0, 5, 6))
    assert [item.name for item in tmp_path.iterdir()] == ["both.zarr"]


@pytest.mark.viewer
def test_several_layers_replace_nothing_else(make_napari_viewer_proxy, tmp_path):
    viewer = make_napari_viewer_proxy()
    for name in ("a", "b"):
        viewer.add_labels(CELLS, name=name)
    path = tmp_path / "both.zarr"
    save(viewer.layers[0], path)
    with pytest.raises(OSError, match="is not replaced"):
        viewer.layers.save(str(path), plugin="napari-iaunet")
    viewer.layers[1].data = CELLS - 1
    with pytest.raises(OSError, match="go from -1 to"):
        viewer.layers.save(str(tmp_path / "new.zarr"))
    assert [item.name for item in tmp_path.iterdir()] == ["both.zarr"]
    (again,) = opened(path)
    np.testing.assert_array_equal(again.data, CELLS)


def test_other_folders_are_left_to_others(tmp_path):
    assert get_reader(str(tmp_path)) is None
    assert get_reader("https://example.com/a.zarr") is None
    root = zarr.open_group(tmp_path / "tables.zarr", mode="w")
    assert get_reader(str(tmp_path / "tables.zarr")) is None
    root.attrs["ome"] = {"plate": {"wells": []}}
    assert get_reader(str(tmp_path / "tables.zarr")) is None
    zarr.save_array(str(tmp_path / "list.zarr"), np.arange(9))
    assert get_reader(str(tmp_path / "list.zarr")) is None


def test_stores_of_images_are_opened_and_what_is_wrong_with_them_is_told(tmp_path):
    zarr.save_array(str(tmp_path / "image.zarr"), CELLS)
    assert get_reader(str(tmp_path / "image.zarr"))
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(ImageError, match="is damaged"):
        get_reader(str(tmp_path / "broken.zarr"))(str(tmp_path / "broken.zarr"))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((2, 2, 2, 60, 80), np.int32), "has 5 axes"),
        (CELLS - 1, "go from -1 to"),
        (CELLS.astype(np.int64) << 32, "4,294,967,295"),
    ],
)
@pytest.mark.viewer
def test_what_cannot_be_saved_is_told_through_napari(
    make_napari_viewer_proxy, labels, words, tmp_path
):
    layer = make_napari_viewer_proxy().add_labels(labels)
    for save_in in (
        lambda path: layer.save(path, plugin="napari-iaunet"),
        lambda path: layer.save(path),
    ):
        with pytest.raises(OSError, match=words):
            save_in(str(tmp_path / "cells.zarr"))
    assert not (tmp_path / "cells.zarr").exists()


def test_what_is_there_is_not_replaced(tmp_path):
    zarr.save(str(tmp_path / "image.zarr"), CELLS.astype(np.uint8))
    with pytest.raises(OSError, match="not a label image"):
        save(Labels(CELLS), tmp_path / "image.zarr")
    assert save(Labels(CELLS), tmp_path / "cells") == [str(tmp_path / "cells.zarr")]
    with pytest.raises(OSError, match="exists"):
        save(Labels(CELLS), tmp_path / "cells")
