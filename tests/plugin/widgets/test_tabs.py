"""Buttons that choose a page, in rows."""

import itertools

import pytest
from qtpy.QtWidgets import QWidget

from napari_iaunet.plugin.widgets.tabs import TabButtons, Tabs


@pytest.mark.parametrize("count", [1, 5, 6, 7, 8])
@pytest.mark.parametrize("fitting", [1, 2, 4, 10])
def test_no_row_is_needed_less_and_all_are_seen(qtbot, count, fitting):
    tabs = Tabs({f"page {n}": QWidget() for n in range(count)})
    buttons = TabButtons(tabs)
    qtbot.addWidget(tabs)
    qtbot.addWidget(buttons)
    width = fitting * (buttons.minimumSizeHint().width() + 2)
    buttons.resize(width, 10)
    buttons.show()
    places = [button.geometry() for button in buttons.buttons]
    rows = sorted({place.top() for place in places})
    assert len(rows) == -(-count // fitting)
    in_rows = [[p for p in places if p.top() == top] for top in rows]
    lengths = [len(row) for row in in_rows]
    assert max(lengths) - min(lengths) <= 1
    for row in in_rows:
        assert row[0].left() == 0
        assert width - 3 <= row[-1].right() + 1 <= width
        assert all(a.right() < b.left() for a, b in itertools.pairwise(row))
    assert buttons.height() == places[-1].bottom() + 1
