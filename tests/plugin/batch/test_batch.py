"""The Batch tab, pressed with the mouse."""

import numpy as np
import pytest
import tifffile
from narrow import assert_fits
from person import LEFT, open_dock
from qtpy.QtWidgets import QFileDialog

from napari_iaunet.io.labels import read_labels
from napari_iaunet.plugin.batch.panel import BatchPanel, Naming, Row


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


def test_the_tab_fits_a_narrow_dock(qtbot):
    panel = BatchPanel(Naming())
    qtbot.addWidget(panel)
    panel.set_rows([Row("a", "an image of a long name " * 5, "failed: " + "why " * 30)])
    panel.summary.setText("7,000 images: 6,000 done, 999 failed, 1 running")
    panel.choose("a")
    assert panel.chosen == ["a"]
    assert_fits(panel.widget())


def test_chosen_images_stay_chosen_when_others_are_added(qtbot):
    panel = BatchPanel(Naming())
    qtbot.addWidget(panel)
    panel.set_rows([Row("a", "a", "done"), Row("b", "b", "done")])
    panel.choose("b")
    panel.set_rows([Row(key, key, "waiting") for key in "abc"])
    assert panel.chosen == ["b"]
