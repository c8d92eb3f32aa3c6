"""Somebody who clicks cells in a viewer that has no window."""

import pytest
from clicker import Clicker, nuclei

from napari_iaunet.plugin.click import encoder


@pytest.fixture
def clicker(qtbot):
    clicker = Clicker(qtbot)
    yield clicker
    clicker.controller.teardown()


@pytest.fixture
def ready(clicker):
    """Clicks are on, and the image is prepared."""
    clicker.viewer.add_image(nuclei(), name="image")
    clicker.toggle()
    assert clicker.said == "Click a cell."
    return clicker


@pytest.fixture
def small_windows(monkeypatch):
    """What is large, so that a test need not wait."""
    monkeypatch.setattr(encoder, "_LARGE", 128 * 160 - 1)
    monkeypatch.setattr(encoder, "_SIDE", 96)
    monkeypatch.setattr(encoder, "_MARGIN", 20)
