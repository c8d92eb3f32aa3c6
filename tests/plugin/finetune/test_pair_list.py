"""The list of annotated images alone: what it offers, shows and emits."""

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_iaunet.plugin.core.settings import IN_VIEW
from napari_iaunet.plugin.finetune.pair_list import (
    EVERYWHERE,
    LOOKED_AT_ONLY,
    PairInfo,
    PairList,
)

LEFT = Qt.MouseButton.LeftButton
REGIONS = [("r", "region"), ("s", "other region")]


@pytest.fixture
def pairs(qtbot):
    pairs = PairList()
    qtbot.addWidget(pairs)
    pairs.show()
    return pairs


@pytest.fixture
def row(pairs):
    images = (("i", "plate"), ("j", "second plate"))
    pairs.set_pairs([PairInfo("a", "plate", "cells", images=images)], REGIONS)
    return pairs.rows["a"]


def menu(pairs):
    """What the menu offers, and whether it can be chosen."""
    return [(a.text(), a.isEnabled()) for a in pairs.menu.actions() if a.text()]


def hint(pairs):
    return next(w for w in pairs.findChildren(QLabel) if "No annotated" in w.text())


def collected(signal):
    seen = []
    signal.connect(lambda *arguments: seen.append(arguments))
    return seen


def choose(qtbot, pairs, number):
    """Open the menu and click an entry."""
    asked = collected(pairs.proposals_wanted)
    qtbot.mouseClick(pairs.add_button, LEFT)
    qtbot.waitUntil(pairs.menu.isVisible)
    assert asked
    action = [a for a in pairs.menu.actions() if a.text()][number]
    place = pairs.menu.actionGeometry(action).center()
    qtbot.mouseClick(pairs.menu, LEFT, pos=place)
    pairs.menu.hide()


def test_an_empty_list_says_what_to_do(pairs):
    assert hint(pairs).isVisible()
    pairs.set_pairs([PairInfo("a", "plate", "cells")], [])
    assert not hint(pairs).isVisible()
    pairs.set_pairs([], [])
    assert hint(pairs).isVisible()
    assert pairs.rows == {}


def test_a_proposal_is_added(qtbot, pairs):
    pairs.set_proposals(
        [PairInfo("a", "plate", "cells"), PairInfo("b", "film", "more")]
    )
    assert menu(pairs) == [
        ("cells  on  plate", True),
        ("more  on  film", True),
        ("All of these", True),
    ]
    added = collected(pairs.added)
    choose(qtbot, pairs, 1)
    assert added == [("b",)]
    choose(qtbot, pairs, 2)
    assert added == [("b",), ("a",), ("b",)]


def test_a_layer_of_only_some_cells_is_not_among_all_of_these(qtbot, pairs):
    infos = [PairInfo(key, "plate", key) for key in "ab"]
    part = PairInfo("part", "plate", "some cells", is_partial=True)
    pairs.set_proposals([infos[0], part])
    assert len(menu(pairs)) == 2
    pairs.set_proposals([*infos, part])
    added = collected(pairs.added)
    choose(qtbot, pairs, 3)
    assert added == [("a",), ("b",)]


def test_labels_on_no_image_are_told_but_not_offered(qtbot, pairs):
    pairs.set_proposals([], ["lost"])
    ((text, can_be_chosen),) = menu(pairs)
    assert text.startswith("lost  lies on no open image")
    assert not can_be_chosen
    added = collected(pairs.added)
    choose(qtbot, pairs, 0)
    assert not added
    pairs.set_proposals([])
    ((text, can_be_chosen),) = menu(pairs)
    assert text.startswith("No other layer")
    assert not can_be_chosen


def test_names_are_no_markup_and_no_keys_of_the_menu(pairs):
    info = PairInfo("a", "R&D <b>plate</b>", "cells & co")
    pairs.set_proposals([info], ["lost & found"])
    texts = [text for text, _ in menu(pairs)]
    assert texts[0] == "cells && co  on  R&&D <b>plate</b>"
    assert "lost && found" in texts[1]
    pairs.set_pairs([info], [])
    shown = pairs.rows["a"].title.text()
    assert shown == "<b>cells &amp; co</b> on R&amp;D &lt;b>plate&lt;/b>"


def test_a_pair_is_removed(qtbot, pairs, row):
    with qtbot.waitSignal(pairs.removed) as removed:
        qtbot.mouseClick(row.remove_button, LEFT)
    assert removed.args == ["a"]


def test_a_region_is_picked(qtbot, pairs, row):
    assert row.region.currentText() == "only the labelled cells count"
    row.region.setFocus()
    for place, text in (
        (EVERYWHERE, "every cell is labelled"),
        (IN_VIEW, "every cell on view is labelled"),
        (LOOKED_AT_ONLY, "only cells that were looked at count"),
        ("r", "every cell in region is labelled"),
    ):
        with qtbot.waitSignal(pairs.region_picked) as picked:
            QTest.keyClick(row.region, Qt.Key.Key_Down)
        assert picked.args == ["a", place]
        assert row.region.currentText() == text


def test_the_regions_of_the_pairs_are_shown(pairs):
    infos = [PairInfo("a", "x", "y", "s"), PairInfo("b", "x", "z", "gone")]
    pairs.set_pairs(infos, REGIONS)
    shown = [row.region.currentText() for row in pairs.rows.values()]
    assert shown == [
        "every cell in other region is labelled",
        "only the labelled cells count",
    ]


def test_another_image_is_picked(qtbot, pairs, row):
    assert row.image.currentText() == "plate"
    row.image.setFocus()
    with qtbot.waitSignal(pairs.image_picked) as picked:
        QTest.keyClick(row.image, Qt.Key.Key_Down)
    assert picked.args == ["a", "j"]


def test_a_single_image_is_no_choice(pairs):
    pairs.set_pairs([PairInfo("a", "x", "y", images=(("i", "x"),))], [])
    assert not pairs.rows["a"].image.isVisible()


def test_rows_are_replaced(qtbot, pairs, row):
    pairs.set_pairs([PairInfo(key, "plate", key) for key in "bc"], [])
    assert list(pairs.rows) == ["b", "c"]
    qtbot.waitUntil(lambda: pairs.layout().itemAt(1).layout().count() == 2)
    with qtbot.waitSignal(pairs.removed) as removed:
        qtbot.mouseClick(pairs.rows["c"].remove_button, LEFT)
    assert removed.args == ["c"]


def test_many_pairs_with_long_names_fit_a_narrow_dock(pairs):
    name = "a layer with a name that does not end for quite a while"
    images = (("i", name), ("j", name))
    infos = [PairInfo(str(i), name, name, "r", images) for i in range(50)]
    pairs.set_pairs(infos, [("r", name)])
    assert len(pairs.rows) == 50
    assert_fits(pairs)


def test_ten_thousand_proposals(pairs):
    pairs.set_proposals([PairInfo(str(i), "plate", str(i)) for i in range(10_000)])
    assert len(menu(pairs)) == 10_001


def test_everything_has_a_tooltip(pairs, row):
    parts = (pairs.add_button, row.region, row.image, row.remove_button)
    assert all(part.toolTip() for part in parts)
