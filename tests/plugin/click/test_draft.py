"""What becomes of a clicked cell, without a viewer."""

import numpy as np

from napari_iaunet.plugin.click.draft import Click, Draft
from napari_iaunet.plugin.layers.view_state import ViewState
from napari_iaunet.segmentation.click import ClickedCell

VIEW = ViewState((), (0.0, 0.0))


def draft(cell, point, label_id=0):
    return Draft.start(VIEW, label_id, [point], [1], lambda points, labels: cell)


def test_a_point_is_in_a_cell_if_its_pixel_is():
    cell = draft(ClickedCell((5, 7), np.array([[True, False]])), (5, 7))
    assert cell.holds((5.4, 6.6))
    assert not cell.holds((5, 8))
    assert not cell.holds((4.4, 7))
    assert not cell.holds((0, 0))


def test_a_click_in_the_cell_goes_on_with_it_and_one_beside_it_does_not():
    cell = draft(ClickedCell((5, 7), np.ones((3, 3), bool)), (6, 8))
    for kind, pixel, goes_on in (
        ("cell", (6, 9), True),
        ("cell", (20, 20), False),
        ("add", (20, 20), True),
        ("take", (20, 20), True),
    ):
        assert cell.continues_with(Click(VIEW, pixel, kind)) == goes_on
    elsewhere = ViewState((1,), (1.0, 0.0, 0.0))
    assert not cell.continues_with(Click(elsewhere, (6, 9), "add"))
