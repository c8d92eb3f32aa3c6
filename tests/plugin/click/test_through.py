"""Cells that are followed through a stack; neither a window nor a display is needed."""

import numpy as np
import pytest
import zarr
from clicker import RADIUS, A, B, messages, nuclei, squares
from stained import beside_brighter

from napari_iaunet.plugin.layers import disk

# By so much, in pixels, all cells move from plane to plane; A ends after plane 3.
STEP, PLANES, LAST = (2, 3), 6, 3
START = 2


def place(cell, plane):
    """Where a cell that is at a place on plane 0 is on another one."""
    return (cell[0] + STEP[0] * plane, cell[1] + STEP[1] * plane)


@pytest.fixture(scope="module")
def film():
    return np.stack(
        [
            nuclei([place(B, i), *([place(A, i)] if i <= LAST else [])])
            for i in range(PLANES)
        ]
    )


@pytest.fixture
def user(clicker, film):
    """Clicks are on, in a film, and a plane of it is prepared."""
    clicker.viewer.add_image(film, name="film")
    clicker.viewer.dims.set_point(0, START)
    clicker.toggle()
    return clicker


def planes_of(labels, label_id):
    return [i for i, plane in enumerate(labels) if (plane == label_id).any()]


def fits(labels, label_id, cell):
    """Whether a cell lies where it is, on all planes where it is seen at all."""
    y, x = np.indices(labels.shape[1:])
    return all(
        np.count_nonzero(here & true) / np.count_nonzero(here | true) > 0.7
        for here, true in (
            (
                labels[i] == label_id,
                np.hypot(*(np.stack([y, x]).T - place(cell, i)).T) < RADIUS,
            )
            for i in planes_of(labels, label_id)
        )
    )


def follow(user):
    user.key("T")
    assert user.more_jobs.is_running
    assert user.said.startswith("Following")
    user.more_jobs.finish()


def test_the_draft_is_followed_in_both_ways_until_it_ends(user):
    user.click(place(A, START))
    follow(user)
    labels = user.cells.data
    assert planes_of(labels, 1) == [0, 1, 2, 3]
    assert fits(labels, 1, A)
    assert np.unique(labels).tolist() == [0, 1]
    assert user.said == "Found on 4 planes, 0 to 3."
    assert user.preview is None
    table = user.cells.features
    assert table["index"].tolist() == [1]
    assert table["plane"].tolist() == [START]
    assert table["area"].tolist() == [np.count_nonzero(labels[START] == 1)]


def test_the_channels_that_show_nuclei_and_cells_are_seen_as_for_clicks(clicker, film):
    axes = ("c", "t", "y", "x")
    clicker.viewer.add_image(beside_brighter(film), name="film", axis_labels=axes)
    clicker.viewer.dims.set_point(1, START)
    clicker.settings.nuclei = 2
    clicker.toggle()
    clicker.click(place(B, START))
    follow(clicker)
    labels = clicker.cells.data[: PLANES - 1]  # on the last one noise hides a part
    assert planes_of(labels, 1) == [0, 1, 2, 3, 4]
    assert fits(labels, 1, B)


def test_one_undo_takes_away_all_of_it(user):
    user.click(place(A, START))
    follow(user)
    after = user.cells.data.copy()
    user.key("Control-Z")
    assert not user.cells.data.any()
    assert user.cells.features.empty
    user.key("Control-Shift-Z")
    np.testing.assert_array_equal(user.cells.data, after)


def test_a_cell_of_the_layer_is_followed_from_under_the_cursor(user):
    before = np.zeros((PLANES, 128, 160), np.uint8)
    before[START] = squares((7, *np.subtract(place(B, START), 8), 17))
    layer = user.viewer.add_labels(before.copy(), name="mine")
    user.hover(place(B, START))
    follow(user)
    assert planes_of(layer.data, 7) == [0, 1, 2, 3, 4, 5]
    assert fits(layer.data, 7, B)
    np.testing.assert_array_equal(layer.data[START], before[START])
    user.key("Control-Z")
    np.testing.assert_array_equal(layer.data, before)


def test_other_cells_are_never_painted_over(user):
    before = np.zeros((PLANES, 128, 160), np.int32)
    y, x = place(A, 3)
    before[3, y - 15 : y + 15, x - 15 : x + 15] = 4
    y, x = place(A, 1)
    before[1, y - 15 : y + 15, x + 5 : x + 15] = 5
    layer = user.viewer.add_labels(before.copy(), name="mine")
    user.click(place(A, START))
    follow(user)
    assert planes_of(layer.data, 6) == [0, 1, 2]
    assert (layer.data[before > 0] == before[before > 0]).all()
    assert "where other cells lie" in user.said


def test_a_correction_goes_on_to_the_planes_beyond(user):
    user.click(place(B, START))
    follow(user)
    before = user.cells.data.copy()
    user.viewer.dims.set_point(0, 3)
    user.wait()
    cut = (place(B, 3)[0], place(B, 3)[1] + 7)
    user.click(cut, "Control")
    user.key("K")
    user.more_jobs.finish()
    labels = user.cells.data
    assert labels[3][cut] == 0
    np.testing.assert_array_equal(labels[:3], before[:3])
    assert (labels[4:] != before[4:]).any()
    assert planes_of(labels, 1) == planes_of(before, 1)
    assert user.preview is None
    user.key("Control-Z")
    np.testing.assert_array_equal(labels, before)
    user.key("Control-Z")
    assert not labels.any()


