"""``napari-iaunet classify`` gives the cells of another image their classes."""

import csv

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

import napari_iaunet
from napari_iaunet.cli import main


def large_and_small(seed=0):
    """Discs of two sizes, as bright as nuclei; the first eight are large."""
    labels = np.zeros((128, 128), np.uint16)
    y, x = np.mgrid[:128, :128]
    for number in range(16):
        middle = 16 + 32 * (number // 4), 16 + 32 * (number % 4)
        radius = 12 if number < 8 else 6
        labels[(y - middle[0]) ** 2 + (x - middle[1]) ** 2 < radius**2] = number + 1
    noise = np.random.default_rng(seed).normal(0, 4, labels.shape)
    pixels = gaussian_filter((labels > 0) * 150.0, 1) + 30 + noise
    return pixels.astype(np.uint8), labels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    image, labels = large_and_small()
    cells = napari_iaunet.Segmenter(device="cpu").describe(image, labels)
    classes = [""] * 16
    classes[0] = classes[3] = "large, round"
    classes[9] = classes[12] = "small"
    classifier = napari_iaunet.Classifier.fit(cells, classes)
    classifier.save(folder / "sizes.safetensors")
    image, labels = large_and_small(seed=1)
    Image.fromarray(image).save(folder / "b.png")
    Image.fromarray(labels).save(folder / "b_mask.png")
    return folder


def classify(folder, *options, classifier="sizes.safetensors", out="b.csv"):
    paths = [str(folder / name) for name in ("b.png", "b_mask.png")]
    rest = ["--classifier", str(folder / classifier), "--out", str(folder / out)]
    return main(["classify", *paths, *rest, "--device", "cpu", *options])


@pytest.mark.slow
def test_every_cell_gets_its_class(files, capsys):
    assert classify(files) == 0
    assert "16 cells, 8 large, round, 8 small" in capsys.readouterr().out
    with (files / "b.csv").open(encoding="utf-8") as lines:
        rows = {int(row["label"]): row for row in csv.DictReader(lines)}
    for label, row in rows.items():
        name = "large, round" if label <= 8 else "small"
        assert row["class"] == name
        likely = float(row["class_probability"])
        assert likely == float(row[f"probability_{name}"]) > 0.5
        assert float(row["area"]) > 0
    assert classify(files) == 0  # its own table is replaced


@pytest.mark.slow
def test_the_table_makes_a_semantic_image(files):
    assert classify(files, out="c.csv") == 0
    words = ["export", str(files / "b_mask.png"), "--to", "semantic"]
    table = ["--table", str(files / "c.csv"), "--out", str(files / "semantic")]
    assert main([*words, *table]) == 0
    found = napari_iaunet.read_image(files / "semantic" / "b_mask_classes.tif").array
    labels = large_and_small()[1]
    np.testing.assert_array_equal(found, np.select([labels > 8, labels > 0], [2, 1]))


@pytest.mark.parametrize(
    ("classifier", "says"),
    [
        ("none.safetensors", "There is no classifier"),
        ("b.png", "is no classifier of napari-iaunet"),
    ],
)
def test_bad_classifiers(files, classifier, says, capsys):
    assert classify(files, classifier=classifier, out="d.csv") == 2
    assert says in capsys.readouterr().err
    assert not (files / "d.csv").exists()


@pytest.mark.slow
def test_segment_gives_classes_too(files):
    out = files / "cells"
    words = ["segment", str(files / "b.png"), "--out", str(out), "--device", "cpu"]
    assert main([*words, "--classifier", str(files / "sizes.safetensors")]) == 0
    with (out / "b_cells.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        large = float(row["area"]) > 200
        assert row["class"] == ("large, round" if large else "small")
    assert len(rows) > 10


def test_segment_looks_at_the_classifier_first(files, capsys):
    words = ["segment", str(files / "b.png"), "--out", str(files / "none")]
    assert main([*words, "--classifier", str(files / "b.png")]) == 2
    assert "is no classifier" in capsys.readouterr().err
    assert not (files / "none").exists()


def test_replaces_no_input(files, capsys):
    assert classify(files, out="sizes.safetensors") == 2
    assert "would replace" in capsys.readouterr().err
    napari_iaunet.Classifier.load(files / "sizes.safetensors")
