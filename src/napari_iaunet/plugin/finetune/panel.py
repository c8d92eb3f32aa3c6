"""The Fine-tune tab.

`FinetunePanel` emits what the user wants; see its signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psygnal import SignalGroupDescriptor
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.finetune.pair_list import PairList
from napari_iaunet.plugin.finetune.plot import TrainingPlot
from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.plugin.widgets.forms import Form, side_by_side, title
from napari_iaunet.plugin.widgets.plain import plain_label
from napari_iaunet.plugin.widgets.run_bar import show_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.model.registry import ModelInfo

_LENGTH_TIP = "How long to train. You can stop at any time."
_EXAMPLE_WIDTH = 280
_NO_PAIRS = "Add an annotated image first."
_SAVE_HINT = "Give the new model a name to keep it."


@dataclass(frozen=True)
class TrainingChoice:
    """How the user wants to train.

    Attributes
    ----------
    start : str
        Name of the model to start from.
    minutes, steps : float, int or None
        One of them.
    rehearse : bool
        Whether the other open images are used against forgetting.
    """

    start: str
    minutes: float | None
    steps: int | None
    rehearse: bool


@dataclass(eq=False)
class TrainingOptions:
    """What the form of the tab shows.

    Attributes
    ----------
    start : str
        Name of the model to start from.
    minutes, steps : float, int
        How long to train, in either unit.
    unit : str
        "minutes" or "steps": which of them counts.
    rehearse : bool
        Whether the other open images are used against forgetting.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    start: str = shown(
        "", "Start from", "The model that learns; it stays as it is itself.", choices=()
    )
    minutes: float = shown(
        2.0, "Train for", _LENGTH_TIP, min=0.1, max=600.0, step=1.0, decimals=1
    )
    steps: int = shown(
        300, "Steps", _LENGTH_TIP, min=1, max=100_000, beside="minutes", stretch=1
    )
    unit: str = shown(
        "minutes",
        "Unit",
        "What the length of the training is given in.",
        choices=(("minutes", "minutes"), ("steps", "steps")),
        beside="minutes",
        stretch=1,
    )
    rehearse: bool = shown(
        False,
        "",
        "Rehearsal: images that are open, but not on the list, are "
        "trained on with the cells that the model finds in them now, so that it "
        "does not forget them.",
        text="rehearse on other open images",
    )

    def choice(self) -> TrainingChoice:
        """Return the options as they are now."""
        by_time = self.unit == "minutes"
        return TrainingChoice(
            start=self.start,
            minutes=self.minutes if by_time else None,
            steps=None if by_time else self.steps,
            rehearse=self.rehearse,
        )


