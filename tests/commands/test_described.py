"""Cells are described in the channels that `segment` was told of."""

import csv

import anndata
import numpy as np
import pytest
import tifffile
from drawn import discs
from stained import among_four

import napari_iaunet
from napari_iaunet.cli import main

TOLD = {"channel_axis": 0, "nuclei": 2, "cells": [0]}
WORDS = ["--nuclei", "3", "--cells", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def segmenter():
    return napari_iaunet.Segmenter(device="cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stained")
    labels, picture = discs(3, 36)
    channels = np.moveaxis(among_four(picture)[0], -1, 0)
    metadata = {"axes": "CYX"}
    tifffile.imwrite(folder / "a.tif", channels, ome=True, metadata=metadata)
    tifffile.imwrite(folder / "a_mask.tif", labels)
    return folder, channels, labels


@pytest.fixture(scope="module")
def classifier(files, segmenter):
    folder, channels, labels = files
    cells = segmenter.describe(channels, labels, **TOLD)
    found = napari_iaunet.Classifier.fit(cells, [*"abababa", "", ""])
    found.save(folder / "classes.safetensors")
    return found


def table_of(path):
    with path.open(encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: int(row["label"]))
    return {key: [row[key] for row in rows] for key in rows[0]}


def numbers(values):
    return np.array(values, float)


def test_lookalikes(files, segmenter):
    folder, channels, labels = files
    images, out = [str(folder / name) for name in ("a.tif", "a_mask.tif")], "like.csv"
    words = ["lookalikes", *images, "--like", "2", "--out", str(folder / out)]
    assert main([*words, "--weights", "appearance=1", *WORDS]) == 0
    seen = segmenter.embed(channels, labels, **TOLD)
    expected = napari_iaunet.similarity(seen, [1])
    found = numbers(table_of(folder / out)["similarity"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_classify(files, segmenter, classifier):
    folder, channels, labels = files
    images, out = [str(folder / name) for name in ("a.tif", "a_mask.tif")], "class.csv"
    known = ["--classifier", str(folder / "classes.safetensors")]
    assert main(["classify", *images, *known, "--out", str(folder / out), *WORDS]) == 0
    cells = segmenter.describe(channels, labels, **TOLD)
    expected = classifier.table(cells)["probability_a"]
    found = numbers(table_of(folder / out)["probability_a"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_classes_of_what_was_segmented(files, segmenter, classifier):
    folder, channels, _ = files
    words = ["segment", str(folder / "a.tif"), "--out", str(folder / "out"), "--table"]
    known = ["--classifier", str(folder / "classes.safetensors")]
    assert main([*words, *known, *WORDS]) == 0
    labels = tifffile.imread(folder / "out" / "a_mask.tif")
    cells = segmenter.describe(channels, labels, **TOLD)
    expected = classifier.table(cells)["probability_a"]
    found = numbers(table_of(folder / "out" / "a_cells.csv")["probability_a"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    untold = segmenter.describe(channels, labels, channel_axis=0)
    assert not np.allclose(found, classifier.table(untold)["probability_a"], atol=1e-3)


def test_exported_embeddings(files, segmenter):
    folder, channels, labels = files
    images = [str(folder / "a_mask.tif"), "--image", str(folder / "a.tif")]
    words = ["--to", "anndata", "--model", "default", "--out", str(folder / "a.h5ad")]
    assert main(["export", *images, *words, *WORDS]) == 0
    found = anndata.read_h5ad(folder / "a.h5ad").obsm["embedding"]
    seen = segmenter.embed(channels, labels, **TOLD)
    np.testing.assert_allclose(found, seen, atol=1e-5)
