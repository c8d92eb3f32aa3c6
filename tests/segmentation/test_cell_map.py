"""Described cells, their pixels and pictures, with a stand-in for the network."""

import numpy as np
import pytest
from describer import Describer

from napari_iaunet.errors import Cancelled
from napari_iaunet.segmentation.cell_map import ValuePerCell, map_cells


def mapped(labels, image, channel_axis=None):
    return map_cells(
        Describer(),
        image,
        labels,
        channel_axis=channel_axis,
        progress=lambda done, total: None,
    )


def two_planes():
    """Cell 5 lies in both planes; a number is huge, and one is negative."""
    labels = np.zeros((2, 40, 40), np.int64)
    labels[0, 5:9, 5:9] = labels[1, 4:10, 4:10] = 5
    labels[0, 20:30, 20:30] = 7
    labels[1, 30:34, 0:4] = 2**40
    labels[1, 0, 0] = -3
    image = np.random.default_rng(0).integers(0, 255, (2, 40, 40), np.uint8)
    return labels, image


def test_cells_of_a_stack():
    labels, image = two_planes()
    cells = mapped(labels, image)
    assert cells.label_ids.tolist() == [5, 7, 2**40]
    assert cells.table["label"].tolist() == [5, 7, 2**40]
    assert cells.table["plane"].tolist() == [1, 0, 1]
    assert cells.table["area"].tolist() == [16 + 36, 100, 16]
    assert cells.table["y"].tolist() == [6.5, 24.5, 31.5]
    inside = labels == 5
    expected = pytest.approx(image[inside].mean())
    assert cells.table["mean_intensity"][0] == expected
    np.testing.assert_array_equal(
        cells.label_ids[cells.index[labels > 0] - 1], labels[labels > 0]
    )
    kept = cells.labels_of(np.array([True, False, True]), labels.dtype)
    np.testing.assert_array_equal(
        kept, np.where((labels > 0) & (labels != 7), labels, 0)
    )
    assert cells.edges[0, 20, 25]
    assert not cells.edges[0, 22, 25]


def test_knows_whether_labels_have_changed():
    labels, image = two_planes()
    cells = mapped(labels, image)
    assert cells.are_of(labels)
    assert cells.are_of(labels.reshape(2, 1, 40, 40))
    changed = labels.copy()
    changed[1, 39, 39] = 7
    assert not cells.are_of(changed)
    assert not cells.are_of(labels[:1])


@pytest.mark.parametrize("channel_axis", [None, 2])
def test_pictures(channel_axis):
    labels = np.zeros((60, 60), np.uint8)
    labels[0:10, 0:10], labels[30:40, 30:40] = 1, 2
    image = np.zeros((60, 60), np.uint8)
    image[labels > 0] = 200
    image[50:, 50:] = 100
    if channel_axis is not None:
        image = np.stack([image, image // 2, image], channel_axis)
    cells = mapped(labels, image, channel_axis)
    side = cells.thumbnails.shape[1]
    assert cells.thumbnails.shape == (2, side, side, *((3,) if channel_axis else ()))
    middle = cells.thumbnails[:, side // 2, side // 2]
    assert (middle > 90).all()
    assert cells.thumbnails[0, 0, 0].max() == 0  # beside the image
    assert cells.thumbnails[1, 2, 2].max() < 5


def test_no_cells():
    cells = mapped(np.zeros((8, 8), np.int32), np.zeros((8, 8), np.uint8))
    assert len(cells) == 0
    assert cells.row(1) is None
    assert len(cells.thumbnails) == 0


def test_can_be_cancelled():
    def cancel(done, total):
        if done == total:
            raise Cancelled

    labels, image = two_planes()
    with pytest.raises(Cancelled):
        map_cells(Describer(), image, labels, progress=cancel)


def test_an_image_of_values_is_made_where_it_is_looked_at():
    labels, image = two_planes()
    cells = mapped(labels, image)
    values = ValuePerCell(cells.index, np.array([np.nan, 0.5, 0.6, 0.7], np.float32))
    assert values.shape == labels.shape
    assert values.dtype == np.float32
    assert values[0, 25, 25] == np.float32(0.6)
    assert np.isnan(values[1, 0, 0])
    values.table[2] = 0.9
    whole = np.asarray(values)
    np.testing.assert_array_equal(whole[labels == 7], np.float32(0.9))
    edges = ValuePerCell(cells.index, np.array([0, 1, 2, 3], np.uint8), cells.edges)
    np.testing.assert_array_equal(np.asarray(edges) > 0, cells.edges)
