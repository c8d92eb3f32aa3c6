"""Texts that Qt shows as they are."""

from __future__ import annotations

import html

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def plain(text: str) -> str:
    """Return a text that tooltips and messages show as it is, whatever file it is from.

    Qt takes what looks like markup for markup there; a QLabel is better told that its
    text is plain.
    """
    first = text.partition("\n")[0]
    if "<" not in first and "&lt;" not in first:
        return text
    return html.escape(text, quote=False).replace("\n", "<br>")


def plain_label() -> QLabel:
    """Make a label of several lines that shows any text as it is."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
