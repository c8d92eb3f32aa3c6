"""The Batch tab, pressed with the mouse."""

import gc
import json
import sys
import threading

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from narrow import assert_fits
from person import LEFT, open_dock
from qtpy.QtCore import QMimeData, QPointF, QSize, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QResizeEvent
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_iaunet import atomic
from napari_iaunet.io.labels import read_labels
from napari_iaunet.plugin.batch.panel import BatchPanel, Naming, Row
from napari_iaunet.plugin.batch.reading import Reading


@pytest.mark.viewer
def test_a_folder_is_added_segmented_and_looked_through(
    qtbot, viewer, fake, tmp_path, monkeypatch
):
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((20, 30), np.uint8))
    dock = open_dock(qtbot, viewer)
    panel, controller = dock.batch_panel, dock.batch_controller
    dock.tabs.setCurrentWidget(panel)

    def press(button):
        qtbot.mouseClick(button, LEFT)
        for jobs in (controller.list_jobs, controller.jobs, controller.view_jobs):
            qtbot.waitUntil(lambda jobs=jobs: not jobs.is_running)
        qtbot.waitUntil(lambda: not controller.turns.is_running)

    def statuses():
        items = [panel.list.topLevelItem(i) for i in range(2)]
        return [item.text(1) for item in items]

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    press(panel.folder_button)
    assert statuses() == ["waiting"] * 2
    press(panel.run.start_button)
    assert statuses() == ["done, 2 cells"] * 2
    assert panel.run.status.text() == "2 done."
    item = panel.list.topLevelItem(0)
    place = panel.list.visualItemRect(item).center()
    qtbot.mouseClick(panel.list.viewport(), LEFT, pos=place)
    press(panel.open_button)
    assert [layer.name for layer in viewer.layers] == ["a", "a cells"]
    viewer.layers["a cells"].fill((3, 4), 0)
    press(panel.next_button)
    assert set(np.unique(read_labels(tmp_path / "a_mask.tif"))) == {0, 2}
    assert [layer.name for layer in viewer.layers] == ["b", "b cells"]
    assert statuses() == ["looked at, 1 cell", "done, 2 cells"]
    dock.teardown()


def test_the_window_never_waits_for_the_disk(
    qtbot, viewer, fake, tmp_path, monkeypatch
):
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((20, 30), np.uint8))
    dock = open_dock(qtbot, viewer)
    panel, controller = dock.batch_panel, dock.batch_controller
    threads = []

    def sync(*args, **options):
        threads.append(threading.get_ident())

    monkeypatch.setattr(atomic, "sync", sync)

    def settled():
        jobs = (controller.list_jobs, controller.jobs, controller.view_jobs)
        busy = (*jobs, controller.save_jobs, controller.turns)
        return not any(part.is_running for part in busy)

    panel.added.emit([str(tmp_path)])
    qtbot.waitUntil(settled)
    panel.run_requested.emit()
    qtbot.waitUntil(settled)
    a, b, c = controller.record.images
    panel.open_requested.emit(a)
    qtbot.waitUntil(settled)
    viewer.layers["a cells"].fill((3, 4), 0)
    panel.next_requested.emit()
    panel.looked_at.emit([c])
    panel.removed.emit([c])
    qtbot.waitUntil(settled)
    assert controller.record.is_saved
    kept = json.loads(controller.record.path.read_text())
    assert kept["images"] == [a, b]
    assert [kept["entries"][i]["looked_at"] for i in (a, b, c)] == [True, False, True]
    assert len(threads) > 6
    assert threading.get_ident() not in threads


@pytest.mark.viewer
@pytest.mark.skipif(sys.platform == "win32", reason="napari's way stays there")
def test_an_image_is_closed_without_looking_through_the_program(
    qtbot, viewer, fake, tmp_path
):
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((20, 30), np.uint8))
    dock = open_dock(qtbot, viewer)
    panel, controller = dock.batch_panel, dock.batch_controller
    panel.added.emit([str(tmp_path)])
    qtbot.waitUntil(lambda: not controller.list_jobs.is_running)
    panel.run_requested.emit()
    qtbot.waitUntil(lambda: not controller.jobs.is_running)
    a, b = controller.record.images
    panel.open_requested.emit(a)
    qtbot.waitUntil(lambda: controller._opened is not None)
    looked_through = []

    def watch(phase, info):
        if phase == "start" and info["generation"] == 2:
            looked_through.append(len(gc.get_objects()))

    gc.callbacks.append(watch)
    try:
        panel.open_requested.emit(b)
        qtbot.waitUntil(lambda: controller.record.opened == b)
        qtbot.waitUntil(lambda: not controller.turns.is_running)
    finally:
        gc.callbacks.remove(watch)
    assert len(looked_through) >= 2, "napari collects for each of the layers"
    assert max(looked_through) < 20_000 < len(gc.get_objects())
    assert gc.get_freeze_count() == 0
    dock.teardown()


