"""How large cells usually are."""

import numpy as np
import pytest

from napari_iaunet.training.dataset import Annotation, prepare, usual_diameter


def disc(diameter):
    y, x = np.ogrid[:200, :200]
    cells = (np.hypot(y - 100, x - 100) < diameter / 2).astype(np.int32)
    return prepare(Annotation(cells.astype(float), cells), 28.0)


def test_a_usual_diameter_only_where_images_are_alike():
    empty = np.zeros((50, 50), np.int32)
    nothing = prepare(Annotation(empty.astype(float), empty), 28.0)
    # The largest is stored shrunk, and its diameter is that of the image as it was.
    alike = [disc(60), nothing, disc(80), disc(110)]
    assert usual_diameter(alike, 28.0) == pytest.approx(80, rel=0.03)
    assert usual_diameter([*alike, disc(30)], 28.0) is None
