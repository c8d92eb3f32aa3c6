"""Clicks that change labels on the disk; neither a window nor a display is needed."""

import os
import subprocess
import sys
import textwrap

import dask.array as da
import numpy as np
import pytest
import zarr
from clicker import (
    LEFT_OF_PAIR,
    RIGHT_OF_PAIR,
    SHAPE,
    A,
    B,
    C,
    is_cell,
    messages,
    nuclei,
    squares,
)
from pandas import DataFrame

from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.stored_labels import StoredLabels, StoredLevel
from napari_iaunet.plugin.layers import disk

MINE = squares((3, 25, 75, 12), (6, 85, 70, 12))
KINDS = ["zarr", "zarr levels", "dask", "dask levels", "first of levels"]


@pytest.fixture
def path(tmp_path):
    """A pyramid of another program, with a label that only the pyramid's axes tell."""
    group = zarr.open_group(str(tmp_path / "mine.zarr"), mode="w")
    for level in range(3):
        labels = MINE[:: 2**level, :: 2**level][None]
        group.create_array(str(level), data=labels, chunks=(1, 40, 50))
    levels = [{"path": str(level)} for level in range(3)]
    group.attrs["multiscales"] = [{"version": "0.4", "datasets": levels}]
    return tmp_path / "mine.zarr"


def on_disk(path):
    group = zarr.open_group(str(path), mode="r")
    return [group[str(level)][0] for level in range(3)]


def pixels_of(path, kind):
    group = zarr.open_group(str(path), mode="r+")
    if kind == "first of levels":
        return group["0"]
    if kind.startswith("zarr"):
        levels = [group[str(level)] for level in range(3)]
    else:
        levels = [da.from_zarr(str(path / str(level)))[0] for level in range(3)]
    if not kind.endswith("levels"):
        # Beside the pyramid, so that nothing tells of other resolutions.
        alone = zarr.create_array(str(path.parent / "one.zarr"), data=MINE)
        return alone if kind == "zarr" else da.from_zarr(str(path.parent / "one.zarr"))
    return levels


class Disk:
    """A layer of cells on the disk, and what is there."""

    def __init__(self, ready, path, kind):
        self.ready, self.path, self.kind = ready, path, kind
        pixels = pixels_of(path, kind)
        self.layer = ready.viewer.add_labels(
            pixels, name="mine", multiscale=kind.endswith(" levels") and kind[0] != "f"
        )

    def written(self):
        """All resolutions, as another program reads them."""
        stored = disk.stored_of(self.layer)
        if stored is not None:
            stored.flush()
        if self.kind in ("zarr", "dask"):
            return [zarr.open_array(str(self.path.parent / "one.zarr"), mode="r")[:]]
        return on_disk(self.path)

    def check(self, wanted):
        """That all resolutions, on the disk and in the layer, show cells."""
        for level, found in enumerate(self.written()):
            np.testing.assert_array_equal(found, wanted[:: 2**level, :: 2**level])
        shown = self.layer.data if self.layer.multiscale else [self.layer.data]
        for level, found in enumerate(shown):
            found = np.asarray(found).reshape(np.shape(found)[-2:])
            np.testing.assert_array_equal(found, wanted[:: 2**level, :: 2**level])


@pytest.fixture(params=KINDS)
def mine(request, ready, path):
    found = Disk(ready, path, request.param)
    assert ready.panel.target.currentText() == "mine"
    return found


def test_every_gesture_changes_the_disk_and_can_be_undone(ready, mine):
    states = [MINE.copy()]

    def do(*gestures):
        for gesture in gestures:
            gesture()
        states.append(mine.written()[0])
        mine.check(states[-1])
        assert (states[-1] != states[-2]).any()

    do(lambda: ready.click(A), lambda: ready.key("K"))
    assert is_cell(states[-1] == 7, A)
    do(lambda: ready.click(B), lambda: ready.key("K"))  # recreates cell 3
    assert is_cell(states[-1] == 3, B)
    do(lambda: ready.click(C), lambda: ready.key("K"))
    do(lambda: ready.hover(C), lambda: ready.key("D"))
    assert not (states[-1] == 8).any()
    do(
        lambda: ready.hover(LEFT_OF_PAIR) or ready.click(LEFT_OF_PAIR),
        lambda: ready.key("K"),
        lambda: ready.click(RIGHT_OF_PAIR),
        lambda: ready.key("K"),
    )
    pair = [int(states[-1][place]) for place in (LEFT_OF_PAIR, RIGHT_OF_PAIR)]
    assert pair[0] != pair[1]
    do(
        lambda: ready.hover(LEFT_OF_PAIR),
        lambda: ready.key("J"),
        lambda: ready.hover(RIGHT_OF_PAIR),
        lambda: ready.key("J"),
    )
    assert states[-1][RIGHT_OF_PAIR] == states[-1][LEFT_OF_PAIR] == pair[0]
    do(
        lambda: ready.key("S"),
        lambda: ready.click(LEFT_OF_PAIR),
        lambda: ready.click(RIGHT_OF_PAIR),
    )
    assert states[-1][RIGHT_OF_PAIR] != states[-1][LEFT_OF_PAIR]
    # The two cells of the pair were two steps, of which the states have the last.
    for state in (-2, -3, None, -4, -5, -6, -7, -8):
        ready.key("Control-Z")
        if state is not None:
            mine.check(states[state])
    for state in range(1, 5):
        ready.key("Control-Shift-Z")
        mine.check(states[state])


