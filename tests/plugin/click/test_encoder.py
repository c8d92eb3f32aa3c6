"""Which part of a plane is prepared for clicks."""

import numpy as np
import pytest

from napari_iaunet.plugin.click.encoder import ClickWindow

SLIDE = (30_000, 50_000)


def test_a_plane_of_usual_size_is_one_window():
    window = ClickWindow.around([(5, 5)], (2,), (4096, 4096))
    assert window == ((2,), (0, 0), (4096, 4096), (4096, 4096))
    assert window.serves([(0, 0), (4095, 4095)])
    assert window == ClickWindow.around([], (2,), (4096, 4096))


@pytest.mark.parametrize("shape", [SLIDE, (700, 50_000), (30_000, 600)])
def test_a_click_anywhere_has_a_window_that_serves_it(shape):
    rng = np.random.default_rng(0)
    places = [(0, 0), (shape[0] - 1, shape[1] - 1), *rng.random((50, 2)) * shape]
    for place in places:
        window = ClickWindow.around([place], (), shape)
        assert window.serves([place])
        rows, columns = window.slices
        assert 0 <= rows.start < rows.stop <= shape[0]
        assert 0 <= columns.start < columns.stop <= shape[1]
        assert rows.stop - rows.start <= 2048
        assert columns.stop - columns.start <= 2048


def test_a_click_near_a_border_needs_another_window():
    window = ClickWindow.around([(10_000, 10_000)], (), SLIDE)
    assert window.corner == (8976, 8976)
    assert window.serves([])
    assert window.serves([(9500, 10_500)])
    assert not window.serves([(9300, 10_000)])
    assert not window.serves([(10_000, 10_700)])
    assert ClickWindow.around([(0, 0)], (), SLIDE).serves([(3, 3)])


def test_one_window_for_all_clicks_that_fit():
    pair = [(10_000, 10_000), (11_200, 10_000)]
    window = ClickWindow.around(pair, (), SLIDE)
    assert window.serves(pair)
    apart = [(10_000, 10_000), (12_000, 10_000)]
    assert ClickWindow.around(apart, (), SLIDE).serves(apart[1:])


def test_boxes():
    window = ClickWindow.around([(10_000, 10_000)], (), SLIDE)
    assert window.holds((8976, 8976), (2048, 2048))
    assert not window.holds((8975, 8976), (10, 10))
    assert not window.holds((11_020, 9000), (10, 10))
