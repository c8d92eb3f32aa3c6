"""Columns of a table are taken from the names of files."""

from pathlib import Path

import pytest

from napari_iaunet.errors import ImageError
from napari_iaunet.io.name_pattern import NamePattern


@pytest.mark.parametrize(
    ("pattern", "path", "columns"),
    [
        ("{drug}_{well}", "a/dmso_B03.tif", {"drug": "dmso", "well": "B03"}),
        ("{drug}_{well}", "low_dose_B03.ome.tif", {"drug": "low_dose", "well": "B03"}),
        ("{drug}_{}", "dmso_17.PNG", {"drug": "dmso"}),
        ("{day}/{well}", "x/day1/B03.png", {"day": "day1", "well": "B03"}),
        (
            "{plate}/{row}/{column}/{}",
            "p7.ome.zarr/B/03/0",
            {"plate": "p7", "row": "B", "column": "03"},
        ),
        ("img {n} (1+1)", "img 5 (1+1).jpg", {"n": "5"}),
        ("{drug}_{well}", "dmso.tif", None),
        ("{drug}_{well}", "a_b/dmso.tif", None),
    ],
)
def test_names_are_taken_apart(pattern, path, columns):
    assert NamePattern(pattern).of(Path(path)) == columns


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "names no column"),
        ("field_{}", "names no column"),
        ("{a}_{a}", "“a” twice"),
        ("{a_{b}", "brace"),
        ("{a}_b}", "brace"),
        ("{label}_{b}", "“label”, which the table has already"),
        ("{mean_dapi}", "has already"),
    ],
)
def test_what_is_no_pattern_is_said(pattern, says):
    with pytest.raises(ImageError, match=says):
        NamePattern(pattern)
