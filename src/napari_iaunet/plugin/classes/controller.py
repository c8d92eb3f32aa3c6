"""What happens when the user gives cells classes."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_iaunet.errors import IAUNetError
from napari_iaunet.identity.confusion import doubt
from napari_iaunet.identity.search import CellRef, Ranking
from napari_iaunet.plugin.classes.actions import ClassActions
from napari_iaunet.plugin.classes.examples import ClassExamples
from napari_iaunet.plugin.classes.job import Learnt, learn
from napari_iaunet.plugin.classes.layers import names_of
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.layer_keys import LayerKeys
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.layers.camera import centre_on
from napari_iaunet.plugin.layers.coloured_cells import ColouredLayers
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.lookalikes.comparison import COMPARING, Comparison
from napari_iaunet.plugin.lookalikes.display import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qtpy.QtCore import QObject

    from napari_iaunet.plugin.classes.panel import ClassPanel
    from napari_iaunet.plugin.core.connections import Wire
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.segmentation.cell_map import CellMap

_NEXT = "N"
_KEYS = (*map(str, range(10)), _NEXT)
_KINDS: dict[tuple[str, ...], str] = {(): "class"}
_START = "Press “Give classes”, point at a cell, and press 1, 2, … for its class."
_READY = "Point at a cell, and press 1, 2, … for its class."
_BACKGROUND = "There is no cell under the mouse."
_NOT_2D = "Classes need the 2D view."
_OTHER_TOOL = "Choose “Move camera” in the layer controls to go on."


class ClassController(Comparison):
    """Keeps the Classes tab, keys, mouse, the viewer and the jobs in step."""

    _panel: ClassPanel

    def __init__(
        self,
        session: Session,
        panel: ClassPanel,
        jobs: Jobs,
        learning: Jobs,
        known: dict[tuple[CellsOnImage, str], CellMap],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session, panel, jobs, _KINDS, parent, known)
        viewer, self.learning = self._viewer, learning
        self._keys = LayerKeys(viewer, _KEYS, self._slot)
        self._examples = ClassExamples()
        self._undo: list[Callable[[], None]] = []
        self._ranking: Ranking[CellMap] | None = None
        self._learnt: Learnt | None = None
        self._shown = ColouredLayers(
            self._viewer, self._own_changes, "classes on trial"
        )
        self._gone_to: set[CellRef] = set()
        self._is_on, self._is_left = False, True
        self._actions = ClassActions(
            viewer, panel, self._own_changes, self._current, self
        )
        self._connections = Connections(*self._wires())
        self._connections.add_jobs(
            learning, succeeded=self._on_learnt, failed=self._on_failure
        )
        self._on_layers()

    def _wires(self) -> list[Wire]:
        panel, library, actions = self._panel, self._library, self._actions
        return [
            *self._shared_wires(),
            (panel.class_added, self._on_added),
            (panel.class_renamed, self._on_renamed),
            (panel.colour_requested, self._on_colour),
            (panel.classes_merged, self._on_merged),
            (panel.class_removed, self._on_removed),
            (panel.undo_requested, self._on_undo),
            (panel.next_requested, self._on_next),
            (panel.keep_requested, self._on_keep),
            (panel.save_requested, self._on_save),
            (panel.load_requested, self._on_load),
            (panel.export_requested, actions.export),
            (actions.done, self._tell),
            (library.ready, self._learn),
            (library.outdated, self._refresh),
        ]

    def teardown(self) -> None:
        """Switch off, take our layers away and disconnect from everything."""
        self._panel.set_on(False)
        self._on_toggled(False)
        self._shown.remove()
        self._library.teardown()
        self._connections.clear()

    # -- out of sight ------------------------------------------------------------

    def leave(self) -> None:
        """Leave the viewer as it was before; `enter` shows the classes again."""
        if self._is_left:
            return
        self._is_left = True
        self._panel.pick_button.setChecked(False)
        self.learning.close()
        self._shown.remove()

    def enter(self) -> None:
        """Show the classes of the cells as they are now."""
        if self._is_left:
            self._is_left = False
            self._offer()
            self._refresh()

    # -- which cells -------------------------------------------------------------

    def _on_layers(self, event: object = None) -> None:
        if self._own_changes:
            return
        if self._shown.is_closed:
            self._shown.remove()
            self._panel.pick_button.setChecked(False)
        self._scope.update()
        self._library.forget_closed()
        self._offer()
        self._on_change()

    # -- giving classes ----------------------------------------------------------

    def _on_toggled(self, on: bool) -> None:
        if on == self._is_on:
            return
        self._is_on = on
        if on:
            self._tool.switch_on()
            self._keys.bind()
            self._refresh()
        else:
            self._keys.release()
            self._tool.switch_off()
        self._tell()

    def _slot(self, key: str) -> Callable[[object], None]:
        return lambda layer: self._on_key(key)

    def _on_key(self, key: str) -> None:
        if key == _NEXT:
            self._on_next()
        else:
            self._give(self._viewer.cursor.position, int(key))

    def _on_click(self, position: Any, kind: str) -> None:
        selected, names = self._panel.selected(), self._examples.names
        number = names.index(selected[0]) + 1 if selected else 0
        if number:
            self._give(position, number)
        else:
            self._tell("Select a class below, or press its key.")

    def _give(self, position: Any, number: int) -> None:
        """Make the cell at a place an example of a class; 0 takes it back."""
        if self._viewer.dims.ndisplay != 2:
            self._tell(_NOT_2D)
            return
        labels = self._scope.cells_at(position)
        cells = [CellRef(key, label) for key, label in labels.items() if label > 0]
        if not cells:
            self._tell(_BACKGROUND)
            return
        examples = self._examples
        if number == len(examples.classes) + 1:
            examples = examples.with_class()
        if number > len(examples.classes):
            self._tell(f"There is no class {number} yet: add it below.")
            return
        self._library.saw(cells[0])
        name = examples.names[number - 1] if number else ""
        self._change(examples.with_example(cells[0], name))

    def _on_added(self) -> None:
        self._change(self._examples.with_class())

    def _on_renamed(self, name: str, new: str) -> None:
        self._try(lambda: self._examples.renamed(name, new))

    def _on_colour(self, name: str) -> None:
        colour = self._actions.ask_colour(self._examples.colours[name])
        if colour:
            self._change(self._examples.recoloured(name, colour))

    def _on_merged(self, names: list[str]) -> None:
        self._try(lambda: self._examples.merged(names))

    def _on_removed(self, name: str) -> None:
        self._change(self._examples.without(name))

    def _on_undo(self) -> None:
        if self._undo:
            self._undo.pop()()
            self._panel.set_undo(bool(self._undo))

    def _try(self, change: Callable[[], ClassExamples]) -> None:
        """Change the classes; say why if that cannot be done."""
        try:
            self._change(change())
        except IAUNetError as error:
            self._show_classes()
            self._tell(str(error))

    def _change(self, examples: ClassExamples) -> None:
        """Go on with other classes or examples; undo brings back those of before."""
        self._undo.append(partial(self._use, self._examples))
        self._panel.set_undo(True)
        self._use(examples)

    def _use(self, examples: ClassExamples) -> None:
        self._examples = examples
        if self._is_left:  # learnt when the tab is entered
            self._learnt = None
        self._show_classes()
        self._refresh()

    # -- for the map -------------------------------------------------------------

    @property
    def known(self) -> tuple[ClassExamples, Learnt | None]:
        """The examples, and what was learnt from them as long as they are the same."""
        return self._examples, self._learnt

    def add_examples(self, classes: Mapping[str, Sequence[CellRef]]) -> None:
        """Take cells for examples of classes, by their names; one step of undo."""
        examples = self._examples
        for name, cells in classes.items():
            examples = examples.with_examples(cells, name)
        self._change(examples)

    # -- learning ----------------------------------------------------------------

    def _refresh(self, event: object = None) -> None:
        """Describe the cells if need be, then learn their classes."""
        if self._is_left:
            return
        question = self._question()
        wanted = self._is_on or bool(self._examples.classes)
        if not question[0] or not wanted:
            self._forget()
            return
        ready = self._ask(question)
        if ready:
            self._learn()
        elif ready is False:
            self._tell(COMPARING)

    def _learn(self) -> None:
        """Learn from the examples in the background, if they suffice."""
        self._panel.set_busy(False)
        if self._asked is None or self._is_left:
            return
        self._ranking = self._ranking_of(self._asked, self._ranking)
        if self._examples.can_be_learnt:
            self.learning.start(partial(learn, self._ranking, self._examples), "")
        else:
            self.learning.close()
            self._learnt = None
            self._panel.set_outcome(None)
            self._show_classes()
            self._show()
        self._tell()

    def _on_learnt(self, learnt: Learnt) -> None:
        self._learnt = learnt
        self._show_classes()
        self._panel.set_outcome(learnt.confusion)
        self._show()
        self._tell()

    def _forget(self) -> None:
        self._asked = self._learnt = self._ranking = None
        self.learning.close()
        self._library.close()
        self._shown.remove()
        self._panel.set_busy(False)
        self._panel.set_outcome(None)
        self._show_classes()
        self._tell()

    def _current(self) -> tuple[Learnt, ClassExamples] | None:
        """Return what was learnt, if the cells are still the same."""
        if self._learnt is None or not self._library.check():
            return None
        return self._learnt, self._examples

    # -- what is shown -----------------------------------------------------------

    def _show_classes(self) -> None:
        learnt = self._learnt
        cells = {} if learnt is None else Counter(learnt.classes.tolist())
        shown = {name: cells.get(name, 0) for name in self._examples.names}
        self._panel.set_classes(
            self._examples.classes,
            self._examples.counts(),
            shown if learnt is not None else {},
        )

    def _show(self) -> None:
        """Colour all cells by their classes, or the examples alone."""
        ranking = self._ranking
        if ranking is None or self._is_left:
            return
        names, learnt = self._examples.names, self._learnt
        given = np.full(len(ranking.cells), "", object)
        for cell, name in self._examples.cells.items():
            row = ranking.row(cell)
            if row is not None:
                given[row] = name
        fits = learnt is not None and learnt.ranking is ranking
        classes = learnt.classes if learnt is not None and fits else given
        place = {name: i for i, name in enumerate(names, 1)}
        numbers = np.array([place.get(name, 0) for name in classes], np.uint8)
        colours = self._examples.colours
        # So the status bar tells the class under the mouse in words.
        about = names_of(colours)
        self._shown.show(ranking, numbers, list(colours.values()), given != "", about)

    def _on_next(self) -> None:
        """Go to the cell whose class is most doubtful, each once."""
        learnt = self._learnt
        if learnt is None:
            self._tell("Give examples of at least two classes first.")
            return
        order = np.argsort(-doubt(learnt.chances), kind="stable")
        cells = (learnt.ranking.cell(int(i)) for i in order if not learnt.examples[i])
        cell = next((cell for cell in cells if cell not in self._gone_to), None)
        layer = cell and find_layer(self._viewer, cell.layer, Labels)
        if cell is None or layer is None:
            self._gone_to.clear()
            self._tell("All cells have been shown. Press it again to begin anew.")
            return
        self._gone_to.add(cell)
        place = place_of(learnt.ranking.parts[cell.layer], cell.label, layer)
        if place is not None:
            centre_on(self._viewer, layer, place)
        row = learnt.ranking.row(cell)
        chances = learnt.chances[row]
        best = np.argsort(-chances)[:2]
        said = " or ".join(
            f"{learnt.classifier.names[i]} ({100 * chances[i]:.0f} %)" for i in best
        )
        self._tell(f"Cell {cell.label}, in the middle of the view: {said}?")

    # -- keeping -----------------------------------------------------------------

    def _on_keep(self) -> None:
        undo = self._actions.keep()
        if undo is not None:
            self._undo.append(undo)
            self._panel.set_undo(True)

    def _on_save(self) -> None:
        self._actions.save()

    def _on_load(self) -> None:
        classifier = self._actions.load()
        if classifier is not None:
            self._try(lambda: ClassExamples.of(classifier))

    # -- telling -----------------------------------------------------------------

    def _on_failure(self, message: str) -> None:
        self._forget()
        self._tell(message)
        show_error(message)

    def _on_stopped(self) -> None:
        self._forget()
        self._panel.pick_button.setChecked(False)
        self._tell("Cancelled.")

    def _hint(self) -> str:
        if not self._is_on:
            return _START
        return _OTHER_TOOL if self._tool.is_paused else _READY