def test_the_layer_is_undone_without_the_tool_too(ready, mine):
    ready.click(A)
    ready.key("K")
    after = mine.written()[0]
    ready.toggle()
    ready.viewer.layers.selection.active = mine.layer
    ready.key("Control-Z")
    mine.check(MINE)
    ready.key("Control-Shift-Z")
    mine.check(after)


def test_the_user_is_told_once_that_the_file_changes(ready, mine):
    told = [text for text in messages() if "written into" in text]
    name = "one.zarr" if mine.kind in ("zarr", "dask") else "mine.zarr"
    (text,) = told
    assert text.startswith(f"Changes of “mine” are written into {name} at once.")
    assert "Another program made it" in text
    ready.toggle()
    ready.toggle()
    ready.click(A)
    ready.key("K")
    assert [text for text in messages() if "written into" in text] == told


def test_what_napari_paints_is_on_the_disk_and_undone_in_its_turn(ready, path):
    mine = Disk(ready, path, "zarr")
    ready.click(A)
    ready.key("K")
    kept = mine.written()[0]
    mine.layer.brush_size = 5
    mine.layer.paint((100, 20), 9)
    painted = kept.copy()
    painted[98:103, 18:23] = np.asarray(mine.layer.data)[98:103, 18:23]
    assert (painted == 9).any()
    mine.check(painted)
    ready.click(C)
    ready.key("K")
    assert is_cell(mine.written()[0] == 10, C), "the number after the painted one"
    for wanted in (painted, kept, MINE):
        mine.layer.undo()
        mine.check(wanted)
    mine.layer.redo()
    mine.check(kept)


def test_our_own_labels_are_changed_without_a_word_on_others(ready, tmp_path):
    write_labels_ome_zarr(tmp_path / "cells.zarr", MINE)
    group = zarr.open_group(str(tmp_path / "cells.zarr"), mode="r+")
    ready.viewer.add_labels(group["0"], name="mine")
    assert messages()[-1] == ("Changes of “mine” are written into cells.zarr at once.")


def test_the_table_of_our_layer_follows(ready, path):
    table = DataFrame({"index": [3, 6], "label": [3, 6], "area": [144, 144]})
    layer = ready.viewer.add_labels(
        pixels_of(path, "dask levels"),
        name="mine",
        features=table,
        metadata={"napari_iaunet": {"model": "default"}},
    )
    ready.click(A)
    ready.key("K")
    assert layer.features["label"].tolist() == [3, 6, 7]
    ready.hover((28, 80))
    ready.key("D")
    assert layer.features["label"].tolist() == [6, 7]
    ready.key("Control-Z")
    assert layer.features["label"].tolist() == [3, 6, 7]
    assert layer.features["area"].tolist()[:2] == [144, 144]
    ready.key("Control-Z")
    ready.key("Control-Shift-Z")
    assert layer.features["label"].tolist() == [3, 6, 7]


def test_a_plane_of_a_film_on_the_disk(clicker, tmp_path):
    film = np.stack([nuclei((A,)), nuclei((B,))])
    clicker.viewer.add_image(film, name="film")
    stored = zarr.create_array(
        str(tmp_path / "film.zarr"), shape=film.shape, dtype="u2", chunks=(1, 64, 64)
    )
    layer = clicker.viewer.add_labels(da.from_zarr(str(tmp_path / "film.zarr")))
    clicker.viewer.dims.set_point(0, 1)
    clicker.toggle()
    clicker.click(B)
    clicker.key("K")
    disk.stored_of(layer).flush()
    assert is_cell(stored[1] == 1, B)
    assert not stored[0].any()
    clicker.key("Control-Z")
    disk.stored_of(layer).flush()
    assert not stored[:].any()


