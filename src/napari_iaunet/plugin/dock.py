"""The dock widget: makes the tabs and takes them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

import napari_iaunet
from napari_iaunet.plugin.click.controller import ClickController
from napari_iaunet.plugin.click.panel import ClickPanel
from napari_iaunet.plugin.core.jobs import Jobs
from napari_iaunet.plugin.core.segmenters import Segmenters
from napari_iaunet.plugin.finetune.controller import FinetuneController
from napari_iaunet.plugin.finetune.panel import FinetunePanel
from napari_iaunet.plugin.lookalikes.controller import LookalikeController
from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
from napari_iaunet.plugin.models.controller import ModelController
from napari_iaunet.plugin.models.panel import ModelSection
from napari_iaunet.plugin.segment.controller import SegmentController
from napari_iaunet.plugin.segment.panel import SegmentPanel
from napari_iaunet.plugin.track.controller import FollowController
from napari_iaunet.plugin.track.panel import FollowPanel

if TYPE_CHECKING:
    import napari.viewer


class IAUNetDock(QWidget):
    """Plugins > IAU-Net.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._was_docked = False
        self.jobs = Jobs(self)
        # Clicks and look-alikes have jobs of their own, but share the model.
        self.click_jobs, self.lookalike_jobs = Jobs(self), Jobs(self)
        segmenters = Segmenters()
        self.segment_panel = SegmentPanel()
        self.segment_controller = SegmentController(
            viewer, self.segment_panel, self.jobs, segmenters, self
        )
        self.click_panel = ClickPanel()
        self.segment_panel.add_section(self.click_panel)
        self.click_controller = ClickController(
            viewer,
            self.segment_panel,
            self.click_panel,
            self.click_jobs,
            segmenters,
            self.segment_controller.undisturbed,
            self,
        )
        self.lookalike_panel = LookalikePanel()
        self.lookalike_controller = LookalikeController(
            viewer,
            self.segment_panel,
            self.lookalike_panel,
            self.lookalike_jobs,
            segmenters,
            self.click_controller.undisturbed,
            self,
        )
        self.follow_jobs = Jobs(self)
        self.follow_panel = FollowPanel()
        self.follow_controller = FollowController(
            viewer,
            self.segment_panel,
            self.follow_panel,
            self.follow_jobs,
            segmenters,
            self,
        )
        self.finetune_jobs = Jobs(self)
        self.finetune_panel = FinetunePanel()
        self.finetune_controller = FinetuneController(
            viewer, self.segment_panel, self.finetune_panel, self.finetune_jobs, self
        )
        self.model_jobs = Jobs(self)
        self.model_section = ModelSection()
        self.finetune_panel.add_section(self.model_section)
        self.model_controller = ModelController(
            self.model_section, self.model_jobs, self
        )
        for source in (self.finetune_controller, self.model_controller):
            source.models_changed.connect(self._on_models)
        # The mouse serves one of both at a time.
        self.click_panel.toggled.connect(self._on_clicks)
        self.lookalike_panel.pick_toggled.connect(self._on_picking)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.segment_panel, "Segment")
        self.tabs.addTab(self.lookalike_panel, "Look-alikes")
        self.tabs.addTab(self.follow_panel, "Follow")
        self.tabs.addTab(self.finetune_panel, "Fine-tune")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.tabs)

    def event(self, event: QEvent) -> bool:
        """Stop everything when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                self.teardown()
        return bool(super().event(event))

    def _on_clicks(self, on: bool) -> None:
        if on:
            self.lookalike_panel.pick_button.setChecked(False)

    def _on_picking(self, on: bool) -> None:
        if on:
            self.click_panel.button.setChecked(False)

    def _on_models(self) -> None:
        self.segment_panel.set_models(napari_iaunet.list_models())
        self.finetune_controller.show_models()
        self.model_controller.show_models()

    def teardown(self) -> None:
        """Stop the running jobs and let go of the viewer."""
        self.finetune_controller.teardown()
        self.finetune_jobs.close()
        self.model_controller.teardown()
        self.model_jobs.close()
        self.follow_controller.teardown()
        self.follow_jobs.close()
        self.lookalike_controller.teardown()
        self.lookalike_jobs.close()
        self.click_controller.teardown()
        self.click_jobs.close()
        self.segment_controller.teardown()
        self.jobs.close()
