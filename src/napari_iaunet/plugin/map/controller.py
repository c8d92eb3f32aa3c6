"""What happens when the user looks at all cells on a map."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.identity.layout import AXES, Layout, missing_package
from napari_iaunet.identity.layout_task import GROUPS, UMAP
from napari_iaunet.identity.properties import APPEARANCE, DEFAULT_WEIGHTS
from napari_iaunet.identity.search import CellRef
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.lookalikes.comparison import COMPARING, Comparison
from napari_iaunet.plugin.map import columns
from napari_iaunet.plugin.map.colouring import by_groups, plain
from napari_iaunet.plugin.map.columns import CLASS, GROUP, SIMILARITY
from napari_iaunet.plugin.map.display import MapDisplay
from napari_iaunet.plugin.map.groups import Groups
from napari_iaunet.plugin.map.job import group, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.plugin.classes.controller import ClassController
    from napari_iaunet.plugin.core.connections import Wire
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.plugin.lookalikes.controller import LookalikeController
    from napari_iaunet.plugin.map.colouring import Colouring
    from napari_iaunet.plugin.map.panel import MapPanel
    from napari_iaunet.segmentation.cell_map import CellMap

_KINDS = {(): "only", ("Shift",): "more", ("Control",): "less", ("Alt",): "less"}
_ALL = "all"
_BASES = ((APPEARANCE, "appearance"), (_ALL, "appearance, colour, size, shape"))
_WEIGHTS = {APPEARANCE: {APPEARANCE: 1.0}, _ALL: DEFAULT_WEIGHTS}
# Of one class that become examples at once: more teach little, and take long.
_MOST_EXAMPLES = 100
# A group has at least so many cells to begin with: a hundredth of all.
_LEAST, _SHARE = 5, 0.01
_START = "Press “Make the map”."
_READY = "Drag round cells in the map to choose them."
_PICKING = "Click cells in the image. Shift+click: this one, too."
_OTHER_TOOL = "Choose “Move camera” in the layer controls to go on."
_LAYING = "Laying the cells out by UMAP…"
_GROUPING = "Looking for groups…"
_NO_GROUPS = "No groups yet: press “Find groups” below."


class MapController(Comparison):
    """Keeps the Map tab, the mouse, the viewer and the jobs in step."""

    _panel: MapPanel

    def __init__(
        self,
        session: Session,
        panel: MapPanel,
        jobs: Jobs,
        laying: Jobs,
        known: dict[tuple[CellsOnImage, str], CellMap],
        classes: ClassController,
        lookalikes: LookalikeController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session, panel, jobs, _KINDS, parent, known)
        self.laying, self._classes, self._lookalikes = laying, classes, lookalikes
        self._display = MapDisplay(self._viewer, panel, self._own_changes, self)
        self._is_on, self._is_left, self._is_wanted = False, True, False
        self._basis, self._way, self._colour = APPEARANCE, AXES, CLASS
        self._undo: list[Callable[[], None]] = []
        self._begin(None)
        self._connections = Connections(*self._wires())
        self._connections.add_jobs(
            laying,
            succeeded=self._on_done,
            failed=self._on_laying_failed,
            cancelled=self._on_laying_cancelled,
            progressed=panel.set_progress,
        )
        panel.offer(_BASES, self._basis, _ways(), self._way)
        self._on_layers()

    def _wires(self) -> list[Wire]:
        panel, library, display = self._panel, self._library, self._display
        return [
            *self._shared_wires(),
            (panel.map_requested, self._on_wanted),
            (panel.basis_picked, self._on_basis),
            (panel.layout_picked, self._on_way),
            (panel.colour_picked, self._on_colour),
            (panel.cells_chosen, display.choose),
            (panel.cell_asked, display.centre),
            (panel.cell_pointed, display.tell_of),
            (panel.names_chosen, display.choose_names),
            (panel.name_changed, self._on_renamed),
            (panel.class_requested, self._on_class),
            (panel.groups_requested, self._on_groups),
            (panel.group_classes_requested, self._on_group_classes),
            (panel.column_requested, self._on_column),
            (panel.undo_requested, self._on_undo),
            (panel.cancel_requested, self.laying.cancel),
            (library.ready, self._lay_out),
            (library.outdated, self._refresh),
        ]

    def teardown(self) -> None:
        """Switch off, take our layers away and disconnect from everything."""
        self.leave()
        self._panel.set_on(False)
        self._on_toggled(False)
        self._library.teardown()
        self._connections.clear()
        self._panel.plot.close_canvas()

    # -- out of sight ------------------------------------------------------------

    def leave(self) -> None:
        """Leave the viewer as it was before; `enter` shows the map again."""
        if self._is_left:
            return
        self._is_left = True
        self._panel.pick_button.setChecked(False)
        self._viewer.mouse_move_callbacks.remove(self._on_hover)
        self.laying.close()
        self._panel.set_busy(False)
        self._display.remove()

    def enter(self) -> None:
        """Show the map of the cells as they are now, if they have been compared."""
        if not self._is_left:
            return
        self._is_left = False
        self._viewer.mouse_move_callbacks.append(self._on_hover)
        pairs, model = self._question()
        known = [self._library.get(pair, model) for pair in pairs]
        if known and None not in known:
            self._is_wanted = True
        self._offer()
        self._refresh()

    # -- which cells -------------------------------------------------------------

    def _on_layers(self, event: object = None) -> None:
        if self._own_changes:
            return
        if self._display.is_closed:
            self._is_wanted = False
            self._forget()
        self._scope.update()
        self._library.forget_closed()
        self._offer()
        self._on_change()

    def _on_wanted(self) -> None:
        self._is_wanted = True
        self._refresh()

    def _on_toggled(self, on: bool) -> None:
        if on == self._is_on:
            return
        self._is_on = on
        if on:
            self._tool.switch_on()
            self._on_wanted()
        else:
            self._tool.switch_off()
        self._tell()

    def _begin(self, ranking: Ranking[CellMap] | None) -> None:
        """Go on with other cells, or with none."""
        count = 0 if ranking is None else len(ranking.cells)
        self._layouts: dict[tuple[str, str], Layout] = {}
        self._groups = Groups(np.zeros(count, np.int64))
        self._display.begin(ranking)
        self._panel.set_groups(0)
        self._panel.suggest_smallest(max(_LEAST, round(_SHARE * count)))
        self._panel.offer_map(ranking is None)
        self._offer_colours()

    def _offer_colours(self) -> None:
        offers = columns.offers(self._viewer, self._display.ranking)
        self._panel.offer_colours(offers, self._colour)

    # -- the map -----------------------------------------------------------------

    def _refresh(self, event: object = None) -> None:
        """Describe the cells if need be, then lay them out."""
        if self._is_left:
            return
        question = self._question()
        if not question[0] or not self._is_wanted:
            self._forget()
            return
        ready = self._ask(question)
        if ready:
            self._lay_out()
        elif ready is False:
            self._panel.offer_map(False)
            self._tell(COMPARING)

    def _lay_out(self) -> None:
        """Find places for the cells in the background, unless they are known."""
        self._panel.set_busy(False)
        if self._asked is None or self._is_left:
            return
        ranking = self._ranking_of(self._asked, self._display.ranking)
        if ranking is not self._display.ranking:
            self._begin(ranking)
        layout = self._layouts.get((self._basis, self._way))
        if layout is not None:
            self.laying.close()
            self._show_layout(layout)
            return
        weights, slow = _WEIGHTS[self._basis], self._way == UMAP
        work = partial(lay_out, ranking, weights, self._way)
        self.laying.start(work, "Map of cells" if slow else "")
        self._panel.set_busy(slow)
        self._tell(_LAYING if slow else "")

    def _on_done(self, outcome: Layout | NDArray[np.int64]) -> None:
        self._panel.set_busy(False)
        if isinstance(outcome, Layout):
            self._layouts[self._basis, self._way] = outcome
            self._show_layout(outcome)
        else:
            self._show_groups(Groups.of(outcome))

    def _show_layout(self, layout: Layout) -> None:
        self._display.place(layout)
        self._offer_colours()
        self._show()
        self._tell()

    def _on_basis(self, basis: str) -> None:
        self._basis = basis
        self._refresh()

    def _on_way(self, way: str) -> None:
        missing = missing_package(way) if way == UMAP else ""
        self._panel.set_note(missing)
        if missing:
            self._panel.pick_layout(self._way)
            return
        self._way = way
        self._refresh()

    def _on_laying_failed(self, message: str) -> None:
        self._go_back()
        self._panel.set_note(message)
        self._tell()
        show_error(message)

    def _on_laying_cancelled(self) -> None:
        self._go_back()
        self._tell("Cancelled.")

    def _go_back(self) -> None:
        """Return to the layout that is shown, as there is no other."""
        self._panel.set_busy(False)
        shown = self._display.layout
        for (basis, way), layout in self._layouts.items():
            if layout is shown:
                self._basis, self._way = basis, way
        if shown is None:
            self._way = AXES
        self._panel.offer(_BASES, self._basis, _ways(), self._way)

    def _forget(self) -> None:
        self._asked = None
        self.laying.close()
        self._library.close()
        self._panel.set_busy(False)
        self._begin(None)
        self._tell()

    # -- colours -----------------------------------------------------------------

    def _on_colour(self, colour: str) -> None:
        self._colour = colour
        self._show()

    def _show(self) -> None:
        """Colour the cells, and say what the colours mean."""
        ranking = self._display.ranking
        if ranking is None or self._display.layout is None or self._is_left:
            return
        self._panel.offer_classes(self._classes.known[0].names)
        named = self._colour == GROUP
        self._display.colour(self._coloured(ranking), named=named)

    def _coloured(self, ranking: Ranking[CellMap]) -> Colouring:
        if self._colour == CLASS:
            return columns.by_class(ranking, *self._classes.known)
        if self._colour == SIMILARITY:
            return columns.by_similarity(ranking, self._lookalikes.found)
        if self._colour != GROUP:
            return columns.by_column(self._viewer, ranking, self._colour)
        if not self._groups.names:
            return plain(len(ranking.cells), _NO_GROUPS)
        return by_groups(self._groups.numbers, self._groups.names)

    # -- the mouse in the viewer -------------------------------------------------

    def _on_click(self, position: Any, kind: str) -> None:
        row = self._row_at(position)
        if row is not None or kind == "only":
            self._display.choose([] if row is None else [row], kind)

    def _on_hover(self, viewer: object, event: Any) -> None:
        """Mark the cell under the mouse on the map."""
        if self._display.layout is not None:
            self._display.mark(self._row_at(event.position))

    def _row_at(self, position: Any) -> int | None:
        ranking = self._display.ranking
        if ranking is None or self._viewer.dims.ndisplay != 2:
            return None
        for key, label in self._scope.cells_at(position).items():
            row = ranking.row(CellRef(key, label)) if label > 0 else None
            if row is not None:
                return row
        return None

    # -- classes and groups ------------------------------------------------------

    def _on_class(self, name: str) -> None:
        self._add_classes({name: np.flatnonzero(self._display.chosen)})

    def _on_group_classes(self) -> None:
        self._add_classes(self._groups.rows)

    def _add_classes(self, rows: dict[str, NDArray[np.intp]]) -> None:
        """Make cells examples in the Classes tab."""
        ranking = self._display.ranking
        if ranking is None:
            return
        drawn = {name: _some(found) for name, found in rows.items() if found.size}
        self._classes.add_examples(
            {name: [ranking.cell(int(i)) for i in some] for name, some in drawn.items()}
        )
        count = sum(some.size for some in drawn.values())
        names = ", ".join(f"“{name}”" for name in drawn)
        self._show()
        self._tell(
            f"{count:,} cell{' is an example' if count == 1 else 's are examples'} of "
            f"{names}. The Classes tab learns from them, and can undo it."
        )

    def _on_groups(self, smallest: int) -> None:
        ranking, layout = self._display.ranking, self._display.layout
        if ranking is None or layout is None:
            return
        missing = missing_package(GROUPS)
        if missing:
            self._panel.set_groups(len(self._groups.names), missing)
            return
        if self.laying.is_running:  # of a layout that is not there yet
            self._go_back()
        # UMAP has drawn the crowds apart; two axes alone show few of them.
        places = layout.places if self._way == UMAP else None
        weights = _WEIGHTS[self._basis]
        self.laying.start(
            partial(group, ranking, weights, places, smallest), "Groups of cells"
        )
        self._panel.set_busy(True)
        self._tell(_GROUPING)

    def _show_groups(self, groups: Groups) -> None:
        self._groups, self._colour = groups, GROUP
        self._panel.set_groups(len(groups.names), str(groups))
        self._offer_colours()
        self._show()
        self._tell()

    def _on_renamed(self, place: int, name: str) -> None:
        self._groups = self._groups.renamed(place, name)
        self._show()

    def _on_column(self) -> None:
        """Write the groups into the tables of the cells."""
        ranking = self._display.ranking
        if ranking is None or not self._library.check():
            return
        words = self._groups.words
        self._undo.append(columns.keep(self._viewer, ranking, GROUP, words))
        self._panel.set_undo(True)
        self._offer_colours()
        self._tell("The groups are in the table of the cells, in the column “group”.")

    def _on_undo(self) -> None:
        if self._undo:
            self._undo.pop()()
            self._panel.set_undo(bool(self._undo))
            self._offer_colours()

    # -- telling -----------------------------------------------------------------

    def _on_failure(self, message: str) -> None:
        self._is_wanted = False
        self._forget()
        self._tell(message)
        show_error(message)

    def _on_stopped(self) -> None:
        self._is_wanted = False
        self._forget()
        self._panel.pick_button.setChecked(False)
        self._tell("Cancelled.")

    def _hint(self) -> str:
        if self._display.layout is None:
            return _START
        if self._is_on:
            return _OTHER_TOOL if self._tool.is_paused else _PICKING
        return _READY


def _ways() -> tuple[tuple[str, str], ...]:
    """Return how a map can be made, with what is missing for it."""
    missing = " (not installed)" if missing_package(UMAP) else ""
    return (AXES, "principal axes"), (UMAP, f"UMAP{missing}")


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return as many rows as become examples, drawn at random but the same again."""
    if rows.size <= _MOST_EXAMPLES:
        return rows
    drawn = np.random.default_rng(0).choice(rows, _MOST_EXAMPLES, replace=False)
    return np.sort(drawn)
