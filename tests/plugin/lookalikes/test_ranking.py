"""Describing, ranking and remembering cells, without a viewer."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_iaunet.plugin.layers.cells_on_image import CellSource
from napari_iaunet.plugin.layers.geometry import LayerImage
from napari_iaunet.plugin.lookalikes.job import describe_cells
from napari_iaunet.plugin.lookalikes.ranking import (
    CellRef,
    Query,
    Ranking,
    Targets,
    best_and_border,
    suggest_threshold,
    threshold_for,
)

A, B, C = (CellRef("layer", i) for i in (1, 2, 3))


def embed(image, labels, *, channel_axis, progress):
    names = np.unique(labels[labels > 0])
    return np.eye(3, dtype=np.float32)[names % 3]


def describe(labels, image, channel_axis=None):
    progress = []
    segmenters = SimpleNamespace(get=lambda *names: SimpleNamespace(embed=embed))
    found = describe_cells(
        segmenters,
        [CellSource(labels, LayerImage(image, channel_axis))] * 2,
        model="m",
        device="cpu",
        progress=lambda done, total: progress.append((done, total)),
    )
    assert progress[0] == (0, 2000)
    assert progress == sorted(progress)
    assert progress[-1] == (2000, 2000)
    return found[0]


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
    cells = describe(labels, image)
    assert cells.names.tolist() == [5, 7, 2**40]
    assert cells.table["plane"].tolist() == [1, 0, 1]
    assert cells.table["area"].tolist() == [16 + 36, 100, 16]
    assert cells.table["y"].tolist() == [6.5, 24.5, 31.5]
    inside = labels == 5
    expected = pytest.approx(image[inside].mean())
    assert cells.table["mean_intensity"][0] == expected
    assert cells.row(7) == 1
    assert cells.row(6) is None
    assert cells.row(2**41) is None
    np.testing.assert_array_equal(
        cells.names[cells.index[labels > 0] - 1], labels[labels > 0]
    )
    kept = cells.labels_of(np.array([True, False, True]), labels.dtype)
    np.testing.assert_array_equal(
        kept, np.where((labels > 0) & (labels != 7), labels, 0)
    )
    assert cells.edges[0, 20, 25]
    assert not cells.edges[0, 22, 25]


def test_knows_whether_labels_have_changed():
    labels, image = two_planes()
    cells = describe(labels, image)
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
    cells = describe(labels, image, channel_axis)
    side = cells.thumbnails.shape[1]
    assert cells.thumbnails.shape == (2, side, side, *((3,) if channel_axis else ()))
    middle = cells.thumbnails[:, side // 2, side // 2]
    assert (middle > 90).all()
    assert cells.thumbnails[0, 0, 0].max() == 0  # beside the image
    assert cells.thumbnails[1, 2, 2].max() < 5


def test_no_cells():
    cells = describe(np.zeros((8, 8), np.int32), np.zeros((8, 8), np.uint8))
    assert cells.names.size == 0
    assert cells.row(1) is None
    assert len(cells.thumbnails) == 0


def test_examples():
    query = Query((A,)).with_like(B).with_unlike(C)
    assert query == ((A, B), (C,))
    assert query.with_like(B) == query
    assert query.with_unlike(B) == ((A,), (C, B))
    assert query.without(A).without(B) == ((), (C,))


def test_back_and_forward():
    targets = Targets()
    assert not targets.can_go_back
    for cell in (A, B, C):
        targets.add(Query((cell,)))
    targets.back()
    targets.change(targets.current.with_like(A))
    assert targets.current == Query((B, A))
    targets.back()
    targets.back()
    assert targets.current == Query((A,))
    targets.forward()
    targets.add(Query((C, A)))
    assert not targets.can_go_forward
    targets.back()
    assert targets.current == Query((B, A))


def test_ranks_several_layers_together():
    labels, image = two_planes()
    parts = {"a": describe(labels, image), "b": describe(labels[1], image[1])}
    ranking = Ranking(parts)
    assert ranking.rows == {"a": slice(0, 3), "b": slice(3, 5)}
    for row in range(5):
        assert ranking.row(ranking.cell(row)) == row
    assert ranking.row(CellRef("c", 5)) is None
    query = Query((CellRef("b", 5), CellRef("b", 99)), (CellRef("c", 5),))
    assert ranking.known(query) == Query((CellRef("b", 5),))
    values = ranking.similarity(query, {"appearance": 1.0})
    np.testing.assert_allclose(values, [1, 0.5, 0.5, 1, 0.5], atol=1e-6)
    assert ranking.thumbnail(CellRef("c", 5)) is None


def test_colour_is_left_out_if_channels_differ():
    labels, image = two_planes()
    colours = np.stack([image[0]] * 3, -1)
    parts = {
        "a": describe(labels[0], image[0]),
        "b": describe(labels[0], colours, channel_axis=2),
    }
    query = Query((CellRef("a", 5),))
    values = Ranking(parts).similarity(query, {"appearance": 1.0, "colour": 1.0})
    np.testing.assert_allclose(values, [1, 0.5, 1, 0.5], atol=1e-6)


def test_best_and_border():
    values = np.array([0.1, 0.9, 0.5, 0.6, 1.0], np.float32)
    best, border = best_and_border(values, 0.55, 2)
    assert best == [4, 1]
    assert border == [3, 2]
    assert best_and_border(values[:1], 0.5, 30) == ([0], [0])


def test_thresholds():
    values = np.array([0.1, 0.9, 0.5, 0.6, 1.0], np.float32)
    assert suggest_threshold(values) == pytest.approx(0.8)
    for count in (1, 3, 5):
        assert np.count_nonzero(values >= threshold_for(values, count)) == count
    assert threshold_for(values, 9) == pytest.approx(0.1)
    assert threshold_for(values, 0) == 1
