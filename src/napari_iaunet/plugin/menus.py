"""What napari's Layers menu and command palette get: the dock at one of its tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.viewer import Viewer  # noqa: TC002 - napari looks it up

if TYPE_CHECKING:
    from napari_iaunet.plugin.dock import IAUNetDock


def click_cells(viewer: Viewer) -> None:
    """Open the dock and let clicks make cells."""
    dock = _open(viewer, "Segment")
    dock.click_panel.button.setChecked(True)


def review_cells(viewer: Viewer) -> None:
    """Open the dock at Review."""
    _open(viewer, "Review")


def find_lookalikes(viewer: Viewer) -> None:
    """Open the dock at Look-alikes."""
    _open(viewer, "Look-alikes")


def classify_cells(viewer: Viewer) -> None:
    """Open the dock at Classes."""
    _open(viewer, "Classes")


def map_cells(viewer: Viewer) -> None:
    """Open the dock at Map."""
    _open(viewer, "Map")


def track_cells(viewer: Viewer) -> None:
    """Open the dock at Track."""
    _open(viewer, "Track")


def segment_many(viewer: Viewer) -> None:
    """Open the dock at Batch."""
    _open(viewer, "Batch")


def train_model(viewer: Viewer) -> None:
    """Open the dock at Fine-tune."""
    _open(viewer, "Fine-tune")


def _open(viewer: Viewer, tab: str) -> IAUNetDock:
    """Show the dock, which is made only once, with a tab in front."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-iaunet", "IAU-Net")
    dock.tabs.setCurrentIndex(dock.tabs.names.index(tab))
    return dock
