"""Which cells pass ranges, and how values are spread over a slider."""

import numpy as np
import pytest

from napari_iaunet.segmentation.filtering import Scale, passing, scale_of


def test_ends_belong_to_a_range_and_the_unknown_passes():
    values = {
        "score": np.array([0.2, 0.5, np.nan, 0.9]),
        "area": np.array([10.0, 20.0, 30.0, 40.0]),
    }
    assert passing(values, {}).all()
    assert passing(values, {"score": (0.5, 0.8)}).tolist() == [0, 1, 1, 0]
    both = {"score": (0.5, 0.9), "area": (20, 30)}
    assert passing(values, both).tolist() == [0, 1, 1, 0]


def test_a_scale_holds_all_values_in_whole_steps():
    values = np.array([np.nan, 0.123, 0.987])
    scale = scale_of(values, 1.0, 0.01)
    assert scale.low == pytest.approx(0.12)
    assert scale.high == pytest.approx(0.99)
    assert scale.histogram(values, 10).sum() == 2
    assert scale_of(values[:1], 1.0, 0.01) is None


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_places_and_values_are_each_others_inverse(power):
    scale = Scale(10, 1010, power)
    for place in (0.0, 0.25, 1.0):
        assert scale.place(scale.value(place)) == pytest.approx(place)
    assert scale.place(5) == 0
    assert scale.value(2) == 1010


def test_all_of_one_value():
    scale = scale_of(np.full(4, 7.0), 0.5, 1)
    assert scale.value(0.3) == 7
    assert scale.place(7) == 0
    assert scale.histogram(np.full(4, 7.0), 5).tolist() == [4, 0, 0, 0, 0]


def test_roots_leave_room_for_the_small():
    assert Scale(0, 100, 0.5).place(25) == 0.5
