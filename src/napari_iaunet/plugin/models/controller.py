"""What happens in the list of the user's models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

import napari_iaunet
from napari_iaunet.model.registry import BUNDLED
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error, show_info
from napari_iaunet.plugin.core.responsive import load_torch
from napari_iaunet.plugin.widgets.plain import plain
from napari_iaunet.plugin.widgets.saving import ask_where

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.models.panel import ModelSection

_ZIP = "Zip files (*.zip)"


class ModelController(QObject):
    """Renames, deletes, exports and imports models."""

    def __init__(
        self,
        session: Session,
        section: ModelSection,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings, self._section, self.jobs = session.settings, section, jobs
        self._connections = Connections(
            (section.rename_requested, self._on_rename),
            (section.delete_requested, self._on_delete),
            (section.export_requested, self._on_export),
            (section.import_requested, self._on_import),
            (self._settings.events.models, self._show_models),
        )
        self._connections.add_jobs(jobs, succeeded=self._on_done, failed=show_error)
        self._settings.offer_models(napari_iaunet.list_models())
        self._show_models()

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._connections.clear()

    def _show_models(self) -> None:
        """Show the models that are the user's own."""
        models = self._settings.models
        self._section.set_models([m for m in models if BUNDLED not in m.path.parents])

    def _on_rename(self, name: str) -> None:
        new, accepted = QInputDialog.getText(
            self._section, "Rename a model", plain(f"New name of “{name}”:"), text=name
        )
        if accepted and new.strip() != name:
            self._do("rename", "The model is renamed.", name, new)

    def _on_delete(self, name: str) -> None:
        answer = QMessageBox.question(
            self._section,
            "Delete a model",
            plain(f"Delete the model “{name}”? This cannot be undone."),
        )
        if answer == QMessageBox.StandardButton.Yes:
            self._do("delete", f"The model “{name}” is deleted.", name)

    def _on_export(self, name: str) -> None:
        target = ask_where(self._section, "Export a model", f"{name}.zip", _ZIP, ".zip")
        if target is not None:
            self._do("export", f"The model is written to {target}.", name, target)

    def _on_import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._section, "Import a model", "", _ZIP)
        if path:
            self._do("import_zip", "The model is imported.", Path(path))

    def _do(self, what: str, message: str, *arguments: Any) -> None:
        if self.jobs.is_running:
            # A newer job would take its place, and both would go on with the models.
            show_info("Your models are still being changed: try again in a moment.")
            return
        work = partial(_call, what, message, arguments)
        self.jobs.start(work, "Your models")

    def _on_done(self, message: str) -> None:
        show_info(message)
        self._settings.offer_models(napari_iaunet.list_models())


def _call(what: str, message: str, arguments: tuple[Any, ...], progress: object) -> str:
    load_torch()
    from napari_iaunet.model import collection

    getattr(collection, what)(*arguments)
    return message
