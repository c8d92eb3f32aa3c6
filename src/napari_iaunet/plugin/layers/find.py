"""Find layers in the viewer, and their pixels."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari.viewer
    from napari.layers import Image, Labels, Layer

    LayerKind = TypeVar("LayerKind", bound=Layer)

# Keys of metadata: layers that we made for the user, and those that only show what
# we are at.
OURS = "napari_iaunet"
HELPER = "napari_iaunet_helper"
# What of our metadata names the folder of cells that are still being found.
KEPT_IN = "kept_in"


def list_layers(viewer: napari.viewer.Viewer, kind: type[LayerKind]) -> list[LayerKind]:
    """Return the layers of a kind, the topmost last, without our own helpers."""
    return [layer for layer in viewer.layers if _is_users(layer, kind)]


def find_layer(
    viewer: napari.viewer.Viewer, key: str, kind: type[LayerKind]
) -> LayerKind | None:
    """Return the layer whose ``unique_id`` is ``key``, if it still exists."""
    for layer in list_layers(viewer, kind):
        if str(layer.unique_id) == key:
            return layer
    return None


def selected_layer(
    viewer: napari.viewer.Viewer, kind: type[LayerKind]
) -> LayerKind | None:
    """Return the layer that is selected in the layer list, if it is of a kind."""
    active = viewer.layers.selection.active
    return active if _is_users(active, kind) else None


def _is_users(layer: Layer | None, kind: type[Layer]) -> bool:
    return isinstance(layer, kind) and HELPER not in layer.metadata


def pixels_of(layer: Image | Labels) -> Any:
    """Pixels of a layer at full resolution; lazy where the layer is."""
    return layer.data[0] if layer.multiscale else layer.data


@contextmanager
def selection_kept(viewer: napari.viewer.Viewer) -> Iterator[None]:
    """Leave the user's selection as it is, though layers are added."""
    selection = viewer.layers.selection
    selected, active = list(selection), selection.active
    try:
        yield
    finally:
        selection.active = active
        for layer in selected:
            if layer in viewer.layers:
                selection.add(layer)
