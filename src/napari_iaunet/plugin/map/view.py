"""Which part of a map is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MARGIN = 0.94  # of the canvas that all places fill
_LEAST_SPAN = 1e-6


@dataclass(frozen=True)
class View:
    """The middle of what is seen, and how large it is; both axes alike.

    Attributes
    ----------
    centre : (float, float)
        The place in the middle of the canvas.
    scale : float
        Pixels of the screen for each unit of the map.
    size : (float, float)
        Width and height of the canvas in pixels of the screen.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    size: tuple[float, float] = (1.0, 1.0)

    def fitted(self, places: NDArray[np.floating[Any]]) -> View:
        """Return a view of all places (N, 2)."""
        if not len(places):
            return replace(self, centre=(0.0, 0.0), scale=1.0)
        low, high = places.min(axis=0), places.max(axis=0)
        span = np.maximum(np.asarray(high - low, float), _LEAST_SPAN)
        scale = float((np.asarray(self.size) / span).min()) * _MARGIN
        if not np.any(high - low > 0):
            scale = 1.0
        middle = (low.astype(float) + high.astype(float)) / 2
        return replace(self, centre=(float(middle[0]), float(middle[1])), scale=scale)

    def resized(self, size: tuple[float, float]) -> View:
        """Return the same part on a canvas of another size."""
        least = min(size) / max(min(self.size), 1.0)
        return replace(self, size=size, scale=self.scale * max(least, 1e-3))

    def zoomed(self, factor: float, at: Sequence[float] | None = None) -> View:
        """Return what is seen larger; a place of the canvas stays where it is."""
        fixed = np.asarray(self.size) / 2 if at is None else np.asarray(at, float)
        before = self.on_map(fixed)
        scaled = replace(self, scale=self.scale * factor)
        moved = np.asarray(self.centre) + before - scaled.on_map(fixed)
        return replace(scaled, centre=(float(moved[0]), float(moved[1])))

    def moved(self, across: float, down: float) -> View:
        """Return what is seen moved by pixels of the screen."""
        x, y = self.centre
        return replace(self, centre=(x - across / self.scale, y + down / self.scale))

    def on_map(self, pixels: Any) -> NDArray[np.float64]:
        """Return the places (..., 2) of pixels, (across, down) from the upper left."""
        apart = (np.asarray(pixels, float) - np.asarray(self.size) / 2) / self.scale
        return np.asarray(self.centre) + apart * (1.0, -1.0)

    def on_screen(self, places: Any) -> NDArray[np.float64]:
        """Return the pixels (..., 2) of places on the map."""
        apart = (np.asarray(places, float) - self.centre) * self.scale * (1.0, -1.0)
        return np.asarray(self.size) / 2 + apart
