"""The table of a layer: other plugins find its rows, and clicks keep it whole."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_iaunet import measure_cells
from napari_iaunet.plugin.click.edits import LabelsPlane
from napari_iaunet.plugin.core.settings import ImageInfo, Settings
from napari_iaunet.plugin.layers.images import read_image
from napari_iaunet.plugin.segment.job import find_cells
from napari_iaunet.segmentation.columns import COLUMNS


def turned_image() -> Image:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40)).astype(np.uint8)
    units = ("micrometer", "micrometer")
    return Image(pixels, scale=(0.5, 0.2), rotate=30, units=units)


class OneCell:
    """A segmenter that finds a cell of 4 by 10 pixels."""

    device = "cpu"

    def get(self, *_: object) -> "OneCell":
        return self

    def segment(self, array, **_: object) -> SimpleNamespace:
        labels = np.zeros(array.shape, np.int32)
        labels[3:7, 5:15] = 1
        return SimpleNamespace(
            labels=labels,
            scores=np.ones(1, np.float32),
            embeddings=np.ones((1, 9), np.float32),
            diameter=7.0,
            diameter_is_sure=True,
        )


def found(columns=COLUMNS):
    return find_cells(
        OneCell(),
        read_image([turned_image()]),
        model="",
        device="cpu",
        diameter=None,
        progress=lambda *_: None,
        columns=columns,
    )


def test_a_turned_layer_of_oblong_pixels_is_measured_in_micrometres():
    table = found().features
    for name in ("index", "label", "roi_id"):
        assert table[name].tolist() == [1]
    assert table["area"].tolist() == [40]
    assert table["area_um2"].tolist() == pytest.approx([4])
    assert table["axis_major_length"][0] > table["axis_minor_length"][0]
    assert table["eccentricity_um"][0] < table["eccentricity"][0]
    assert "embedding_8" in table


def test_the_columns_are_those_that_are_chosen():
    table = found(("size",)).features
    assert list(table)[:4] == ["index", "label", "roi_id", "area"]
    assert "solidity" not in table
    assert "score" in table


def test_the_choice_has_the_groups_that_are_ticked():
    settings = Settings()
    image = ImageInfo("a", "a", (9, 9), False, ("-2", "-1"), None)
    settings.offer_images([image])
    before = settings.choice()
    assert before.columns == COLUMNS
    settings.table_shape = settings.table_embedding = False
    after = settings.choice()
    assert after.columns == ("position", "size", "intensity")
    assert before == after  # the cells are the same


def test_a_changed_cell_is_measured_as_the_others_were():
    image, cells = turned_image(), found()
    about = {"pixel_size": [0.5, 0.2], "channel_names": None}
    layer = Labels(
        cells.labels, features=cells.features, metadata={"napari_iaunet": about}
    )
    seen: list[dict] = []
    log = SimpleNamespace(
        layer=layer,
        pixels=layer.data,
        coarse=[],
        write=lambda where, values: layer.data_setitem(where, values),
        describe=seen.append,
        next_label_id=lambda: 2,
    )

    def pixels(corner, shape):
        (y, x), (height, width) = corner, shape
        return image.data[None, y : y + height, x : x + width]

    plane = LabelsPlane(log, (slice(None), slice(None)), pixels, None)
    cell = np.ones((5, 6), bool)
    draft = SimpleNamespace(
        cell=SimpleNamespace(corner=(20, 30), mask=cell),
        label_id=0,
        points_inside=[(22, 32)],
        seeds=(),
    )
    assert plane.keep(draft) == 2
    row = seen[0][2]
    expected = measure_cells(layer.data, image.data, pixel_size=(0.5, 0.2))
    for name, column in expected.items():
        if name != "label":
            assert row[name] == pytest.approx(column[1]), name
