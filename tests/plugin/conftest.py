"""A segmenter that needs no model, and windows only where there is a display."""

import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from patient import PatientBot
from person import has_window, open_dock
from remembering import remembering
from seer import Seer
from stepwise import Stepwise
from trainer import Trainer, discs

import napari_iaunet
from napari_iaunet import Segmenter
from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.core import devices, preferences, segmenters
from napari_iaunet.segmentation.image import as_planes


def pytest_runtest_setup(item):
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    offscreen = os.environ.get("QT_QPA_PLATFORM") == "offscreen"
    no_display = sys.platform.startswith("linux") and (not display or offscreen)
    if item.get_closest_marker("viewer") and no_display:
        pytest.skip("napari needs a display: use xvfb-run")


@pytest.fixture(autouse=True)
def preferences_of_nobody(monkeypatch):
    """Neither are the user's preferences changed, nor do they change what is tested."""
    monkeypatch.setattr(preferences, "_stored", lambda: None)


@pytest.fixture(autouse=True)
def nothing_said():
    """What other tests were told is not heard in this one."""
    notification_manager.records.clear()


class FakeSegmenter(Stepwise):
    """Finds two cells in every plane."""

    def __init__(self):
        super().__init__()
        self.arguments, self.loaded, self.is_sure = [], [], True
        self.roles = []

    def segment(
        self, image, *, channel_axis=None, diameter=None, progress=None, **roles
    ):
        self.arguments.append((image, channel_axis, diameter))
        self.roles.append(roles)
        planes = as_planes(image, channel_axis)
        self.work(progress)
        labels = np.zeros((len(planes), *planes.plane_shape), np.int32)
        for i in range(len(planes)):
            labels[i, 2:6, 3:8] = 2 * i + 1
            labels[i, 9:12, 3:8] = 2 * i + 2
        n = int(labels.max(initial=0))  # none in an image that is too small
        return SimpleNamespace(
            labels=labels.reshape(*planes.shape, *planes.plane_shape),
            scores=np.linspace(0.5, 1, n, dtype=np.float32),
            embeddings=np.ones((n, 4), np.float32),
            diameter=diameter or 21.0,
            diameter_is_sure=diameter is not None or self.is_sure,
        )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder for the user's models that is nobody's."""
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def fake(monkeypatch):
    """Replace models and devices."""
    segmenter = FakeSegmenter()

    def make(model, device):
        segmenter.loaded.append((model, device, threading.get_ident()))
        return segmenter

    models = [
        ModelInfo("default", Path("default"), "all kinds of cells"),
        ModelInfo("mine", Path("mine"), ""),
    ]
    monkeypatch.setattr(segmenters, "make_segmenter", make)
    monkeypatch.setattr(devices, "found_devices", devices.likely_devices)
    monkeypatch.setattr(napari_iaunet, "list_models", lambda: models, raising=False)
    return segmenter


@pytest.fixture
def qtbot(qapp, request):
    return PatientBot(request)


@pytest.fixture
def viewer(request):
    """A viewer; only for a test that is marked ``viewer`` it has a window.

    What does not depend on the window is tested without: there is no canvas that
    needs a display, and the dock stands beside the viewer.
    """
    if not request.node.get_closest_marker("viewer"):
        return ViewerModel()
    return request.getfixturevalue("make_napari_viewer_proxy")(show=True)


@pytest.fixture(scope="session")
def segmenter():
    """The bundled model, which computes what it has seen already only once."""
    return remembering(Segmenter(device="cpu"))


@pytest.fixture
def real_dock(qtbot, viewer, fake, segmenter, monkeypatch):
    """The dock with the bundled model behind every name."""
    monkeypatch.setattr(segmenters, "make_segmenter", lambda *_: segmenter)
    return open_dock(qtbot, viewer)


@pytest.fixture
def trainer(qtbot, viewer):
    """Somebody with an image, its labelled cells and the Fine-tune tab."""
    labels, image = discs()
    viewer.add_image(image, name="plate")
    viewer.add_labels(labels, name="drawn")
    trainer = Trainer(qtbot, viewer)
    yield trainer
    if has_window(viewer):
        trainer.dock.teardown()


@pytest.fixture
def seer(fake, monkeypatch):
    """A double that describes cells at once, in place of a model."""
    seer = Seer()
    monkeypatch.setattr(
        "napari_iaunet.plugin.core.segmenters.make_segmenter",
        lambda model, device: seer,
    )
    return seer
