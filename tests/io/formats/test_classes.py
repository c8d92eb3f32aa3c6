"""Semantic and panoptic images say of every pixel which class it has."""

import csv
import json

import numpy as np
import pytest
from cells import IMAGES, with_classes
from PIL import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import Cells
from napari_iaunet.io.formats.classes import write_panoptic, write_semantic
from napari_iaunet.io.labels import read_labels

CLASSED = {n: with_classes(c) for n, c in IMAGES.items() if c.labels.any()}


def expected(cells, numbers):
    """The number of the class of each pixel, cell by cell."""
    found = np.zeros(cells.labels.shape, int)
    for number, index in enumerate(np.ndindex(*cells.labels.shape[:-2])):
        for label in np.unique(cells.labels[index]):
            if label:
                name = cells.class_of(int(label), number) or "cell"
                found[index][cells.labels[index] == label] = numbers[name]
    return found


def named(folder):
    with (folder / "classes.csv").open(encoding="utf-8") as lines:
        return {row["class"]: int(row["number"]) for row in csv.DictReader(lines)}


@pytest.mark.parametrize("name", CLASSED)
def test_semantic_images(tmp_path, name):
    cells = CLASSED[name]
    write_semantic(tmp_path / "out", [cells])
    (file,) = (tmp_path / "out").glob("*.tif")
    assert file.name == f"{cells.name.removesuffix('.tif')}_classes.tif"
    numbers = named(tmp_path / "out")
    assert numbers == {"cell": 1, "große Zelle": 2}
    found = read_labels(file).reshape(cells.labels.shape)
    np.testing.assert_array_equal(found, expected(cells, numbers))


def test_a_class_has_one_number_in_all_images(tmp_path):
    def image(*kinds):
        labels = np.arange(1, 3).repeat(8).reshape(4, 4)
        return Cells(labels, "YX", "a.tif", table={"label": [1, 2], "class": kinds})

    write_semantic(tmp_path / "out", [image("b", "c"), image("c", "a")])
    assert named(tmp_path / "out") == {"a": 1, "b": 2, "c": 3}
    first, second = (
        read_labels(tmp_path / "out" / f"{n}_classes.tif") for n in ("a", "a_2")
    )
    assert np.unique(first).tolist() == [2, 3]
    assert np.unique(second).tolist() == [1, 3]


@pytest.mark.parametrize("name", CLASSED)
def test_panoptic_images(tmp_path, name):
    cells = CLASSED[name]
    write_panoptic(tmp_path / "out", [cells])
    document = json.loads((tmp_path / "out" / "panoptic.json").read_text("utf-8"))
    numbers = {c["name"]: c["id"] for c in document["categories"]}
    planes = cells.labels.reshape(-1, *cells.labels.shape[-2:])
    classes = expected(cells, numbers).reshape(planes.shape)
    assert len(document["annotations"]) == len(document["images"]) == len(planes)
    for annotation, labels, kinds in zip(
        document["annotations"], planes, classes, strict=True
    ):
        picture = np.asarray(Image.open(tmp_path / "out" / annotation["file_name"]))
        coded = picture.astype(int) @ [1, 256, 256**2]
        assert ((coded > 0) == (labels > 0)).all()
        segments = annotation["segments_info"]
        assert sorted(s["id"] for s in segments) == np.unique(coded[coded > 0]).tolist()
        for segment in segments:
            own = coded == segment["id"]
            assert (labels[own] == segment["label"]).all()
            assert (kinds[own] == segment["category_id"]).all()
            y, x = np.nonzero(own)
            assert segment["area"] == own.sum()
            box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
            assert segment["bbox"] == box


@pytest.mark.parametrize("write", [write_semantic, write_panoptic])
def test_replaces_only_what_it_wrote(tmp_path, write):
    out = tmp_path / "out"
    cells = CLASSED["plane"]
    write(out, [cells, cells])
    write(out, [cells])
    assert len(list(out.iterdir())) == 2
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ImageError, match="was not written by this program"):
        write(out, [cells])
    assert (out / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("write", [write_semantic, write_panoptic])
def test_an_image_without_cells(tmp_path, write):
    write(tmp_path / "out", [IMAGES["empty"]])
    assert len(list((tmp_path / "out").iterdir())) == 2
