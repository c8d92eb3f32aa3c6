"""Colours tell classes, groups and values, and what they are of."""

import numpy as np

from napari_iaunet.plugin.map.colouring import (
    STEPS,
    by_groups,
    by_names,
    by_values,
)


def test_names_have_their_colours_and_cells_without_one_are_gray():
    words = np.array(["b", "", "a", "b"], object)
    given = by_names("class", words, {"a": "#ff0000", "b": "#00ff00"}, "none yet")
    assert given.names == ("a", "b", "none yet")
    assert given.counts == [1, 2, 1]
    np.testing.assert_array_equal(given.rgba()[2], [1, 0, 0, 1])
    assert [given.word(row) for row in range(4)] == ["b", "none yet", "a", "b"]
    own = by_names("phase", words)
    assert own.names[:2] == ("b", "a"), "the most cells first"


def test_more_names_than_colours_are_joined():
    words = np.array([f"{i:02}" for i in range(40)] + ["00"], object)
    found = by_names("well", words)
    assert found.names[0] == "00"
    assert found.names[-1] == "others"
    assert len(set(found.colours)) == len(found.names)
    assert sum(found.counts) == 41


def test_values_are_on_a_scale_that_a_few_odd_ones_leave():
    values = np.append(np.linspace(1, 2, 200), [1e6, np.nan])
    found = by_values("area (px)", values)
    low, high = found.limits
    assert 1 <= low < 1.1
    assert 1.9 < high <= 2
    assert found.numbers[0] == 1
    assert found.numbers[-2] == STEPS
    assert found.numbers[-1] == STEPS + 1
    assert found.word(201) == "no value"
    assert found.word(200) == "1e+06"
    rgb = found.rgba()[:, :3].sum(axis=1)
    assert rgb[0] < rgb[100] < rgb[-3]
    assert by_values("area", np.full(3, 7.0)).limits == (7, 7)
    assert "No cell has a value" in by_values("area", np.full(3, np.nan)).missing


def test_groups():
    found = by_groups(np.array([1, 0, 2, 1]), ["round", "long"])
    assert found.names == ("round", "long", "in no group")
    assert found.counts == [2, 1, 1]
