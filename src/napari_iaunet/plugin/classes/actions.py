"""What can be done with classes: keep them, save and load what gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QFileDialog

from napari_iaunet.errors import IAUNetError
from napari_iaunet.identity.classifier_file import SUFFIX
from napari_iaunet.plugin.classes import layers as class_layers
from napari_iaunet.plugin.core.notify import show_error, show_warning
from napari_iaunet.plugin.layers.exported import cells_of
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.widgets.saving import ask_where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari.viewer
    from pandas import DataFrame

    from napari_iaunet.identity.classifier import Classifier
    from napari_iaunet.plugin.classes.examples import ClassExamples
    from napari_iaunet.plugin.classes.job import Learnt
    from napari_iaunet.plugin.classes.panel import ClassPanel
    from napari_iaunet.plugin.core.own_changes import OwnChanges

_KINDS = f"Classifiers (*{SUFFIX})"
_NOTHING = "The cells have changed. Wait until they have been compared again."


class ClassActions(QObject):
    """Keep, save, load and export; ``done`` comes with what the user is told.

    ``current`` returns what was learnt and the examples; None if it is out of date.
    """

    done = Signal(str)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        panel: ClassPanel,
        own_changes: OwnChanges,
        current: Callable[[], tuple[Learnt, ClassExamples] | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._panel = viewer, panel
        self._own_changes, self._current = own_changes, current

    def keep(self) -> Callable[[], None] | None:
        """Write classes into the cells' tables, and add layers of classes.

        Returns what undoes it; None if nothing was done.
        """
        found = self._found()
        if found is None:
            return None
        learnt, examples = found
        place = {name: i for i, name in enumerate(examples.names, 1)}
        tables: list[tuple[Labels, DataFrame]] = []
        added: list[Labels] = []
        with self._own_changes():
            for key, layer in self._layers(learnt):
                cells, rows = learnt.ranking.parts[key], learnt.ranking.rows[key]
                tables.append((layer, layer.features.copy()))
                layer.features = class_layers.with_columns(
                    layer, cells, learnt.table(key)
                )
                numbers = np.array([place[name] for name in learnt.classes[rows]])
                added.append(
                    class_layers.add_semantic(
                        self._viewer, layer, cells, numbers, examples.colours
                    )
                )
        self.done.emit("The classes are in the table of the cells, and in a new layer.")

        def undo() -> None:
            with self._own_changes():
                for layer in added:
                    if layer in self._viewer.layers:
                        self._viewer.layers.remove(layer)
            for layer, table in tables:
                if layer in self._viewer.layers:
                    layer.features = class_layers.without_columns(layer, table)

        return undo

    def save(self) -> None:
        """Ask for a file, and write the classifier."""
        found = self._found()
        if found is None:
            return
        learnt, examples = found
        name = f"classifier{SUFFIX}"
        file = ask_where(self._panel, "Save classifier", name, _KINDS, SUFFIX)
        if file is None:
            return
        try:
            replace(learnt.classifier, notes=examples.notes).save(file)
        except IAUNetError as error:
            show_warning(str(error))
        else:
            self.done.emit(f"Saved {file.name}.")

    def load(self) -> Classifier | None:
        """Ask for a file, and read a classifier; None if there is none."""
        path, _ = QFileDialog.getOpenFileName(
            self._panel, "Load classifier", "", _KINDS
        )
        if not path:
            return None
        from napari_iaunet.identity.classifier import Classifier

        try:
            return Classifier.load(path)
        except IAUNetError as error:
            show_error(str(error))
            return None

    def export(self, to: str) -> None:
        """Ask for a folder, and write images of classes into a new one in it."""
        found = self._found()
        if found is None:
            return
        folder = QFileDialog.getExistingDirectory(self._panel, "Folder for the images")
        if not folder:
            return
        from napari_iaunet.io.formats.write import write_cells

        learnt, _ = found
        images = []
        for key, layer in self._layers(learnt):
            data, attributes, _kind = layer.as_layer_data_tuple()
            attributes["features"] = class_layers.with_columns(
                layer, learnt.ranking.parts[key], learnt.table(key)
            )
            images.append((layer.name, data, attributes))
        try:
            target = Path(folder) / f"{images[0][0]} {to}"
            write_cells(target, [cells_of(*image) for image in images], to)
        except IAUNetError as error:
            show_warning(str(error))
        else:
            self.done.emit(f"Saved into {target.name}.")

    def ask_colour(self, colour: str) -> str:
        """Ask for another colour; "" if the user takes that back."""
        chosen = QColorDialog.getColor(
            QColor(colour), self._panel, "Colour of the class"
        )
        return str(chosen.name()) if chosen.isValid() else ""

    def _found(self) -> tuple[Learnt, ClassExamples] | None:
        found = self._current()
        if found is None:
            self.done.emit(_NOTHING)
        return found

    def _layers(self, learnt: Learnt) -> Iterator[tuple[str, Labels]]:
        for key in learnt.ranking.parts:
            layer = find_layer(self._viewer, key, Labels)
            if layer is not None:
                yield key, layer
