"""The table of cells holds what regionprops measures, wherever the cells are read."""

import numpy as np
import pytest
from skimage.measure import label, regionprops_table

from napari_iaunet import measure, measure_cells
from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation import cell_table
from napari_iaunet.segmentation.columns import COLUMNS

SHAPES = (
    *("area", "perimeter", "axis_major_length", "axis_minor_length"),
    *("eccentricity", "solidity"),
)


def sample(seed: int = 0, shape=(300, 260)) -> tuple[np.ndarray, np.ndarray]:
    """Cells of many shapes and a three-channel image (3, Y, X)."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    labels = label(gaussian_filter(rng.random(shape), 3) > 0.5, connectivity=1) * 3
    labels[5, 5:9] = 1000
    image = rng.normal(1e5, 3, (3, *shape)).astype(np.float32)
    return labels, image


def expected_of(labels, image, **options):
    properties = ("label", "centroid", *SHAPES, "intensity_mean", "intensity_std")
    found = regionprops_table(
        labels,
        # Its own mean of numbers of 32 bits is too far off for a spread.
        np.moveaxis(image, 0, -1).astype(np.float64),
        (*properties, "intensity_min", "intensity_max"),
        **options,
    )
    renamed = {"centroid-0": "y", "centroid-1": "x"}
    for k in range(len(image)):
        for what in ("mean", "std", "min", "max"):
            renamed[f"intensity_{what}-{k}"] = f"{what}_channel_{k + 1}"
    return {renamed.get(key, key): column for key, column in found.items()}


@pytest.mark.parametrize("tile", [2048, 64])
def test_equals_regionprops_in_tiles_of_any_size(tile, monkeypatch):
    monkeypatch.setattr(cell_table, "_TILE", tile)
    labels, image = sample()
    table = measure_cells(labels, image, channel_axis=0)
    expected = expected_of(labels, image)
    assert set(expected) == set(table) - {"mean_intensity"}
    for name, column in expected.items():
        np.testing.assert_allclose(
            table[name], column, rtol=1e-9, atol=1e-6, err_msg=name
        )
    np.testing.assert_allclose(
        table["mean_intensity"],
        np.mean([table[f"mean_channel_{k}"] for k in (1, 2, 3)], axis=0),
    )


def test_large_and_lazy_arrays_give_the_same(monkeypatch):
    import dask.array as da

    monkeypatch.setattr(cell_table, "_TILE", 100)
    labels, image = sample(1)
    expected = measure_cells(labels, image, channel_axis=0)
    lazy = da.from_array(labels, 70), da.from_array(image, (1, 50, 90))
    table = measure_cells(*lazy, channel_axis=0)
    for name, column in expected.items():
        np.testing.assert_array_equal(table[name], column, err_msg=name)


def test_micrometres_of_oblong_pixels():
    labels, image = sample(2)
    table = measure_cells(labels, image, channel_axis=0, pixel_size=(0.5, 0.2))
    expected = regionprops_table(
        labels,
        properties=(
            *("centroid", "area", "axis_major_length", "axis_minor_length"),
            "eccentricity",
        ),
        spacing=(0.5, 0.2),
    )
    for ours, theirs in {
        "y_um": "centroid-0",
        "x_um": "centroid-1",
        "area_um2": "area",
        "axis_major_length_um": "axis_major_length",
        "axis_minor_length_um": "axis_minor_length",
        "eccentricity_um": "eccentricity",
    }.items():
        np.testing.assert_allclose(
            table[ours], expected[theirs], rtol=1e-9, atol=1e-6, err_msg=ours
        )
    pixels = measure_cells(labels, image, channel_axis=0)
    for name, column in pixels.items():
        np.testing.assert_array_equal(table[name], column, err_msg=name)


def test_perimeters_of_square_and_of_oblong_pixels():
    labels = np.zeros((40, 40), int)
    labels[10:20, 5:30] = 1
    square = measure_cells(labels, columns=["size"], pixel_size=(0.3, 0.3))
    assert square["perimeter_um"] == pytest.approx(0.3 * square["perimeter"])
    oblong = measure_cells(labels, columns=["size"], pixel_size=(2, 0.5))
    assert oblong["perimeter_um"] == pytest.approx([2 * (9 * 2 + 24 * 0.5)])


def test_stacks_have_planes_and_a_row_for_each():
    labels = np.zeros((2, 2, 9, 9), np.uint16)
    labels[0, 1, 2:4, 2:5] = 4
    labels[1, 0, 2:4, 2:5] = 7
    labels[1, 1, 2:4, 2:5] = 4
    table = measure_cells(labels, np.ones(labels.shape))
    assert table["label"].tolist() == [4, 7, 4]
    assert table["plane"].tolist() == [1, 2, 3]
    assert table["x"].tolist() == [3, 3, 3]


def test_groups_are_picked():
    labels, image = sample(3)
    options = {"channel_axis": 0, "embeddings": np.eye(len(np.unique(labels)) - 1)}
    one_by_one = [
        measure_cells(labels, image, columns=[name], **options) for name in COLUMNS
    ]
    together = measure_cells(labels, image, **options)
    assert [list(table)[1:] for table in one_by_one[:1]] == [["y", "x"]]
    assert list(one_by_one[2]) == ["label", "eccentricity", "solidity"]
    assert sum(len(t) - 1 for t in one_by_one) + 1 == len(together)
    with pytest.raises(ImageError, match="no columns “colour”, only position, size"):
        measure_cells(labels, image, columns=["colour"])


def test_channels_have_the_names_that_they_are_given():
    labels = np.ones((4, 4), int)
    names = ["DAPI", "DAPI", " a\nb ", "", "intensity"]
    table = measure_cells(
        labels,
        np.ones((5, 4, 4)),
        channel_axis=0,
        channel_names=names,
        columns=["intensity"],
    )
    means = [name for name in table if name.startswith("mean")]
    assert means == [
        *("mean_intensity", "mean_DAPI", "mean_DAPI_2", "mean_a b", "mean_channel_4"),
        "mean_intensity_2",
    ]
    gray = measure_cells(labels, np.ones((4, 4)), columns=["intensity"])
    assert list(gray)[1:] == [f"{e}_intensity" for e in ("mean", "min", "max", "std")]
    colours = measure_cells(
        labels, np.ones((4, 4, 3), np.uint8), channel_axis=-1, columns=["intensity"]
    )
    assert "std_green" in colours


def test_nan_and_infinities_are_left_out():
    labels = np.array([[1, 1, 2], [1, 1, 2]])
    image = np.array([[1, np.nan, np.inf], [3, 5, -np.inf]])
    table = measure_cells(labels, image, columns=["intensity"])
    assert table["mean_intensity"].tolist() == pytest.approx([3, np.nan], nan_ok=True)
    assert table["min_intensity"][0] == 1
    assert table["max_intensity"][0] == 5
    assert table["std_intensity"][0] == pytest.approx(np.std([1, 3, 5]))
    assert np.isnan([table[f"{e}_intensity"][1] for e in ("min", "max", "std")]).all()


def test_no_cells_and_nothing_but_cells():
    none = measure_cells(np.zeros((5, 5), bool), np.ones((5, 5)), pixel_size=(1, 1))
    assert {name: len(column) for name, column in none.items()} == dict.fromkeys(
        none, 0
    )
    full = measure_cells(np.ones((5, 5), bool), np.ones((5, 5)))
    assert full["area"].tolist() == [25]
    assert full["solidity"].tolist() == [1]
    assert none["label"].dtype == full["label"].dtype == np.int64


def test_scores_classes_and_embeddings_follow_the_sorted_labels():
    labels = np.array([[9, 9, 0, 2]])
    table = measure_cells(
        labels,
        columns=["embedding"],
        scores=np.array([0.25, 0.75]),
        classes=["round", "long"],
        embeddings=np.array([[1.0, 0, 0], [0, 3, 0]]),
    )
    assert table["label"].tolist() == [2, 9]
    assert table["score"].tolist() == [0.25, 0.75]
    assert table["class"].tolist() == ["round", "long"]
    assert list(table)[1:4] == ["embedding_1", "embedding_2", "embedding_3"]
    with pytest.raises(ImageError, match="There are 1 scores for 2 labels"):
        measure_cells(labels, scores=np.ones(1))


@pytest.mark.parametrize("labels", [np.ones((4, 4)), np.ones(4, int)])
def test_what_is_no_labels_is_refused(labels):
    with pytest.raises(ImageError, match="Labels are whole numbers"):
        measure_cells(labels)


def test_labels_of_another_image_are_refused():
    with pytest.raises(ImageError, match="they must fit"):
        measure_cells(np.ones((4, 4), int), np.ones((4, 5)))


def test_the_frame_has_all_columns_and_their_units():
    labels = np.zeros((20, 30), int)
    labels[2:6, 2:8] = 7
    frame = measure(labels, labels * 2.0, pixel_size=0.5)
    assert frame["label"].tolist() == [7]
    assert frame["area_um2"].tolist() == [6.0]
    assert frame["mean_intensity"].tolist() == [14.0]
    assert "area_um2" not in measure(labels)
    assert measure(labels, pixel_size=(0.5, 1.0))["area_um2"].tolist() == [12.0]
