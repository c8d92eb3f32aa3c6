"""Graphs of tracks, as geff reads them."""

import sys

import geff
import numpy as np
import pytest
from cells import IMAGES, with_classes
from film import film

from napari_iaunet.errors import ImageError, InstallationError
from napari_iaunet.io.formats.cells import Cells
from napari_iaunet.io.formats.geff import write_geff
from napari_iaunet.io.pixels import AxisPlace


def edges(graph):
    label, t = (
        {n: int(a[name]) for n, a in graph.nodes(data=True)} for name in ("label", "t")
    )
    return {((label[a], t[a]), (label[b], t[b])) for a, b in graph.edges}


def test_divisions_and_gaps(tmp_path):
    write_geff(tmp_path / "ä.geff", [film()])
    geff.validate_structure(tmp_path / "ä.geff")
    graph, about = geff.read(tmp_path / "ä.geff")
    assert about.directed
    assert [axis.name for axis in about.axes] == ["t", "y", "x"]
    assert graph.number_of_nodes() == 12
    assert edges(graph) == {
        ((1, 0), (1, 1)),
        ((1, 1), (2, 2)),
        ((1, 1), (3, 2)),
        ((2, 2), (2, 3)),
        ((2, 3), (2, 4)),
        ((3, 2), (3, 3)),
        ((7, 0), (7, 1)),
        ((7, 1), (7, 3)),
        ((7, 3), (7, 4)),
    }
    first = graph.nodes[0]
    assert (first["t"], first["y"], first["x"]) == (0, 2, 7.5)


def test_volumes_measures_and_sizes(tmp_path):
    write_geff(tmp_path / "a.geff", [film(70_000, depth=3)])
    graph, about = geff.read(tmp_path / "a.geff")
    assert [axis.name for axis in about.axes] == ["t", "z", "y", "x"]
    assert graph.nodes[0]["z"] == 1
    assert {a["label"] for _, a in graph.nodes(data=True)} == {
        70_000 * n for n in (1, 2, 3, 7, 9)
    }
    known = with_classes(film())
    places = {
        "T": AxisPlace(2.0, unit="minute"),
        "Y": AxisPlace(0.5, unit="micrometer"),
    }
    write_geff(
        tmp_path / "b.geff", [Cells(known.labels, "TYX", "a", places, known.table)]
    )
    graph, about = geff.read(tmp_path / "b.geff")
    assert graph.nodes[0]["area (µm²)"] == 0.5
    assert (about.axes[0].scale, about.axes[0].scaled_unit) == (120, "second")
    assert about.axes[1].scale == 0.5


def test_an_empty_film(tmp_path):
    write_geff(tmp_path / "a.geff", [Cells(np.zeros((2, 4, 4), int), "TYX", "a")])
    graph, _ = geff.read(tmp_path / "a.geff")
    assert graph.number_of_nodes() == 0


def test_only_films(tmp_path):
    with pytest.raises(ImageError, match="is no film"):
        write_geff(tmp_path / "a.geff", [IMAGES["depth, one number"]])


def test_only_our_own_folders_are_replaced(tmp_path):
    path = tmp_path / "a.geff"
    write_geff(path, [film()])
    write_geff(path, [Cells(film().labels[:1], "TYX", "a")])
    assert geff.read(path)[0].number_of_nodes() == 2
    other = tmp_path / "b.geff"
    geff.write(geff.read(path)[0], other, axis_names=["t", "y", "x"])
    with pytest.raises(ImageError, match="not written by this program"):
        write_geff(other, [film()])


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "geff.core_io", None)
    with pytest.raises(InstallationError, match=r"pip install .*napari-iaunet\[geff\]"):
        write_geff(tmp_path / "a.geff", [film()])
