"""Looking for cells that are alike: the rules, with neither a window nor a widget."""

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from person import click_in
from qtpy.QtCore import QObject, Signal
from seer import BACKGROUND, Seer, cells_and_image, is_bright, middle

from napari_iaunet.errors import ModelError
from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.core.jobs import Jobs
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.core.settings import Settings
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.images import describe
from napari_iaunet.plugin.lookalikes.choice_panel import ChoicePanel
from napari_iaunet.plugin.lookalikes.controller import LookalikeController
from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
from napari_iaunet.plugin.lookalikes.results_panel import FoundSection


def signals(*widgets):
    """The signals of widgets that are not there."""
    found = {
        name: signal
        for widget in widgets
        for name, signal in vars(widget).items()
        if isinstance(signal, Signal)
    }
    return type("Signals", (QObject,), found)()


def fake(spec, wishes, **attributes):
    """Something with the methods of a widget, which only remembers its calls."""
    own = {
        name: getattr(wishes, name)
        for name in vars(type(wishes))
        if name[0] != "_" and hasattr(spec, name)
    }
    return Mock(spec=spec, **own, **attributes)


class Seeker:
    """Somebody who looks for cells that are alike, at the tab's side of the signals."""

    def __init__(self, qtbot):
        self.qtbot, self.viewer = qtbot, ViewerModel()
        self.wishes = signals(ChoicePanel, LookalikePanel, FoundSection)
        self.seer, self.jobs, self.settings = Seer(), Jobs(), Settings()
        self.settings.offer_models([ModelInfo("default", Path("default"), "")])
        segmenters = SimpleNamespace(get=lambda model, device: self.seer)
        self.panel = self.fake_panel()
        self.controller = LookalikeController(
            Session(self.viewer, self.settings, segmenters), self.panel, self.jobs
        )

    def fake_panel(self):
        return fake(LookalikePanel, self.wishes, found=fake(FoundSection, self.wishes))

    def toggle(self, on=True):
        self.wishes.pick_toggled.emit(on)

    def click(self, pixel, *modifiers, wait=True):
        click_in(self.viewer, pixel, modifiers)
        if wait:
            self.wait()

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.jobs.is_running)

    def told(self, method):
        """What was last told to the tab."""
        part = self.panel
        for name in method.split("."):
            part = getattr(part, name)
        return part.call_args.args

    @property
    def said(self):
        return self.told("say")[0]

    @property
    def examples(self):
        return [t.text for t in self.told("set_examples")[0]]

    @property
    def found(self):
        """How many cells are found."""
        (values,), (threshold,) = (
            self.told(f"found.{name}") for name in ("set_values", "set_threshold")
        )
        return int((values >= np.float32(threshold)).sum())

    @property
    def names(self):
        return [layer.name for layer in self.viewer.layers]


@pytest.fixture
def seeker(qtbot):
    notification_manager.records.clear()
    seeker = Seeker(qtbot)
    yield seeker
    seeker.controller.teardown()


@pytest.fixture
def ready(seeker):
    """Cells lie on an image, and clicks pick."""
    labels, image = cells_and_image()
    layer = seeker.viewer.add_image(image, name="image")
    seeker.settings.offer_images([describe(layer)])
    seeker.viewer.add_labels(labels, name="cells")
    seeker.bright = len(is_bright(labels, image))
    seeker.toggle()
    return seeker


def messages():
    return [record.message for record in notification_manager.records]


def test_it_says_what_is_missing(seeker):
    assert "Open an image and its cells first" in seeker.said
    labels, image = cells_and_image()
    seeker.viewer.add_image(image)
    assert "Open an image and its cells first" in seeker.said
    seeker.viewer.add_labels(labels, name="cells")
    assert "Pick cells" in seeker.said
    seeker.toggle()
    assert seeker.said == "Click a cell to look for its like."
    seeker.toggle(False)
    assert "Pick cells" in seeker.said


def test_cells_of_another_scale_than_their_image_are_explained(seeker):
    labels, image = cells_and_image()
    seeker.viewer.add_image(image, name="image", scale=(0.3, 0.3))
    cells = seeker.viewer.add_labels(labels, name="cells")
    assert "“cells” has as many pixels as “image”, but another scale" in seeker.said
    cells.scale = (0.3, 0.3)
    assert "Pick cells" in seeker.said


