"""The annotated images that a training uses, one row each.

`PairList` emits ``removed`` with the key of a pair, ``region_picked`` with that and the
place where every cell is labelled (see `PairInfo`), ``image_picked`` with the keys of a
pair and of another image that lies under its labels, and ``added`` with the key of a
pair that was proposed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.core.settings import IN_VIEW
from napari_iaunet.plugin.widgets.forms import picker

if TYPE_CHECKING:
    from collections.abc import Sequence

_EMPTY = "No annotated image yet. Label some cells, then add them here."
_NOTHING = "No other layer of cells lies on an open image."
_ON_NO_IMAGE = "{}  lies on no open image: size or place differ"
_IMAGE_TIP = "Several images lie under these cells: the one to train on."
# Where every cell is labelled, if it is no Shapes layer.
NOWHERE, EVERYWHERE = "", "everywhere"
# The same as nowhere, of the cells that somebody has looked at.
LOOKED_AT_ONLY = "looked at"
_PLACES = (
    (NOWHERE, "only the labelled cells count"),
    (EVERYWHERE, "every cell is labelled"),
    (IN_VIEW, "every cell on view is labelled"),
    (LOOKED_AT_ONLY, "only cells that were looked at count"),
)
_REGION_TIP = (
    "Where you labelled every cell: there, what has no label is background. Elsewhere "
    "only the labelled cells count, and what has no label may be anything. A part can "
    "be what you see now, or what you draw in a Shapes layer. Cells were looked at if "
    "you accepted or marked them in a review, or corrected them with clicks."
)


@dataclass(frozen=True)
class PairInfo:
    """An image and its labelled cells, as the list shows them.

    Attributes
    ----------
    key : str
        Identifies the pair.
    image, labels : str
        Names of the layers.
    region : str
        Where every cell is labelled: `NOWHERE` for sure, `EVERYWHERE`, `IN_VIEW` (the
        part that was on view when it was picked), or the key of a Shapes layer; or
        `LOOKED_AT_ONLY`.
    images : tuple of (str, str)
        Keys and names of the images under the labels, the one to train on first.
    is_partial : bool
        Whether the layer holds only some of the cells of another one.
    """

    key: str
    image: str
    labels: str
    region: str = NOWHERE
    images: tuple[tuple[str, str], ...] = ()
    is_partial: bool = False


class PairList(QWidget):
    """Rows of pairs, and a button that proposes more."""

    added = Signal(str)
    removed = Signal(str)
    region_picked = Signal(str, str)
    image_picked = Signal(str, str)
    proposals_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, PairRow] = {}
        self.add_button = QPushButton("Add annotated image")
        self.add_button.setToolTip("Choose labelled cells that lie on an open image.")
        self.menu = QMenu(self)
        self.add_button.setMenu(self.menu)
        self.menu.aboutToShow.connect(self.proposals_wanted)
        self._hint = QLabel(_EMPTY)
        self._hint.setWordWrap(True)
        self._list = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._hint)
        layout.addLayout(self._list)
        layout.addWidget(self.add_button)

    def set_proposals(
        self, proposals: Sequence[PairInfo], on_no_image: Sequence[str] = ()
    ) -> None:
        """Offer pairs in the button's menu, and name the labels that fit no image."""
        self.menu.clear()
        for info in proposals:
            action = self.menu.addAction(_no_key(f"{info.labels}  on  {info.image}"))
            action.triggered.connect(lambda _=False, key=info.key: self.added.emit(key))
        # What some cells were left out of would be trained on as background.
        whole = [info.key for info in proposals if not info.is_partial]
        if len(whole) > 1:
            self.menu.addSeparator()
            every = self.menu.addAction("All of these")
            every.triggered.connect(lambda: [self.added.emit(key) for key in whole])
        for name in on_no_image:
            self.menu.addAction(_no_key(_ON_NO_IMAGE.format(name))).setEnabled(False)
        if not proposals and not on_no_image:
            self.menu.addAction(_NOTHING).setEnabled(False)

    def set_pairs(
        self, pairs: Sequence[PairInfo], regions: Sequence[tuple[str, str]]
    ) -> None:
        """Show pairs.

        Parameters
        ----------
        pairs : sequence of PairInfo
        regions : sequence of (key, name)
            Shapes layers.
        """
        for row in self.rows.values():
            self._list.removeWidget(row)
            row.deleteLater()
        self.rows = {}
        for info in pairs:
            row = self.rows[info.key] = PairRow(info, regions)
            row.removed.connect(self.removed)
            row.region_picked.connect(self.region_picked)
            row.image_picked.connect(self.image_picked)
            self._list.addWidget(row)
        self._hint.setVisible(not pairs)


class PairRow(QFrame):
    """One pair."""

    removed = Signal(str)
    region_picked = Signal(str, str)
    image_picked = Signal(str, str)

    def __init__(self, info: PairInfo, regions: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.title = QLabel(f"<b>{_plain(info.labels)}</b> on {_plain(info.image)}")
        self.title.setWordWrap(True)
        self.region = picker("Where every cell is labelled", least=8)
        self.region.setToolTip(_REGION_TIP)
        for key, name in _PLACES:
            self.region.addItem(name, key)
        for key, name in regions:
            self.region.addItem(f"every cell in {name} is labelled", key)
        self.region.setCurrentIndex(max(0, self.region.findData(info.region)))
        self.image = picker("Image", least=8)
        self.image.setToolTip(_IMAGE_TIP)
        for key, name in info.images:
            self.image.addItem(name, key)
        self.remove_button = QToolButton()
        self.remove_button.setText("✕")
        self.remove_button.setAccessibleName(f"Remove {info.labels}")
        self.remove_button.setToolTip("Do not train on this image.")
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 4, 6)
        layout.setSpacing(2)
        layout.addLayout(top)
        if len(info.images) > 1:
            layout.addWidget(self.image)
        layout.addWidget(self.region)
        self._connect(info.key)

    def _connect(self, key: str) -> None:
        self.image.activated.connect(
            lambda: self.image_picked.emit(key, self.image.currentData())
        )
        self.remove_button.clicked.connect(lambda: self.removed.emit(key))
        self.region.activated.connect(
            lambda: self.region_picked.emit(key, self.region.currentData())
        )


def _plain(text: str) -> str:
    """Keep a layer's name from being read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _no_key(text: str) -> str:
    """Keep a & in a layer's name from making the next letter a key of the menu."""
    return text.replace("&", "&&")