def test_a_correction_does_not_change_planes_that_were_clicked(user):
    user.click(place(B, 2))
    follow(user)
    for plane in (4, 3):
        user.viewer.dims.set_point(0, plane)
        user.wait()
        user.click((place(B, plane)[0], place(B, plane)[1] + 7), "Control")
        before = user.cells.data.copy()
        user.key("K")
        user.more_jobs.finish()
    np.testing.assert_array_equal(user.cells.data[4:], before[4:])
    assert (user.cells.data[3] != before[3]).any()


def test_what_was_undone_is_not_corrected_any_more(user):
    user.click(place(B, START))
    follow(user)
    user.key("Control-Z")
    user.click(place(A, START))
    user.key("K")
    user.click(place(A, START))
    user.key("K")
    assert not user.more_jobs.is_running
    assert planes_of(user.cells.data, 1) == [START]


def test_escape_stops_and_keeps_what_was_found(user):
    user.click(place(A, START))
    user.key("T")
    user.key("Escape")
    assert not user.more_jobs.is_running
    assert planes_of(user.cells.data, 1) == [START]
    assert user.preview is None
    user.key("Control-Z")
    assert not user.cells.data.any()


def test_undo_meanwhile_drops_it(user):
    user.click(place(A, START))
    user.key("T")
    user.key("Control-Z")
    assert not user.more_jobs.is_running
    assert user.preview is None
    assert len(user.viewer.layers) == 2


def test_undo_meanwhile_leaves_what_was_painted_before(user):
    before = np.zeros((PLANES, 128, 160), np.int32)
    layer = user.viewer.add_labels(before, name="mine")
    layer.data_setitem(tuple(np.array([i]) for i in (0, 1, 1)), 3)
    user.click(place(A, START))
    user.key("T")
    user.key("Control-Z")
    assert not user.more_jobs.is_running
    assert layer.data[0, 1, 1] == 3
    user.key("Control-Z")
    assert layer.data[0, 1, 1] == 0


def test_the_next_cell_can_be_clicked_meanwhile(user):
    user.click(place(A, START))
    user.key("T")
    user.click(place(B, START))
    user.more_jobs.finish()
    assert user.preview[place(B, START)]
    user.key("T")
    user.more_jobs.finish()
    assert planes_of(user.cells.data, 1) == [0, 1, 2, 3]
    assert planes_of(user.cells.data, 2) == [0, 1, 2, 3, 4, 5]


def test_off_meanwhile_keeps_the_cell(user):
    user.click(place(A, START))
    user.key("T")
    user.toggle()
    assert not user.more_jobs.is_running
    assert planes_of(user.cells.data, 1) == [START]


def test_the_image_is_closed_meanwhile(user):
    user.click(place(A, START))
    user.key("T")
    user.viewer.layers.remove("film")
    assert not user.more_jobs.is_running
    assert len(user.viewer.layers) == 0


def test_the_button_follows_the_draft_and_stops(user):
    button = user.panel.through
    assert button.isEnabled()
    button.click()
    assert user.said == "Click a cell first."
    user.click(place(A, START))
    button.click()
    assert user.more_jobs.is_running
    assert button.text() == "Stop following"
    button.click()
    assert not user.more_jobs.is_running
    assert button.text() == "Follow through the stack"
    assert planes_of(user.cells.data, 1) == [START]


def test_nothing_under_the_cursor(user):
    user.hover((5, 5))
    user.key("T")
    assert user.said == "There is no cell."


def test_only_stacks(ready):
    ready.click(A)
    assert not ready.panel.through.isEnabled()
    ready.key("T")
    assert "one plane" in messages()[-1]
    assert ready.preview[A]


def test_a_stack_of_stacks(clicker, film):
    clicker.viewer.add_image(film[None], name="films")
    clicker.toggle()
    clicker.click(place(A, 0))
    clicker.key("T")
    assert "more than one axis" in messages()[-1]


@pytest.mark.parametrize("levels", [1, 2])
def test_a_layer_on_the_disk_is_changed_and_changed_back(user, tmp_path, levels):
    group = zarr.open_group(str(tmp_path / "mine.zarr"), mode="w")
    shapes = [(PLANES, 128 // 2**i, 160 // 2**i) for i in range(levels)]
    pixels = [
        group.create_array(str(i), shape=shape, dtype="i4", chunks=(1, 64, 64))
        for i, shape in enumerate(shapes)
    ]
    layer = user.viewer.add_labels(
        pixels if levels > 1 else pixels[0], name="mine", multiscale=levels > 1
    )
    user.click(place(A, START))
    follow(user)
    disk.stored_of(layer).flush()
    written = zarr.open_group(str(tmp_path / "mine.zarr"), mode="r")["0"][:]
    assert planes_of(written, 1) == [0, 1, 2, 3]
    assert fits(written, 1, A)
    user.key("Control-Z")
    disk.stored_of(layer).flush()
    assert not zarr.open_group(str(tmp_path / "mine.zarr"), mode="r")["0"][:].any()
