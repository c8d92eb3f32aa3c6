"""Start and cancel a job, and see how far it is.

`RunBar` emits ``start_requested`` and ``cancel_requested``.
"""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.widgets.plain import plain_label


class RunBar(QWidget):
    """Two buttons, a progress bar and a line of text."""

    start_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, start_text: str, start_tip: str) -> None:
        super().__init__()
        self.start_button = QPushButton(start_text)
        self.start_button.setToolTip(start_tip)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop. What is done of a large image stays.")
        self.bar = QProgressBar()
        self.bar.setAccessibleName(f"Progress of “{start_text}”")
        self.status = plain_label()
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        layout.addWidget(self.bar)
        self._ready, self._busy, self._stopping = False, False, False
        self.start_button.clicked.connect(self.start_requested)
        self.cancel_button.clicked.connect(self._on_cancel)
        self._refresh()

    def set_ready(self, ready: bool, hint: str = "") -> None:
        """Allow to start, or say what is missing."""
        changed, self._ready = ready != self._ready, ready
        if not self._busy and (hint or changed):
            self.status.setText(hint)
        self._refresh()

    def set_busy(self, busy: bool, text: str) -> None:
        """Show that a job begins or has ended."""
        self._busy, self._stopping = busy, False
        self.bar.setRange(0, 0 if busy else 1)
        self.status.setText(text)
        self._refresh()

    def set_progress(self, done: int, total: int, text: str) -> None:
        """Show how far the job is, as for `show_progress`."""
        show_progress(self.bar, done, total)
        if not self._stopping:
            self.status.setText(text)

    def _on_cancel(self) -> None:
        self._stopping = True
        self._refresh()
        self.status.setText("Stopping…")
        self.cancel_requested.emit()

    def _refresh(self) -> None:
        self.start_button.setEnabled(self._ready and not self._busy)
        self.cancel_button.setEnabled(self._busy and not self._stopping)
        self.bar.setVisible(self._busy)


def show_progress(bar: QProgressBar, done: int, total: int) -> None:
    """Show how much is done.

    Before the first step is done and after the last one it would stand still, and so
    moves to and fro.
    """
    # Else the bar would be drawn at once, and the picture of the viewer with it.
    bar.setUpdatesEnabled(False)
    bar.setRange(0, total if 0 < done < total else 0)
    bar.setValue(done)
    bar.setUpdatesEnabled(True)
