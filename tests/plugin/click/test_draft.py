"""What becomes of a clicked cell, without a viewer."""

import numpy as np

from napari_iaunet.plugin.click.draft import Click, Draft, outline
from napari_iaunet.plugin.layers.view_state import ViewState
from napari_iaunet.segmentation.click import ClickedCell
from napari_iaunet.segmentation.prompts import Prompts

VIEW = ViewState((), (0.0, 0.0))


def draft(cell, point, label_id=0):
    prompts = Prompts([point], [1])
    return Draft.start(VIEW, label_id, point, prompts, lambda prompts: cell)


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


def test_a_line_that_comes_back_is_a_lasso_and_else_a_box():
    kind, corners = outline([(2, 3), (5, 6), (9, 8)])
    assert kind == "box"
    assert corners == [(2, 3), (2, 8), (9, 8), (9, 3)]
    line = [(2, 3), (2, 13), (12, 13), (12, 3), (4, 3)]
    assert outline(line) == ("lasso", line)
    assert Click.drawn(VIEW, "around", [(9, 8), (2, 3)]).line == ((2, 3), (9, 8))


def test_a_box_around_the_draft_is_for_it_and_another_one_is_not():
    cell = draft(ClickedCell((5, 7), np.ones((6, 6), bool)), (6, 8))
    for corners, goes_on in (
        ([(4, 6), (12, 14)], True),
        ([(6, 8), (9, 11)], True),
        ([(0, 0), (40, 40)], True),
        ([(10, 12), (18, 20)], False),
        ([(30, 30), (40, 40)], False),
    ):
        click = Click.drawn(VIEW, "around", corners)
        assert cell.continues_with(click) == goes_on, corners


def test_each_line_is_one_more_prompt_and_a_frame_replaces_the_last():
    prompts = Click(VIEW, (6, 8), "cell").added_to(Prompts())
    prompts = Click.drawn(VIEW, "take", [(1, 1), (2, 9)]).added_to(prompts)
    prompts = Click.drawn(VIEW, "around", [(0, 0), (9, 9)]).added_to(prompts)
    assert prompts.box == (0, 0, 9, 9)
    prompts = Click.drawn(VIEW, "around", [(0, 0), (0, 9), (9, 4), (1, 0)]).added_to(
        prompts
    )
    assert prompts.box is None
    assert len(prompts.lasso) == 4
    assert prompts.inside == [(6, 8)]
    assert prompts.scribbles == [(((1, 1), (2, 9)), 0)]
    assert prompts.moved(1, 2).places[:2] == [(7, 10), (1, 2)]
