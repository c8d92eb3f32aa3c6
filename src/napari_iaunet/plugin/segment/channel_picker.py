"""Which channels of an image the network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.widgets.buttons import push_button
from napari_iaunet.plugin.widgets.forms import fill, picker
from napari_iaunet.plugin.widgets.plain import plain, plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QFormLayout

    from napari_iaunet.plugin.core.settings import ImageInfo, Settings

_KEY = Qt.ItemDataRole.UserRole
_ROWS_SHOWN = 4
# Channels that are no surprise; axes named so by mistake usually are planes.
_USUAL = 4
# A last axis so many times shorter than those before it is hardly one of pixels.
_SHORT = 4
# What three channels are seen as, in their order.
_COLOURS = ("red", "green", "blue")
_NUCLEI_TIP = (
    "The channel that shows nuclei, while the others show whole cells: it helps to "
    "tell cells from one another. To find the nuclei themselves, tick their channel "
    "alone."
)
_PLANES_FIRST = "Planes first"


class _Note(NamedTuple):
    """What the axes are taken for, and whether the last one may hold planes."""

    text: str = ""
    may_be_planes: bool = False


class ChannelPicker(QObject):
    """Rows of a form; each shows only where there is something to choose."""

    planes_first = Signal()

    def __init__(self, form: QFormLayout, settings: Settings) -> None:
        super().__init__(form)
        self._form, self._settings = form, settings
        self.axis = picker("Channel axis")
        self.axis.setToolTip(
            "If the channels of your image lie along one of its axes, say which. "
            "Otherwise the planes are taken for time points or depths."
        )
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Channels")
        self.list.setToolTip(
            "The channels that show the cells. Up to three are seen as they are, three "
            "of a picture as red, green and blue; of more the average is seen."
        )
        self.nuclei = picker("Nuclei in")
        self.nuclei.setToolTip(_NUCLEI_TIP)
        self.note = plain_label()
        form.insertRow(1, "Channel axis", self.axis)
        self.turn = push_button(
            _PLANES_FIRST,
            "Open the image once more, as a new layer whose first axis is the last one "
            "of this layer, and hide this one.",
        )
        form.insertRow(2, self.note)
        form.insertRow(3, "", self.turn)
        form.insertRow(4, "Channels", self.list)
        form.insertRow(5, "Nuclei in", self.nuclei)
        self.turn.clicked.connect(self.planes_first)
        self.axis.currentIndexChanged.connect(self._on_axis)
        self.list.itemChanged.connect(self._on_item)
        self.nuclei.currentIndexChanged.connect(self._on_nuclei)
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
            if item.checkState() == Qt.CheckState.Checked
            and item.data(_KEY) != self._settings.image
        )

    def _show_axes(self) -> None:
        image, axis = self._settings.info, self._settings.channel_axis
        offers: list[tuple[int | None, str]] = [(None, "none")]
        if image is not None and not image.rgb and len(image.shape) > 2:
            for i, (label, n) in enumerate(
                zip(image.axis_labels, image.shape, strict=True)
            ):
                # napari calls axes without a name by their number from the end.
                name = f"axis {i + 1}" if label.lstrip("-").isdigit() else label
                offers.append((i, f"{name} ({n})"))
        fill(self.axis, offers, axis)
        self._form.setRowVisible(self.axis, self.axis.count() > 1)
        note = _Note() if image is None else _assumed(image, axis)
        self.note.setText(note.text)
        self._form.setRowVisible(self.note, bool(note.text))
        self._form.setRowVisible(self.turn, note.may_be_planes)

    def _show_channels(self) -> None:
        settings = self._settings
        rows = settings.channel_names()
        self.list.blockSignals(True)
        # A row must not go while it tells that it was ticked.
        if self._keys() != [row[0] for row in rows]:
            self._make_rows(rows)
        used = [key for key, _, ticked in rows if ticked]
        for i, (key, text, ticked) in enumerate(rows):
            state = Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
            flags = Qt.ItemFlag.ItemIsUserCheckable
            fixed = key == settings.image
            self.list.item(i).setFlags(
                flags if fixed else flags | Qt.ItemFlag.ItemIsEnabled
            )
            role = self._role(key, used) if ticked else ""
            self.list.item(i).setText(f"{text} ({role})" if role else text)
            self.list.item(i).setToolTip(plain(text))
            self.list.item(i).setCheckState(state)
        self.list.blockSignals(False)
        self._form.setRowVisible(self.list, bool(rows))
        self._show_nuclei(rows)

    def _role(self, key: int | str, used: Sequence[int | str]) -> str:
        """Return what a channel in use is seen as; "" where that is not known."""
        nuclei = self._settings.nuclei
        if nuclei in used and len(used) > 1:
            return "nuclei" if key == nuclei else "cells"
        return _COLOURS[used.index(key)] if len(used) == 3 else ""

    def _show_nuclei(self, rows: Sequence[tuple[int | str, str, bool]]) -> None:
        used = self._settings.used_channels
        offers = [(key, text) for key, text, _ in rows if key in used]
        fill(self.nuclei, [(None, "not known"), *offers], self._settings.nuclei)
        self._form.setRowVisible(self.nuclei, bool(used))

    def _keys(self) -> list[Any]:
        return [self.list.item(i).data(_KEY) for i in range(self.list.count())]

    def _make_rows(self, rows: Sequence[tuple[Any, str, bool]]) -> None:
        self.list.clear()
        for key, text, _ in rows:
            item = QListWidgetItem(text, self.list)
            item.setData(_KEY, key)
        if rows:
            height = self.list.sizeHintForRow(0) * min(len(rows), _ROWS_SHOWN)
            self.list.setFixedHeight(height + 2 * self.list.frameWidth() + 4)

    def _on_axis(self) -> None:
        self._settings.channel_axis = self.axis.currentData()

    def _on_nuclei(self) -> None:
        self._settings.nuclei = self.nuclei.currentData()

    def _on_item(self) -> None:
        if self._settings.channel_axis is None:
            self._settings.together_with = self._ticked()
        else:
            self._settings.channels = self._ticked()


def _assumed(image: ImageInfo, axis: int | None) -> _Note:
    """Say what the axes are taken for where that may be wrong."""
    shape = image.shape
    if len(shape) < 3:
        return _Note()
    stack, (rows, columns) = split_axes(len(shape), axis)
    if not stack:
        count = 0 if axis is None else shape[axis]
        if count <= _USUAL:
            return _Note()
        return _Note(
            f"Taken for {count} channels of one image. If they are planes, choose "
            "“none” as the channel axis."
        )
    if not image.axis_labels[stack[-1]].lstrip("-").isdigit():
        return _Note()
    planes, height, width = (shape[i] for i in (stack[-1], rows, columns))
    may_be_channels = axis is None and not image.rgb
    taken = f"Taken for {planes} planes of {height} x {width} pixels. If "
    are_planes = f"the last axis holds planes, press “{_PLANES_FIRST}”."
    if width * _SHORT <= min(planes, height):
        if may_be_channels:
            taken += "the last axis holds channels, choose it as the channel axis; if "
        return _Note(taken + are_planes, may_be_planes=True)
    if not may_be_channels:
        return _Note()
    if height <= _USUAL and height * _SHORT <= min(planes, shape[stack[0]]):
        taken += f"axis {rows + 1} holds channels, choose it as the channel axis; if "
        return _Note(taken + are_planes, may_be_planes=True)
    if 1 < planes <= _USUAL:
        return _Note(
            f"Taken for {planes} planes. If they are channels, choose axis "
            f"{stack[-1] + 1} as the channel axis."
        )
    return _Note()
