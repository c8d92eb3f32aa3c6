"""Forms that magicgui builds from dataclasses, and small parts of forms."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import create_widget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QWidget,
)

from napari_iaunet.plugin.widgets.names import WholeNames, widen_list
from napari_iaunet.plugin.widgets.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from dataclasses import Field

    Offers = Sequence[tuple[Any, str]]

# What `shown` says to the form itself; magicgui gets the rest.
_OWN = {"label", "beside", "stretch", "choices", "suffix", "decimals"}
# Characters of a combo box that are always shown.
_SHOWN = 12
# And of one that shares its row with a button.
_SHOWN_BESIDE = 7


class Rows(QFormLayout):
    """Rows of a label and a widget, which goes below it where the dock is narrow."""

    def __init__(self) -> None:
        super().__init__()
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)


class Form(Rows):
    """Widgets for the fields of an evented dataclass; each follows the other.

    Those that `shown` made are shown, in their order.

    ``edited`` comes with the name of a field that the user has changed.
    """

    edited = Signal(str)

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        self._widgets: dict[str, Any] = {}
        self._rows: dict[str, QHBoxLayout] = {}
        for item in fields(model):
            if "label" in item.metadata:
                self._add(item)
        model.events.connect(self._on_model)

    def __getitem__(self, name: str) -> QWidget:
        """Return the Qt widget of a field."""
        return self._widgets[name].native

    def offer(self, name: str, offers: Offers, tips: Sequence[str] = ()) -> None:
        """Offer things to pick for a field, given as key and text."""
        combo = self[name]
        fill(combo, offers, getattr(self._model, name))
        for i, tip in enumerate(tips):
            combo.setItemData(i, plain(tip), Qt.ItemDataRole.ToolTipRole)

    def show_row(self, name: str, shown: bool) -> None:
        """Show the row of a field, or hide it."""
        self.setRowVisible(self._rows[name], shown)

    def add_beside(self, name: str, widget: QWidget) -> None:
        """Put a widget at the end of a field's row, which gets no wider by it."""
        self._rows[name].addWidget(widget)
        if isinstance(combo := self[name], QComboBox):
            narrow(combo, _SHOWN_BESIDE)

    def enable(self, on: bool) -> None:
        """Let the user change the fields, or not."""
        for widget in self._widgets.values():
            widget.native.setEnabled(on)

    def _add(self, item: Field[Any]) -> None:
        name, about = item.name, item.metadata
        options = {key: value for key, value in about.items() if key not in _OWN}
        value = getattr(self._model, name)
        if "choices" in about:
            options["choices"] = _as_they_are
            widget = create_widget(widget_type="ComboBox", options=options)
            if not about["choices"]:
                narrow(widget.native)
            fill(widget.native, about["choices"], value)
        else:
            widget = create_widget(value=value, options=options)
        native = widget.native
        native.setAccessibleName(_spoken(about))
        if "decimals" in about:
            native.setDecimals(about["decimals"])
        if "suffix" in about:
            native.setSuffix(about["suffix"])
        self._widgets[name] = widget
        widget.changed.connect(partial(self._on_widget, name))
        if "beside" in about:
            self._rows[name] = self._rows[about["beside"]]
            self._rows[name].addWidget(native, about.get("stretch", 0))
            return
        self._rows[name] = row = side_by_side((native, 1))
        self.addRow(*([about["label"]] if about["label"] else []), row)

    def _on_widget(self, name: str, value: Any) -> None:
        if value != getattr(self._model, name):
            setattr(self._model, name, value)
            self.edited.emit(name)

    def _on_model(self, event: Any) -> None:
        """Show what has changed, unless that came from the widget itself."""
        for name, widget in self._widgets.items():
            value = getattr(self._model, name)
            if widget.value != value:
                widget.native.blockSignals(True)
                if isinstance(widget.native, QComboBox):
                    pick(widget.native, value)
                else:
                    widget.value = value
                widget.native.blockSignals(False)


def _spoken(about: Mapping[str, Any]) -> str:
    """Return what a screen reader calls a field: label and text where both are seen."""
    label, text = about["label"].strip(), about.get("text", "")
    if "beside" in about:
        return label or text
    return f"{label} {text}".strip()


def picker(name: str, least: int = _SHOWN) -> QComboBox:
    """Make a combo box as wide as its place, and ``least`` characters at least.

    ``name`` is what a screen reader calls it.
    """
    combo = QComboBox()
    combo.setAccessibleName(name)
    narrow(combo, least)
    return combo


def _as_they_are(widget: Any) -> list[tuple[str, Any]]:
    """Return the choices of a combo box: magicgui asks when the form is docked."""
    combo = widget.native
    return [(combo.itemText(i), combo.itemData(i)) for i in range(combo.count())]


def narrow(combo: QComboBox, least: int = _SHOWN) -> None:
    """Keep a combo box from growing with the names that it offers."""
    combo.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    combo.setMinimumContentsLength(least)
    WholeNames(combo)


def fill(combo: QComboBox, offers: Offers, picked: Any) -> None:
    """Offer things, given as key and text, and pick one; emits no signal."""
    former = [(combo.itemData(i), combo.itemText(i)) for i in range(combo.count())]
    if former != list(offers):
        combo.blockSignals(True)
        combo.clear()
        for key, text in offers:
            combo.addItem(text, key)
        widen_list(combo)
        combo.blockSignals(False)
    pick(combo, picked)


def pick(combo: QComboBox, key: Any) -> None:
    """Pick one by its key, none if it is not offered; emits no signal."""
    keys = [combo.itemData(i) for i in range(combo.count())]
    combo.blockSignals(True)
    combo.setCurrentIndex(keys.index(key) if key in keys else -1)
    combo.blockSignals(False)


def side_by_side(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    """Put widgets into a row; each comes with how much it stretches."""
    row = QHBoxLayout()
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row


def title(text: str) -> QLabel:
    """Make the title of a part of the tab."""
    label = QLabel(f"<b>{text}</b>")
    label.setTextFormat(Qt.TextFormat.RichText)
    return label
