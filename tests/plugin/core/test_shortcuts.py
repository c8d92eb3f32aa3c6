"""Keys that users change in napari's preferences; no window is needed."""

import pytest
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager

from napari_iaunet.plugin.core.key_list import key_list
from napari_iaunet.plugin.core.shortcuts import Command, shortcuts
from napari_iaunet.plugin.core.viewer_keys import ViewerKeys

KEEP = Command("test_keep", "Alt+7", "Test: keep")
DROP = Command("test_drop", "Alt+8", "Test: drop")
NAME = "napari-iaunet:test_keep"


@pytest.fixture(autouse=True)
def forgotten(qapp, monkeypatch):
    """Each test begins with the usual keys, and leaves none behind."""
    shortcuts.cache_clear()
    key_list.cache_clear()
    yield
    for command in (KEEP, DROP):
        name = f"napari-iaunet:{command.name}"
        if name in action_manager._actions:
            action_manager.unbind_shortcut(name)
            del action_manager._actions[name]
    get_settings().shortcuts.shortcuts.pop(NAME, None)
    shortcuts.cache_clear()
    key_list.cache_clear()


class Tool:
    def __init__(self):
        self.viewer, self.pressed = ViewerModel(), []
        commands = {command.key: command for command in (KEEP, DROP)}
        self.keys = ViewerKeys(self.viewer, self.slot, commands)

    def slot(self, key):
        return lambda viewer: self.pressed.append(key)

    @property
    def bound(self):
        return {str(key) for key in self.viewer.keymap}


def choose(*keys, name=NAME):
    """Choose keys, as napari's preferences do it."""
    action_manager.unbind_shortcut(name)
    for key in keys:
        action_manager.bind_shortcut(name, key)


def test_a_key_is_bound_while_its_tool_is_on():
    tool = Tool()
    assert action_manager._actions[NAME].description == "Test: keep"
    assert tool.bound == set()
    assert tool.keys.bind(("Alt+7", "Alt+8", "Alt+9")) == []
    assert tool.bound == {"Alt+7", "Alt+8", "Alt+9"}
    tool.keys.release()
    assert tool.bound == set()


def test_another_key_counts_at_once_and_is_called_as_usual():
    tool = Tool()
    tool.keys.bind(("Alt+7", "Alt+8"))
    choose("Alt+K", "Alt+L")
    assert tool.bound == {"Alt+K", "Alt+8"}
    [bound] = [do for key, do in tool.viewer.keymap.items() if str(key) == "Alt+K"]
    bound(tool.viewer)
    assert tool.pressed == ["Alt+7"]
    choose()
    assert tool.bound == {"Alt+8"}, "a key that was taken away does nothing"
    tool.keys.release()
    choose("Alt+M")
    assert tool.bound == set(), "a tool that is off binds nothing"
    assert shortcuts().key_of(KEEP) == "Alt+M"


@pytest.mark.parametrize(("kept", "key"), [(["Alt+P", "Alt+R"], "Alt+P"), ([], "")])
def test_what_was_chosen_counts_after_a_restart(kept, key):
    get_settings().shortcuts.shortcuts[NAME] = kept
    key_list().offer([KEEP, DROP])
    assert shortcuts().key_of(KEEP) == key
    assert shortcuts().key_of(DROP) == "Alt+8"
