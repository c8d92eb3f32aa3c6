"""Somebody who has the Batch tab segment a folder: a napari of its own, to be killed.

python tests/support/begun_batch.py FOLDER DIAMETER
"""

import sys

import napari
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest


def main(folder, diameter):
    viewer = napari.Viewer(show_welcome_screen=False)
    _, dock = viewer.window.add_plugin_dock_widget("napari-iaunet")
    dock.segment_panel.form["estimate"].setChecked(False)
    dock.segment_panel.form["diameter"].setValue(float(diameter))
    dock.batch_panel.added.emit([folder])
    while dock.batch_controller.list_jobs.is_running:
        QTest.qWait(5)
    button = dock.batch_panel.run.start_button
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    napari.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
