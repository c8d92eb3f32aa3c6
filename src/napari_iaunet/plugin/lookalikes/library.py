"""Descriptions of cells, made in the background and kept until something changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.layers import cells_on_image, view_state
from napari_iaunet.plugin.layers.find import find_layer, list_layers, pixels_of
from napari_iaunet.plugin.lookalikes.job import changed_cells, describe_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import napari.viewer
    from numpy.typing import NDArray

    from napari_iaunet.identity.search import CellRef
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.segmentation.cell_map import CellMap

    Known = tuple[CellsOnImage, str]
    Pixels = NDArray[np.integer[Any]]
    Describe = Callable[..., list[CellMap]]

# Strokes of a brush should not start the work again and again.
_SETTLED_MS = 600
# Cells of so many layers are kept in all, to be searched again at once, unless more are
# wanted. Each layer takes five bytes per pixel, and its pictures.
_MOST_KEPT = 6


class CellLibrary(QObject):
    """Describes the cells of layers and forgets them when the layers change.

    ``ready`` comes when all that is wanted is described, ``outdated`` when
    something of it has changed. ``failed`` says why, ``stopped`` that the user
    cancelled. napari tells that labels may have changed, not whether, and of a hidden
    layer not even that: so they are compared with those that were described, in the
    background, whenever it tells and whenever they are wanted.

    ``known`` is where descriptions are kept; several libraries may share it.
    """

    ready = Signal()
    outdated = Signal()
    progressed = Signal(int, int)
    failed = Signal(str)
    stopped = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        jobs: Jobs,
        segmenters: Segmenters,
        parent: QObject,
        known: dict[Known, CellMap] | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._jobs, self._segmenters = viewer, jobs, segmenters
        self._known: dict[Known, CellMap] = {} if known is None else known
        self._wanted: list[Known] = []
        self._under_way: list[Known] = []
        self._watched = Connections()
        self._seen: dict[str, object] = {}
        self._timer = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._connections = Connections((self._timer.timeout, self._on_settled))
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=self._on_cancelled,
            progressed=self._on_progress,
        )

    def teardown(self) -> None:
        """Disconnect from everything, and forget all."""
        self._timer.stop()
        self._watch([])
        self._known.clear()
        self._connections.clear()

    @property
    def is_busy(self) -> bool:
        """Whether cells are being described."""
        return bool(self._under_way)

    def want(self, cells: Sequence[CellsOnImage], model: str, device: str) -> bool:
        """Ask for descriptions; True if all are there already.

        Raises `ImageError` if cells or image cannot be read.
        """
        self._wanted = [(c, model) for c in cells]
        self._watch(cells)
        missing = [key for key in self._wanted if key not in self._known]
        if not missing:
            self._compare()
        elif self._under_way != missing:
            sources = [cells_on_image.read(self._viewer, c) for c, _ in missing]
            self._under_way = missing
            work = partial(
                describe_cells, self._segmenters, sources, model=model, device=device
            )
            self._start(work, "Comparing cells")
        return not missing

    def saw(self, cell: CellRef) -> None:
        """Forget descriptions of a layer that lack a cell which it was seen to have."""
        for key, known in list(self._known.items()):
            if key[0].labels == cell.layer and known.row(cell.label) is None:
                del self._known[key]

    def _compare(self) -> None:
        """Find out in the background whether labels have changed."""
        self._under_way = []
        self._start(None, "")

    def _start(self, describe: Describe | None, title: str) -> None:
        known = {k: v for k, v in self._known.items() if k in self._wanted}
        work = partial(_work, describe, self._under_way, known, self._labels())
        self._jobs.start(work, title)

    def _labels(self) -> dict[Known, Pixels]:
        """Labels of the layers that can change."""
        found = {}
        for key in self._wanted:
            layer = find_layer(self._viewer, key[0].labels, Labels)
            labels = None if layer is None else pixels_of(layer)
            # Others than numpy's cannot be painted in, and take long to read.
            if isinstance(labels, np.ndarray):
                found[key] = labels
        return found

    def get(self, cells: CellsOnImage, model: str) -> CellMap | None:
        """Return what is known of the cells of a layer."""
        return self._known.get((cells, model))

    def cancel(self) -> None:
        """Ask the work to stop; ``stopped`` follows when it has."""
        self._jobs.cancel()

    def close(self) -> None:
        """Stop the work, and want nothing."""
        self._jobs.close()
        self._wanted, self._under_way = [], []
        self._watch([])
        self._timer.stop()

    def check(self) -> bool:
        """Forget cells whose labels have changed; True if all are up to date.

        For what is done with the cells found: it must not wait, and takes longer than
        to compare labels.
        """
        self._timer.stop()
        return not self._forget(changed_cells(self._known, self._labels()))

    def forget_closed(self) -> None:
        """Forget the cells of layers that are gone."""
        keys = {str(layer.unique_id) for layer in self._viewer.layers}
        for key in list(self._known):
            if not {key[0].labels, key[0].image} <= keys:
                del self._known[key]

    def _forget(self, old: Sequence[Known]) -> bool:
        for key in old:
            self._known.pop(key, None)
        if old:
            self._jobs.close()
            self._under_way = []
            self.outdated.emit()
        return bool(old)

    def _watch(self, cells: Sequence[CellsOnImage]) -> None:
        """Follow changes of layers, and of these only."""
        self._watched.clear()
        keys = {c.labels for c in cells}
        images = {key for c in cells for key in (c.image, *c.together_with)}
        for layer in list_layers(self._viewer, Labels):
            if str(layer.unique_id) in keys:
                events = layer.events
                for event in (events.paint, events.labels_update, events.data):
                    self._watched.add((event, self._on_labels))
                self._watched.add((events.set_data, self._on_slice))
        for image in list_layers(self._viewer, Image):
            if str(image.unique_id) in images:
                self._watched.add((image.events.data, self._on_image))

    def _on_labels(self, event: object = None) -> None:
        self._timer.start()

    def _on_slice(self, event: Any) -> None:
        """Look at the labels after an undo, not when another plane is shown."""
        key = str(event.source.unique_id)
        view = view_state.plane_shown(self._viewer, event.source)
        if self._seen.get(key) == view:
            self._timer.start()
        self._seen[key] = view

    def _on_image(self, event: Any) -> None:
        key = str(event.source.unique_id)
        wanted = {*self._wanted, *self._known}
        self._forget([k for k in wanted if key in (k[0].image, *k[0].together_with)])

    def _on_settled(self) -> None:
        if not self.is_busy:  # else the job compares at its end
            self._compare()

    def _on_progress(self, done: int, total: int) -> None:
        if self.is_busy:
            self.progressed.emit(done, total)

    def _on_success(self, outcome: tuple[dict[Known, CellMap], list[Known]]) -> None:
        self._under_way = []
        described, changed = outcome
        for key in described:
            self._known.pop(key, None)
        self._known.update(described)
        spare = [key for key in self._known if key not in self._wanted]
        for key in spare[: max(0, len(self._known) - _MOST_KEPT)]:
            del self._known[key]
        if not self._forget(changed) and described:
            self.ready.emit()

    def _on_failure(self, message: str) -> None:
        self._under_way = []
        self.failed.emit(message)

    def _on_cancelled(self) -> None:
        self._under_way = []
        self.stopped.emit()


def _work(
    describe: Describe | None,
    missing: Sequence[Known],
    known: Mapping[Known, CellMap],
    labels: Mapping[Known, Pixels],
    progress: Callable[[int, int], None],
) -> tuple[dict[Known, CellMap], list[Known]]:
    """Describe what is missing; then look whether any labels are others by now."""
    found = describe(progress=progress) if describe else []
    described = dict(zip(missing, found, strict=True))
    return described, changed_cells({**known, **described}, labels)
