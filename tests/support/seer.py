"""Cells that differ by how bright they are, and a segmenter that sees it."""

import numpy as np
from describer import Describer
from stepwise import Stepwise

from napari_iaunet.segmentation.image import as_planes

SIDE, STEP = 10, 20
SHAPE = (100, 140)
BACKGROUND = (3, 3)


def cells_and_image(first=1):
    """Five rows of seven squares: the first three columns bright, others dark."""
    labels = np.zeros(SHAPE, np.int32)
    image = np.full(SHAPE, 20, np.uint8)
    number = first
    for y in range(5, SHAPE[0], STEP):
        for x in range(5, SHAPE[1], STEP):
            square = np.s_[y : y + SIDE, x : x + SIDE]
            labels[square] = number
            image[square] = (200 if x < 60 else 80) + number % 7
            number += 1
    return labels, image


def is_bright(labels, image):
    names = np.unique(labels[labels > 0])
    return {int(n) for n in names if image[labels == n].mean() > 150}


def middle(row, column):
    return (5 + SIDE // 2 + STEP * row, 5 + SIDE // 2 + STEP * column)


class Seer(Stepwise, Describer):
    """Describes cells by how bright they are."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def describe(self, image, labels, *, channel_axis=None, progress, **roles):
        planes = as_planes(image, channel_axis)
        self.calls.append((planes.shape, planes.n_channels, labels.shape))
        self.work(progress)
        return super().describe(
            image, labels, channel_axis=channel_axis, progress=progress, **roles
        )

    def embeddings(self, properties, label_ids):
        angle = properties["intensity"][:, 0] / 255 * np.pi
        return np.stack([np.cos(angle), np.sin(angle)], 1)
