"""The dock widget: makes the tabs and takes them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_iaunet.plugin.batch.controller import BatchController
from napari_iaunet.plugin.batch.panel import BatchPanel, Naming
from napari_iaunet.plugin.batch.reading import Reading
from napari_iaunet.plugin.batch.summary_controller import SummaryController
from napari_iaunet.plugin.classes.controller import ClassController
from napari_iaunet.plugin.classes.panel import ClassPanel
from napari_iaunet.plugin.click.controller import ClickController
from napari_iaunet.plugin.click.panel import ClickPanel
from napari_iaunet.plugin.core import preferences
from napari_iaunet.plugin.core.jobs import Jobs
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.finetune.controller import FinetuneController
from napari_iaunet.plugin.finetune.panel import FinetunePanel
from napari_iaunet.plugin.layers.undo import EditLogs
from napari_iaunet.plugin.lookalikes.controller import LookalikeController
from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
from napari_iaunet.plugin.map.controller import MapController
from napari_iaunet.plugin.map.panel import MapPanel
from napari_iaunet.plugin.models.controller import ModelController
from napari_iaunet.plugin.models.panel import ModelSection
from napari_iaunet.plugin.review.controller import ReviewController
from napari_iaunet.plugin.review.pair_controller import PairController
from napari_iaunet.plugin.review.panel import ReviewPanel
from napari_iaunet.plugin.segment.controller import SegmentController
from napari_iaunet.plugin.segment.panel import SegmentPanel
from napari_iaunet.plugin.track.controller import TrackController
from napari_iaunet.plugin.track.edit_controller import EditController
from napari_iaunet.plugin.track.panel import TrackPanel
from napari_iaunet.plugin.widgets.tabs import TabButtons, Tabs

if TYPE_CHECKING:
    import napari.viewer

    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.segmentation.cell_map import CellMap


class IAUNetDock(QWidget):
    """Plugins > IAU-Net."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._was_docked = False
        self.session = session = Session(viewer)
        preferences.restore(session.settings)
        logs = EditLogs(viewer)
        self.segment_panel = SegmentPanel(session.settings)
        self.segment_controller = SegmentController(
            session, self.segment_panel, Jobs(self, load_first=True), logs, self
        )
        self.click_panel = ClickPanel()
        self.segment_panel.add_section(self.click_panel)
        self.click_controller = ClickController(
            session,
            self.click_panel,
            Jobs(self, load_first=True),
            self,
            logs,
            Jobs(self),
            Jobs(self),
        )
        self.review_panel = ReviewPanel()
        self.review_controller = ReviewController(
            session,
            self.review_panel,
            Jobs(self, abandons=True),
            Jobs(self, abandons=True),
            logs,
            self,
        )
        self.pair_controller = PairController(
            session,
            self.review_panel.pair,
            self.review_panel.pair_options,
            Jobs(self),
            self,
        )
        self.lookalike_panel = LookalikePanel()
        # Cells are described once for all three.
        described: dict[tuple[CellsOnImage, str], CellMap] = {}
        self.lookalike_controller = LookalikeController(
            session, self.lookalike_panel, Jobs(self, abandons=True), self, described
        )
        self.class_panel = ClassPanel()
        self.class_controller = ClassController(
            session,
            self.class_panel,
            Jobs(self, abandons=True),
            Jobs(self, abandons=True),
            described,
            self,
        )
        self.map_panel = MapPanel()
        self.map_controller = MapController(
            session,
            self.map_panel,
            Jobs(self, abandons=True),
            Jobs(self, abandons=True),
            described,
            self.class_controller,
            self.lookalike_controller,
            self,
        )
        self.track_panel = TrackPanel()
        self.track_controller = TrackController(
            session, self.track_panel, Jobs(self, abandons=True), self
        )
        self.track_edit_controller = EditController(
            session, self.track_panel.edit, Jobs(self, abandons=True), logs, self
        )
        naming, reading = Naming(), Reading()
        self.batch_panel = BatchPanel(naming, reading)
        self.batch_controller = BatchController(
            session,
            self.batch_panel,
            naming,
            reading,
            Jobs(self),
            Jobs(self),
            Jobs(self),
            Jobs(self),
            self,
        )
        self.summary_controller = SummaryController(
            self.batch_panel,
            naming,
            self.batch_controller,
            Jobs(self, abandons=True),
            Jobs(self),
            self,
        )
        self.finetune_panel = FinetunePanel()
        self.finetune_controller = FinetuneController(
            session, self.finetune_panel, Jobs(self), self
        )
        self.model_section = ModelSection()
        self.finetune_panel.add_section(self.model_section)
        self.model_controller = ModelController(
            session, self.model_section, Jobs(self), self
        )
        # The mouse serves one of these at a time.
        self.click_panel.toggled.connect(self._on_clicks)
        self.lookalike_panel.pick_toggled.connect(self._on_picking)
        self.class_panel.pick_toggled.connect(self._on_picking)
        self.map_panel.pick_toggled.connect(self._on_picking)
        self.tabs = Tabs(
            {
                "Segment": self.segment_panel,
                "Review": self.review_panel,
                "Look-alikes": self.lookalike_panel,
                "Classes": self.class_panel,
                "Map": self.map_panel,
                "Track": self.track_panel,
                "Batch": self.batch_panel,
                "Fine-tune": self.finetune_panel,
            }
        )
        self.tabs.setAccessibleName("IAU-Net")
        self.tab_buttons = TabButtons(self.tabs)
        self.tab_buttons.setAccessibleName("Tabs of IAU-Net")
        names = self.tabs.names
        tab = preferences.recall("tab")
        self.tabs.setCurrentIndex(names.index(tab) if tab in names else 0)
        self.tabs.currentChanged.connect(self._on_tab)
        for panel, controller in (
            (self.review_panel, self.review_controller),
            (self.class_panel, self.class_controller),
            (self.map_panel, self.map_controller),
        ):
            if self.tabs.currentWidget() is panel:
                controller.enter()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.tab_buttons)
        layout.addWidget(self.tabs, 1)

    def event(self, event: QEvent) -> bool:
        """Stop everything when napari takes the widget out of its dock.

        While it is hidden, behind another dock or by its eye in the Window menu, its
        tools are as if another tab were in front.
        """
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                self.teardown()
        shown = event.type() == QEvent.Type.Show
        # A window that is minimised hides and shows its widgets as well.
        if (shown or event.type() == QEvent.Type.Hide) and not event.spontaneous():
            self._use_tools(self.tabs.currentWidget() if shown else None)
        return bool(super().event(event))

    def _on_tab(self, index: int) -> None:
        preferences.keep("tab", self.tabs.tabText(index))
        self._use_tools(self.tabs.widget(index))

    def _use_tools(self, tab: QWidget | None) -> None:
        """Let a tool that is out of sight have neither the mouse nor layers."""
        if tab is not self.segment_panel:
            self.click_panel.button.setChecked(False)
        if tab is not self.track_panel:
            self.track_edit_controller.leave()
        for panel, controller in (
            (self.lookalike_panel, self.lookalike_controller),
            (self.class_panel, self.class_controller),
            (self.map_panel, self.map_controller),
            (self.review_panel, self.review_controller),
        ):
            if tab is panel:
                controller.enter()
            else:
                controller.leave()

    def _on_clicks(self, on: bool) -> None:
        if on:
            self.lookalike_panel.pick_button.setChecked(False)
            self.class_panel.pick_button.setChecked(False)
            self.map_panel.pick_button.setChecked(False)

    def _on_picking(self, on: bool) -> None:
        if on:
            self.click_panel.button.setChecked(False)

    def teardown(self) -> None:
        """Stop the running jobs and let go of the viewer."""
        for controller in (
            self.finetune_controller,
            self.model_controller,
            self.summary_controller,
            self.batch_controller,
            self.track_controller,
            self.track_edit_controller,
            self.map_controller,
            self.class_controller,
            self.lookalike_controller,
            self.pair_controller,
            self.review_controller,
            self.click_controller,
            self.segment_controller,
        ):
            controller.teardown()
        self.session.segmenters.close()
