"""Annotated pictures that are drawn for a test."""

import numpy as np


def discs(count, pitch):
    """Label a disc in each of ``count`` x ``count`` squares; return labels, picture."""
    side = count * pitch
    labels = np.zeros((side, side), np.int32)
    ys, xs = np.mgrid[:side, :side]
    for number, (y, x) in enumerate(np.ndindex(count, count), 1):
        middle = pitch // 2 + pitch * y, pitch // 2 + pitch * x
        labels[(ys - middle[0]) ** 2 + (xs - middle[1]) ** 2 < 14**2] = number
    noise = np.random.default_rng(0).normal(20, 5, labels.shape)
    return labels, (labels > 0) * 100 + noise
