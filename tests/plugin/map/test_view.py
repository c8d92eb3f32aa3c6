"""What is seen of a map: zoomed at the mouse, moved with it, the same in each size."""

import numpy as np
import pytest

from napari_iaunet.plugin.map.view import View

PLACES = np.array([[0, 0], [10, 2]], np.float32)


@pytest.fixture
def view():
    return View(size=(200.0, 100.0)).fitted(PLACES)


def test_all_places_are_seen(view):
    pixels = view.on_screen(PLACES)
    assert (pixels > 0).all()
    assert (pixels < view.size).all()
    assert pixels[1, 1] < pixels[0, 1], "upwards"
    np.testing.assert_allclose(view.on_map(pixels), PLACES, atol=1e-9)
    for few in (PLACES[:1], PLACES[:0]):
        assert View(size=(200.0, 100.0)).fitted(few).scale == 1


def test_what_is_under_the_mouse_stays_there(view):
    mouse = (150, 20)
    before = view.on_map(mouse)
    zoomed = view.zoomed(3, mouse)
    assert zoomed.scale == pytest.approx(3 * view.scale)
    np.testing.assert_allclose(zoomed.on_map(mouse), before)
    moved = zoomed.moved(-30, 10)
    np.testing.assert_allclose(moved.on_map((120, 30)), before)


def test_a_larger_canvas_shows_the_same(view):
    larger = view.resized((400.0, 200.0))
    np.testing.assert_allclose(larger.on_screen(PLACES), 2 * view.on_screen(PLACES))
