"""How large cells are, and by what factor an image is rescaled for the network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from skimage.measure import label as label_components

from napari_iaunet.segmentation.measure import disc_area, median_diameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.inference.fields import FieldImage
    from napari_iaunet.segmentation.decode import Instances

# Factors within which an image stays at its own scale: in training the scale of crops
# varies as much, so the network tolerates it.
_SAME_SCALE = (0.7, 1.4)
# Where an image is rescaled, its cells become this much larger than the network's
# usual ones: outlines get finer.
_GENEROUS = 1.07
# A change of scale within these bounds buys nothing but time.
_CLOSE = (0.9, 1.11)
# Smallest and largest factor: beyond, cells are so large or small that nothing is left
# of the image, or nothing is in it; and the longest side in pixels, for memory's sake.
_SCALES = (0.05, 4.0)
_LARGEST_SIDE = 60_000
# An image becomes no more than so many times larger, in pixels, so that it never takes
# far longer than usual. Small ones may, up to so many pixels: as they are, these are
# segmented several times anyway (`finder.py`).
_MOST_GROWTH, _SMALL_GROWN = 5.0, 2_900_000
# Sides in pixels: planes up to the first are measured as a whole; of others, a window
# of the second, and of that a part of the third if it is upscaled. They trade cells
# that are measured for time.
_WHOLE, _WINDOW, _PART = 1100, 512, 300
# The scale to try where no cell was found: they may be several times the usual size.
_SMALLER = 0.4
# Where much foreground is faint and was not taken for cells, these may be too small for
# the network, and the image is upscaled by so much. This factor and those below were
# chosen on training and on held-out images.
_UPSCALE = 1.4
_FAINT, _FAINT_AREA = 0.2, 0.025  # Probability; share of a usual cell's area.
_MANY_LOST = 0.1  # Per cell that was found.
_FEW_CELLS = 5
# What must be gained, as a factor of the sum of all scores, and the median score that
# is good enough not to be compared.
_GAINED, _GOOD_SCORE = 1.18, 0.82


class Decoded(NamedTuple):
    """Cells of a plane at the network's scale.

    Attributes
    ----------
    plane : (3, Y, X) float32, or None
        Rescaled; None if it was segmented chunk by chunk. The cells are at the scale
        of the image then.
    fields : FieldImage or None
        Of that plane.
    cells : Instances
        Decoded from these.
    lost : float or None
        What `count_lost` found in the chunks.
    """

    plane: NDArray[np.float32] | None
    fields: FieldImage | None
    cells: Instances
    lost: float | None = None


def scale_for(diameter: float, known: float, shape: tuple[int, ...]) -> float:
    """Factor that brings cells to what the network knows.

    Close to it the image stays as it is: the network tolerates that, and
    resampling costs time and sharpness.

    Parameters
    ----------
    diameter : float
        Of the image's cells, in pixels.
    known : float
        The network's cell diameter, in pixels.
    shape : tuple of int
        (..., Y, X); keeps the rescaled plane within bounds.
    """
    scale = known / diameter
    if _SAME_SCALE[0] <= scale <= _SAME_SCALE[1]:
        return 1.0
    scale = min(max(_GENEROUS * scale, _SCALES[0]), _SCALES[1])
    pixels = shape[-2] * shape[-1]
    most = math.sqrt(max(_MOST_GROWTH, _SMALL_GROWN / pixels))
    return min(scale, most, _LARGEST_SIDE / max(shape[-2:]))


def measure_plane(
    plane: NDArray[np.float32],
    segment_at: Callable[[NDArray[np.float32], float], Decoded],
    known: float,
    usual: float | None = None,
) -> tuple[float | None, Decoded | None]:
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

    Returns
    -------
    diameter : float or None
        In the plane's own pixels; None without cells.
    decoded : Decoded or None
        The cells of the whole plane at the scale of that diameter, where they
        were found on the way.
    """
    small = max(plane.shape[1:]) <= _WHOLE
    scale = 1.0 if usual is None else scale_for(usual, known, plane.shape)
    window = plane if small else _middle(plane, round(_WINDOW / min(scale, 1.0)))
    decoded = segment_at(window, scale)
    diameter = _median_diameter(decoded, scale)
    for other in (1.0, _SMALLER):
        if diameter is None and other != scale:
            diameter = _median_diameter(segment_at(window, other), other)
    if diameter is None:
        return None, decoded if small else None
    better = scale_for(diameter, known, plane.shape)
    if not _is_close(better / scale):
        again = segment_at(window, better)
        found = _median_diameter(again, better)
        if found is not None:
            diameter, decoded, scale = found, again, better
    upscaled = scale_for(diameter / _UPSCALE, known, plane.shape)
    if usual is None and not _is_close(upscaled / scale) and _loses(decoded, known):
        scales = scale, upscaled
        more = _find_more_upscaled(window, segment_at, decoded, scales, whole=small)
        if more is not None:
            most = diameter / _UPSCALE
            diameter = min(_median_diameter(more, upscaled) or most, most)
            decoded, scale = more, upscaled
    final = _is_close(scale_for(diameter, known, plane.shape) / scale)
    return diameter, decoded if small and final else None


