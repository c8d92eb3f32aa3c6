"""From clicks to cells; neither a window nor a display is needed."""

import numpy as np
from clicker import (
    BACKGROUND,
    LEFT_OF_PAIR,
    RADIUS,
    RIGHT_OF_PAIR,
    A,
    B,
    C,
    disc,
    iou,
    is_cell,
    messages,
    nuclei,
    squares,
)

from napari_iaunet.plugin.click import target


def test_a_click_for_each_cell(ready):
    for place in (A, B, C):
        ready.click(place)
    ready.key("K")
    labels = ready.cells.data
    assert labels.max() == 3
    for number, place in enumerate((A, B, C), 1):
        assert is_cell(labels == number, place)
    table = ready.cells.features
    assert table["index"].tolist() == table["label"].tolist() == [1, 2, 3]
    assert table["area"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    image = ready.viewer.layers["image"].data
    means = [image[labels == i].mean() for i in (1, 2, 3)]
    np.testing.assert_allclose(table["mean_intensity"], means)


def test_a_cell_that_is_there_is_recreated(ready):
    start = squares((7, *A, 8), (3, 60, 10, 5))
    layer = ready.viewer.add_labels(start.copy(), name="mine")
    assert ready.panel.target.currentText() == "mine"
    ready.click((A[0] + 2, A[1] + 2))
    ready.key("K")
    assert is_cell(layer.data == 7, A)
    np.testing.assert_array_equal(layer.data == 3, start == 3)
    assert np.unique(layer.data).tolist() == [0, 3, 7]
    assert layer.features.empty
    ready.key("Control-Z")
    np.testing.assert_array_equal(layer.data, start)
    ready.click(B)
    ready.key("K")
    assert layer.data[B] == 8


def test_a_cell_that_is_there_loses_a_part(ready):
    disc_and_more = disc(A)
    disc_and_more[25:35, 30:60] = True
    layer = ready.viewer.add_labels(disc_and_more.astype(np.int32) * 4, name="mine")
    ready.click((30, 52), "Control")
    ready.key("K")
    assert layer.data[30, 52] == 0
    assert is_cell(layer.data == 4, A)


def test_never_into_another_cell(ready):
    start = squares((5, A[0] - 15, A[1], 30))
    layer = ready.viewer.add_labels(start.copy(), name="mine")
    ready.click((A[0], A[1] - 6))
    assert not (ready.preview & (start == 5)).any()
    ready.key("K")
    np.testing.assert_array_equal(layer.data == 5, start == 5)
    new = layer.data == 6
    assert iou(new, disc(A) & (start == 0)) > 0.6


def test_remove(ready):
    ready.click(A)
    ready.click(B)
    ready.key("K")
    ready.hover(A)
    ready.key("D")
    labels = ready.cells.data
    assert np.unique(labels).tolist() == [0, 2]
    assert ready.cells.features["label"].tolist() == [2]
    ready.key("Control-Z")
    assert np.unique(labels).tolist() == [0, 1, 2]
    ready.hover(BACKGROUND)
    ready.key("D")
    assert "no cell" in ready.said
    ready.click(C)
    ready.key("D")
    assert ready.preview is None
    assert labels.max() == 2


def test_join(ready):
    ready.click(A)
    ready.click(B)
    ready.key("K")
    area = np.count_nonzero(ready.cells.data)
    ready.hover(A)
    ready.key("J")
    assert "over the cell" in ready.said
    ready.hover(B)
    ready.key("J")
    labels = ready.cells.data
    assert np.unique(labels).tolist() == [0, 1]
    assert labels[B] == 1
    assert ready.cells.features["area"].tolist() == [area]
    ready.key("Control-Z")
    assert labels[B] == 2
    ready.hover(A)
    ready.key("J")
    ready.key("Escape")
    ready.hover(B)
    ready.key("J")
    assert labels[B] == 2


def test_split(ready):
    start = squares()
    start[disc(LEFT_OF_PAIR) | disc(RIGHT_OF_PAIR)] = 4
    start[A] = 9
    layer = ready.viewer.add_labels(start.copy(), name="mine")
    ready.key("S")
    assert "one part" in ready.said
    ready.click(BACKGROUND)
    assert "no cell" in ready.said
    ready.click(LEFT_OF_PAIR)
    assert "other part" in ready.said
    ready.click(A)
    assert "another cell" in ready.said
    ready.click(RIGHT_OF_PAIR)
    np.testing.assert_array_equal(layer.data > 0, start > 0)
    assert is_cell(layer.data == 4, LEFT_OF_PAIR)
    assert is_cell(layer.data == 10, RIGHT_OF_PAIR)
    ready.key("Control-Z")
    np.testing.assert_array_equal(layer.data, start)
    ready.click(A)
    assert ready.preview is not None


def test_a_draft_outlives_a_lack_of_memory(ready, monkeypatch):
    zeros = np.zeros

    def scarce(shape, *args, **kwargs):
        if tuple(np.atleast_1d(shape)) == (128, 160):
            raise MemoryError
        return zeros(shape, *args, **kwargs)

    ready.click(A)
    with monkeypatch.context() as context:
        context.setattr(target.np, "zeros", scarce)
        ready.key("K")
    assert "memory" in messages()[-1]
    assert is_cell(ready.preview, A)
    ready.key("K")
    assert is_cell(ready.cells.data == 1, A)


def test_all_clicks_of_a_cell_are_in_one_window(clicker, small_windows):
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle()
    clicker.click(A)
    clicker.wait()
    clicker.click(B, "Shift")
    clicker.wait()
    assert clicker.preview[A]
    assert clicker.preview[B]
    clicker.click(C, "Shift")
    clicker.wait()
    assert "too far" in messages()[-1]
    assert clicker.panel.button.isChecked()
    assert clicker.preview[B]
    assert not clicker.preview[C]


def around(place, side=RADIUS + 1):
    """A drag from corner to corner of a nucleus."""
    y, x = place
    return [(y - side, x - side), (y, x), (y + side, x + side)]


def test_a_box_and_then_clicks_and_strokes_make_one_cell(ready):
    ready.drag(around(LEFT_OF_PAIR), "Control", "Shift")
    assert is_cell(ready.preview, LEFT_OF_PAIR)
    assert not ready.preview[RIGHT_OF_PAIR]
    ready.drag([(84, 66), (86, 80), (88, 82)], "Shift")
    assert ready.preview[86, 80]
    ready.drag([(70, 52), (84, 52), (96, 52)], "Control")
    assert not ready.preview[84:96, 52].any()
    ready.click((90, 70), "Control")
    assert not ready.preview[90, 70]
    for _ in range(3):
        ready.key("Control-Z")
    assert is_cell(ready.preview, LEFT_OF_PAIR)
    ready.key("Control-Z")
    assert ready.preview is None
    ready.key("Control-Shift-Z")
    ready.key("K")
    assert is_cell(ready.cells.data == 1, LEFT_OF_PAIR)


def test_a_box_or_lasso_elsewhere_begins_the_next_cell(ready):
    ready.drag(around(A), "Control", "Shift")
    ready.drag(around(B), "Control", "Shift")
    y, x = C
    lasso = [(y - 14, x), (y, x + 14), (y + 14, x), (y, x - 14), (y - 12, x - 2)]
    ready.drag(lasso, "Control", "Shift")
    ready.key("K")
    labels = ready.cells.data
    assert labels.max() == 3
    for number, place in enumerate((A, B, C), 1):
        assert is_cell(labels == number, place)


def test_a_box_around_a_cell_that_is_there_recreates_it(ready):
    layer = ready.viewer.add_labels(squares((7, *A, 4)), name="mine")
    ready.drag(around(A), "Control", "Shift")
    ready.key("K")
    assert np.unique(layer.data).tolist() == [0, 7]
    assert is_cell(layer.data == 7, A)


def test_a_stroke_on_the_background_is_for_the_cell_that_it_meets(ready):
    wide = disc(A)
    wide[25:35, 30:60] = True
    layer = ready.viewer.add_labels(wide.astype(np.int32) * 4, name="mine")
    ready.drag([(20, 50), (30, 50), (40, 50)], "Control")
    ready.key("K")
    assert is_cell(layer.data == 4, A)
    assert not layer.data[20:41, 50].any()
    ready.drag([(110, 20), (110, 30)], "Control")
    assert ready.said == "Click a cell first."


def test_what_is_drawn_is_seen_and_escape_drops_it(ready):
    ready.click(A)
    before = ready.preview
    ready.drag([(60, 60), (70, 75)], "Control", "Shift", release=False)
    assert ready.preview[60, 60:76].all()
    assert ready.preview[A]
    ready.key("Escape")
    np.testing.assert_array_equal(ready.preview, before)
    assert len(ready.viewer.layers) == 2
    ready.key("Escape")
    assert ready.preview is None
    assert "Escape" not in map(str, ready.viewer.keymap)


def test_a_box_over_the_border_is_cut_and_one_beside_the_image_says_so(ready):
    ready.drag([(-9, -9), (5, 9), (20, 200)], "Control", "Shift")
    assert ready.preview is not None
    assert not ready.preview[22:].any()
    ready.key("Escape")
    ready.drag([(-9, -9), (-5, 9), (-2, 20)], "Control", "Shift")
    assert "beside the image" in ready.said
    ready.drag([(-9, -9), (-5, 9), (-2, 20)], "Shift")
    assert "beside the image" in ready.said
    assert ready.preview is None
