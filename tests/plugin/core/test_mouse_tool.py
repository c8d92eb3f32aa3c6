"""Clicks are told from drags; neither a window nor a display is needed."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.core.mouse_tool import MouseTool

RIGHT = 2
KINDS = {(): "cell", ("Shift",): "add", ("Control",): "take"}


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 30)))
    return viewer


@pytest.fixture
def tool(viewer):
    tool = MouseTool(viewer, KINDS, None)
    tool.told = []
    tool.clicked.connect(lambda place, kind: tool.told.append((place, kind)))
    assert tool.switch_on() == []
    yield tool
    tool.switch_off()


def press(viewer, *moves, button=1, modifiers=()):
    """Press a button, move the mouse by pixels of the screen, and release it."""
    event = SimpleNamespace(
        type="mouse_press",
        button=button,
        modifiers=modifiers,
        pos=np.zeros(2),
        position=(5.0, 6.0),
    )
    callback = viewer.mouse_drag_callbacks[-1]
    gesture = callback(viewer, event)
    next(gesture, None)
    for move in moves:
        event.type, event.pos = "mouse_move", event.pos + move
        next(gesture, None)
    event.type = "mouse_release"
    next(gesture, None)


@pytest.mark.parametrize(
    ("modifiers", "kind"),
    [((), "cell"), (("Shift",), "add"), (("Control",), "take")],
)
def test_a_click_means_what_the_keys_say(viewer, tool, modifiers, kind):
    press(viewer, modifiers=modifiers)
    assert tool.told == [((5, 6), kind)]


def test_a_hand_is_never_quite_still(viewer, tool):
    press(viewer, (1, 1), (1, -2))
    assert len(tool.told) == 1


@pytest.mark.parametrize(
    "gesture",
    [
        {"moves": [(6, 0)]},
        {"moves": [(6, 0), (-6, 0)]},
        {"button": RIGHT},
        {"modifiers": ("Alt",)},
        {"modifiers": ("Control", "Shift")},
    ],
)
def test_drags_and_other_gestures_are_left_to_napari(viewer, tool, gesture):
    press(viewer, *gesture.pop("moves", ()), **gesture)
    assert tool.told == []


def test_a_drag_with_its_keys_draws_a_line(viewer):
    lines = {("Shift",): "add", ("Control", "Shift"): "around"}
    tool, told = MouseTool(viewer, KINDS, None, lines), []
    tool.switch_on()
    tool.clicked.connect(lambda place, kind: told.append(kind))
    tool.drawing.connect(lambda way, kind: told.append((len(way), kind)))
    tool.drawn.connect(lambda way, kind: told.append((len(way), kind, "drawn")))
    press(viewer, (6, 0), (3, 0), modifiers=("Shift", "Control"))
    assert told == [(2, "around"), (3, "around"), (3, "around", "drawn")]
    told.clear()
    press(viewer, (1, 0), modifiers=("Shift",))
    press(viewer, (1, 0), modifiers=("Shift", "Control"))
    press(viewer, (9, 0), modifiers=("Control",))
    assert told == ["add"]
    told.clear()
    tool.drawing.connect(lambda way, kind: tool.stop_drawing())
    press(viewer, (6, 0), (9, 0), modifiers=("Shift",))
    assert told == [(2, "add")]
    tool.switch_off()


def test_a_brush_has_the_mouse_for_itself(viewer, tool):
    told = []
    tool.mode_changed.connect(lambda: told.append(tool.is_paused))
    labels = viewer.add_labels(np.zeros((20, 30), int))
    assert viewer.cursor.style == "cross"
    labels.mode = "paint"
    press(viewer)
    assert tool.told == []
    labels.mode = "pan_zoom"
    press(viewer)
    assert len(tool.told) == 1
    assert told == [True, False]
    assert viewer.cursor.style == "cross"


def test_a_brush_is_laid_aside_when_the_tool_is_switched_on(viewer):
    labels = viewer.add_labels(np.zeros((20, 30), int))
    labels.mode = "paint"
    tool = MouseTool(viewer, KINDS, None)
    tool.switch_on()
    assert labels.mode == "pan_zoom"
    assert viewer.cursor.style == "cross"
    tool.switch_off()


def test_off_leaves_no_trace(viewer):
    callbacks, style = list(viewer.mouse_drag_callbacks), viewer.cursor.style
    tool = MouseTool(viewer, KINDS, None)
    tool.switch_off()
    tool.switch_on()
    tool.switch_off()
    assert viewer.mouse_drag_callbacks == callbacks
    assert viewer.cursor.style == style
    told = []
    tool.mode_changed.connect(lambda: told.append(1))
    viewer.add_labels(np.zeros((20, 30), int)).mode = "paint"
    assert told == []
