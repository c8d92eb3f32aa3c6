"""Which pixels are clicked on; neither a window nor a display is needed."""

from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from clicker import (
    BACKGROUND,
    LEFT_OF_PAIR,
    RADIUS,
    RIGHT_OF_PAIR,
    SHAPE,
    A,
    B,
    C,
    disc,
    iou,
    is_cell,
    nuclei,
)
from napari.components import ViewerModel

from napari_iaunet.plugin.click.source import ClickSource
from napari_iaunet.plugin.core.settings import SegmentChoice


def test_the_plane_on_view(clicker):
    stack = np.stack([nuclei((A,)), nuclei((B,)), nuclei((C,))])
    clicker.viewer.add_image(stack, name="film", scale=(5, 1, 1))
    clicker.viewer.dims.set_point(0, 10)
    clicker.toggle()
    clicker.click(C)
    clicker.viewer.dims.set_point(0, 0)
    clicker.click(A)  # at once, before the plane is prepared
    clicker.wait()
    assert is_cell(clicker.preview, A)
    clicker.key("K")
    cells = clicker.cells
    assert cells.data.shape == stack.shape
    assert is_cell(cells.data[0] == 2, A)
    assert is_cell(cells.data[2] == 1, C)
    assert not cells.data[1].any()
    assert cells.features["plane"].tolist() == [2, 0]
    clicker.viewer.dims.set_point(0, 10)
    clicker.wait()
    assert len(clicker.encoder.encoded) == 2


@pytest.mark.parametrize(
    "place",
    [
        {"scale": (0.5, 0.5), "translate": (40, -30)},
        {"scale": (0.5, 0.8), "rotate": 30, "translate": (3, 4)},
        {"shear": [0.3], "affine": [[0, 2, 5], [1.5, 0, 1], [0, 0, 1]]},
    ],
)
def test_a_layer_that_is_moved_scaled_and_turned(clicker, place):
    clicker.viewer.add_image(nuclei(), name="image", **place)
    clicker.toggle()
    clicker.click(C)
    assert is_cell(clicker.preview, C)
    clicker.key("K")
    assert is_cell(clicker.cells.data == 1, C)
    image = clicker.viewer.layers["image"]
    np.testing.assert_allclose(clicker.cells.data_to_world(C), image.data_to_world(C))
    clicker.hover(C)
    clicker.key("D")
    assert not clicker.cells.data.any()


def test_multiscale(clicker):
    image = np.kron(nuclei(), np.ones((2, 2), np.uint8))
    clicker.viewer.add_image([image, image[::4, ::4]], multiscale=True, name="image")
    clicker.settings.diameter = 4 * RADIUS
    clicker.toggle()
    clicker.click((60, 60))
    clicker.key("K")
    assert clicker.cells.data.shape == image.shape
    assert iou(clicker.cells.data[::2, ::2] == 1, disc(A)) > 0.7


def test_colours(clicker):
    clicker.viewer.add_image(np.stack([nuclei()] * 3, -1), name="image")
    clicker.toggle()
    clicker.click(A)
    clicker.key("K")
    assert clicker.encoder.encoded[0].shape == (128, 160, 3)
    assert is_cell(clicker.cells.data == 1, A)


def test_channels(clicker):
    pixels = np.stack([nuclei(), nuclei((C,))])
    clicker.viewer.add_image(pixels, name="image", axis_labels=("c", "y", "x"))
    clicker.toggle()
    clicker.click(A)
    clicker.key("K")
    assert clicker.cells.data.shape == (128, 160)
    assert is_cell(clicker.cells.data == 1, A)


def test_3d_view_takes_no_clicks(clicker):
    clicker.viewer.add_image(np.stack([nuclei()] * 3), name="image")
    clicker.viewer.dims.order = (1, 0, 2)
    clicker.toggle()
    assert "2D view" in clicker.said
    clicker.click(A)
    assert len(clicker.viewer.layers) == 1
    clicker.viewer.dims.order = (0, 1, 2)
    clicker.wait()
    assert clicker.said == "Click a cell."


@pytest.mark.parametrize("lazy", [False, True])
def test_a_large_plane_is_prepared_around_the_clicks(clicker, small_windows, lazy):
    stack = np.stack([nuclei(), nuclei((BACKGROUND,))])
    image = da.from_array(stack, chunks=(1, 64, 64)) if lazy else stack
    clicker.viewer.add_image(image, name="image")
    clicker.viewer.dims.set_point(0, 0)
    clicker.toggle()
    assert [e.shape for e in clicker.encoder.encoded] == [(96, 96)]
    for place in (A, C, LEFT_OF_PAIR):
        clicker.click(place)
        clicker.wait()
        assert is_cell(clicker.preview, place)
    clicker.key("K")
    assert {e.shape for e in clicker.encoder.encoded} == {(96, 96)}
    labels = clicker.cells.data[0]
    for number, place in enumerate((A, C, LEFT_OF_PAIR), 1):
        assert is_cell(labels == number, place)
    means = [stack[0][labels == i].mean() for i in (1, 2, 3)]
    np.testing.assert_allclose(clicker.cells.features["mean_intensity"], means)
    count = len(clicker.encoder.encoded)
    clicker.click(RIGHT_OF_PAIR)
    clicker.wait()
    assert is_cell(clicker.preview, RIGHT_OF_PAIR)
    assert len(clicker.encoder.encoded) == count  # it is as near


class CountingViewer:
    """A viewer that counts how often its layer list is asked for."""

    def __init__(self, viewer):
        self._viewer, self.count = viewer, 0

    def __getattr__(self, name):
        self.count += name == "layers"
        return getattr(self._viewer, name)


def test_the_layers_are_looked_up_once_per_change_of_the_list():
    viewer = ViewerModel()
    image = viewer.add_image(np.stack([nuclei(), nuclei()]), name="film")
    counting = CountingViewer(viewer)
    encoder = SimpleNamespace(forget=lambda: None, want=lambda *_: None)
    encoder.get = lambda plane, points: None
    source = ClickSource(counting, encoder, None)
    choice = SegmentChoice(str(image.unique_id), (), None, None, False, "m", "cpu", 22)
    source.use(choice)
    assert counting.count == 1
    view = source.view()
    assert view.plane == (0,)
    assert source.pixel((0, 5, 6)) == (5, 6)
    assert source.pixel((0, -1, 6)) is None
    assert source.plane_number((1,)) == 1
    assert source.read((1,)).array.shape == SHAPE
    assert not source.prepare(view.plane)
    assert source.image == image
    assert counting.count == 1, "nothing has changed"
    viewer.layers.clear()
    source.find_layers()
    assert counting.count == 2
    assert source.image is None
    assert source.layers == []
    assert source.view() is None
    assert source.pixel((0, 5, 6)) is None


def test_pixels_that_are_replaced_are_told():
    viewer = ViewerModel()
    image = viewer.add_image(nuclei())
    forgotten, told = [], []
    encoder = SimpleNamespace(forget=lambda: forgotten.append(1))
    source = ClickSource(viewer, encoder, None)
    source.changed.connect(lambda: told.append(1))
    choice = SegmentChoice(str(image.unique_id), (), None, None, False, "m", "cpu", 22)
    source.use(choice)
    image.data = nuclei((A,))
    assert told == [1]
    source.use(None)
    image.data = nuclei((B,))
    assert told == [1]