class FinetunePanel(QScrollArea):
    """Pairs, settings, a plot, and what became of the training."""

    train_requested = Signal(object)
    pause_toggled = Signal(bool)
    stop_requested = Signal()
    save_requested = Signal(str)
    discard_requested = Signal()
    compare_requested = Signal()
    train_on_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Fine-tune")
        self.pairs = PairList()
        self.options = TrainingOptions()
        self.form = Form(self.options)
        self._show_unit()
        self._make_run()
        self._make_result()
        self._lay_out()
        self._ready, self._busy, self._stopping = False, False, False
        self._can_stop, self._can_pause = False, False
        self._offered = False
        self.train_button.clicked.connect(self._on_train)
        self.options.events.unit.connect(self._show_unit)
        self.pause_button.toggled.connect(self._on_pause)
        self.stop_button.clicked.connect(self._on_stop)
        self.save_button.clicked.connect(self._on_save)
        self.name.returnPressed.connect(self._on_save)
        self.discard_button.clicked.connect(self.discard_requested)
        self.compare_button.clicked.connect(self.compare_requested)
        self.train_on_button.clicked.connect(self._on_train_on)
        self.set_result("", offered=False)
        self.set_advice(())
        self.set_example(None)
        self.set_ready(False)

    # -- what it is made of ------------------------------------------------------

    def _make_run(self) -> None:
        self.train_button = QPushButton("Train")
        self.train_button.setToolTip(
            "Train a copy of the model on the labelled cells. A part of them is held "
            "out, to see whether it helps. Save or discard an earlier model first."
        )
        self.pause_button = QPushButton("Pause")
        self.pause_button.setCheckable(True)
        self.pause_button.setToolTip("Let the training rest, and go on later.")
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("End the training; the best model so far is kept.")
        self.status = plain_label()
        self.advice = plain_label()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the training")
        self.bar.setTextVisible(False)
        self.plot = TrainingPlot()
        self.plot.hide()  # until there is something to show
        self.caption = QLabel("Found by now in the held-out part:")
        self.caption.setWordWrap(True)
        self.example = QLabel()
        self.example.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.example.setToolTip(
            "Cells that the model finds by now, in a part of your image that it is not "
            "trained on."
        )

    def _make_result(self) -> None:
        self.result = plain_label()
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of the new model")
        self.name.setAccessibleName("Name of the new model")
        self.name.setToolTip(_SAVE_HINT)
        self.save_button = QPushButton("Save")
        self.save_button.setToolTip(
            "Keep the new model: it then appears wherever a model is picked."
        )
        self.discard_button = QPushButton("Discard")
        self.discard_button.setToolTip("Forget the new model.")
        self.compare_button = QPushButton("See what it finds")
        self.compare_button.setToolTip(
            "Find the cells of the first annotated image, in the plane on view, with "
            "the start and with the new model: two new layers."
        )
        self.train_on_button = QPushButton("Train on")
        self.train_on_button.setToolTip(
            "Go on with this training for as long as is set above."
        )
        self._offers = (
            self.name,
            self.save_button,
            self.discard_button,
            self.compare_button,
            self.train_on_button,
        )

    def _lay_out(self) -> None:
        buttons = side_by_side(
            (self.train_button, 2), (self.pause_button, 1), (self.stop_button, 1)
        )
        keep = side_by_side(
            (self.name, 2), (self.save_button, 1), (self.discard_button, 1)
        )
        more = side_by_side((self.compare_button, 1), (self.train_on_button, 1))
        inner = QWidget()
        self._layout = layout = QVBoxLayout(inner)
        layout.addWidget(title("Annotated images"))
        layout.addWidget(self.pairs)
        layout.addWidget(title("Training"))
        layout.addLayout(self.form)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        layout.addWidget(self.bar)
        layout.addWidget(self.advice)
        layout.addWidget(self.result)
        layout.addLayout(more)
        layout.addLayout(keep)
        layout.addWidget(self.plot)
        layout.addWidget(self.caption)
        layout.addWidget(self.example)
        layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def add_section(self, section: QWidget) -> None:
        """Add a widget at the end of the tab."""
        self._layout.insertWidget(self._layout.count() - 1, section)

    # -- what it shows -------------------------------------------------------------

    def set_models(self, models: Sequence[ModelInfo]) -> None:
        """Offer models to start from; the former one stays picked if it can."""
        names = [info.name for info in models]
        if self.options.start not in names:
            self.options.start = names[0] if names else ""
        tips = [info.description for info in models]
        self.form.offer("start", [(name, name) for name in names], tips)

    def set_ready(self, ready: bool) -> None:
        """Allow to train, or say what is missing."""
        self._ready = ready
        if not self._busy:
            if not ready:
                self.status.setText(_NO_PAIRS)
            elif self.status.text() == _NO_PAIRS:
                self.status.setText("")
        self._refresh()

    def set_busy(
        self, busy: bool, text: str, *, can_stop: bool = True, can_pause: bool = True
    ) -> None:
        """Show that work begins or has ended, and whether it can stop or rest."""
        self._busy, self._stopping = busy, False
        self._can_stop, self._can_pause = busy and can_stop, busy and can_pause
        self.pause_button.blockSignals(True)
        self.pause_button.setChecked(False)
        self.pause_button.blockSignals(False)
        self.bar.setRange(0, 0 if busy else 1)
        self.status.setText(text)
        self._refresh()

    def set_progress(self, share: float, text: str) -> None:
        """Show how much of the training is done."""
        show_progress(self.bar, round(1000 * share), 1000)
        if not self._stopping and not self.pause_button.isChecked():
            self.status.setText(text)

    def set_result(self, text: str, *, offered: bool) -> None:
        """Say what became of a training, and whether its model can be saved."""
        self.result.setText(text)
        self.result.setVisible(bool(text))
        if offered and not self._offered:
            self.name.clear()
        self._offered = offered
        for widget in self._offers:
            widget.setVisible(offered)
        self._refresh()

    def set_advice(self, lines: Sequence[str]) -> None:
        """Show what the user may want to change; it stays until it is replaced."""
        self.advice.setText("\n".join(f"⚠ {line}" for line in lines))
        self.advice.setVisible(bool(lines))

    def set_example(self, picture: NDArray[np.uint8] | None) -> None:
        """Show a picture, (Y, X, 3), or none."""
        self.example.setVisible(picture is not None)
        self.caption.setVisible(picture is not None)
        if picture is not None:
            height, width = picture.shape[:2]
            image = QImage(
                picture.tobytes(),
                width,
                height,
                3 * width,
                QImage.Format.Format_RGB888,
            )
            smooth = Qt.TransformationMode.SmoothTransformation
            picture_shown = QPixmap.fromImage(image)
            self.example.setPixmap(picture_shown.scaledToWidth(_EXAMPLE_WIDTH, smooth))

    # -- what the user does --------------------------------------------------------

    def _on_train(self) -> None:
        self.train_requested.emit(self.options.choice())

    def _on_train_on(self) -> None:
        self.train_on_requested.emit(self.options.choice())

    def _show_unit(self) -> None:
        for unit in ("minutes", "steps"):
            self.form[unit].setVisible(self.options.unit == unit)

    def _on_pause(self, on: bool) -> None:
        self.status.setText("Paused." if on else "Going on…")
        self.pause_button.setText("Go on" if on else "Pause")
        self.pause_toggled.emit(on)

    def _on_stop(self) -> None:
        self._stopping = True
        self.status.setText("Stopping…")
        self._refresh()
        self.stop_requested.emit()

    def _on_save(self) -> None:
        if self._offered:
            self.save_requested.emit(self.name.text())

    def _refresh(self) -> None:
        # Another training would forget a model that was not saved yet.
        free = not self._busy and not self._offered
        self.train_button.setEnabled(self._ready and free)
        for widget in self._offers:
            widget.setEnabled(not self._busy)
        self.pause_button.setEnabled(self._can_pause and not self._stopping)
        self.stop_button.setEnabled(self._can_stop and not self._stopping)
        self.bar.setVisible(self._busy)
        self.pairs.setEnabled(not self._busy)
        self.form.enable(not self._busy)
        self.pause_button.setText("Go on" if self.pause_button.isChecked() else "Pause")
