"""Models that are in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import napari_iaunet
from napari_iaunet.atomic import settled
from napari_iaunet.errors import ModelError
from napari_iaunet.model.registry import WEIGHTS, find_model
from napari_iaunet.plugin.core.responsive import load_torch

if TYPE_CHECKING:
    from napari_iaunet.segmentation.segmenter import Segmenter


def make_segmenter(model: str, device: str) -> Segmenter:
    """Load a model; in the worker thread, since it loads torch."""
    load_torch()
    return napari_iaunet.Segmenter(model=model, device=device)


class Segmenters:
    """Keeps the model that was used last; several threads may ask for it."""

    def __init__(self) -> None:
        self._last: tuple[tuple[str, str, int], Segmenter] | None = None
        self._lock = threading.Lock()

    def get(self, model: str, device: str) -> Segmenter:
        """Return the segmenter of these names, loading the model if need be."""
        key = (model, device, _written(model))
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = None  # frees its memory before the next one is loaded
                self._last = (key, make_segmenter(model, device))
            return self._last[1]


def _written(model: str) -> int:
    """When a model was written: another one may have its name now."""
    try:
        return settled(find_model(model), WEIGHTS).stat().st_mtime_ns
    except (ModelError, OSError):
        return 0
