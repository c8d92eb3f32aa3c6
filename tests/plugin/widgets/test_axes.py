"""Axes that hold what is drawn, with as many texts as have room."""

import itertools

import pytest

from napari_iaunet.plugin.widgets.axes import fitting_axis

WIDE = 7  # pixels of a character


def advance(text):
    return WIDE * len(text)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 147),
        (0, 1),
        (0.62, 0.99),
        (-3.5, 12),
        (2_804, 3_361),
        (0, 1_234_567),
        (1e-7, 3e-7),
        (64_999.2, 65_000.1),
        (5, 5),
        (0, 0),
        (-2, -2),
    ],
)
@pytest.mark.parametrize("length", [60, 160, 1000])
def test_all_is_held_and_no_texts_meet(low, high, length):
    axis = fitting_axis(low, high, length, advance)
    tiny = 1e-6 * (axis.high - axis.low)
    assert axis.low <= low + tiny
    assert high - tiny <= axis.high
    assert axis.low < axis.high
    assert axis.ticks == tuple(sorted(set(axis.ticks)))
    assert (axis.ticks[0], axis.ticks[-1]) == (axis.low, axis.high)
    assert len(set(axis.texts)) == len(axis.texts) == len(axis.ticks)
    places = [axis.place(tick) * length for tick in axis.ticks]
    wide = [advance(text) for text in axis.texts]
    if len(places) > 2:
        for (x, y), (a, b) in zip(
            itertools.pairwise(places), itertools.pairwise(wide), strict=True
        ):
            assert y - x > (a + b) / 2
    if length == 1000 and high > low:
        assert len(places) >= 4, "there is room for more"


def test_texts_are_what_people_write():
    assert fitting_axis(0, 147, 160, advance).texts == ("0", "50", "100", "150")
    assert fitting_axis(2_804, 3_361, 160, advance).texts[0] == "2,800"
    assert fitting_axis(0.62, 0.99, 100, advance).texts == ("0.6", "0.8", "1.0")


@pytest.mark.parametrize("high", [0, 1, 2, 7])
def test_cells_are_counted_in_whole_numbers(high):
    axis = fitting_axis(0, high, 1000, advance, whole=True)
    assert all(tick == int(tick) for tick in axis.ticks)
    assert axis.ticks[1] == 1