def test_layers_of_cells_and_their_images_are_offered(ready):
    (cells,), picked, (image,), picked_image = ready.told("set_pairs")
    assert (cells[1], image[1]) == ("cells", "image")
    assert (picked, picked_image) == (cells[0], image[0])
    more = ready.viewer.add_labels(cells_and_image()[0], name="more")
    offered, picked, _, _ = ready.told("set_pairs")
    assert {name for _, name in offered} == {"cells", "more"}
    assert picked == str(more.unique_id), "it is selected in the layer list"
    ready.wishes.labels_picked.emit(cells[0])
    assert ready.told("set_pairs")[1] == cells[0]


def test_a_click_describes_once_and_finds_the_like(ready):
    ready.click(middle(0, 0), wait=False)
    assert ready.told("set_busy") == (True,)
    assert ready.told("found.set_values") == (None,)
    ready.wait()
    assert ready.told("set_busy") == (False,)
    (values,) = ready.told("found.set_values")
    assert (np.diff(values) >= 0).all()
    assert values.size == 35
    assert ready.found == ready.bright
    assert ready.examples == ["Like: cell 1"]
    ready.click(middle(0, 5))
    assert ready.examples == ["Like: cell 6"]
    assert 0 < ready.found < 35
    assert len(ready.seer.calls) == 1


def test_the_gallery_comes_when_the_threshold_has_come_to_rest(ready):
    ready.click(middle(0, 0))
    gallery = ready.panel.found.set_gallery
    ready.qtbot.waitUntil(lambda: gallery.called)
    best, uncertain = ready.told("found.set_gallery")
    assert len(best) == 30
    assert best[0].text.startswith("Cell 1, similarity 1.000")
    assert uncertain
    calls = gallery.call_count
    for threshold in (0.2, 0.3, 0.4):
        ready.wishes.threshold_changed.emit(threshold)
    assert gallery.call_count == calls
    ready.qtbot.waitUntil(lambda: gallery.call_count > calls)
    assert gallery.call_count == calls + 1


def test_likes_unlikes_and_steps(ready):
    ready.click(middle(0, 4), "Control")
    assert "First click a cell" in ready.said
    ready.click(middle(0, 0))
    ready.click(middle(0, 1), "Shift")
    ready.click(middle(0, 4), "Alt")
    assert ready.examples == ["Like: cell 1", "Like: cell 2", "Unlike: cell 5"]
    assert ready.told("set_steps") == (False, False)
    ready.click(middle(0, 5))
    assert ready.told("set_steps") == (True, False)
    ready.wishes.back_requested.emit()
    assert ready.told("set_steps") == (False, True)
    assert ready.examples == ["Like: cell 1", "Like: cell 2", "Unlike: cell 5"]
    ready.wishes.forward_requested.emit()
    assert ready.examples == ["Like: cell 6"]
    ready.wishes.clear_requested.emit()
    assert ready.examples == []
    assert ready.told("found.set_values") == (None,)
    ready.wishes.back_requested.emit()
    assert ready.examples == ["Like: cell 6"]
    assert len(ready.seer.calls) == 1


def test_likes_and_unlikes_differ_by_their_shape(ready):
    ready.click(middle(0, 0))
    ready.click(middle(0, 4), "Alt")
    gallery = ready.panel.found.set_gallery
    ready.qtbot.waitUntil(lambda: gallery.called)
    drawn = np.asarray(ready.viewer.layers["cells found"].data)
    like, unlike = (
        drawn[y - 2 : y + 3, x - 2 : x + 3] for y, x in (middle(0, 0), middle(0, 4))
    )
    assert (like[2] == 2).all()
    assert like[0, 0] != 2
    assert (np.diag(unlike) == 3).all()
    assert unlike[2, 0] != 3
    assert [t.mark for t in ready.told("set_examples")[0]] == [
        *("+", "\N{MULTIPLICATION SIGN}"),
    ]
    gallery.reset_mock()
    ready.click(middle(0, 5))
    ready.qtbot.waitUntil(lambda: gallery.called)
    again = np.asarray(ready.viewer.layers["cells found"].data)
    assert again[middle(0, 0)] == 0, "a mark goes with its example"


def test_examples_are_removed_and_added_by_their_pictures(ready):
    ready.click(middle(0, 0))
    ready.click(middle(0, 1), "Shift")
    first, second = (t.key for t in ready.told("set_examples")[0])
    ready.wishes.example_removed.emit(first)
    assert ready.examples == ["Like: cell 2"]
    ready.wishes.cell_pressed.emit(first, "unlike")
    assert ready.examples == ["Like: cell 2", "Unlike: cell 1"]
    ready.wishes.cell_pressed.emit(second, "show")
    assert ready.examples == ["Like: cell 2", "Unlike: cell 1"]
    center = camera_of(ready.viewer).center[-2:]
    np.testing.assert_allclose(center, middle(0, 1), atol=1)


