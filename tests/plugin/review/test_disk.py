"""Cells on the disk are gone through one by one, without a window."""

import dask.array as da
import numpy as np
import pytest
import zarr
from reviewer import SCORES, Reviewer, squares

from napari_iaunet.plugin.layers import disk


@pytest.fixture
def reviewer(qapp):
    reviewer = Reviewer()
    yield reviewer
    reviewer.controller.teardown()


@pytest.fixture(params=["zarr", "dask"])
def begun(request, reviewer, tmp_path):
    """A pyramid on the disk of which the cells are reviewed."""
    reviewer.path = tmp_path / "cells.zarr"
    group = zarr.open_group(str(reviewer.path), mode="w")
    for level in range(2):
        labels = squares()[:: 2**level, :: 2**level]
        group.create_array(str(level), data=labels, chunks=(30, 30))
    levels = [group["0"], group["1"]]
    if request.param == "dask":
        levels = [da.from_zarr(str(reviewer.path / name)) for name in "01"]
    about = {"metadata": {"napari_iaunet": {}}, "multiscale": True}
    reviewer.cells = reviewer.open(levels, **about)
    reviewer.begin()
    return reviewer


def written(reviewer):
    disk.stored_of(reviewer.cells).flush()
    group = zarr.open_group(str(reviewer.path), mode="r")
    found = group["0"][:]
    np.testing.assert_array_equal(group["1"][:], found[::2, ::2])
    return found


def at(reviewer):
    return int(reviewer.cell().split()[1].strip(",:"))


def test_a_cell_is_deleted_on_the_disk_and_comes_back(begun):
    assert at(begun) == 4
    begun.press("D")
    begun.settle()
    assert at(begun) == 9
    wanted = squares()
    wanted[wanted == 4] = 0
    np.testing.assert_array_equal(written(begun), wanted)
    assert 4 not in begun.cells.features["index"].tolist()
    begun.press("D")
    begun.settle()
    begun.press("undo")
    begun.settle()
    assert at(begun) == 9
    begun.press("undo")
    begun.settle()
    assert at(begun) == 4
    np.testing.assert_array_equal(written(begun), squares())
    assert begun.cells.features["index"].tolist() == list(SCORES)
    begun.logs.of(begun.cells).redo()
    np.testing.assert_array_equal(written(begun), wanted)


def test_what_was_looked_at_is_kept_in_the_table(begun):
    begun.press("A", "Q")
    table = begun.cells.features.set_index("index")
    assert table["looked_at"].sum() == 2
    assert begun.progress() == (2, 4, 1)


def test_what_needs_all_pixels_is_not_offered(begun):
    assert "4 cells on the disk" in begun.said()
    assert begun.filter.set_values.call_args.args == (None,)
    assert begun.clean.set_ready.call_args.args == (False,)
    begun.choose(area=(0, 100))
    assert [layer.name for layer in begun.helpers()] == ["reviewed cell"]


def test_a_cell_that_was_changed_meanwhile_stays(begun):
    log = begun.logs.of(begun.cells)
    log.write((np.array([21]), np.array([21])), np.array([0]))
    log.describe({})
    begun.press("D")
    assert "have changed meanwhile" in begun.said()
    begun.settle()
    begun.press("D")
    begun.settle()
    assert not (written(begun) == 4).any()


def test_what_cannot_be_changed_says_why(begun):
    computed = da.from_zarr(str(begun.path / "0")) + 0
    begun.viewer.add_labels(computed, name="computed")
    assert "“computed” cannot be changed" in begun.said()
