"""The picture of the Review tab: outlines, a scale bar, the viewer as before."""

from pathlib import Path

import numpy as np
import pytest
from person import open_dock
from PIL import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.review.picture import picture_of


def squares():
    labels = np.zeros((200, 300), np.int32)
    labels[20:60, 30:80], labels[100:150, 200:240] = 1, 2
    return labels


@pytest.fixture
def cells(viewer):
    image = np.full((200, 300), 100, np.uint16)
    viewer.add_image(image, contrast_limits=(0, 200), scale=(0.5, 0.5), units="um")
    return viewer.add_labels(squares(), name="cells", scale=(0.5, 0.5), units="um")


@pytest.mark.viewer
def test_cells_are_outlined_and_the_viewer_is_as_before(viewer, cells):
    cells.visible = False
    zoom, middle = camera_of(viewer).zoom, camera_of(viewer).center
    drawn = picture_of(viewer, cells)
    assert drawn.shape == (200, 300, 3)
    gray, colour = drawn[5, 5], drawn[20, 50]
    assert gray.std() == 0
    assert colour.std() > 0  # the outline has the colour of the cell
    assert (drawn[40, 50] == gray).all()  # the middle does not
    assert (cells.contour, cells.visible, cells.opacity) == (0, False, 0.7)
    assert camera_of(viewer).zoom == pytest.approx(zoom)
    assert camera_of(viewer).center == pytest.approx(middle)


@pytest.mark.viewer
@pytest.mark.parametrize(("scale", "pixels"), [((0.5, 0.5), 40), ((0.5, 0.2), 50)])
def test_the_scale_bar_has_the_layers_units(viewer, cells, scale, pixels):
    # 20 micrometres of 150, 10 of 60: at most a quarter of the 300 columns.
    for layer in viewer.layers:
        layer.scale = scale
    drawn = picture_of(viewer, cells)
    white = (drawn > 250).all(axis=2)
    assert white.sum(axis=1).max() == pixels


@pytest.mark.viewer
def test_without_units_there_is_no_scale_bar(viewer):
    viewer.add_image(np.zeros((200, 300), np.uint8), contrast_limits=(0, 200))
    cells = viewer.add_labels(squares())
    assert not (picture_of(viewer, cells) > 250).all(axis=2).any()


@pytest.mark.viewer
def test_large_images_become_smaller_pictures(viewer):
    cells = viewer.add_labels(np.pad(squares(), ((0, 0), (0, 9000))), units="um")
    drawn = picture_of(viewer, cells)
    assert drawn.shape[1] in range(4090, 4101)
    bar = (drawn > 250).all(axis=2).sum(axis=1).max()
    assert bar == pytest.approx(2000 * 4096 / 9300, abs=2)


@pytest.mark.viewer
def test_there_is_no_picture_of_3d(viewer, cells):
    viewer.dims.ndisplay = 3
    with pytest.raises(ImageError, match="2D view"):
        picture_of(viewer, cells)


@pytest.mark.viewer
def test_the_button_saves_a_picture(qtbot, viewer, cells, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "napari_iaunet.plugin.review.controller.ask_where",
        lambda parent, title, name, kinds, ending: tmp_path / name,
    )
    dock = open_dock(qtbot, viewer)
    dock.tabs.setCurrentWidget(dock.review_panel)
    qtbot.waitUntil(lambda: dock.review_panel.status.text() == "")
    dock.review_panel.picture_button.click()
    assert dock.review_panel.status.text() == "Saved cells.png."
    assert Image.open(Path(tmp_path) / "cells.png").size == (300, 200)
    dock.teardown()