def refused(ready, pixels):
    """What is told of a layer that is selected while clicks are on."""
    ready.viewer.add_labels(pixels, name="mine")
    assert ready.panel.target.currentText() == "New layer"
    assert messages()[-1] == ready.said
    return ready.said


def test_what_cannot_be_written_says_why_and_what_to_do(ready, path):
    lazy = da.from_zarr(str(path / "0"))[0]
    for pixels in (lazy + 0, da.from_array(MINE)):
        said = refused(ready, pixels)
        assert "computed" in said
        assert "File > Save Selected Layers" in said
    said = refused(ready, zarr.open_group(str(path), mode="r")["0"])
    assert "was opened to be read only" in said
    fixed = MINE.copy()
    fixed.flags.writeable = False
    assert "read only" in refused(ready, fixed)
    np.testing.assert_array_equal(on_disk(path)[0], MINE)


def test_a_full_disk_leaves_cells_and_table_as_they_were(
    qtbot, ready, path, monkeypatch
):
    mine = Disk(ready, path, "zarr levels")
    kind = type(disk.zarr_part(MINE))

    def fail(self, box, pixels):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(kind, "write", fail)
        ready.click(A)
        ready.key("K")
        qtbot.waitUntil(lambda: "No space left" in messages()[-1])
    mine.check(MINE)
    ready.key("Control-Z")
    mine.check(MINE)
    ready.click(A)
    ready.key("K")
    found = mine.written()[0]
    assert is_cell(found == found[A], A)


def test_large_planes_are_searched_around_the_cell_only(ready, path, monkeypatch):
    mine = Disk(ready, path, "zarr")
    ready.click(A)
    ready.key("K")
    reads, read = [], StoredLabels.read

    def count(self, level, box):
        reads.append(np.prod([part.stop - part.start for part in box]))
        return read(self, level, box)

    monkeypatch.setattr(StoredLabels, "read", count)
    monkeypatch.setattr("napari_iaunet.plugin.click.plane._NEAR", 8)
    monkeypatch.setattr("napari_iaunet.plugin.click.plane._GLANCE", 100)
    ready.hover(A)
    ready.key("D")
    assert max(reads) < np.prod(SHAPE) / 3
    mine.check(MINE)


def test_several_resolutions_in_memory(ready):
    levels = [MINE.copy(), MINE[::2, ::2].copy()]
    layer = ready.viewer.add_labels(levels, name="mine", multiscale=True)
    assert not any("written into" in text for text in messages())
    ready.click(A)
    ready.key("K")
    for step, level in enumerate(layer.data, 1):
        assert (np.asarray(level) == 7).any()
        np.testing.assert_array_equal(level, np.asarray(layer.data[0])[::step, ::step])
    ready.key("Control-Z")
    disk.stored_of(layer).flush()
    np.testing.assert_array_equal(levels[0], MINE)
    np.testing.assert_array_equal(layer.data[1], MINE[::2, ::2])


def test_a_layer_that_is_still_filled_is_left_alone(ready, path):
    ready.viewer.add_labels(
        pixels_of(path, "zarr"), metadata={"napari_iaunet": {"kept_in": "somewhere"}}
    )
    assert ready.panel.target.currentText() == "New layer"
    assert "still being filled" in ready.said


_QUIT = """
    import sys, numpy as np, zarr
    from napari.components import ViewerModel
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication
    from napari_iaunet.plugin.layers.undo import EditLogs
    app = QApplication([])
    group = zarr.open_group(sys.argv[1], mode="r+")
    viewer = ViewerModel()
    layer = viewer.add_labels([group[n] for n in "012"], multiscale=True)
    logs = EditLogs(viewer)
    log = logs.of(layer)
    def paint():
        for label_id in range(10, 60):
            log.write((np.zeros(900, int), np.arange(900) // 30, np.arange(900) % 30),
                      np.full(900, label_id))
            log.describe({})
        app.quit()
    QTimer.singleShot(0, paint)
    app.exec()
"""


def test_what_was_done_is_on_the_disk_when_napari_ends(path):
    code = textwrap.dedent(_QUIT)
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in ended.stderr
    assert (on_disk(path)[0][:30, :30] == 59).all()
    assert (on_disk(path)[2][:7, :7] == 59).all()


def test_a_layer_is_given_back_when_the_dock_goes(ready, path):
    mine = Disk(ready, path, "dask levels")
    ready.click(A)
    ready.key("K")
    assert isinstance(mine.layer.data[0], StoredLevel)
    assert mine.layer.keymap
    ready.controller.teardown()
    assert not mine.layer.keymap
