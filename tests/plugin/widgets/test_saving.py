"""Where something is saved: the ending, and files that exist."""

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_iaunet.plugin.widgets.saving import ask_where

KINDS = "Picture (*.png);;Drawing (*.svg)"


@pytest.fixture
def ask(qtbot, monkeypatch):
    """Answer the dialog; what becomes of it, and of the question, if there is one."""
    widget = QWidget()
    qtbot.addWidget(widget)

    def answer(typed, kind, replace=True):
        asked = []
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (typed, kind))
        monkeypatch.setattr(
            QMessageBox,
            "question",
            lambda *about: asked.append(about[2]) or (yes if replace else no),
        )
        return ask_where(widget, "Save", "a.png", KINDS, ".png"), asked

    return answer


@pytest.mark.parametrize(
    ("typed", "kind", "ending"),
    [
        ("b", "Picture (*.png)", "b.png"),
        ("b", "Drawing (*.svg)", "b.svg"),
        ("b", "", "b.png"),
        ("b.svg", "Picture (*.png)", "b.svg"),
    ],
)
def test_a_name_gets_the_ending_of_the_chosen_kind(ask, tmp_path, typed, kind, ending):
    assert ask(str(tmp_path / typed), kind) == (tmp_path / ending, [])


def test_nothing_chosen_is_nothing(ask):
    assert ask("", "") == (None, [])


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_is_not_replaced_unasked(ask, tmp_path, replace):
    existing = Path(tmp_path / "b.svg")
    existing.touch()
    found, asked = ask(str(tmp_path / "b"), "Drawing (*.svg)", replace)
    assert found == (existing if replace else None)
    assert asked == ["b.svg exists. Do you want to replace it?"]
