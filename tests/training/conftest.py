"""What crops are drawn from."""

import numpy as np
import pytest

from napari_iaunet.training.dataset import Annotation, prepare


@pytest.fixture(scope="module")
def source():
    """Four round cells; two touch."""
    labels = np.zeros((160, 200), np.int32)
    ys, xs = np.mgrid[:160, :200]
    for number, (y, x) in enumerate([(40, 40), (40, 68), (110, 60), (90, 150)], 1):
        labels[(ys - y) ** 2 + (xs - x) ** 2 <= 14**2] = number
    # Each cell has a brightness of its own, so the image tells who is where.
    return prepare(Annotation(labels * 50.0, labels), 28.0)