def test_the_tab_fits_a_narrow_dock(qtbot):
    panel = BatchPanel(Naming(), Reading())
    qtbot.addWidget(panel)
    panel.set_rows([Row("a", "an image of a long name " * 5, "failed: " + "why " * 30)])
    panel.summary.setText("7,000 images: 6,000 done, 999 failed, 1 running")
    panel.choose("a")
    assert panel.chosen == ["a"]
    assert_fits(panel.widget())


def test_chosen_images_stay_chosen_when_others_are_added(qtbot):
    panel = BatchPanel(Naming(), Reading())
    qtbot.addWidget(panel)
    panel.set_rows([Row("a", "a", "done"), Row("b", "b", "done")])
    panel.choose("b")
    panel.set_rows([Row(key, key, "waiting") for key in "abc"])
    assert panel.chosen == ["b"]


def drop(widget, *urls):
    """Let go of what a file manager drags, in the middle of a widget."""
    data, middle = QMimeData(), widget.rect().center()
    if urls:
        data.setUrls(list(urls))
    else:
        data.setText("/a/text/that/looks/like/a/file.tif")
    how = Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier
    enters = QDragEnterEvent(middle, *how)
    QApplication.sendEvent(widget, enters)
    if enters.isAccepted():
        QApplication.sendEvent(widget, QDropEvent(QPointF(middle), *how))
    return enters.isAccepted()


@pytest.mark.viewer
@pytest.mark.parametrize("where", ["list", "pattern", "summary", "run"])
def test_files_and_folders_that_are_dropped_are_added(
    qtbot, viewer, fake, tmp_path, where
):
    folder, file = tmp_path / "a b#c", tmp_path / "é 100%.tif"
    folder.mkdir()
    for path in (folder / "in.tif", file):
        tifffile.imwrite(path, np.zeros((20, 30), np.uint8))
    dock = open_dock(qtbot, viewer)
    panel, controller = dock.batch_panel, dock.batch_controller
    dock.tabs.setCurrentWidget(panel)
    places = {"list": panel.list.viewport(), "pattern": panel.form["pattern"]}
    places |= {"summary": panel.summary, "run": panel.run.start_button}
    dropped = [QUrl.fromLocalFile(str(path)) for path in (folder, file)]
    assert drop(places[where], *dropped)
    qtbot.waitUntil(lambda: not controller.list_jobs.is_running)
    assert controller.record.images == [str(folder / "in.tif"), str(file)]
    assert panel.form["pattern"].text() == ""
    assert len(viewer.layers) == 0
    dock.teardown()


@pytest.mark.viewer
def test_files_that_are_dragged_over_the_name_of_a_tab_come_to_it(
    qtbot, viewer, fake, tmp_path
):
    dock = open_dock(qtbot, viewer)
    dock.tabs.setCurrentWidget(dock.segment_panel)
    wide = QSize(320, 60)
    dock.tab_buttons.resize(wide)
    QApplication.sendEvent(dock.tab_buttons, QResizeEvent(wide, wide))
    names = {button.text(): button for button in dock.tab_buttons.buttons}
    middle = names["Batch"].geometry().center()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    how = Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier
    enters, moves = QDragEnterEvent(middle, *how), QDragMoveEvent(middle, *how)
    QApplication.sendEvent(dock.tab_buttons, enters)
    QApplication.sendEvent(dock.tab_buttons, moves)
    assert enters.isAccepted()
    assert dock.tabs.currentWidget() is dock.batch_panel
    dock.teardown()


def test_what_is_no_file_is_not_taken(qtbot):
    panel = BatchPanel(Naming(), Reading())
    qtbot.addWidget(panel)
    assert not drop(panel.list.viewport())


def test_what_is_dropped_from_the_web_is_refused_in_words(qtbot, viewer, fake):
    dock = open_dock(qtbot, viewer)
    url = "https://example.org/a.tif"
    assert drop(dock.batch_panel.list.viewport(), QUrl(url))
    controller = dock.batch_controller
    qtbot.waitUntil(lambda: not controller.list_jobs.is_running)
    assert any(url in r.message for r in notification_manager.records)
    assert controller.record.images == []
