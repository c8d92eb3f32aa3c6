"""How much appearance, colour, size, shape and intensity count.

`WeightSliders` emits ``changed`` with the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSlider, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEPS = 100
_TIPS = {
    "appearance": "What the model sees: texture, inner structure, the outline.",
    "colour": "The hue, or the balance of the channels.",
    "size": "Area and axes.",
    "shape": "How long, how round, how smooth.",
    "intensity": "How bright and how varied.",
}


class WeightSliders(QWidget):
    """A slider for each group of properties."""

    changed = Signal(object)

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self._first = dict(weights)
        self.sliders: dict[str, QSlider] = {}
        self._shown: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for row, name in enumerate(weights):
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, _STEPS)
            slider.setAccessibleName(f"How much {name} counts")
            slider.setToolTip(_TIPS.get(name, ""))
            slider.valueChanged.connect(self._on_changed)
            label, shown = QLabel(name.capitalize()), QLabel()
            label.setToolTip(_TIPS.get(name, ""))
            shown.setMinimumWidth(shown.fontMetrics().horizontalAdvance("0.00 "))
            grid.addWidget(label, row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(shown, row, 2)
            self.sliders[name], self._shown[name] = slider, shown
        self.reset_button = QPushButton("Reset")
        self.reset_button.setToolTip("Back to the weights that work for most images.")
        self.reset_button.clicked.connect(self._on_reset)
        grid.addWidget(self.reset_button, len(weights), 1, 1, 2)
        self._set(self._first)

    @property
    def weights(self) -> dict[str, float]:
        """How much each group counts, in [0, 1]."""
        return {name: s.value() / _STEPS for name, s in self.sliders.items()}

    def _set(self, weights: Mapping[str, float]) -> None:
        for name, slider in self.sliders.items():
            slider.blockSignals(True)
            slider.setValue(round(weights[name] * _STEPS))
            slider.blockSignals(False)
        self._show()

    def _show(self) -> None:
        for name, weight in self.weights.items():
            self._shown[name].setText(f"{weight:.2f}")

    def _on_changed(self) -> None:
        self._show()
        self.changed.emit(self.weights)

    def _on_reset(self) -> None:
        self._set(self._first)
        self.changed.emit(self.weights)
