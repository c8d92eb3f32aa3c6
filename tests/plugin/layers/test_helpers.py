"""Helper layers go at once, or right after napari has gone through its list."""

import numpy as np
import pytest

from napari_iaunet.plugin.core.own_changes import OwnChanges
from napari_iaunet.plugin.layers.helpers import take_out


@pytest.fixture
def own():
    return OwnChanges()


def test_a_helper_goes_at_once(viewer, own):
    user = viewer.add_image(np.zeros((4, 5)))
    helper = viewer.add_image(np.zeros((4, 5)))
    viewer.layers.selection = {user}
    told = []
    viewer.layers.events.removed.connect(lambda event: told.append(bool(own)))
    take_out(viewer, own, None, helper, helper)
    assert list(viewer.layers) == [user]
    assert told == [True]


def test_one_that_napari_may_be_removing_goes_right_after(qtbot, viewer, own):
    user = viewer.add_image(np.zeros((4, 5)))
    helper = viewer.add_image(np.zeros((4, 5)))
    viewer.layers.events.removed.connect(
        lambda event: take_out(viewer, own, helper) if event.value == user else None
    )
    viewer.layers.selection = {user, helper}
    viewer.layers.remove_selected()
    assert list(viewer.layers) == []
    viewer.layers.append(helper)
    viewer.layers.selection = {helper}
    take_out(viewer, own, helper)
    assert not helper.visible
    qtbot.waitUntil(lambda: list(viewer.layers) == [])
