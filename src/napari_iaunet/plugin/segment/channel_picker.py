"""Which channels of an image the network sees.

`ChannelPicker` emits ``changed``; it knows images as `ImageInfo` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QFormLayout

    from napari_iaunet.plugin.layers.images import ImageInfo

_KEY = Qt.ItemDataRole.UserRole
_ROWS_SHOWN = 4


class ChannelPicker(QObject):
    """Two rows of a form; each shows only where there is something to choose.

    Parameters
    ----------
    form : QFormLayout
        Gets the rows.
    """

    changed = Signal()

    def __init__(self, form: QFormLayout) -> None:
        super().__init__(form)
        self._form = form
        self._image: ImageInfo | None = None
        self._others: list[ImageInfo] = []
        self.axis = QComboBox()
        self.axis.setToolTip(
            "If the channels of your image lie along one of its axes, say which. "
            "Otherwise the planes are taken for time points or depths."
        )
        self.list = QListWidget()
        self.list.setToolTip(
            "The channels that show the cells. Three are seen as red, green and "
            "blue; any other number is averaged."
        )
        form.addRow("Channel axis", self.axis)
        form.addRow("Channels", self.list)
        self.axis.activated.connect(self._on_axis)
        self.list.itemChanged.connect(self._on_item)
        self.show_image(None, [])

    def show_image(self, image: ImageInfo | None, others: Sequence[ImageInfo]) -> None:
        """Offer the channels of an image, and other images of its size.

        Choices stay if the image is the same and its axes are, too.
        """
        axis, ticked = self.channel_axis, set(self._ticked())
        old, self._image = self._image, image
        self._others = [
            o
            for o in others
            if image is not None and o.shape == image.shape and not (o.rgb or image.rgb)
        ]
        same = (
            old is not None
            and image is not None
            and (old.key, old.shape, old.channel_axis)
            == (image.key, image.shape, image.channel_axis)
        )
        if not same:
            axis, ticked = image.channel_axis if image else None, set()
        self._fill_axes(axis)
        self._fill_list(ticked if same else None)

    @property
    def channel_axis(self) -> int | None:
        """Axis of the channels in the image's own layer."""
        return self.axis.currentData()

    @property
    def channels(self) -> tuple[int, ...] | None:
        """Ticked channels along ``channel_axis``; None without such an axis."""
        return None if self.channel_axis is None else tuple(self._ticked())

    @property
    def together_with(self) -> tuple[str, ...]:
        """Keys of the other images that are channels of this one."""
        return () if self.channel_axis is not None else tuple(self._ticked())

    def _ticked(self) -> list:
        items = (self.list.item(i) for i in range(self.list.count()))
        return [
            item.data(_KEY)
            for item in items
            if item.checkState() == Qt.CheckState.Checked
            and item.flags() & Qt.ItemFlag.ItemIsEnabled
        ]

    def _fill_axes(self, chosen: int | None) -> None:
        image = self._image
        self.axis.clear()
        self.axis.addItem("none", None)
        if image is not None and not image.rgb and len(image.shape) > 2:
            for i, (label, n) in enumerate(
                zip(image.axis_labels, image.shape, strict=True)
            ):
                # napari calls axes without a name by their number from the end.
                name = f"axis {i + 1}" if label.lstrip("-").isdigit() else label
                self.axis.addItem(f"{name} ({n})", i)
        self.axis.setCurrentIndex(max(0, self.axis.findData(chosen)))
        self._form.setRowVisible(self.axis, self.axis.count() > 1)

    def _fill_list(self, ticked: set | None) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        axis, image = self.channel_axis, self._image
        if image is not None and axis is not None:
            for i in range(image.shape[axis]):
                self._add(f"channel {i}", i, ticked is None or i in ticked)
        elif image is not None and self._others:
            self._add(image.name, image.key, True, fixed=True)
            for other in self._others:
                self._add(other.name, other.key, bool(ticked and other.key in ticked))
        self.list.blockSignals(False)
        rows = self.list.count()
        if rows:
            height = self.list.sizeHintForRow(0) * min(rows, _ROWS_SHOWN)
            self.list.setFixedHeight(height + 2 * self.list.frameWidth() + 4)
        self._form.setRowVisible(self.list, rows > 0)

    def _add(
        self, text: str, key: int | str, ticked: bool, *, fixed: bool = False
    ) -> None:
        item = QListWidgetItem(text, self.list)
        item.setData(_KEY, key)
        flags = Qt.ItemFlag.ItemIsUserCheckable
        item.setFlags(flags if fixed else flags | Qt.ItemFlag.ItemIsEnabled)
        state = Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
        item.setCheckState(state)

    def _on_axis(self) -> None:
        self._fill_list(None)
        self.changed.emit()

    def _on_item(self) -> None:
        self.changed.emit()
