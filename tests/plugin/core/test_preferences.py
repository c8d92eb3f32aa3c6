"""What is kept over a restart, as the manifest declares it."""

import pytest
from npe2 import PluginManifest

from napari_iaunet.plugin.core import preferences
from napari_iaunet.plugin.core.settings import Settings


@pytest.fixture(autouse=True)
def preferences_of_nobody():
    """Here they are read and kept, in a folder of the test."""


@pytest.fixture
def settings_of_napari(request):
    """What napari keeps for plugins, in a folder of the test."""
    if preferences._of_plugin is None:
        pytest.skip("before 0.9 napari keeps no preferences of plugins")
    return request.getfixturevalue("plugin_settings")


@pytest.fixture
def manifest(settings_of_napari, npe2pm):
    """The plugin as napari knows it, with nothing kept so far."""
    npe2pm.register(PluginManifest.from_distribution("napari-iaunet"))


def restored():
    settings = Settings()
    preferences.restore(settings)
    return settings


def kept(settings):
    names = ("model", "device", "diameter", "estimate", "whole_stack")
    return tuple(getattr(settings, name) for name in names)


def test_without_a_manifest_there_are_defaults(settings_of_napari):
    preferences.keep("device", "cpu")
    assert restored().device == "auto"
    assert preferences.recall("tab") is None


def test_at_first_there_are_defaults(manifest):
    assert kept(restored()) == ("default", "auto", 30.0, True, True)
    assert preferences.recall("tab") == "Segment"


def test_they_are_kept(manifest, tmp_path):
    for name, value in (
        ("model", "mine"),
        ("device", "cpu"),
        ("diameter", 17.5),
        ("estimate", False),
        ("whole_stack", False),
        ("tab", "Track"),
    ):
        preferences.keep(name, value)
    assert kept(restored()) == ("mine", "cpu", 17.5, False, False)
    assert preferences.recall("tab") == "Track"
    saved = list(tmp_path.glob("*.yaml"))
    assert any("cpu" in path.read_text() for path in saved)


def test_the_image_of_a_session_is_not_kept(manifest):
    preferences.keep("image", "a key")
    assert preferences.recall("image") is None


@pytest.mark.parametrize(("name", "value"), [("device", "abacus"), ("diameter", 1e9)])
def test_a_value_that_cannot_be_is_not_kept(manifest, name, value):
    before = preferences.recall(name)
    preferences.keep(name, value)
    assert preferences.recall(name) == before


def test_a_value_that_cannot_be_is_ignored(monkeypatch):
    class Stored:
        model, device, diameter, estimate = "mine", "cpu", -5.0, False

    monkeypatch.setattr(preferences, "_stored", Stored)
    assert kept(restored()) == ("mine", "cpu", 30.0, False, True)


@pytest.mark.parametrize("text", ["segment:\n  diameter: -5\n", "segment: 7\n", "{"])
def test_a_damaged_file_is_ignored(settings_of_napari, npe2pm, tmp_path, text):
    (tmp_path / "napari-iaunet.yaml").write_text(text)
    npe2pm.register(PluginManifest.from_distribution("napari-iaunet"))
    assert kept(restored()) == ("default", "auto", 30.0, True, True)


def test_before_napari_keeps_them_they_are_a_file(monkeypatch, tmp_path):
    monkeypatch.setattr(preferences, "_of_plugin", None)
    monkeypatch.setattr(preferences, "user_config_path", lambda _: tmp_path / "new")
    assert preferences.recall("model") is None
    preferences.keep("model", "mine")
    preferences.keep("image", "a key")
    assert kept(restored())[0] == "mine"
    assert preferences.recall("image") is None
    (tmp_path / "new" / "preferences.json").write_text("[{")
    assert kept(restored()) == kept(Settings())
    preferences.keep("diameter", 12.0)
    assert kept(restored())[2] == 12.0
