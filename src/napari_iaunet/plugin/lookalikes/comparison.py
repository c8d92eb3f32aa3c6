"""What tabs that compare cells do alike: which cells, descriptions, progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_iaunet.errors import IAUNetError
from napari_iaunet.identity.search import Ranking
from napari_iaunet.plugin.core.connections import layer_list
from napari_iaunet.plugin.core.mouse_tool import MouseTool
from napari_iaunet.plugin.core.pace import Pace, with_time
from napari_iaunet.plugin.layers.find import selected_layer
from napari_iaunet.plugin.layers.scope import CellScope
from napari_iaunet.plugin.lookalikes.library import CellLibrary

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.connections import Wire
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.plugin.lookalikes.choice_panel import ChoicePanel
    from napari_iaunet.segmentation.cell_map import CellMap

    Question = tuple[list[CellsOnImage], str]

NO_CELLS = (
    "Open an image and its cells first: press Segment, or open a Labels layer that "
    "lies on the image and has its size."
)
COMPARING = "Comparing the cells…"
_NO_MODEL = "No model is installed: choose one in the Segment tab."


class Comparison(QObject):
    """Keeps the cells that a tab compares in step with the viewer.

    Parameters
    ----------
    session : Session
    panel : ChoicePanel
    jobs : Jobs
        For describing cells; used by nobody else.
    kinds : dict
        What clicks with which modifiers mean, as `MouseTool` takes it.
    parent : QObject, optional
    known : dict, optional
        Where `CellLibrary` keeps what it knows.
    """

    _panel: ChoicePanel

    def __init__(
        self,
        session: Session,
        panel: ChoicePanel,
        jobs: Jobs,
        kinds: dict[tuple[str, ...], str],
        parent: QObject | None = None,
        known: dict[tuple[CellsOnImage, str], CellMap] | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings, self._panel, self.jobs = session.settings, panel, jobs
        self._own_changes = session.own_changes
        viewer = self._viewer = session.viewer
        self._library = CellLibrary(viewer, jobs, session.segmenters, self, known)
        self._scope = CellScope(viewer, self._settings.choice)
        self._tool = MouseTool(viewer, kinds, self)
        self._asked: Question | None = None
        self._pace = Pace()

    def _shared_wires(self) -> list[Wire]:
        panel, library = self._panel, self._library
        return [
            *layer_list(self._viewer, self._on_layers, self._on_selection),
            (self._settings.changed, self._on_change),
            (panel.labels_picked, self._on_labels),
            (panel.image_picked, self._on_image),
            (panel.all_images_toggled, self._on_everywhere),
            (panel.pick_toggled, self._on_toggled),
            (panel.cancel_requested, library.cancel),
            (library.progressed, self._on_progress),
            (library.failed, self._on_failure),
            (library.stopped, self._on_stopped),
            (self._tool.clicked, self._on_click),
            (self._tool.mode_changed, self._tell),
        ]

    # -- what each tab does in its own way ---------------------------------------

    def _on_layers(self, event: object = None) -> None:
        raise NotImplementedError

    def _on_toggled(self, on: bool) -> None:
        raise NotImplementedError

    def _on_click(self, position: Any, kind: str) -> None:
        raise NotImplementedError

    def _refresh(self, event: object = None) -> None:
        """Describe the cells if need be, then compare them."""
        raise NotImplementedError

    def _on_failure(self, message: str) -> None:
        raise NotImplementedError

    def _on_stopped(self) -> None:
        raise NotImplementedError

    def _hint(self) -> str:
        """Say what the user can do with the cells now."""
        raise NotImplementedError

    # -- which cells are compared ------------------------------------------------

    def _offer(self) -> None:
        self._panel.set_pairs(*self._scope.names())
        self._tell()

    def _on_selection(self, event: object = None) -> None:
        """Pick the layer of cells that is selected in the layer list."""
        layer = selected_layer(self._viewer, Labels)
        if not self._own_changes and layer is not None:
            self._on_labels(str(layer.unique_id))

    def _on_labels(self, key: str) -> None:
        if self._scope.pick(key):
            self._offer()
            self._refresh()

    def _on_image(self, key: str) -> None:
        self._scope.pick_image(key)
        self._refresh()

    def _on_everywhere(self, everywhere: bool) -> None:
        self._scope.everywhere = everywhere
        self._refresh()

    def _on_change(self) -> None:
        """Compare again if layers, channels or model are no longer those asked for."""
        if self._asked is not None and self._asked != self._question():
            self._refresh()

    def _question(self) -> Question:
        return self._scope.pairs(), self._settings.model

    # -- their descriptions ------------------------------------------------------

    def _ask(self, question: Question) -> bool | None:
        """Want descriptions; True if they are there, None if that cannot be done."""
        pairs, model = question
        if not model:
            self._on_failure(_NO_MODEL)
            return None
        self._asked = question
        self._scope.keep(pairs)
        try:
            ready = self._library.want(pairs, model, self._settings.device)
        except IAUNetError as error:
            self._on_failure(str(error))
            return None
        if not ready:
            self._panel.set_busy(True)
            self._pace = Pace()
        return ready

    def _ranking_of(
        self, asked: Question, former: Ranking[CellMap] | None
    ) -> Ranking[CellMap]:
        """Return all cells that were asked for; the former ranking if it has these."""
        pairs, model = asked
        known = {p.labels: self._library.get(p, model) for p in pairs}
        parts = {key: cells for key, cells in known.items() if cells is not None}
        if former is not None and _same(former.parts, parts):
            return former
        return Ranking(parts)

    def _on_progress(self, done: int, total: int) -> None:
        self._panel.set_progress(done, total)
        if total:
            self._tell(with_time(COMPARING, self._pace.left(done, total)))

    # -- telling -----------------------------------------------------------------

    def _tell(self, text: object = "") -> None:
        """Show a text, or else what the user can do now."""
        if not isinstance(text, str) or not text:
            if not self._scope.labels:
                text = self._why_no_cells()
            elif self._library.is_busy:
                text = COMPARING
            else:
                text = self._hint()
        self._panel.say(text)

    def _why_no_cells(self) -> str:
        return NO_CELLS


def _same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(a[key] is b[key] for key in a)
