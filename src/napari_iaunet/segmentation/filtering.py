"""Which cells pass: ranges of what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Range = tuple[float, float]
    Values = Mapping[str, NDArray[np.float64]]


class Property(NamedTuple):
    """What cells are filtered by, and how it is shown."""

    label: str
    tooltip: str
    unit: str  # "" without one
    decimals: int
    power: float  # as for `Scale`

    @property
    def step(self) -> float:
        """The smallest difference that is shown."""
        return float(10.0**-self.decimals)


PROPERTIES = {
    "score": Property(
        "Score", "How sure the model was of a cell, from 0 to 1.", "", 2, 1.0
    ),
    "area": Property("Area", "Pixels of a cell, in all planes.", " px", 0, 0.5),
    "border": Property(
        "To the border",
        "Pixels between a cell and the next border of the image; "
        "0 if the cell touches it.",
        " px",
        0,
        0.5,
    ),
}


class Scale(NamedTuple):
    """How the values of a property are spread over a slider.

    Areas and distances are spread by their roots: otherwise a few large cells would
    leave a pixel of the slider to all others.
    """

    low: float
    high: float
    power: float = 1.0

    def place(self, value: float) -> float:
        """Return where a value is, 0 (left) to 1."""
        span = self.high - self.low
        share = min(max((value - self.low) / span, 0.0), 1.0) if span > 0 else 0.0
        return float(share**self.power)

    def value(self, place: float) -> float:
        """Return the value at a place."""
        share = float(min(max(place, 0.0), 1.0) ** (1 / self.power))
        return self.low + share * (self.high - self.low)

    def histogram(self, values: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
        """Count the values, those that are not finite left out, (bins,)."""
        edges = [self.value(i / bins) for i in range(bins + 1)]
        known = values[np.isfinite(values)]
        if self.high <= self.low:
            counts = np.zeros(bins, np.int64)
            counts[0] = known.size
            return counts
        return np.histogram(known, np.maximum.accumulate(edges))[0].astype(np.int64)


def scale_of(values: NDArray[np.float64], power: float, step: float) -> Scale | None:
    """Return the scale that holds all values, in whole steps; None if none is known."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = float(known.min()), float(known.max())
    # Rounded first: 0.29 / 0.01 is a little less than 29.
    low, high = (round(float(v) / step, 6) for v in (low, high))
    return Scale(float(np.floor(low)) * step, float(np.ceil(high)) * step, power)


def passing(values: Values, ranges: Mapping[str, Range]) -> NDArray[np.bool_]:
    """Return which cells are within all ranges, ends included, (N,).

    What is not known of a cell, NaN, does not sort it out.
    """
    count = len(next(iter(values.values())))
    found = np.ones(count, bool)
    for name, (low, high) in ranges.items():
        value = values[name]
        found &= ~((value < low) | (value > high))
    return found
