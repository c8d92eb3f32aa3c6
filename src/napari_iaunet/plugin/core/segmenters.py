"""Models that are in memory."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import TYPE_CHECKING

import napari_iaunet
from napari_iaunet.atomic import settled
from napari_iaunet.errors import ModelError
from napari_iaunet.model.registry import WEIGHTS, find_model
from napari_iaunet.plugin.core.responsive import load_torch

if TYPE_CHECKING:
    import subprocess

    from napari_iaunet.segmentation.segmenter import Segmenter

    _Key = tuple[str, str, tuple[str, ...], int]


def make_segmenter(model: str, device: str, engine: str = "ready") -> Segmenter:
    """Load a model; in the worker thread, since it loads torch.

    A network that is to be converted is used first as it is, which is quicker.
    """
    load_torch()
    return napari_iaunet.Segmenter(model=model, device=device, engine=engine)


class Segmenters:
    """Keeps the model that was used last; several threads may ask for it.

    Whether another engine is faster for it is found out in the background, and used
    from the next time on.
    """

    def __init__(self) -> None:
        self._last: tuple[_Key, Segmenter] | None = None
        self._conversions: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        # napari ends without a word to its docks.
        weakref.finalize(self, _end, self._conversions)

    def get(self, model: str, device: str, *engine: str) -> Segmenter:
        """Return the segmenter of these names, loading the model if need be."""
        key = (model, device, engine, model_written(model))
        with self._lock:
            if self._last is None or self._last[0] != key or self._knows_better():
                self._last = None  # frees its memory before the next one is loaded
                self._last = (key, make_segmenter(model, device, *engine))
                self._convert()
            return self._last[1]

    def close(self) -> None:
        """End what is done in the background."""
        _end(self._conversions)

    def _convert(self) -> None:
        """Begin to find out which engine is faster, once, unless that is known."""
        assert self._last is not None
        (model, _, _, written), segmenter = self._last
        if _is_final(segmenter) or (model, written) in self._conversions:
            return
        from napari_iaunet.inference import conversion

        with contextlib.suppress(OSError):
            started = conversion.start(find_model(model))
            self._conversions[model, written] = started

    def _knows_better(self) -> bool:
        """Whether it is known by now which engine is faster for the model."""
        assert self._last is not None
        (model, _, _, written), segmenter = self._last
        process = self._conversions.get((model, written))
        ended = process is not None and process.poll() == 0
        return ended and not _is_final(segmenter)


def _end(conversions: dict[tuple[str, int], subprocess.Popen[bytes]]) -> None:
    for process in conversions.values():
        process.kill()
        process.communicate()
    conversions.clear()


def _is_final(segmenter: Segmenter) -> bool:
    return getattr(segmenter, "engine_is_final", True)


def model_written(model: str) -> int:
    """Return when a model was written: another one may have its name now."""
    try:
        return settled(find_model(model), WEIGHTS).stat().st_mtime_ns
    except (ModelError, OSError):
        return 0
