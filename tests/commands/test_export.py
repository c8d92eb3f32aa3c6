"""Label images go to other programs by the command line, and come back."""

import json

import numpy as np
import pytest
import tifffile
from cells import IMAGES, plane

from napari_iaunet import measure_cells
from napari_iaunet.cli import main
from napari_iaunet.io.labels import read_cells, read_labels
from napari_iaunet.io.read import write_labels
from napari_iaunet.io.write import write_table

READ_BACK = ["rois", "geojson", "coco", "ome-zarr", "tif"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(*args: object) -> int:
    return main(["export", *map(str, args)])


@pytest.mark.parametrize("to", READ_BACK)
@pytest.mark.parametrize(
    "name", ["plane", "empty", "high numbers", "time", "time and depth"]
)
def test_what_is_written_is_read_back_equal(here, name, to):
    cells = IMAGES[name]
    write_labels(here / "ä_mask.tif", cells.labels, axes=cells.axes)
    assert export("ä_mask.tif", "--to", to, "--out", "out") == 0
    (written,) = (here / "out").iterdir()
    assert written.name != "ä_mask.tif" or to == "tif"
    read = read_cells(written)
    np.testing.assert_array_equal(read.labels, cells.labels)
    assert read.axes == cells.axes
    # And from one format to the next.
    assert export(written, "--to", "tif", "--out", "again.tif") == 0
    np.testing.assert_array_equal(read_labels(here / "again.tif"), cells.labels)


def test_several_go_to_a_folder_or_to_one_file(here):
    for name in "abc":
        write_labels(here / f"{name}_mask.tif", plane())
        tifffile.imwrite(here / f"{name}.tif", np.zeros((40, 60), np.uint8))
    assert export(here, "--to", "rois", "--out", "rois") == 0
    assert [p.name for p in sorted((here / "rois").iterdir())] == [
        f"{name}_mask.zip" for name in "abc"
    ]
    assert export(here, "--to", "coco", "--out", "all.json") == 0
    document = json.loads((here / "all.json").read_text("utf-8"))
    assert [i["file_name"] for i in document["images"]] == [
        f"{name}_mask.tif" for name in "abc"
    ]


def test_images_give_measures_and_tables_classes(here):
    write_labels(here / "a_mask.tif", plane())
    tifffile.imwrite(here / "a.tif", np.full((40, 60), 7, np.uint8))
    write_table(
        here / "a_cells.csv",
        {
            "label": np.array([3, 1]),
            "score": np.array([0.5, 0.25]),
            "class": np.array(["große", ""]),
        },
    )
    asked = ["a_mask.tif", "--to", "geojson", "--out", "a.geojson", "--image", "a.tif"]
    assert export(*asked, "--table", "a_cells.csv") == 0
    features = json.loads((here / "a.geojson").read_text("utf-8"))["features"]
    by_name = {f["properties"]["name"]: f["properties"] for f in features}
    assert by_name["3"]["classification"] == {"name": "große"}
    assert by_name["3"]["measurements"]["score"] == 0.5
    assert by_name["3"]["measurements"]["area"] == (plane() == 3).sum()
    assert by_name["2"]["measurements"]["mean_intensity"] == 7
    assert by_name["2"]["measurements"]["std_intensity"] == 0
    assert by_name["2"]["measurements"]["solidity"] == 1
    assert "score" not in by_name["2"]["measurements"]


@pytest.mark.parametrize("to", [*READ_BACK, "anndata"])
def test_an_image_without_cells_goes_along_with_its_empty_table(here, to):
    none = np.zeros((40, 60), np.uint16)
    write_labels(here / "a_mask.tif", none)
    write_table(here / "a_cells.csv", measure_cells(none, none))
    assert (here / "a_cells.csv").read_text().count("\n") == 1
    asked = ["a_mask.tif", "--to", to, "--out", "out", "--table", "a_cells.csv"]
    assert export(*asked) == 0
    assert len(list((here / "out").iterdir())) == 1


REFUSED = {
    "two for one file": (
        ["a_mask.tif", "b_mask.tif", "--to", "rois", "--out", "x.zip"],
        "cannot go to the one file",
    ),
    "another ending": (
        ["a_mask.tif", "--to", "rois", "--out", "x.csv"],
        "does not end in .zip",
    ),
    "no image for each": (
        [
            "a_mask.tif",
            "b_mask.tif",
            "--to",
            "coco",
            "--out",
            "x.json",
            "--image",
            "a_mask.tif",
        ],
        "one for each of the 2",
    ),
    "the input": (["a_mask.tif", "--to", "tif", "--out", "."], "would replace"),
    "a model alone": (
        ["a_mask.tif", "--to", "coco", "--out", "x.json", "--model", "m"],
        "--model needs",
    ),
    "foreign": (
        ["a_mask.tif", "--to", "rois", "--out", "mine.zip"],
        "not written by",
    ),
    "an image": (["a_mask.tif", "--to", "tif", "--out", "mine.tif"], "not written by"),
    "no labels": (["none.tif", "--to", "tif", "--out", "x/x.tif"], "no file none.tif"),
    "no outlines": (
        ["none.json", "--to", "tif", "--out", "x.tif"],
        "no file none.json",
    ),
    "damaged": (["damaged.json", "--to", "tif", "--out", "x.tif"], "damaged"),
    "negative": (["negative.tif", "--to", "coco", "--out", "x.json"], "go from -2"),
    "another size": (
        ["a_mask.tif", "--to", "coco", "--out", "x.json", "--image", "mine.tif"],
        "3 x 4 pixels, but its labels have 40 x 60",
    ),
    "no table": (
        ["a_mask.tif", "--to", "coco", "--out", "x.json", "--table", "no.csv"],
        "no column “label”",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_one_sentence(here, capsys, case):
    for name in "ab":
        write_labels(here / f"{name}_mask.tif", plane())
    for name in ("mine.zip", "damaged.json"):
        (here / name).write_bytes(b"{not ours")
    (here / "no.csv").write_text("x,y\n1,2\n")
    tifffile.imwrite(here / "mine.tif", np.zeros((3, 4), np.uint8))
    tifffile.imwrite(here / "negative.tif", np.full((3, 4), -2, np.int16))
    before = {p.name: p.read_bytes() for p in here.iterdir()}
    args, says = REFUSED[case]
    assert export(*args) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert {p.name: p.read_bytes() for p in here.iterdir()} == before


def test_pixel_sizes_are_kept(here):
    write_labels(here / "a_mask.tif", plane(), pixel_size=(0.5, 0.25))
    assert export("a_mask.tif", "--to", "ome-zarr", "--out", "a.zarr") == 0
    places = read_cells(here / "a.zarr").places
    assert (places["Y"].scale, places["X"].scale) == pytest.approx((0.5, 0.25))
