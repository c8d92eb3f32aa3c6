"""Which files are meant, and what their results are called."""

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_iaunet.commands.inputs import find_images, find_targets, name_of
from napari_iaunet.errors import ImageError
from napari_iaunet.io.read import read_image, write_labels, write_labels_ome_zarr


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(*paths):
    for path in paths:
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(path)


def names(paths):
    return [path.name for path in paths]


BESIDE = [
    "a_cp_masks.tif",
    "a_cp_masks.png",
    "a.labels.tif",
    "a_labels.tif",
    "a_label.png",
    "a_masks.png",
    "a_seg.tif",
    "a_flows.tif",
    "a_outlines.png",
    "a_pred.tif",
    "a-labels.png",
    "a_Simple Segmentation.tif",
    "a-Labelled.tif",
    "a segmented.tif",
    "a_lbl.tif",
    "a_nuclei_masks.tif",
    "a_flows_cp_masks.tif",
    "a_mask-1.tif",
    "LblImg_a.tif",
    "a_Object Predictions.tif",
    "a_Simple Segmentation Stage 2.tif",
    "a_label_image.tif",
    "a_stardist.png",
    "c_cp_masks.tif",
    "c.ome_labels.tif",
]


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("how", ["folder", "pattern"])
def test_labels_of_other_programs_beside_an_image_are_left_out(here, name, how, caplog):
    images = ["a.tif", "b.tif", "c.ome.tif"]
    saved(*(here / "in" / image for image in (*images, name)))
    found = find_images(["in" if how == "folder" else "in/*"])
    assert names(found) == images
    (record,) = caplog.records
    assert name in record.getMessage()


@pytest.mark.parametrize("name", ["a.lsm", "a.stk", "a.SVS", "a.btf", "a.qptiff"])
def test_tiffs_by_other_names_are_images_of_a_folder(here, name):
    tifffile.imwrite(here / "a.tif", np.eye(9, dtype=np.uint8))
    (here / "in").mkdir()
    (here / "a.tif").rename(here / "in" / name)
    assert names(find_images(["in"])) == [name]
    assert read_image(here / "in" / name).array.shape == (9, 9)


@pytest.mark.parametrize("name", ["kidney_labels.tif", "b_region_2.tif", "b_c.tif"])
def test_what_is_called_so_without_an_image_is_one(here, name, caplog):
    saved(here / "in" / name, here / "in" / "b.tif")
    assert names(find_images(["in"])) == sorted(["b.tif", name])
    assert not caplog.records


def test_images_of_another_folder_are_not_beside(here, caplog):
    saved(here / "in" / "1" / "a.tif", here / "in" / "2" / "a_labels.tif")
    assert names(find_images(["in/**/*.tif"])) == ["a.tif", "a_labels.tif"]


@pytest.mark.parametrize("how", ["folder", "pattern"])
def test_own_results_are_left_out_whatever_they_are_called(here, how, caplog):
    labels = np.eye(9, dtype=np.int32)
    saved(here / "in" / "a.tif", here / "in" / "damaged.png")
    (here / "in" / "damaged.png").write_bytes(b"")
    (here / "in" / "damaged.tif").write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    zarr.open_group(here / "in" / "image.zarr", mode="w").create_array("0", data=labels)
    write_labels(here / "in" / "cells.tif", labels)
    write_labels(here / "in" / "a_2_mask.tif", labels)
    for name in ("a_mask.zarr", "drawn.zarr"):
        write_labels_ome_zarr(here / "in" / name, labels, axes="YX", places={})
    found = find_images(["in" if how == "folder" else "in/*"])
    assert names(found) == ["a.tif", "damaged.png", "damaged.tif", "image.zarr"]
    assert not caplog.records
    assert names(find_images(["in/cells.tif"])) == ["cells.tif"], "it is named"


def test_what_is_named_is_taken(here, caplog):
    saved(here / "a.tif", here / "a_cp_masks.tif")
    assert len(find_images(["a.tif", "a_cp_masks.tif"])) == 2
    assert not caplog.records


def test_regions_of_a_training_are_left_out(here):
    saved(*(here / "in" / f"a_{what}.png" for what in ("img", "mask", "region")))
    assert names(find_images(["in"])) == ["a_img.png"]


@pytest.mark.parametrize(
    "folder", ["exp [1]", "exp [a-c]", "[2024] a/[b]", "plain", "exp ]["]
)
def test_patterns_in_folders_with_brackets(here, folder):
    saved(here / folder / "a1.tif", here / folder / "a2.tif", here / folder / "b.tif")
    assert names(find_images([f"{folder}/a*.tif"])) == ["a1.tif", "a2.tif"]
    assert names(find_images([f"{here}/{folder}/a[12].tif"])) == ["a1.tif", "a2.tif"]
    assert names(find_images([f"{folder}/**/b.tif"])) == ["b.tif"]
    with pytest.raises(ImageError, match="No file matches"):
        find_images([f"{folder}/c*.tif"])


def test_brackets_that_are_meant_in_a_name(here):
    saved(here / "a[1]_x.tif", here / "a[1]_y.tif")
    assert names(find_images(["a[1]_*.tif"])) == ["a[1]_x.tif", "a[1]_y.tif"]


@pytest.mark.parametrize(
    "given", [".", "./", "../image.zarr", "../image.zarr/.", "0/.."]
)
def test_a_store_that_is_given_as_a_dot_has_a_name(here, given, monkeypatch):
    zarr.open_group(here / "image.zarr", mode="w").create_group("0")
    monkeypatch.chdir(here / "image.zarr")
    (path,) = find_images([given])
    assert name_of(path) == "image"
    (target,) = find_targets([path], here / "out", "cells", [None])
    assert target == here / "out" / "image_mask.zarr"


def test_a_field_given_as_a_dot_is_named_by_its_place(here, monkeypatch):
    field = here / "plate.zarr" / "A" / "1" / "0"
    zarr.open_group(field, mode="w")
    monkeypatch.chdir(field)
    (path,) = find_images(["."])
    assert name_of(path) == "plate_A_1_0"


def test_an_image_within_a_file_has_a_name_of_its_own(here):
    saved(here / "a.tif")
    (target,) = find_targets([here / "a.tif"], here / "out", "cells", [2])
    assert target.name == "a_2_mask.tif"
