"""Labels layers whose pixels are on the disk: whether, and how, they are changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.ours import are_our_labels
from napari_iaunet.io.stored_labels import StoredLabels, StoredLevel
from napari_iaunet.io.zarr_part import (
    ZarrPart,
    coarser_levels,
    folder_of,
    why_not_writable,
    writable,
    zarr_part,
)
from napari_iaunet.model.registry import user_models_folder
from napari_iaunet.plugin.layers.find import KEPT_IN, OURS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Labels

    from napari_iaunet.io.stored_labels import Change

_COPY = (
    "Save the layer under a name that ends in .zarr (File > Save Selected Layers) and "
    "open that: such a copy can be changed."
)


def is_in_memory(layer: Labels) -> bool:
    """Whether the pixels are in memory, in one resolution, and may be written to."""
    data = None if layer.multiscale else layer.data
    return isinstance(data, np.ndarray) and bool(data.flags.writeable)


def why_not(layer: Labels) -> str:
    """Return why the pixels of a layer cannot be changed, for the user; else ""."""
    name = f"“{layer.name}”"
    if KEPT_IN in layer.metadata.get(OURS, {}):
        return f"{name} is still being filled. Let Segment finish it first."
    for level in _levels(layer):
        if isinstance(level, StoredLevel):
            continue
        part = zarr_part(level)
        if part is None:
            return (
                f"{name} cannot be changed: its pixels are computed, or come from a "
                f"file that is not zarr. {_COPY}"
            )
        reason = why_not_writable(part, reopen=_is_lazy(level))
        if reason:
            return f"{name} cannot be changed: {reason}. {_COPY}"
    return ""


def stored_of(layer: Labels) -> StoredLabels | None:
    """Return what the pixels of an adopted layer are written by."""
    first = _levels(layer)[0]
    return first.labels if isinstance(first, StoredLevel) else None


def adopt(
    layer: Labels, on_failure: Callable[[Change, str], None]
) -> StoredLabels | None:
    """Let a layer show its pixels on the disk through what writes them.

    None if they are in memory, in one resolution. ``on_failure`` is as for
    `StoredLabels`. Raises `ImageError` if the pixels cannot be changed.
    """
    if is_in_memory(layer):
        return None
    stored = stored_of(layer)
    if stored is None:
        reason = why_not(layer)
        if reason:
            raise ImageError(reason)
        stored = StoredLabels(_parts(layer))
        editable = layer.editable
        layer.data = _shown(layer, stored)
        layer.editable = editable
    stored.on_failure = on_failure
    return stored


def notice(layer: Labels) -> str:
    """Return what the user is to know before changes go to the disk; "" if nothing.

    What Segment keeps for a layer of its own until it is saved is nobody's file.
    """
    first = _levels(layer)[0]
    part = first.labels.part(0) if isinstance(first, StoredLevel) else zarr_part(first)
    if part is None or isinstance(part.array, np.ndarray):
        return ""
    folder = folder_of(part.array)
    if folder is None:
        return f"Changes of “{layer.name}” are written at once to where it came from."
    if folder.is_relative_to(user_models_folder().parent):
        return ""
    text = f"Changes of “{layer.name}” are written into {_store(folder).name} at once."
    if not are_our_labels(folder.parent) and not are_our_labels(folder, array=True):
        text += (
            " Another program made it: to keep it as it is, save the layer under "
            "another name first, and open that."
        )
    return text


def _store(folder: Path) -> Path:
    """Return the store that an array lies in, as the user knows it."""
    inside = [f for f in (folder, *folder.parents) if f.suffix == ".zarr"]
    return inside[-1] if inside else folder


def _levels(layer: Labels) -> list[Any]:
    return list(layer.data) if layer.multiscale else [layer.data]


def _is_lazy(level: Any) -> bool:
    """Whether a reader made it: what dask is given is opened to be read only."""
    from dask.array import Array

    return isinstance(level, Array)


def _parts(layer: Labels) -> list[ZarrPart]:
    parts = []
    for level in _levels(layer):
        part = zarr_part(level)
        assert part is not None
        try:
            parts.append(writable(part, reopen=_is_lazy(level)))
        except ImageError as error:
            msg = f"“{layer.name}” cannot be changed: {error}. {_COPY}"
            raise ImageError(msg) from error
    if len(parts) == 1 and _is_whole(parts[0]):
        parts += [
            ZarrPart(array, array.shape, parts[0].axes, parts[0].start)
            for array in coarser_levels(parts[0].array)
        ]
    return parts


def _is_whole(part: ZarrPart) -> bool:
    """Whether a part is an array as it is."""
    return (
        not isinstance(part.array, np.ndarray)
        and part.axes == tuple(range(part.array.ndim))
        and part.shape == part.array.shape
    )


def _shown(layer: Labels, stored: StoredLabels) -> Any:
    """Return what the layer is to show."""
    if not layer.multiscale:
        return stored.levels[0]
    levels: list[Any] = list(stored.levels)
    if layer.ndim == 2:
        # Of a single plane napari reads the last level once and never again; an array
        # in memory it takes as it is, and so shows all that changes there.
        levels[-1] = stored.in_memory(len(levels) - 1)
    return levels
