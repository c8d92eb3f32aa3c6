"""Layers of ours that are shown in place of a layer of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iaunet.plugin.layers.helpers import take_out

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Layer

    from napari_iaunet.plugin.core.own_changes import OwnChanges


class StandIn:
    """Shows the cells of a layer in another way; that layer is hidden meanwhile."""

    def __init__(
        self, viewer: napari.viewer.Viewer, own_changes: OwnChanges, labels: Labels
    ) -> None:
        self._viewer, self._own_changes, self._labels = viewer, own_changes, labels
        self._was_visible = bool(labels.visible)

    @property
    def _own(self) -> tuple[Layer | None, ...]:
        """What is shown instead, as far as it was added."""
        raise NotImplementedError

    @property
    def is_closed(self) -> bool:
        """Whether the user closed one of the layers."""
        shown = self._viewer.layers
        return any(layer is not None and layer not in shown for layer in self._own)

    def remove(self) -> None:
        """Take the layers out of the viewer, and show the cells again."""
        take_out(self._viewer, self._own_changes, *self._own)
        if self._labels in self._viewer.layers and self._was_visible:
            with self._own_changes():
                self._labels.visible = True
