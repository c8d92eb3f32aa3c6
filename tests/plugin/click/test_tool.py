"""Keys while clicks make cells; neither a window nor a display is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.click.tool import ClickTool


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 30)))
    return viewer


@pytest.fixture
def tool(viewer):
    tool = ClickTool(viewer, None)
    tool.told = []
    tool.pressed.connect(lambda key, place: tool.told.append((key, place)))
    assert tool.switch_on() == []
    yield tool
    tool.switch_off()


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
    tool.hold("Escape")
    assert escapes() == [True, True]
    labels = viewer.add_labels(np.zeros((20, 30), int))
    assert escapes() == [True, False, True], "it goes to the layer that is selected"
    tool.hold()
    assert escapes() == [True, False, False]
    assert "Escape" not in map(str, labels.keymap)
    (former,) = [f for key, f in viewer.keymap.items() if str(key) == "Escape"]
    former(viewer)
    assert pressed == [viewer]


def test_a_key_of_somebody_else_is_named_and_left_alone(viewer):
    pressed = []
    viewer.bind_key("J", pressed.append)
    tool = ClickTool(viewer, None)
    assert tool.switch_on() == ["J"]
    tool.switch_off()
    assert [str(key) for key in viewer.keymap] == ["J"]
