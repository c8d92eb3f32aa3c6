"""Boxes, lassos and strokes: what they mean in pixels, and what makes no sense."""

import numpy as np
import pytest

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.framing import Frame
from napari_iaunet.segmentation.prompts import Prompts, Region

SHAPE = (40, 50)


def test_a_stroke_is_all_pixels_on_its_way():
    hints = Prompts(
        [(1, 1)], scribbles=[([(5, 5), (5, 9.4), (8, 9)], 1), ([(20, 3)], 0)]
    ).hints(SHAPE)
    stroke = hints.points[hints.drawn & hints.positive]
    way = {(5, x) for x in range(5, 10)} | {(y, 9) for y in range(5, 9)}
    assert {tuple(pixel) for pixel in stroke} == way
    np.testing.assert_array_equal(hints.points[~hints.drawn], [(1, 1)])
    np.testing.assert_array_equal(hints.points[~hints.positive], [(20, 3)])


def test_of_a_stroke_few_pixels_decode_but_of_clicks_all():
    clicks = [(3, 3), (3.2, 3), (4, 3)]
    hints = Prompts(clicks, scribbles=[([(0, 0), (0, 39)], 1)]).hints(SHAPE)
    used = hints.spaced(hints.points, 5.0)
    assert not hints.drawn[used[:3]].any()
    assert hints.drawn[used].sum() == 7  # the first click speaks for the eighth


def test_a_box_holds_the_pixels_between_its_places_edges_included():
    held = Region(np.array([(2, 3), (5.4, 6)]), None).mask((8, 8))
    np.testing.assert_array_equal(np.argwhere(held)[[0, -1]], [(2, 3), (5, 6)])
    assert held.sum() == 4 * 4


def test_a_box_is_cut_at_the_border_of_the_image():
    region = Prompts(box=(-9, 30, 12, 99)).hints(SHAPE).region
    np.testing.assert_array_equal(region.box, [(-0.5, 29.5), (12.5, 49.5)])


def test_a_lasso_that_goes_round_twice_has_no_hole():
    angle = np.linspace(0, 3.4 * np.pi, 60)
    line = 20 + np.stack([12 * np.sin(angle), 12 * np.cos(angle)], 1) * (
        1 + angle[:, None] / 80
    )
    held = Region(None, line).mask(SHAPE)
    y, x = np.ogrid[:40, :50]
    assert held[np.hypot(y - 20, x - 20) < 11].all()
    assert not held[np.hypot(y - 20, x - 20) > 15].any()


def test_a_frame_without_a_cell_is_filled_by_its_ellipse():
    frame = Frame(Region(np.array([(4.5, 9.5), (20.5, 39.5)]), None), SHAPE, 0.6)
    mask = frame.fill(np.full(SHAPE, -8, np.float32), -8) > 0
    y, x = np.ogrid[:40, :50]
    ellipse = ((y - 12.5) / 8) ** 2 + ((x - 24.5) / 15) ** 2 <= 1
    assert (mask & ellipse).sum() / (mask | ellipse).sum() > 0.85


def test_a_map_that_is_too_low_or_too_high_is_moved_until_the_box_is_filled():
    y, x = np.ogrid[:40, :50]
    height = (10 - np.hypot(y - 20, x - 25)).astype(np.float32)
    for size in (6.5, 13.5):
        box = np.array([(20 - size, 25 - size), (20 + size, 25 + size)])
        mask = Frame(Region(box, None), SHAPE, 0.6).fill(height, -8) > 0
        assert 0.85 < (np.ptp(np.argwhere(mask), axis=0) + 1).mean() / (2 * size) <= 1


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ({}, "inside of the cell"),
        ({"scribbles": [([(3, 3), (4, 4)], 0)]}, "inside of the cell"),
        ({"box": (0, 0, 9)}, "four numbers"),
        ({"box": (9, 9, 9, 12)}, "four numbers"),
        ({"box": (20, 5, 10, 15)}, "four numbers"),
        ({"box": (0, 0, np.nan, 9)}, "four numbers"),
        ({"box": "here"}, "four numbers"),
        ({"box": (60, 0, 70, 9)}, "off the image"),
        ({"box": (1.2, 1.2, 1.4, 1.4)}, "No pixel"),
        ({"lasso": [(1, 1), (9, 9)]}, "three places"),
        ({"lasso": [(1, 1), (9, 9), (1, np.inf)]}, "three places"),
        ({"lasso": [(1, 1, 1), (9, 9, 9)]}, "three places"),
        ({"lasso": [(60, 1), (70, 1), (70, 9)]}, "No pixel"),
        ({"box": (0, 0, 5, 5), "lasso": [(9, 9), (19, 9), (9, 19)]}, "No pixel"),
        ({"scribbles": [([(3, 3), (4, 400)], 1)]}, "off the image"),
        ({"scribbles": [([(3, 3), (4, np.nan)], 1)]}, "stroke is places"),
        ({"scribbles": [([(3, 3)], 2)]}, "stroke is places"),
        ({"scribbles": [([], 1)]}, "stroke is places"),
        ({"scribbles": [(3, 3)]}, "stroke is places"),
        ({"scribbles": [5]}, "stroke is places"),
        (
            {"scribbles": [([(3, 3), (3, 9)], 1), ([(0, 5), (9, 5)], 0)]},
            "contradict",
        ),
    ],
)
def test_prompts_that_make_no_sense(prompts, message):
    with pytest.raises(ImageError, match=message):
        Prompts(**prompts).hints(SHAPE)
