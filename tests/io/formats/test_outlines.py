"""Outlines hold exactly the pixels of cells."""

import numpy as np
import pytest
import shapely

from napari_iaunet.io.formats.outlines import draw, outlines_of, signed_area


def picture(*rows: str) -> np.ndarray:
    return np.array([[int(c) for c in row] for row in rows])


SHAPES = {
    "one pixel": picture("1"),
    "all": picture("11", "11"),
    "none": picture("000", "000"),
    "a hole": picture("1111", "1001", "1111"),
    "a cell in the hole": picture("11111", "10001", "10201", "10001", "11111"),
    "the same cell in its hole": picture("11111", "10001", "10101", "10001", "11111"),
    "pieces that touch by a corner": picture("10", "01"),
    "cells that touch by corners": picture("12", "21"),
    "a hole that touches the outside": picture("0111", "1101", "1011", "1110"),
    "a hole of two pixels by a corner": picture("11111", "10111", "11011", "11111"),
    "a ring by corners": picture("01110", "10001", "01110"),
    "a ring closed by a corner": picture("0111", "1001", "1001", "1110"),
    "high numbers": picture("10", "02") * 4_000_000_000,
    "a spiral": picture(
        "1111111", "0000001", "1111101", "1000101", "1011101", "1000001"
    ),
}


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (30, 40))


@pytest.mark.parametrize("labels", [*SHAPES.values(), *map(noise, range(8))])
def test_cells_come_back_as_they_were(labels):
    drawn = np.zeros_like(labels)
    for outline in outlines_of(labels):
        draw(drawn, outline.rings, outline.label)
    np.testing.assert_array_equal(drawn, labels)


@pytest.mark.parametrize("labels", [*SHAPES.values(), *map(noise, range(8))])
def test_outlines_are_valid_for_others(labels):
    outlines = outlines_of(labels)
    assert [o.label for o in outlines] == sorted(set(labels[labels > 0].tolist()))
    for outline in outlines:
        polygons = shapely.MultiPolygon(
            [(p.exterior, p.holes) for p in outline.polygons]
        )
        assert polygons.is_valid, shapely.is_valid_reason(polygons)
        assert polygons.area == (labels == outline.label).sum()
        for polygon in outline.polygons:
            assert signed_area(polygon.exterior) > 0
            assert all(signed_area(hole) < 0 for hole in polygon.holes)


def test_no_corner_is_needless():
    (outline,) = outlines_of(np.ones((50, 70), np.uint16))
    (polygon,) = outline.polygons
    assert polygon.exterior.tolist() == [[0, 0], [70, 0], [70, 50], [0, 50]]


def test_what_lies_outside_the_plane_is_cut_off():
    plane = np.zeros((4, 5), int)
    draw(plane, [np.array([[-3.0, 2], [2, 2], [2, 9], [-3, 9]])], 7)
    draw(plane, [np.array([[90, 0], [99, 0], [99, 9]])], 8)
    np.testing.assert_array_equal(plane[:2], 0)
    np.testing.assert_array_equal(plane[2:], [[7, 7, 0, 0, 0]] * 2)


def test_a_pixel_is_a_cells_where_its_centre_is():
    plane = np.zeros((6, 8), int)
    draw(plane, [np.array([[0.6, 0.4], [4.4, 0.4], [4.4, 3.6], [0.6, 3.6]])], 1)
    np.testing.assert_array_equal(np.argwhere(plane).min(axis=0), [0, 1])
    np.testing.assert_array_equal(np.argwhere(plane).max(axis=0), [3, 3])
    assert plane.sum() == 12


def test_booleans_are_one_cell():
    (outline,) = outlines_of(np.eye(3, dtype=bool))
    assert outline.label == 1
    assert len(outline.polygons) == 3
