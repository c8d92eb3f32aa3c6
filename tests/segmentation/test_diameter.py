"""The diameter of cells is estimated in one or two looks."""

import numpy as np
import pytest

from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.segmentation.diameter import Decoded, measure_plane

KNOWN = 28.0


class Network:
    """Finds a square where cells look about 28 px wide, else nothing."""

    def __init__(self, diameter, tolerance):
        self.diameter, self.tolerance = diameter, tolerance
        self.scales = []

    def __call__(self, plane, scale):
        self.scales.append(scale)
        labels = np.zeros((200, 200), np.int32)
        seen = self.diameter * scale
        if max(seen / KNOWN, KNOWN / seen) < self.tolerance:
            side = round(seen * np.sqrt(np.pi) / 2)
            labels[:side, :side] = 1
        return Decoded(plane, None, Instances(labels, np.ones(1, np.float32)))


def look(diameter, usual, tolerance=2.0):
    network = Network(diameter, tolerance)
    plane = np.zeros((3, 300, 300), np.float32)
    found, decoded = measure_plane(plane, network, KNOWN, usual)
    return found, decoded, network.scales


def test_without_a_usual_size_the_image_is_looked_at_as_it_is():
    found, decoded, scales = look(28, None)
    assert scales == [1.0]
    assert found == pytest.approx(28, rel=0.05)
    assert decoded is not None


def test_usual_cells_are_found_in_one_look():
    found, decoded, scales = look(75, 80)
    assert scales == [pytest.approx(1.07 * 28 / 80)]
    assert found == pytest.approx(75, rel=0.05)
    assert decoded is not None, "nothing is left to be done"


@pytest.mark.parametrize("diameter", [28, 50])
def test_other_cells_are_found_in_spite_of_what_is_usual(diameter):
    found, _, scales = look(diameter, 120)
    assert scales[:2] == [pytest.approx(1.07 * 28 / 120), 1.0]
    assert found == pytest.approx(diameter, rel=0.05)


def test_where_no_cell_is_the_whole_image_was_tried_at_all_scales():
    found, _, scales = look(1000, 80, tolerance=1.1)
    assert found is None
    assert len(scales) == 3
