"""What happens when the user looks for cells that resemble others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_iaunet.errors import IAUNetError
from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.identity.search import (
    CellRef,
    Query,
    suggest_threshold,
    threshold_for,
)
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.layers.cells_on_image import of_one_size
from napari_iaunet.plugin.lookalikes import classes as class_layers
from napari_iaunet.plugin.lookalikes.actions import Found, LookalikeActions
from napari_iaunet.plugin.lookalikes.comparison import Comparison
from napari_iaunet.plugin.lookalikes.display import LookalikeDisplay
from napari_iaunet.plugin.lookalikes.panel import NOT_LIKE
from napari_iaunet.plugin.lookalikes.targets import Targets

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.connections import Wire
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
    from napari_iaunet.segmentation.cell_map import CellMap

_KINDS = {
    (): "target",
    ("Shift",): "like",
    ("Control",): "unlike",
    ("Alt",): "unlike",
}
# Outlines and pictures wait until the threshold has come to rest.
_REST_MS = 150

_ASIDE = (
    "“{0}” has as many pixels as “{1}”, but another scale or place. Right-click “{1}” "
    "in the layer list, copy its scale and transforms, and apply them to “{0}”."
)
# napari's names of the changes that move a layer.
_MOVES = ("scale", "translate", "rotate", "shear", "affine")
_START = "Press “Pick cells”, then click a cell."
_READY = "Click a cell to look for its like."
_MORE = f"Shift+click: this one is like it, too. {NOT_LIKE}: this one is not."
_LOADING = "Loading the model…"
_BACKGROUND = "There is no cell here, that is background. Click a cell."
_BESIDE = "That is beside the cells."
_NOT_2D = "Picking needs the 2D view."
_FIRST_LIKE = "First click a cell that you look for."
_OTHER_TOOL = "Choose “Move camera” in the layer controls to pick again."
_CLOSED = "What was found is no longer shown. Click a cell to look again."
_GONE = "The cell that you looked for is gone. Click another one."
_CHANGED = "The cells or the image have changed: comparing again…"


class LookalikeController(Comparison):
    """Keeps the Look-alikes tab, the mouse, the viewer and the job in step."""

    _panel: LookalikePanel

    def __init__(
        self,
        session: Session,
        panel: LookalikePanel,
        jobs: Jobs,
        parent: QObject | None = None,
        known: dict[tuple[CellsOnImage, str], CellMap] | None = None,
    ) -> None:
        super().__init__(session, panel, jobs, _KINDS, parent, known)
        viewer = self._viewer
        self._display = LookalikeDisplay(viewer, panel, self._own_changes)
        self._actions = LookalikeActions(
            viewer, panel, self._own_changes, self._current, self
        )
        self._timer = QTimer(self, singleShot=True, interval=_REST_MS)
        self._targets, self._weights = Targets(), dict(DEFAULT_WEIGHTS)
        self._found: Found | None = None
        self._is_on = self._is_moved = self._is_left = False
        self._connections = Connections(*self._wires())
        self._on_layers()
        self._on_selection()

    def _wires(self) -> list[Wire]:
        panel, library = self._panel, self._library
        return [
            *self._shared_wires(),
            (self._viewer.layers.events, self._on_any_event),
            (panel.back_requested, self._on_back),
            (panel.forward_requested, self._on_forward),
            (panel.clear_requested, self._on_clear),
            (panel.weights_changed, self._on_weights),
            (panel.found.threshold_changed, self._on_threshold),
            (panel.cell_pressed, self._on_cell),
            (panel.example_removed, self._on_removed),
            (panel.found.extract_requested, self._actions.extract),
            (panel.found.save_requested, self._actions.save),
            (panel.found.name_requested, self._actions.name),
            (self._actions.done, self._on_done),
            (library.ready, self._rank),
            (library.outdated, self._on_outdated),
            (self._timer.timeout, self._settle),
        ]

    def teardown(self) -> None:
        """Switch off, take our layers away and disconnect from everything."""
        self._timer.stop()
        self._tool.switch_off()
        self._panel.set_on(False)
        self._display.remove()
        self._library.teardown()
        self._connections.clear()
        self._found = None

    @property
    def found(self) -> Found | None:
        """What was found last."""
        return self._found

    # -- out of sight ------------------------------------------------------------

    def leave(self) -> None:
        """Leave the viewer as it was before; `enter` shows again what was found."""
        self._is_left = True
        self._panel.pick_button.setChecked(False)
        self._timer.stop()
        self._display.remove()

    def enter(self) -> None:
        """Show what was found, of the cells as they are now."""
        if not self._is_left:
            return
        self._is_left = False
        self._offer()
        if self._found is None or self._asked != self._question():
            self._refresh()
        elif self._library.check():
            self._show()

    # -- which cells are searched ------------------------------------------------

    def _on_layers(self, event: object = None) -> None:
        if self._own_changes:
            return
        if self._display.is_closed:  # once all that is being closed is closed
            QTimer.singleShot(0, self._on_closed)
        self._scope.update()
        self._library.forget_closed()
        self._offer()
        self._on_change()

    def _on_any_event(self, event: Any) -> None:
        """Offer cells that have come to lie on an image, as `_ASIDE` asks for."""
        if event.type in _MOVES and not self._scope.labels:
            self._on_layers()

    def _on_closed(self) -> None:
        if self._display.is_closed:
            self._targets.add(Query())
            self._show_nothing(_CLOSED)

    def _offer(self) -> None:
        self._panel.set_pairs(*self._scope.names())
        self._panel.found.set_classes(class_layers.known_classes(self._viewer))
        self._tell()

    # -- picking -----------------------------------------------------------------

    def _on_toggled(self, on: bool) -> None:
        self._is_on = on
        if on:
            self._tool.switch_on()
        else:
            self._tool.switch_off()
        self._tell()

    def _on_click(self, position: Any, kind: str) -> None:
        if self._viewer.dims.ndisplay != 2:
            self._tell(_NOT_2D)
            return
        labels = self._scope.cells_at(position)
        cells = [CellRef(key, label) for key, label in labels.items() if label > 0]
        if cells:
            self._library.saw(cells[0])
            self._pick(cells[0], kind)
        else:
            self._tell(_BACKGROUND if labels else _BESIDE)

    def _pick(self, cell: CellRef, kind: str) -> None:
        """Take a cell for a new target, a like or an unlike."""
        query = self._targets.current
        if kind == "unlike":
            rest = query.with_unlike(cell)
            if not rest.likes:
                self._tell(_FIRST_LIKE)
                return
            self._targets.change(rest)
        elif kind == "like" and query.likes:
            self._targets.change(query.with_like(cell))
        else:
            self._targets.add(Query((cell,)))
            self._is_moved = False
        self._refresh()

    def _on_cell(self, cell: CellRef, kind: str) -> None:
        if kind != "show":
            self._pick(cell, kind)
        elif self._found is not None:
            self._display.centre(self._found.ranking, cell)

    def _on_removed(self, cell: CellRef) -> None:
        self._targets.change(self._targets.current.without(cell))
        self._refresh()

    def _on_back(self) -> None:
        self._targets.back()
        self._go()

    def _on_forward(self) -> None:
        self._targets.forward()
        self._go()

    def _go(self) -> None:
        """Show another target; its layer of cells is picked if need be."""
        self._is_moved = False
        likes = self._targets.current.likes
        if likes and likes[0].layer not in {p.labels for p in self._scope.pairs()}:
            self._on_labels(likes[0].layer)
        self._refresh()

    def _on_clear(self) -> None:
        self._targets.add(Query())
        self._refresh()

    # -- comparing ---------------------------------------------------------------

    def _refresh(self, event: object = None) -> None:
        """Describe the cells if need be, then rank them."""
        if self._is_left:  # done when the tab is entered
            self._found = None
            return
        targets = self._targets
        question = self._question()
        self._panel.set_steps(targets.can_go_back, targets.can_go_forward)
        searched = {pair.labels for pair in question[0]}
        if not any(like.layer in searched for like in targets.current.likes):
            self._show_nothing()
            return
        ready = self._ask(question)
        if ready:
            self._rank()
        elif ready is False:
            self._found = None
            self._panel.found.set_values(None)
            self._tell(_LOADING)

    def _show_nothing(self, text: str = "") -> None:
        self._found = self._asked = None
        self._timer.stop()
        self._library.close()
        self._display.remove()
        self._display.show_examples(None, Query())
        self._panel.set_busy(False)
        self._panel.found.set_values(None)
        self._tell(text)

    def _rank(self) -> None:
        """Rank all cells, and show it."""
        self._panel.set_busy(False)
        if self._asked is None or self._is_left:
            return
        former, model = self._found, self._asked[1]
        ranking = self._ranking_of(self._asked, former and former.ranking)
        query = ranking.known(self._targets.current)
        self._targets.change(query)
        if not query.likes:
            self._show_nothing(_GONE)
            return
        try:
            values = ranking.similarity(query, self._weights)
        except IAUNetError as error:
            self._tell(str(error))
            return
        threshold = suggest_threshold(values)
        if self._is_moved and former is not None:
            # What a similarity means differs with the examples; so as many are found.
            threshold = threshold_for(values, former.total())
        self._found = Found(ranking, values, threshold, query, model, self._weights)
        self._display.show_examples(ranking, query)
        self._panel.found.set_values(np.sort(values))
        self._panel.found.set_threshold(threshold)
        self._show()

    def _show(self) -> None:
        """Show what was found in the viewer."""
        assert self._found is not None
        self._display.show(*self._found[:3])
        self._timer.start()
        self._tell()

    def _on_weights(self, weights: dict[str, float]) -> None:
        self._weights = weights
        if self._found is not None:
            self._rank()

    def _on_threshold(self, threshold: float) -> None:
        if self._found is not None:
            self._is_moved = True
            self._found = self._found._replace(threshold=threshold)
            self._display.set_threshold(threshold)
            self._timer.start()

    def _settle(self) -> None:
        if self._found is not None:
            self._display.settle(*self._found[:4])

    def _on_outdated(self) -> None:
        self._refresh()
        if self._library.is_busy:
            self._tell(_CHANGED)

    def _on_failure(self, message: str) -> None:
        self._show_nothing(message)
        show_error(message)

    def _on_stopped(self) -> None:
        self._show_nothing("Cancelled. Click a cell to start again.")

    def _current(self) -> Found | None:
        """Return what was found, if it is up to date."""
        return self._found if self._library.check() else None

    def _on_done(self, text: str) -> None:
        self._on_layers()
        self._tell(text)

    # -- telling -----------------------------------------------------------------

    def _why_no_cells(self) -> str:
        aside = of_one_size(self._viewer)
        names = [layer.name for layer in aside or ()]
        return _ASIDE.format(*names) if aside else super()._why_no_cells()

    def _hint(self) -> str:
        if not self._is_on:
            return "" if self._found is not None else _START
        if self._tool.is_paused:
            return _OTHER_TOOL
        return _READY if self._found is None else _MORE
