"""Helper layers, which only show what the plugin is at, and how they go again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

    from napari_iaunet.plugin.core.own_changes import OwnChanges


def take_out(
    viewer: napari.viewer.Viewer, own_changes: OwnChanges, *layers: Layer | None
) -> None:
    """Take helper layers out of the viewer, as far as they are in it.

    A selected one may be among those that napari is removing right now, one after the
    other, and none of them may be gone when its turn comes: it is hidden, and goes
    right after.
    """
    for layer in layers:
        if layer is None or layer not in viewer.layers:
            continue
        if layer in viewer.layers.selection:
            layer.visible = False
            QTimer.singleShot(0, partial(_remove, viewer, own_changes, layer))
        else:
            _remove(viewer, own_changes, layer)


def _remove(
    viewer: napari.viewer.Viewer, own_changes: OwnChanges, layer: Layer
) -> None:
    if layer in viewer.layers:
        with own_changes():
            viewer.layers.remove(layer)
