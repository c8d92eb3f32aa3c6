"""Which channels of an image the network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_iaunet.plugin.widgets.forms import fill, picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QFormLayout

    from napari_iaunet.plugin.core.settings import Settings

_KEY = Qt.ItemDataRole.UserRole
_ROWS_SHOWN = 4
_ALWAYS = "the image itself"


class ChannelPicker(QObject):
    """Two rows of a form; each shows only where there is something to choose."""

    def __init__(self, form: QFormLayout, settings: Settings) -> None:
        super().__init__(form)
        self._form, self._settings = form, settings
        self.axis = picker("Channel axis")
        self.axis.setToolTip(
            "If the channels of your image lie along one of its axes, say which. "
            "Otherwise the planes are taken for time points or depths."
        )
        self.list = QListWidget()
        self.list.setToolTip(
            "The channels that show the cells. Three are seen as red, green and "
            "blue; any other number is averaged."
        )
        form.insertRow(1, "Channel axis", self.axis)
        form.insertRow(2, "Channels", self.list)
        self.axis.currentIndexChanged.connect(self._on_axis)
        self.list.itemChanged.connect(self._on_item)
        self.show()

    def show(self) -> None:
        """Show the image that is picked, and which channels of it are used."""
        self._show_axes()
        self._show_channels()

    def _ticked(self) -> tuple[Any, ...]:
        items = (self.list.item(i) for i in range(self.list.count()))
        return tuple(
            item.data(_KEY)
            for item in items
            if item.checkState() == Qt.CheckState.Checked and item.data(_KEY) != _ALWAYS
        )

    def _show_axes(self) -> None:
        image = self._settings.info
        offers: list[tuple[int | None, str]] = [(None, "none")]
        if image is not None and not image.rgb and len(image.shape) > 2:
            for i, (label, n) in enumerate(
                zip(image.axis_labels, image.shape, strict=True)
            ):
                # napari calls axes without a name by their number from the end.
                name = f"axis {i + 1}" if label.lstrip("-").isdigit() else label
                offers.append((i, f"{name} ({n})"))
        fill(self.axis, offers, self._settings.channel_axis)
        self._form.setRowVisible(self.axis, self.axis.count() > 1)

    def _show_channels(self) -> None:
        settings = self._settings
        image, axis = settings.info, settings.channel_axis
        rows: list[tuple[Any, str, bool]] = []
        if image is not None and axis is not None:
            channels = settings.channels or ()
            rows = [
                (i, f"channel {i}", i in channels) for i in range(image.shape[axis])
            ]
        elif image is not None and settings.companions:
            rows = [(_ALWAYS, image.name, True)]
            rows += [
                (other.key, other.name, other.key in settings.together_with)
                for other in settings.companions
            ]
        self.list.blockSignals(True)
        # A row must not go while it tells that it was ticked.
        if self._rows() != [row[:2] for row in rows]:
            self._make_rows(rows)
        for i, (_, _, ticked) in enumerate(rows):
            state = Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
            self.list.item(i).setCheckState(state)
        self.list.blockSignals(False)
        self._form.setRowVisible(self.list, bool(rows))

    def _rows(self) -> list[tuple[Any, str]]:
        items = (self.list.item(i) for i in range(self.list.count()))
        return [(item.data(_KEY), item.text()) for item in items]

    def _make_rows(self, rows: Sequence[tuple[Any, str, bool]]) -> None:
        self.list.clear()
        for key, text, _ in rows:
            item = QListWidgetItem(text, self.list)
            item.setData(_KEY, key)
            flags = Qt.ItemFlag.ItemIsUserCheckable
            fixed = key == _ALWAYS
            item.setFlags(flags if fixed else flags | Qt.ItemFlag.ItemIsEnabled)
        if rows:
            height = self.list.sizeHintForRow(0) * min(len(rows), _ROWS_SHOWN)
            self.list.setFixedHeight(height + 2 * self.list.frameWidth() + 4)

    def _on_axis(self) -> None:
        self._settings.channel_axis = self.axis.currentData()

    def _on_item(self) -> None:
        if self._settings.channel_axis is None:
            self._settings.together_with = self._ticked()
        else:
            self._settings.channels = self._ticked()
