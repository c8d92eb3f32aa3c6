"""Which layers of cells are worked on, and on which images; no display is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.layers.labels import CLASSES_OF, FOUND_IN
from napari_iaunet.plugin.layers.scope import CellScope

PIXELS = np.zeros((8, 9), np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def scope(viewer):
    return CellScope(viewer, lambda: None)


def key(layer):
    return str(layer.unique_id)


def test_layers_that_lie_on_an_image_are_offered_the_topmost_first(viewer, scope):
    first = viewer.add_labels(PIXELS)
    assert scope.offered() == []
    viewer.add_image(PIXELS)
    second = viewer.add_labels(PIXELS)
    viewer.add_labels(PIXELS, translate=(5, 5))
    viewer.add_labels(PIXELS, metadata={"napari_iaunet": {CLASSES_OF: "a"}})
    assert scope.offered() == [second, first]


def test_a_tab_accepts_what_is_of_use_to_it(viewer):
    viewer.add_image(PIXELS)
    viewer.add_labels(PIXELS, name="no")
    yes = viewer.add_labels(PIXELS, name="yes")
    viewer.add_labels(PIXELS, name="not this one")
    scope = CellScope(viewer, lambda: None, lambda layer: layer.name == "yes")
    assert scope.offered() == [yes]


def test_what_is_picked_stays_until_it_is_gone(viewer, scope):
    viewer.add_image(PIXELS)
    first, second = viewer.add_labels(PIXELS), viewer.add_labels(PIXELS)
    scope.update()
    assert scope.labels == key(second)
    assert scope.pick(key(first))
    assert not scope.pick(key(first)), "it is picked already"
    assert not scope.pick("nonsense")
    viewer.add_labels(PIXELS)
    scope.update()
    assert scope.labels == key(first)
    viewer.layers.remove(first)
    scope.update()
    assert scope.labels != key(first)
    viewer.layers.clear()
    scope.update()
    assert scope.labels == ""


def test_the_image_that_is_picked_is_used(viewer, scope):
    one, other = viewer.add_image(PIXELS, name="b"), viewer.add_image(PIXELS, name="a")
    cells = viewer.add_labels(PIXELS)
    scope.update()
    assert [p.image for p in scope.pairs()] == [key(other)]
    scope.pick_image(key(one))
    assert [p.image for p in scope.pairs()] == [key(one)]
    layers, picked, images, image = scope.names()
    assert [k for k, _ in layers] == [picked] == [key(cells)]
    assert images == [(key(other), "a"), (key(one), "b")], "each stays in its place"
    assert image == key(one)


def test_the_other_images_with_cells_are_searched_if_wanted(viewer, scope):
    viewer.add_image(PIXELS, name="plate 1")
    first = viewer.add_labels(PIXELS)
    viewer.add_image(np.zeros((6, 7)), name="plate 2")
    second = viewer.add_labels(np.zeros((6, 7), int))
    viewer.add_labels(
        np.zeros((6, 7), int), metadata={"napari_iaunet": {FOUND_IN: "a"}}
    )
    scope.pick(key(first))
    assert [p.labels for p in scope.pairs()] == [key(first)]
    scope.everywhere = True
    assert [p.labels for p in scope.pairs()] == [key(first), key(second)]


def test_the_cell_at_a_place(viewer, scope):
    viewer.add_image(PIXELS)
    data = np.zeros((8, 9), int)
    data[2, 3] = 5
    cells = viewer.add_labels(data)
    scope.update()
    assert scope.cells_at((2.2, 2.9)) == {key(cells): 5}
    assert scope.cells_at((20, 20)) == {}


def test_images_that_cells_are_compared_in_are_kept_to(viewer, scope):
    image = viewer.add_image(PIXELS)
    viewer.add_labels(PIXELS)
    scope.update()
    scope.keep(scope.pairs())
    viewer.add_image(PIXELS)
    assert [p.image for p in scope.pairs()] == [key(image)]
