"""What happens when clicks are switched on and off, and too early; without a window."""

import gc
import weakref

import numpy as np
from clicker import BACKGROUND, A, B, C, Encoder, is_cell, messages, nuclei, squares

from napari_iaunet.errors import ModelError


def test_beside_the_image(ready):
    ready.click((-3, 50))
    assert "beside" in ready.said
    assert ready.preview is None
    ready.click((131, 50), "Shift")
    ready.click(A, "Control")
    assert "Click a cell first" in ready.said
    assert ready.preview is None


def test_escape_takes_back_clicks_that_wait(clicker):
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.key("Escape")
    clicker.wait()
    assert clicker.preview is None


def test_off_meanwhile(clicker):
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.toggle()
    assert not clicker.jobs.is_running
    assert len(clicker.viewer.layers) == 1
    assert clicker.said == ""
    assert not clicker.encoder.encoded


def test_the_image_is_removed(ready):
    ready.viewer.add_image(nuclei((A,)), name="other")
    ready.settings.pick_image(str(ready.viewer.layers["image"].unique_id))
    ready.wait()
    ready.click(A)
    ready.viewer.layers.remove("image")
    assert "closed" in ready.said
    assert not ready.panel.button.isChecked()
    assert [i.name for i in ready.viewer.layers] == ["other"]
    ready.click(A)
    assert len(ready.viewer.layers) == 1


def test_the_image_is_removed_while_it_is_prepared(clicker):
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.viewer.layers.clear()
    clicker.wait()
    assert not clicker.panel.button.isChecked()
    assert not clicker.panel.button.isEnabled()


def test_the_image_is_replaced(ready):
    ready.click(A)
    ready.viewer.layers["image"].data = nuclei((BACKGROUND,))
    assert ready.preview is None
    ready.click(BACKGROUND)
    ready.wait()
    assert is_cell(ready.preview, BACKGROUND)
    assert len(ready.encoder.encoded) == 2


def test_the_image_is_replaced_by_a_stack(ready):
    ready.viewer.layers["image"].data = np.stack([nuclei()] * 3)
    ready.wait()
    ready.click(A)
    ready.key("K")
    assert ready.cells.data.shape == (3, 128, 160)


def test_another_image_and_another_diameter(ready):
    ready.click(A)
    ready.viewer.add_image(nuclei((B,)), name="other")
    ready.wait()
    assert is_cell(ready.viewer.layers["image cells"].data == 1, A)
    assert len(ready.encoder.encoded) == 2
    ready.settings.diameter = 25
    ready.wait()
    assert len(ready.encoder.encoded) == 3
    ready.click(B)
    assert is_cell(ready.preview, B)


def test_a_model_that_cannot_be_loaded(clicker):
    def load():
        raise ModelError("The model is broken.")

    clicker.load = load
    before = list(clicker.viewer.mouse_drag_callbacks)
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.wait()
    assert not clicker.panel.button.isChecked()
    assert messages()[-1] == clicker.said == "The model is broken."
    assert clicker.viewer.mouse_drag_callbacks == before


def test_preparing_is_stopped_in_the_list_of_tasks(clicker):
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle(wait=False)
    clicker.jobs.cancel()
    clicker.wait()
    assert clicker.said == "Stopped."
    assert not clicker.panel.button.isChecked()


def test_an_early_click_stays_in_its_plane(clicker):
    stack = np.stack([nuclei((A,)), nuclei((B,))])
    clicker.viewer.add_image(stack, name="film")
    clicker.viewer.dims.set_point(0, 0)
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.viewer.dims.set_point(0, 1)
    clicker.wait()
    clicker.key("K")
    assert is_cell(clicker.cells.data[0] == 1, A)
    assert not clicker.cells.data[1].any()


def test_a_click_on_a_large_plane_that_comes_too_early(clicker, small_windows):
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.click(C)
    assert "your click" in clicker.said
    clicker.wait()
    assert clicker.preview[C]
    clicker.key("K")
    assert is_cell(clicker.cells.data == 1, A)
    assert is_cell(clicker.cells.data == 2, C)


def test_a_click_that_waits_is_taken_back(clicker):
    clicker.viewer.add_image(nuclei(), name="image")
    layer = clicker.viewer.add_labels(squares((7, *C, 8)), name="mine")
    layer.data_setitem((np.array([0]), np.array([0])), 3)
    clicker.toggle(wait=False)
    clicker.click(A)
    clicker.click(B)
    clicker.key("Control-Z")
    clicker.wait()
    assert is_cell(clicker.preview, A)
    assert layer.data[0, 0] == 3
    clicker.key("Control-Z")
    assert clicker.preview is None
    assert layer.data[0, 0] == 3


def traces(viewer):
    return (
        list(viewer.mouse_drag_callbacks),
        dict(viewer.keymap),
        [dict(layer.keymap) for layer in viewer.layers],
        viewer.cursor.style,
    )


def test_off_leaves_no_trace(clicker):
    clicker.viewer.add_image(nuclei(), name="image")
    before = traces(clicker.viewer)
    clicker.toggle()
    assert clicker.viewer.cursor.style == "cross"
    assert clicker.panel.button.text().endswith("on")
    clicker.click(A)
    clicker.viewer.layers.selection.active = None
    clicker.viewer.layers.selection.active = clicker.viewer.layers["image"]
    assert clicker.viewer.cursor.style == "cross"
    clicker.toggle()
    assert clicker.panel.button.text().endswith("off")
    assert [i.name for i in clicker.viewer.layers] == ["image", "image cells"]
    clicker.viewer.layers.remove("image cells")
    assert traces(clicker.viewer) == before


def test_keys_of_others_are_left_alone(clicker):
    pressed = []
    clicker.viewer.bind_key("J", lambda viewer: pressed.append("J"))
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle()
    assert "J" in messages()[-1]
    clicker.key("J")
    clicker.toggle()
    clicker.key("J")
    assert pressed == ["J", "J"]


def test_a_prepared_plane_is_let_go(ready):
    """A large one takes hundreds of megabytes."""
    plane = ready.controller._encoder.get(())
    reference = weakref.ref(plane.fields)
    Encoder.known.clear()
    del plane
    ready.toggle()
    gc.collect()
    assert reference() is None
