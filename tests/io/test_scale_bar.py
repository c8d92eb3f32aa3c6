"""The scale bar of a picture: its length is round, and right."""

import numpy as np
import pytest

from napari_iaunet.io.scale_bar import draw_scale_bar, round_length


@pytest.mark.parametrize(
    ("most", "length"),
    [(0.5, 0.5), (0.49, 0.2), (1.0, 1), (9.99, 5), (260, 200), (5000.0, 5000)],
)
def test_lengths_are_round(most, length):
    assert round_length(most) == pytest.approx(length)


@pytest.mark.parametrize(
    ("pixel_width", "text", "pixels"),
    [
        (1.0, "100 µm", 100),
        (0.325, "20 µm", 62),
        (0.001, "100 nm", 100),
        (20.0, "2 mm", 100),
        (0.004, "200 nm", 50),
    ],
)
def test_a_bar_is_as_long_as_it_says(pixel_width, text, pixels):
    picture = np.full((300, 400, 3), 90, np.uint8)
    assert draw_scale_bar(picture, pixel_width) == text
    white = (picture == 255).all(axis=2)
    rows = np.flatnonzero(white.sum(axis=1) == pixels)
    assert rows.size
    bar = np.flatnonzero(white[rows[-1]])
    assert bar[-1] - bar[0] + 1 == pixels
    # On white ground, too, it can be seen by its rim.
    assert (picture[rows[-1], bar[0] - 1] == 0).all()


@pytest.mark.parametrize("shape", [(64, 64), (64, 2000), (3000, 70), (2048, 2048)])
def test_bar_and_text_stay_in_the_picture(shape):
    picture = np.full((*shape, 3), 90, np.uint8)
    assert draw_scale_bar(picture, 0.65)
    changed = (picture != 90).any(axis=2)
    border = np.ones(shape, bool)
    border[1:-1, 1:-1] = False
    assert not changed[border].any()
    assert changed.any()


@pytest.mark.parametrize(
    ("shape", "pixel_width"), [((63, 500), 1.0), ((200, 200), 0.0), ((1, 1), 1.0)]
)
def test_without_room_or_size_there_is_no_bar(shape, pixel_width):
    picture = np.full((*shape, 3), 90, np.uint8)
    assert draw_scale_bar(picture, pixel_width) == ""
    assert (picture == 90).all()
