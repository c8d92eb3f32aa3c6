"""What a layer's table says of its cells."""

import numpy as np
import pytest
from napari.layers import Labels
from pandas import DataFrame

from napari_iaunet.plugin.layers.features import flagged, numbers_of, set_flag

IDS = np.array([2, 5, 9])


def layer(features=None):
    return Labels(np.zeros((4, 4), int), features=features)


@pytest.mark.parametrize("key", ["index", "label"])
def test_numbers_are_found_by_label_id(key):
    table = {key: [9, 2, 7], "score": [0.9, 0.2, 0.7], "class": ["a", "b", "c"]}
    found = layer(table)
    np.testing.assert_equal(numbers_of(found, "score", IDS), [0.2, np.nan, 0.9])
    assert np.isnan(numbers_of(found, "class", IDS)).all()
    assert np.isnan(numbers_of(found, "area", IDS)).all()
    assert np.isnan(numbers_of(layer(), "score", IDS)).all()


def test_flags_are_set_and_taken_back():
    found = layer({"index": [2, 5], "label": [2, 5], "area": [7, 8]})
    assert flagged(found, "looked_at", IDS) == set()
    set_flag(found, "looked_at", [5, 9], True, IDS)
    assert flagged(found, "looked_at", IDS) == {5, 9}
    assert flagged(found, "looked_at", IDS[:2]) == {5}
    assert found.features["label"].tolist() == [2, 5, 9]
    assert found.features["area"].tolist()[:2] == [7, 8]
    set_flag(found, "looked_at", [5], False, IDS)
    assert flagged(found, "looked_at", IDS) == {9}


def test_flags_of_a_table_with_gaps():
    table = DataFrame({"index": [2, 5], "looked_at": [True, None]}, dtype=object)
    found = layer(table)
    assert flagged(found, "looked_at", IDS) == {2}
    set_flag(found, "looked_at", [9], True, IDS)
    assert flagged(found, "looked_at", IDS) == {2, 9}


def test_a_table_whose_rows_are_counted_keeps_what_it_says():
    found = layer({"class": ["background", "a", "b"]})
    set_flag(found, "looked_at", [2], True, IDS)
    table = found.features.set_index("index")
    assert table.loc[2, "class"] == "b"
    assert flagged(found, "looked_at", IDS) == {2}
