"""By what factor an image is rescaled for the network, and what that costs."""

from __future__ import annotations

import math

# Factors within which an image stays at its own scale: in training the scale of crops
# varies as much, so the network tolerates it.
_SAME_SCALE = (0.7, 1.4)
# So one scale serves cells whose sizes differ by this factor.
ONE_SCALE = _SAME_SCALE[1] / _SAME_SCALE[0]
# An estimated diameter comes in steps of this factor, twenty of which double it: what
# changes with rounding, with tiles or processors, changes no labels. With steps twice
# as wide AP50 is lower by .005 on the test nuclei and by .01 to .02 on other kinds.
_STEP = 2**0.05
# Where an image is rescaled, its cells become this much larger than the network's
# usual ones: outlines get finer.
_GENEROUS = 1.07
# Smallest and largest factor: beyond, cells are so large or small that nothing is left
# of the image, or nothing is in it; and the longest side in pixels, for memory's sake.
_SCALES = (0.05, 4.0)
_LARGEST_SIDE = 60_000
# Planes of at most so many pixels, at the network's scale, are seen five to six times,
# in augmented versions (`finder.py`).
SMALL = 500_000
# An image becomes no more than so many times larger, in pixels: with the halos of its
# chunks, that is below six times what an image of usual cells costs. Small ones may, up
# to so many pixels.
_MOST_GROWTH, _SMALL_GROWN = 4.6, 2_900_000


def in_steps(diameter: float) -> float:
    """Round an estimated diameter to one of fixed steps, in tenths of a pixel."""
    step = round(math.log(diameter, _STEP))
    return max(round(_STEP**step, 1), 0.1)


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
    most = _SMALL_GROWN / pixels if pixels <= SMALL else _MOST_GROWTH
    return min(scale, math.sqrt(most), _LARGEST_SIDE / max(shape[-2:]))


def diameter_for(scale: float, known: float) -> float:
    """Diameter, in pixels, of the cells that an image is rescaled for by a factor."""
    return _GENEROUS * known / scale


def megapixels_seen(shape: tuple[int, ...], diameter: float, known: float) -> float:
    """Megapixels of an image (..., Y, X), without channels, as the network sees it.

    That is what an image costs: about a second each on two cores of a processor, a
    third of that with a graphics card. The diameters are as for `scale_for`.
    """
    return math.prod(shape) * scale_for(diameter, known, shape) ** 2 / 1e6
