"""Mouse and keys while clicks make cells; neither a window nor a display is needed."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.click.tool import ClickTool

RIGHT = 2


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 30)))
    return viewer


@pytest.fixture
def tool(viewer):
    tool = ClickTool(viewer, None)
    tool.told = []
    tool.clicked.connect(lambda place, kind: tool.told.append((place, kind)))
    tool.pressed.connect(lambda key, place: tool.told.append((key, place)))
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


def test_keys_tell_where_the_mouse_is(viewer, tool):
    viewer.cursor.position = (3.0, 4.0)
    for key, slot in list(viewer.keymap.items()):
        slot(viewer)
        assert tool.told.pop() == (str(key), (3, 4))


def test_escape_is_taken_only_while_there_is_something_to_drop(viewer, tool):
    def escapes():
        owners = (viewer, *viewer.layers)
        return ["Escape" in map(str, owner.keymap) for owner in owners]

    pressed = []
    viewer.bind_key("Escape", pressed.append)
    tool.let_drop(True)
    assert escapes() == [True, True]
    labels = viewer.add_labels(np.zeros((20, 30), int))
    assert escapes() == [True, False, True], "it goes to the layer that is selected"
    tool.let_drop(False)
    assert escapes() == [True, False, False]
    assert "Escape" not in map(str, labels.keymap)
    (former,) = [f for key, f in viewer.keymap.items() if str(key) == "Escape"]
    former(viewer)
    assert pressed == [viewer]
