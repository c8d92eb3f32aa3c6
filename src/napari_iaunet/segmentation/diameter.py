"""How large the cells of an image are, and whether that is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_iaunet.segmentation.looks import (
    FEW_CELLS,
    GOOD_SCORE,
    UPSCALE,
    Decoded,
    Look,
    Looks,
    is_close,
)
from napari_iaunet.segmentation.scale import (
    ONE_SCALE,
    diameter_for,
    in_steps,
    scale_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

# Cells with a lower median score may be parts of cells, or several of them.
_DOUBTFUL = 0.75


class Measured(NamedTuple):
    """What was measured in a plane.

    Attributes
    ----------
    diameter : float or None
        In the plane's own pixels; None without cells.
    decoded : Decoded or None
        The cells of the whole plane at the scale of that diameter, where they were
        found on the way.
    is_sure : bool
        Whether enough cells of about one size were found beyond doubt, at the scale
        of that size.
    """

    diameter: float | None
    decoded: Decoded | None
    is_sure: bool


class Estimate(NamedTuple):
    """The diameter of the cells of an image.

    Attributes
    ----------
    diameter : float
        In pixels, in steps.
    is_sure : bool
        As of `Measured`, for most of the planes.
    ready : Decoded or None
        The cells of an image that is no stack, if they were found on the way.
    """

    diameter: float
    is_sure: bool
    ready: Decoded | None


def combine(measured: Iterable[Measured], usual: float) -> tuple[float, bool]:
    """Diameter of planes or of parts of them, and whether it is sure.

    The usual diameter is that of images without cells.
    """
    found = [(one.diameter, one.is_sure) for one in measured if one.diameter]
    if not found:
        return usual, False
    sizes, sure = zip(*found, strict=True)
    agree = max(sizes) <= ONE_SCALE * min(sizes)
    return in_steps(float(np.median(sizes))), agree and 2 * sum(sure) > len(sure)


def measure_plane(
    plane: NDArray[np.float32],
    segment_at: Callable[[NDArray[np.float32], float], Decoded],
    known: float,
    usual: float | None = None,
) -> Measured:
    """Measure the cells of a plane at the scale of usual ones, then at the better one.

    Where many seem to be missed, the plane is upscaled, too.

    Parameters
    ----------
    segment_at : callable
        (plane, scale) -> Decoded.
    known : float
        The network's cell diameter, in pixels.
    usual : float, optional
        Diameter, in pixels, that is likely. Without, the plane is segmented at its
        own scale first.
    """
    looks = Looks(plane, segment_at, known)
    found = looks.at(1.0 if usual is None else scale_for(usual, known, plane.shape))
    if found.diameter is None and found.scale != 1.0:
        found = looks.at(1.0)
    if found.diameter is None:
        found = max(found, looks.at_larger(), key=lambda look: look.worth)
    found = looks.follow(found)
    if found.diameter is None or (usual is None and found.sureness < GOOD_SCORE):
        found = looks.for_larger_cells(found)
    if found.diameter is None:
        return Measured(None, found.of_whole, is_sure=False)
    diameter = found.diameter
    if usual is None:
        diameter, found = _of_more_cells(looks, found, diameter, known)
    final = is_close(looks.scale_of(diameter) / found.scale)
    ready = found.of_whole if final else None
    return Measured(diameter, ready, final and _is_sure(found))


def _of_more_cells(
    looks: Looks, found: Look, diameter: float, known: float
) -> tuple[float, Look]:
    """Return the diameter, and the look, where an upscaled plane shows more cells."""
    most = diameter / UPSCALE
    more = looks.for_missed_cells(found)
    if more is None and (more := looks.for_merged_cells(found)) is not None:
        most = diameter_for(more.scale, known)
    return (
        (diameter, found) if more is None else (min(more.diameter or most, most), more)
    )


def _is_sure(found: Look) -> bool:
    """Whether there are enough cells of one size beyond doubt."""
    scores = found.decoded.cells.scores
    enough = len(scores) >= FEW_CELLS and np.median(scores) >= _DOUBTFUL
    return bool(enough and found.is_of_one_size)
