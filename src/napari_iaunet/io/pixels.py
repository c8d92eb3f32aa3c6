"""What a file holds, before its channels and planes are told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# Units of OME-Zarr in micrometres and in seconds.
_UNITS = {
    "micrometer": 1.0,
    "nanometer": 1e-3,
    "millimeter": 1e3,
    "second": 1.0,
    "millisecond": 1e-3,
    "minute": 60.0,
    "hour": 3600.0,
}


class AxisPlace(NamedTuple):
    """Where the pixels of an image lie along one axis.

    Attributes
    ----------
    scale : float
        Distance of two pixels.
    translation : float
        Position of the first one.
    unit : str or None
        Of both, as OME-Zarr names it, like "micrometer".
    """

    scale: float
    translation: float = 0.0
    unit: str | None = None


@dataclass(frozen=True)
class Pixels:
    """One image of a file, at full resolution.

    Attributes
    ----------
    array : numpy or dask array
    axes : str
        One letter for each axis, as in `napari_iaunet.io.read.ImageFile`.
    places : mapping of str to AxisPlace
        Of the axes T, Z, Y and X, as far as the file says.
    notes : tuple of str
        What was assumed, or left out, and how to say otherwise.
    holds_labels : bool
        Whether the file says that these are labels.
    channel_names : tuple of str
        Of the axis C, as far as the file says; "" where it says nothing of one.
    alpha : tuple of int
        Which samples, of the axis S or else C, are transparency.
    """

    array: Any
    axes: str
    places: Mapping[str, AxisPlace] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    holds_labels: bool = False
    channel_names: tuple[str, ...] = ()
    alpha: tuple[int, ...] = ()

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Height and width of a pixel in micrometres."""
        y, x = (step_of(self.places.get(axis, AxisPlace(0.0))) for axis in "YX")
        return None if y is None or x is None else (y, x)


def step_of(place: AxisPlace) -> float | None:
    """Distance of two pixels in micrometres or seconds; None if it is not known."""
    step = place.scale * _UNITS.get(str(place.unit), 0.0)
    return step if step > 0 else None


def in_micrometres(**steps: float | None) -> dict[str, AxisPlace]:
    """Places of pixels by the letters of their axes; what is not above 0 is unknown."""
    return {
        letter: AxisPlace(step, unit="second" if letter == "T" else "micrometer")
        for letter, step in steps.items()
        if step is not None and step > 0
    }