@pytest.mark.parametrize(
    ("place", "words"), [(BACKGROUND, "that is background"), ((-12, 40), "beside")]
)
def test_a_click_on_no_cell_says_so(ready, place, words):
    ready.click(place)
    assert words in ready.said
    assert not ready.seer.calls
    assert ready.names == ["image", "cells"]


def test_cells_are_picked_in_two_dimensions_only(ready):
    ready.viewer.dims.ndisplay = 3
    ready.click(middle(0, 0))
    assert "2D view" in ready.said
    assert not ready.seer.calls


def test_a_brush_has_the_mouse(ready):
    ready.viewer.layers["cells"].mode = "paint"
    assert "Move camera" in ready.said
    ready.click(middle(0, 0))
    assert not ready.seer.calls
    ready.viewer.layers["cells"].mode = "pan_zoom"
    ready.click(middle(0, 0))
    assert ready.found == ready.bright


def test_weights_rank_again_and_describe_nothing(ready):
    ready.click(middle(0, 0))
    (before,) = ready.told("found.set_values")
    ready.wishes.weights_changed.emit({**DEFAULT_WEIGHTS, "appearance": 0})
    (after,) = ready.told("found.set_values")
    assert not np.allclose(before, after)
    ready.wishes.weights_changed.emit(dict.fromkeys(DEFAULT_WEIGHTS, 0))
    assert "Nothing counts" in ready.said
    assert len(ready.seer.calls) == 1


def test_another_model_describes_anew(ready):
    ready.click(middle(0, 0))
    models = [ModelInfo(name, Path(name), "") for name in ("default", "mine")]
    ready.settings.offer_models(models)
    assert len(ready.seer.calls) == 1
    ready.settings.model = "mine"
    ready.wait()
    assert len(ready.seer.calls) == 2
    assert ready.found == ready.bright


def test_without_a_model_it_says_so(ready):
    ready.settings.offer_models([])
    ready.click(middle(0, 0))
    assert "No model is installed" in ready.said
    assert "No model is installed" in messages()[-1]
    assert not ready.seer.calls


def test_errors_are_told_and_the_next_click_tries_again(ready):
    ready.seer.error = ModelError("This model cannot tell which cells look alike.")
    ready.click(middle(0, 0))
    assert "cannot tell" in ready.said
    assert "cannot tell" in messages()[-1]
    assert ready.told("set_busy") == (False,)
    ready.seer.error = None
    ready.click(middle(0, 0))
    assert ready.found == ready.bright


def test_it_can_be_cancelled(ready):
    ready.seer.steps, ready.seer.pause = 1000, 0.01
    ready.click(middle(0, 0), wait=False)
    ready.qtbot.waitUntil(ready.seer.reached.is_set)
    ready.wishes.cancel_requested.emit()
    ready.wait()
    assert ready.said.startswith("Cancelled")
    assert ready.told("set_busy") == (False,)
    assert ready.names == ["image", "cells"]


@pytest.mark.parametrize("name", ["cells", "image"])
def test_what_was_found_goes_with_its_layers(ready, name):
    ready.click(middle(0, 0))
    assert "cells similarity" in ready.names
    ready.viewer.layers.remove(name)
    assert len(ready.names) == 1
    assert ready.told("found.set_values") == (None,)
    assert "Open an image and its cells first" in ready.said


def test_layers_that_only_show_the_outcome_are_not_offered(ready):
    ready.panel.set_pairs.reset_mock()
    ready.click(middle(0, 0))
    assert len(ready.names) > 2
    ready.panel.set_pairs.assert_not_called()
    ready.viewer.add_points([[1, 1]])
    offered, _, images, _ = ready.told("set_pairs")
    assert [name for _, name in offered] == ["cells"]
    assert [name for _, name in images] == ["image"]


def test_teardown_leaves_the_viewer_as_it_was(seeker):
    labels, image = cells_and_image()
    seeker.viewer.add_image(image, name="image")
    seeker.viewer.add_labels(labels, name="cells")
    before = list(seeker.viewer.mouse_drag_callbacks)
    seeker.toggle()
    seeker.click(middle(0, 0))
    seeker.controller.teardown()
    assert seeker.names == ["image", "cells"]
    assert seeker.viewer.layers["cells"].visible
    assert seeker.viewer.mouse_drag_callbacks == before
    assert seeker.told("set_on") == (False,)
    said = seeker.panel.say.call_count
    seeker.viewer.layers.clear()
    seeker.wishes.clear_requested.emit()
    assert seeker.panel.say.call_count == said
    seeker.controller = Mock()  # what is torn down already
