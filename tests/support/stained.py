"""A picture of nuclei becomes channels, as stains of their own would be."""

import numpy as np
from scipy.ndimage import gaussian_filter


def among_four(nuclei):
    """Lay a picture among other stains.

    Returns four channels (..., Y, X, 4) uint8, of which the third shows nuclei and the
    first whole cells, and these two alone, the nuclei first.
    """
    plane = (0,) * (nuclei.ndim - 2)
    nuclei = (nuclei * (200 / nuclei.max())).astype(np.uint8)
    cells = gaussian_filter(nuclei, (*plane, 4, 4))
    noise = np.random.default_rng(0).integers(0, 255, (2, *nuclei.shape), np.uint8)
    one, other = gaussian_filter(noise, (0, *plane, 2, 2))
    four = np.stack([cells, one, nuclei, other], axis=-1)
    return four, four[..., [2, 0]]


def beside_brighter(nuclei):
    """Lay a picture, much dimmer, behind two stains that show no cells: (3, ...)."""
    plane = (0,) * (nuclei.ndim - 2)
    noise = np.random.default_rng(1).random((2, *nuclei.shape))
    stains = gaussian_filter(noise, (0, *plane, 1, 1))
    bright = (stains - stains.min()) / np.ptp(stains) * 255
    return np.stack([*bright, nuclei // 4]).astype(np.uint8)
