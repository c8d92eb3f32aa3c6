"""The layer of cells that is reviewed, and its survey, kept up to date."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.plugin.layers.disk import is_in_memory, stored_of, why_not
from napari_iaunet.plugin.layers.find import pixels_of
from napari_iaunet.plugin.layers.labels import is_of_classes
from napari_iaunet.plugin.layers.picked import PickedCells
from napari_iaunet.plugin.review.job import look_over, look_over_stored
from napari_iaunet.segmentation.survey import Survey

if TYPE_CHECKING:
    from napari.layers import Labels
    from qtpy.QtCore import QObject

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.review.job import Reviewed


class ReviewedCells(PickedCells):
    """Picks a layer, and has it surveyed in a job whenever it has changed."""

    def __init__(
        self,
        session: Session,
        jobs: Jobs,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session, jobs, logs, parent)
        self.found: Reviewed | None = None
        self._shapes = False

    def _can_be_picked(self, layer: Labels) -> bool:
        return not why_not(layer) and not is_of_classes(layer)

    def survey(self) -> None:
        """Have the picked layer surveyed anew."""
        layer = self.layer
        if layer is None:
            return
        stored, shapes = stored_of(layer), self._shapes
        if stored is not None:
            found = self.found
            if (
                found is not None
                and found.data is pixels_of(layer)
                and found.version == stored.version
                and not (shapes and found.solidity is None)
            ):  # it was only drawn again, such as at another zoom
                return
            work = partial(look_over_stored, stored, self.found, shapes=shapes)
        elif is_in_memory(layer):
            work = partial(look_over, layer.data, self.found, shapes=shapes)
        else:
            return
        self._jobs.start(work, "")

    def want_shapes(self, on: bool) -> None:
        """Have the cells' shapes measured, too, from now on."""
        self._shapes = on
        if on and (self.found is None or self.found.solidity is None):
            self.survey()

    def stop(self) -> None:
        """Watch no layer, and forget what was found."""
        super().stop()
        self.found = None

    def _on_success(self, found: Reviewed) -> None:
        former, layer = self.found, self.layer
        if layer is None:
            return
        if pixels_of(layer) is not found.data:
            self.survey()
            return
        if former is not None and _same(former, found):
            return
        self.found = found
        self.changed.emit()


def _same(former: Reviewed, found: Reviewed) -> bool:
    if former.solidity is None and found.solidity is not None:
        return False
    old, new = former.cells, found.cells
    if not isinstance(old, Survey) or not isinstance(new, Survey):
        return former.version == found.version and former.data is found.data
    return np.array_equal(old.label_ids, new.label_ids) and (
        np.array_equal(old.index, new.index)
    )
