"""Ask where something is to be saved."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_iaunet.plugin.widgets.plain import plain


def ask_where(
    parent: QWidget, title: str, suggested: str, kinds: str, ending: str
) -> Path | None:
    """Ask for a file to write; None if the user takes that back.

    A name without an ending gets that of the chosen kind, else ``ending``. Whether an
    existing file may be replaced was asked by the dialog only for the name as it was
    typed.
    """
    path, kind = QFileDialog.getSaveFileName(parent, title, suggested, kinds)
    if not path or Path(path).suffix:
        return Path(path) if path else None
    chosen = re.search(r"\*(\.\w+)", kind)
    ending = chosen[1] if chosen else ending
    file = Path(path).with_suffix(ending)
    if file.exists():
        question = plain(f"{file.name} exists. Do you want to replace it?")
        answer = QMessageBox.question(parent, title, question)
        if answer != QMessageBox.StandardButton.Yes:
            return None
    return file