def _find_more_upscaled(
    window: NDArray[np.float32],
    segment_at: Callable[[NDArray[np.float32], float], Decoded],
    before: Decoded,
    scales: tuple[float, float],
    *,
    whole: bool,
) -> Decoded | None:
    """Segment a window at the second scale; None unless many more cells are found.

    `before` is of the window at the first scale; not `whole`, a part is segmented.
    """
    if not whole:
        # The window alone would take as long as all the rest of the plane.
        window = _middle(window, round(_PART / min(scales[0], 1.0)))
        before = segment_at(window, scales[0])
    after = segment_at(window, scales[1])
    return after if _gains(after, before) else None


def _loses(decoded: Decoded, known: float) -> bool:
    """Whether much faint foreground might be cells and was not taken for any."""
    count = len(decoded.cells.scores)
    if count < _FEW_CELLS:
        return False
    lost = decoded.lost
    if decoded.fields:
        foreground = decoded.fields.foreground.numpy()
        lost = count_lost(foreground, decoded.cells.labels, known)
    return (lost or 0) > _MANY_LOST * count


def count_lost(
    foreground: NDArray[np.float32], labels: NDArray[np.int32], known: float
) -> int:
    """Count the parts of faint foreground (Y, X) that lie on no cell."""
    parts = label_components(foreground > _FAINT, connectivity=1)
    area = np.bincount(parts.ravel())
    large = area >= _FAINT_AREA * disc_area(known)
    large[parts[labels > 0]] = False
    return int(large[1:].sum())


def _gains(upscaled: Decoded, usual: Decoded) -> bool:
    """Whether many more cells are found, and these are no more doubtful."""
    more, less = upscaled.cells.scores, usual.cells.scores
    if min(len(more), len(less)) < _FEW_CELLS:
        return False
    median = np.median(more)
    good = median >= _GOOD_SCORE or median > np.median(less)
    return bool(good and more.sum() > _GAINED * less.sum())


def _is_close(change: float) -> bool:
    """Whether a change of scale is too small to be worth it."""
    return _CLOSE[0] <= change <= _CLOSE[1]


def _middle(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Cut the middle out of a (C, Y, X) plane."""
    y, x = (max(0, (n - size) // 2) for n in plane.shape[1:])
    return plane[:, y : y + size, x : x + size]


def _median_diameter(decoded: Decoded, scale: float) -> float | None:
    """Median cell diameter in the image's own pixels, None without cells."""
    found = median_diameter(np.bincount(decoded.cells.labels.ravel())[1:])
    scale = 1.0 if decoded.lost is not None else scale
    return None if found is None else found / scale
