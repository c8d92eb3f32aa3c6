"""COCO, as pycocotools sees it, and read back."""

import contextlib
import io
import json

import numpy as np
import pytest
from cells import IMAGES, plane, with_classes
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import Cells
from napari_iaunet.io.formats.coco import read_coco, write_coco


def read(path):
    return read_coco(path, json.loads(path.read_text("utf-8")))


def seen(path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = json.loads(path.read_text("utf-8"))
        coco.createIndex()
    return coco


@pytest.mark.parametrize("name", IMAGES)
def test_cells_come_back_as_they_were(tmp_path, name):
    cells = IMAGES[name]
    write_coco(tmp_path / "a.json", [cells])
    (found,) = read(tmp_path / "a.json")
    assert (found.axes, found.name) == (cells.axes, cells.name)
    np.testing.assert_array_equal(found.labels, cells.labels)


def test_images_come_back_one_by_one(tmp_path):
    write_coco(tmp_path / "a.json", list(IMAGES.values()))
    for found, cells in zip(read(tmp_path / "a.json"), IMAGES.values(), strict=True):
        np.testing.assert_array_equal(found.labels, cells.labels)


@pytest.mark.parametrize("name", IMAGES)
def test_pycocotools_sees_the_same_pixels(tmp_path, name):
    cells = IMAGES[name]
    write_coco(tmp_path / "a.json", [cells])
    coco = seen(tmp_path / "a.json")
    planes = cells.labels.reshape(-1, *cells.labels.shape[-2:])
    assert sorted(coco.imgs) == list(range(1, len(planes) + 1))
    for image_id, labels in enumerate(planes, start=1):
        drawn = np.zeros_like(labels)
        for annotation in coco.imgToAnns[image_id]:
            mask = coco.annToMask(annotation) > 0
            assert annotation["area"] == mask.sum()
            rle = coco.annToRLE(annotation)
            assert annotation["bbox"] == coco_mask.toBbox(rle).tolist()
            drawn[mask] = annotation["label"]
        np.testing.assert_array_equal(drawn, labels)


def test_a_hole_that_reaches_top_and_bottom(tmp_path):
    """Runs go on from the bottom of a column to the top of the next one."""
    labels = np.ones((6, 7), np.uint16)
    labels[2:4, 2:4] = 0
    write_coco(tmp_path / "a.json", [Cells(labels, "YX", "a")])
    coco = seen(tmp_path / "a.json")
    np.testing.assert_array_equal(coco.annToMask(coco.anns[1]), labels)
    (found,) = read(tmp_path / "a.json")
    np.testing.assert_array_equal(found.labels, labels)


def test_classes_are_categories(tmp_path):
    write_coco(tmp_path / "a.json", [with_classes(IMAGES["plane"])])
    coco = seen(tmp_path / "a.json")
    names = {c["id"]: c["name"] for c in coco.dataset["categories"]}
    assert sorted(names.values()) == ["cell", "große Zelle"]
    of_label = {a["label"]: names[a["category_id"]] for a in coco.anns.values()}
    assert (of_label[1], of_label[2]) == ("große Zelle", "cell")


def test_compressed_run_lengths_of_others(tmp_path):
    """As Segment Anything and Detectron write them, without labels."""
    labels = plane()
    annotations = []
    for n, label in enumerate(np.unique(labels[labels > 0]).tolist()):
        mask = np.asfortranarray(labels == label).astype(np.uint8, order="F")
        rle = coco_mask.encode(mask)
        rle["counts"] = rle["counts"].decode()
        annotations.append({"id": n, "image_id": "x", "segmentation": rle})
    image = {"id": "x", "file_name": "a.png", "height": 40, "width": 60}
    document = {"images": [image], "annotations": annotations}
    (found,) = read_coco(tmp_path / "a.json", document)
    np.testing.assert_array_equal(found.labels, labels)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": []}, "holds no images"),
        ({"images": [{"id": 1}]}, "damaged"),
        ({"annotations": [7]}, "damaged"),
        (
            {"images": [{"id": 1, "file_name": "a", "height": 10**6, "width": 10**9}]},
            "does not fit into memory",
        ),
        (
            {"images": [{"id": 1, "file_name": "a", "height": -4, "width": 10}]},
            "no pixels",
        ),
        (
            {
                "annotations": [
                    {
                        "image_id": 1,
                        "segmentation": {"size": [4, 5], "counts": [10, 10**12]},
                    }
                ]
            },
            "damaged or cut off",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, change, says):
    image = {"id": 1, "file_name": "a", "height": 4, "width": 5}
    document = {"images": [image], "annotations": [], **change}
    with pytest.raises(ImageError, match=says):
        read_coco(tmp_path / "a.json", document)


def test_only_our_own_files_are_replaced(tmp_path):
    path = tmp_path / "a.json"
    write_coco(path, [IMAGES["plane"]])
    write_coco(path, [IMAGES["empty"]])
    path.write_text('{"images": []}')
    with pytest.raises(ImageError, match="not written by this program"):
        write_coco(path, [IMAGES["plane"]])
