"""The command line does what it says, with a stand-in for the network."""

import csv
import json
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import skimage.io
import tifffile
import zarr
from scipy import ndimage
from threshold import ThresholdSegmenter, bright_blobs

from napari_iaunet.cli import main
from napari_iaunet.errors import ModelError, TrainingError
from napari_iaunet.io.read import read_image, write_labels_ome_zarr
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.training.events import TrainingEvent


@pytest.fixture
def segmenter(monkeypatch):
    fake = ThresholdSegmenter()
    monkeypatch.setattr("napari_iaunet.commands.segment.load", lambda args: fake)
    monkeypatch.setattr("napari_iaunet.commands.demo.load", lambda args: fake)
    return fake


@pytest.fixture
def blobs():
    return bright_blobs()


@pytest.fixture
def image(tmp_path, blobs):
    path = tmp_path / "in" / "a.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, blobs)
    return path


def complaint(capsys):
    """The one line that was written to stderr."""
    err = capsys.readouterr().err
    assert err.startswith("napari-iaunet: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def run(*args):
    try:
        return main([str(a) for a in args])
    except SystemExit as error:
        return error.code


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_diameter_that_may_be_wrong_is_called_unsure(
    tmp_path, image, segmenter, capsys
):
    assert run("segment", image, "--out", tmp_path) == 0
    assert "unsure" not in capsys.readouterr().out
    segmenter.is_sure = False
    assert run("segment", image, "--out", tmp_path) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{image}: 4 cells in ")
    assert "; diameter about 8 px, unsure: measure one cell" in line
    assert run("segment", image, "--out", tmp_path, "--diameter", 9) == 0
    assert "unsure" not in capsys.readouterr().out


def test_segment_writes_labels_table_and_overlay(tmp_path, image, segmenter, capsys):
    out = tmp_path / "new" / "out"
    options = ("--table", "--overlay", "--diameter", 12)
    assert run("segment", image, "--out", out, *options) == 0
    assert names(out) == ["a_cells.csv", "a_mask.tif", "a_overlay.png"]
    labels = tifffile.imread(out / "a_mask.tif")
    assert labels.dtype == np.uint16
    assert labels.max() == 4
    with (out / "a_cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["label"] for r in rows] == ["1", "2", "3", "4"]
    assert rows[0]["area"] == "48"
    assert rows[0]["mean_intensity"] == "200"
    assert rows[0]["y"] == "5.5"
    assert float(rows[3]["score"]) == 1
    assert segmenter.calls[0].diameter == 12
    assert "4 cells" in capsys.readouterr().out


def test_a_blank_image_is_called_blank(tmp_path, image, segmenter, capsys):
    blank, lazy = image.parent / "blank.tif", tmp_path / "empty.zarr"
    tifffile.imwrite(blank, np.full((40, 50), 9, np.uint16))
    group = zarr.create_group(lazy, zarr_format=2)
    group.create_array("0", data=np.zeros((30, 40), np.uint8))
    group.attrs["multiscales"] = [
        {"axes": ["y", "x"], "datasets": [{"path": "0"}], "version": "0.4"}
    ]
    out = tmp_path / "out"
    assert run("segment", image, blank, lazy, "--out", out) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"napari-iaunet: {path}: The image is blank: all pixels have one value."
        for path in (blank, lazy)
    ]
    (mask,) = out.rglob("blank_mask.tif")
    assert not tifffile.imread(mask).any()


def test_segment_to_one_file(tmp_path, image, segmenter):
    assert run("segment", image, "--out", tmp_path / "x" / "cells.tif") == 0
    assert tifffile.imread(tmp_path / "x" / "cells.tif").max() == 4
    assert names(tmp_path / "x") == ["cells.tif"]


def test_segment_folders_patterns_and_stacks(tmp_path, image, blobs, segmenter):
    stack = np.stack([blobs, np.roll(blobs, 3, 1)])
    metadata = {"axes": "ZYX"}
    tifffile.imwrite(
        image.parent / "b.tif", stack, metadata=metadata, photometric="minisblack"
    )
    tifffile.imwrite(image.parent / "old_mask.tif", blobs)
    (image.parent / "notes.txt").write_text("x")
    assert run("segment", image.parent, "--out", tmp_path / "1") == 0
    assert names(tmp_path / "1") == ["a_mask.tif", "b_mask.tif"]
    assert read_image(tmp_path / "1" / "b_mask.tif").axes == "ZYX"
    assert tifffile.imread(tmp_path / "1" / "b_mask.tif").max() == 8
    assert run("segment", f"{image.parent}/[ab].t*", "--out", tmp_path / "2") == 0
    assert names(tmp_path / "2") == ["a_mask.tif", "b_mask.tif"]
    assert run("segment", image, image, "--out", tmp_path / "3") == 0
    assert len(segmenter.calls) == 5


def test_segment_ome_zarr(tmp_path, blobs, segmenter):
    zarr.save_array(str(tmp_path / "a.zarr"), np.stack([blobs, blobs]))
    assert run("segment", tmp_path / "a.zarr", "--out", tmp_path / "out") == 0
    labels = read_image(tmp_path / "out" / "a_mask.zarr")
    assert np.asarray(labels.array).max() == 8
    assert labels.axes == "TYX"


@pytest.fixture(params=["0.4", "0.5"])
def store(request, tmp_path, blobs):
    """An OME-Zarr image of two planes, in either version."""
    version = request.param
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=np.stack([blobs, blobs[::-1]]))
    axes = [{"name": "t", "type": "time"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scale = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    multiscales = [{"axes": axes, "datasets": datasets, "name": "a"}]
    if version == "0.4":
        group.attrs["multiscales"] = [{**multiscales[0], "version": "0.4"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    return path


def attributes(path):
    found = dict(zarr.open_group(path, mode="r").attrs)
    return found.get("ome", found)


def test_segment_into_the_store_of_the_image(store, segmenter, tmp_path):
    before = np.asarray(read_image(store).array)
    for name in ("cells", "nuclei"):
        assert run("segment", store, "--out", store, "--name", name) == 0
    assert attributes(store / "labels")["labels"] == ["cells", "nuclei"]
    labels = read_image(store / "labels" / "nuclei")
    assert labels.axes == "TYX"
    assert labels.pixel_size == (0.5, 0.5)
    assert np.asarray(labels.array).max() == 8
    assert "image-label" in attributes(store / "labels" / "nuclei")
    np.testing.assert_array_equal(np.asarray(read_image(store).array), before)
    assert names(store / "labels") == sorted(
        ["cells", "nuclei", *(n for n in names(store / "labels") if n[0] in ".z")]
    )
    assert not list((store / "labels").glob("*.unfinished"))


def test_consolidated_metadata_tell_of_the_labels(store, segmenter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # version 3 does not specify them yet
        zarr.consolidate_metadata(store)
    for name in ("cells", "nuclei"):
        assert run("segment", store, "--out", store, "--name", name) == 0
    group = zarr.open_group(store, mode="r", use_consolidated=True)
    found = dict(group["labels"].attrs)
    assert found.get("ome", found)["labels"] == ["cells", "nuclei"]
    assert group["labels/nuclei/0"][...].max() == 8
    assert not [name for name in names(store) if name.endswith(".lock")]


def test_labels_in_a_store_follow_the_specification(store, segmenter):
    version = "v05" if (store / "zarr.json").exists() else "v04"
    models = pytest.importorskip(f"ome_zarr_models.{version}.image_label")
    assert run("segment", store, "--out", store) == 0
    group = zarr.open_group(store / "labels" / "cells", mode="r")
    models.ImageLabel.from_zarr(group)


def test_labels_of_a_store_have_a_pyramid(tmp_path, segmenter):
    image = np.zeros((1300, 700), np.uint8)
    image[::9, 5:600] = 200
    zarr.save_array(str(tmp_path / "a.zarr"), image)
    assert run("segment", tmp_path / "a.zarr", "--out", tmp_path / "b.zarr") == 0
    group = zarr.open_group(tmp_path / "b.zarr", mode="r")
    (described,) = attributes(tmp_path / "b.zarr")["multiscales"]
    levels = [group[d["path"]][...] for d in described["datasets"]]
    assert [level.shape for level in levels] == [(1300, 700), (650, 350), (325, 175)]
    np.testing.assert_array_equal(levels[2], levels[0][::4, ::4])


def test_another_image_is_not_replaced_by_labels(tmp_path, store, segmenter, capsys):
    other = tmp_path / "b.zarr"
    zarr.save_array(str(other), np.ones((20, 20)))
    assert run("segment", store, "--out", other) == 2
    assert "not a label image" in complaint(capsys)
    assert np.asarray(read_image(other).array).all()
    image = tmp_path / "c.tif"
    tifffile.imwrite(image, np.eye(9, dtype=np.uint8))
    assert run("segment", image, "--out", image) == 2
    assert "is the image itself" in complaint(capsys)


def test_labels_lie_where_the_image_does(tmp_path, store, segmenter):
    group = zarr.open_group(store, mode="a")
    known = dict(group.attrs)
    multiscale = known.get("ome", known)["multiscales"][0]
    steps = multiscale["datasets"][0]["coordinateTransformations"]
    steps[0]["scale"] = [30, 0.5, 0.25]
    steps.append({"type": "translation", "translation": [60, 7, -3]})
    for axis in multiscale["axes"][1:]:
        del axis["unit"]
    group.attrs.update(known)
    assert run("segment", store, "--out", store) == 0
    labels = read_image(store / "labels" / "cells")
    assert labels.places == read_image(store).places
    assert labels.places["X"] == (0.25, -3, None)
    assert labels.places["T"] == (30, 60, None)


def test_labels_of_a_converted_file_lie_in_the_image(tmp_path, store, segmenter):
    parent = tmp_path / "slide.zarr"
    version = 3 if (store / "zarr.json").exists() else 2
    group = zarr.open_group(parent, mode="w", zarr_format=version)
    layout = {"bioformats2raw.layout": 3}
    group.attrs.update(layout if version == 2 else {"ome": layout})
    store.rename(parent / "0")
    assert run("segment", parent, "--out", parent) == 0
    assert attributes(parent / "0" / "labels")["labels"] == ["cells"]
    assert not (parent / "labels").exists()


def test_a_store_becomes_a_tiff_if_that_is_wanted(tmp_path, store, segmenter):
    assert run("segment", store, "--out", tmp_path / "cells.tif") == 0
    labels = tifffile.imread(tmp_path / "cells.tif")
    assert labels.shape == read_image(store).array.shape
    assert labels.max() == 8


def test_a_field_of_a_plate_is_named_by_its_place(tmp_path, store, segmenter):
    for well in ("A/1", "A/2"):
        (tmp_path / "plate.zarr" / well).mkdir(parents=True)
        shutil.copytree(store, tmp_path / "plate.zarr" / well / "0")
    fields = (tmp_path / "plate.zarr" / well / "0" for well in ("A/1", "A/2"))
    assert run("segment", *fields, "--out", tmp_path / "o", "--table") == 0
    assert [n for n in names(tmp_path / "o") if n.endswith(".zarr")] == [
        "plate_A_1_0_mask.zarr",
        "plate_A_2_0_mask.zarr",
    ]
    assert "plate_A_2_0_cells.csv" in names(tmp_path / "o")


def test_table_and_overlay_of_a_store(store, segmenter, tmp_path):
    out = tmp_path / "out"
    assert run("segment", store, "--out", out, "--table", "--overlay") == 0
    assert names(out) == ["a_cells.csv", "a_mask.zarr", "a_overlay.png"]
    with (out / "a_cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["label"] for r in rows] == [str(i) for i in range(1, 9)]
    assert {r["plane"] for r in rows} == {"0", "1"}


def test_several_images_share_a_table(tmp_path, image, blobs, segmenter, capsys):
    stack, axes = np.stack([blobs] * 2), {"axes": "ZYX"}
    tifffile.imwrite(image.parent / "b.tif", stack, metadata=axes)
    (image.parent / "c.tif").write_bytes(b"II*\0nonsense")
    out = tmp_path / "out"
    assert run("segment", image.parent, "--out", out, "--table") == 2
    with (out / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["file"] for r in rows] == ["a.tif"] * 4 + ["b.tif"] * 8
    assert {r["plane"] for r in rows} == {"0", "1"}
    assert "c.tif is damaged" in complaint(capsys)


def test_images_of_one_name_from_several_folders(tmp_path, blobs, segmenter):
    for well in ("A1", "B1"):
        (tmp_path / "plate" / well).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "plate" / well / "0.tif", blobs)
    out, pattern = tmp_path / "out", f"{tmp_path}/plate/**/*.tif"
    assert run("segment", pattern, "--out", out, "--table") == 0
    assert names(out) == ["A1", "B1", "cells.csv"]
    assert names(out / "B1") == ["0_cells.csv", "0_mask.tif"]
    with (out / "cells.csv").open() as file:
        assert {r["file"] for r in csv.DictReader(file)} == {"A1/0.tif", "B1/0.tif"}


def test_columns_are_taken_from_the_names(tmp_path, blobs, segmenter, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("dmso_B03", "drug_B04", "blank"):
        tifffile.imwrite(folder / f"{name}.tif", blobs)
    for _ in range(2):  # its own table is replaced
        options = ("--out", out, "--pattern", "{drug}_{well}")
        assert run("segment", folder, *options) == 0
    with (out / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["file", "drug", "well", "label"]
    assert {(r["file"], r["drug"], r["well"]) for r in rows} == {
        ("blank.tif", "", ""),
        ("dmso_B03.tif", "dmso", "B03"),
        ("drug_B04.tif", "drug", "B04"),
    }
    assert "blank.tif: the name does not fit {drug}_{well}" in capsys.readouterr().err
    assert run("segment", folder, "--out", out, "--pattern", "{a}/{b}/{c}x") == 2
    assert "No name of an image fits {a}/{b}/{c}x" in complaint(capsys)
    assert run("segment", folder, "--out", out, "--pattern", "{label}_{b}") == 2
    assert "“label”, which the table has already" in capsys.readouterr().err


def test_a_single_image_has_columns_of_its_name_too(tmp_path, image, segmenter):
    options = ("--out", tmp_path / "o.tif", "--pattern", "{well}")
    assert run("segment", image, *options) == 0
    with (tmp_path / "cells.csv").open() as file:
        assert {r["well"] for r in csv.DictReader(file)} == {"a"}


def test_a_plate_stands_for_its_images(tmp_path, store, segmenter):
    plate = tmp_path / "p7.zarr"
    group = zarr.open_group(plate, mode="w", zarr_format=2)
    group.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    for well in ("A/1", "B/2"):
        inside = group.create_group(well)
        inside.attrs["well"] = {"images": [{"path": "0"}]}
        shutil.copytree(store, plate / well / "0")
    options = ("--pattern", "{plate}/{row}/{column}/{}")
    assert run("segment", plate, "--out", tmp_path / "o", *options) == 0
    with (tmp_path / "o" / "cells.csv").open() as file:
        wells = {(r["plate"], r["row"], r["column"]) for r in csv.DictReader(file)}
    assert wells == {("p7", "A", "1"), ("p7", "B", "2")}
    assert run("segment", plate, "--out", plate) == 0
    for well in ("A/1", "B/2"):
        assert (plate / well / "0" / "labels" / "cells").is_dir()


def test_results_never_leave_their_folder(tmp_path, blobs, segmenter, monkeypatch):
    for folder in ("raw", "work/more"):
        (tmp_path / folder).mkdir(parents=True)
        tifffile.imwrite(tmp_path / folder / "a.tif", blobs)
    monkeypatch.chdir(tmp_path / "work")
    assert run("segment", "../raw/a.tif", "more/a.tif", "--out", "out") == 0
    assert names(tmp_path / "raw") == ["a.tif"]
    found = sorted((tmp_path / "work" / "out").rglob("*_mask.tif"))
    assert len(found) == 2


def test_a_bad_option_leaves_nothing(tmp_path, store, segmenter, capsys):
    out = tmp_path / "out" / "a.zarr"
    assert run("segment", store, "--out", out, "--channel-axis", 7) == 2
    assert "axis" in complaint(capsys)
    assert not out.parent.exists()


def test_a_folder_named_like_a_result_stays(tmp_path, image, segmenter, capsys):
    out = tmp_path / "out"
    (out / "a_mask.tif").mkdir(parents=True)
    (out / "a_mask.tif" / "notes").write_text("months of work")
    assert run("segment", image, "--out", out) == 2
    assert "is a folder, so it is not replaced" in complaint(capsys)
    assert (out / "a_mask.tif" / "notes").read_text() == "months of work"


@pytest.mark.parametrize("link", [False, True])
def test_no_result_replaces_another_image(tmp_path, blobs, segmenter, capsys, link):
    """Masks, too, are segmented if they are named."""
    for name in ("a.tif", "b.tif" if link else "a_mask.tif"):
        tifffile.imwrite(tmp_path / name, blobs)
    if link:
        os.link(tmp_path / "b.tif", tmp_path / "a_mask.tif")
    inputs = [tmp_path / "a.tif", tmp_path / ("b.tif" if link else "a_mask.tif")]
    assert run("segment", *inputs, "--out", tmp_path) == 2
    assert "would replace the image" in complaint(capsys)
    for path in inputs:
        np.testing.assert_array_equal(tifffile.imread(path), blobs)


def test_an_image_that_disappears_costs_no_other(tmp_path, blobs, segmenter, capsys):
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", blobs)
    (tmp_path / "gone.tif").symlink_to(tmp_path / "nowhere.tif")
    assert run("segment", tmp_path, "--out", tmp_path / "out") == 2
    assert "gone.tif" in complaint(capsys)
    assert names(tmp_path / "out") == ["a_mask.tif", "b_mask.tif"]


def test_results_beside_the_images_are_no_images(tmp_path, image, segmenter):
    pattern, folder = f"{image.parent}/*.tif", image.parent
    for _ in range(2):
        assert run("segment", pattern, "--out", folder, "--overlay") == 0
    assert sorted(n for n in names(folder) if "mask" in n) == ["a_mask.tif"]


@pytest.mark.slow
def test_planes_of_a_stack_are_linked(tmp_path, data_folder):
    path = sorted((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))[3]
    plane = np.asarray(read_image(path).array)
    stack = np.stack([np.roll(plane, 2 * i, 1) for i in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TYX"})
    out = tmp_path / "out"
    options = ("--link", "time", "--table", "--device", "cpu")
    assert run("segment", tmp_path / "a.tif", "--out", out, *options) == 0
    assert names(out) == ["a_cells.csv", "a_mask.tif", "a_tracks.csv"]
    labels = tifffile.imread(out / "a_mask.tif")
    planes = [set(np.unique(plane)) - {0} for plane in labels]
    assert len(planes[0] & planes[2]) > 0.8 * len(planes[0])
    with (out / "a_tracks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["track", "plane", "y", "x", "parent"]
    assert len(rows) == sum(map(len, planes))
    with (out / "a_cells.csv").open() as file:
        cells = {(int(r["label"]), int(r["plane"])) for r in csv.DictReader(file)}
    assert cells == {(n, p) for p, found in enumerate(planes) for n in found}


def test_one_plane_cannot_be_linked(tmp_path, image, segmenter, capsys):
    assert run("segment", image, "--out", tmp_path / "o", "--link", "time") == 2
    assert "Only a stack of planes" in complaint(capsys)
    channels = np.zeros((2, 60, 70), np.uint8)
    tifffile.imwrite(tmp_path / "c.ome.tif", channels, metadata={"axes": "CYX"})
    run("segment", tmp_path / "c.ome.tif", "--out", tmp_path / "o", "--link", "time")
    assert "one plane of 2 channels; --planes C says" in complaint(capsys)
    assert not (tmp_path / "o").exists()


def test_what_cannot_be_linked_is_told_first(tmp_path, store, segmenter, capsys):
    planes = np.zeros((2, 3, 60, 70), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", planes, metadata={"axes": "TZYX"}, photometric="minisblack"
    )
    run("segment", tmp_path / "a.tif", "--out", tmp_path / "o", "--link", "time")
    assert "Only a stack of planes" in complaint(capsys)
    assert not segmenter.calls


@pytest.mark.slow
def test_linked_labels_of_a_store_are_registered(store):
    options = ("--link", "time", "--device", "cpu", "--diameter", 9)
    assert run("segment", store, "--out", store, *options) == 0
    assert attributes(store / "labels")["labels"] == ["cells"]
    names_of = {p.name for p in (store / "labels" / "cells").iterdir()}
    assert ("zarr.json" in names_of) == (store / "zarr.json").exists()


KILLER = """
import os, signal, sys
from napari_iaunet.cli import main
from napari_iaunet.commands import segment

work = segment._work


def fatal(segmenter, pair, args):
    if pair.path.name == "killer.tif":
        os.kill(os.getpid(), signal.SIGKILL)
    return work(segmenter, pair, args)


segment._work = fatal
if __name__ == "__main__":
    sys.exit(main(["segment", *sys.argv[1:], "--jobs", "2", "--device", "cpu"]))
"""


@pytest.mark.slow
def test_a_file_that_kills_its_process_costs_no_other(tmp_path, blobs, capsys):
    for name in ("a", "b", "killer"):
        tifffile.imwrite(tmp_path / f"{name}.tif", blobs)
    script = tmp_path / "script.py"
    script.write_text(KILLER)
    files = [tmp_path / f"{name}.tif" for name in ("a", "killer", "b")]
    done = subprocess.run(
        [sys.executable, script, *files, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert names(tmp_path / "out") == ["a_mask.tif", "b_mask.tif"]
    assert done.stderr.count("died of it") == 1
    assert "killer.tif could not be segmented" in done.stderr


@pytest.mark.slow
def test_images_in_several_processes(tmp_path, blobs, capsys):
    folder = tmp_path / "plate"
    folder.mkdir()
    for i in range(3):
        tifffile.imwrite(folder / f"{i}.tif", np.roll(blobs, i, 1))
    (folder / "bad.tif").write_bytes(b"II*\0nonsense")
    out = tmp_path / "out"
    options = ("--jobs", 2, "--device", "cpu", "--diameter", 8, "--table")
    assert run("segment", folder, "--out", out, *options) == 2
    assert names(out) == sorted(
        ["cells.csv"]
        + [f"{i}_{n}" for i in range(3) for n in ("cells.csv", "mask.tif")]
    )
    told = capsys.readouterr()
    assert told.out.count("cells in") == 3
    assert told.err.count("\n") == 1
    assert "bad.tif is damaged" in told.err


@pytest.mark.slow
def test_what_is_left_out_is_told_by_other_processes(tmp_path, blobs, capsys):
    for name in "ab":
        with tifffile.TiffWriter(tmp_path / f"{name}.ome.tif") as tif:
            for _ in range(2):
                tif.write(blobs, metadata={"axes": "YX"})
    options = ("--jobs", 2, "--device", "cpu", "--diameter", 8)
    paths = [tmp_path / f"{name}.ome.tif" for name in "ab"]
    assert run("segment", *paths, "--out", tmp_path / "out", *options) == 0
    told = sorted(capsys.readouterr().err.splitlines())
    for path, line in zip(paths, told, strict=True):
        assert line.startswith(f"napari-iaunet: {path} holds 2 images")


def test_what_is_left_out_is_told_in_one_line(tmp_path, blobs, segmenter, capsys):
    path, out = tmp_path / "in" / "a.ome.tif", tmp_path / "out"
    path.parent.mkdir()
    with tifffile.TiffWriter(path) as tif:
        for step in (1, 2):
            tif.write(blobs[::step].copy(), metadata={"axes": "YX"})
    tifffile.imwrite(path.with_name("a.ome_cp_masks.tif"), blobs)
    assert run("segment", path.parent, "--out", out) == 0
    told = capsys.readouterr().err.splitlines()
    assert "left out as labels of the images beside: a.ome_cp_masks.tif" in told[0]
    assert told[1].startswith(f"napari-iaunet: {path} holds 2 images")
    assert len(told) == 2
    assert run("segment", path, "--out", out, "--series", 2, "--table") == 0
    assert capsys.readouterr().err == ""
    assert names(out) == ["a.ome_2_cells.csv", "a.ome_2_mask.tif", "a.ome_mask.tif"]
    half = (blobs.shape[0] // 2, blobs.shape[1])
    assert tifffile.imread(out / "a.ome_2_mask.tif").shape == half
    assert run("segment", path, "--out", out, "--series", 3) == 2
    assert "no image 3" in complaint(capsys)


@pytest.fixture
def converted_store(tmp_path, blobs):
    """Two images in one store, as bioformats2raw writes them."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    axes = [{"name": a, "type": "space"} for a in "yx"]
    for i in range(2):
        image = group.create_group(str(i))
        image.create_array("0", data=blobs)
        image.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    return tmp_path / "a.zarr"


def test_images_of_a_converted_file_by_their_number(converted_store, segmenter, capsys):
    store = converted_store
    assert run("segment", store, "--out", store, "--series", 2) == 0
    assert (store / "1" / "labels" / "cells").is_dir()
    assert not (store / "0" / "labels").exists()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_images_of_files_become_results_of_their_own(
    tmp_path, blobs, segmenter, capsys, monkeypatch, jobs
):
    path, out = tmp_path / "in" / "a.ome.tif", tmp_path / "out"
    path.parent.mkdir()
    with tifffile.TiffWriter(path) as tif:
        for step in (1, 2):
            tif.write(blobs[::step].copy(), metadata={"axes": "YX"})
    tifffile.imwrite(path.with_name("b.tif"), blobs)
    # Other processes know nothing of the stand-in for the network: threads do.
    workers = "napari_iaunet.commands.segment.workers"
    monkeypatch.setattr(f"{workers}.pool", ThreadPoolExecutor)
    monkeypatch.setattr(f"{workers}.at_work", nullcontext)
    options = ("--series", "all", "--table", "--jobs", jobs)
    assert run("segment", path.parent, "--out", out, *options) == 0
    assert [n for n in names(out) if n.endswith("_mask.tif")] == [
        "a.ome_1_mask.tif",
        "a.ome_2_mask.tif",
        "b_mask.tif",
    ]
    assert tifffile.imread(out / "a.ome_1_mask.tif").shape == blobs.shape
    assert tifffile.imread(out / "a.ome_2_mask.tif").shape != blobs.shape
    with (out / "cells.csv").open() as file:
        files = list(dict.fromkeys(row["file"] for row in csv.DictReader(file)))
    assert files == ["a.ome.tif:1", "a.ome.tif:2", "b.tif"]
    assert run("segment", path, "--out", tmp_path / "a.tif", "--series", "all") == 2
    assert "cannot go to the one file" in capsys.readouterr().err


def test_all_images_of_a_store_get_labels_of_their_own(converted_store, segmenter):
    store = converted_store
    assert run("segment", store, "--out", store, "--series", "all") == 0
    assert all((store / number / "labels" / "cells").is_dir() for number in "01")


def test_only_segment_takes_all_images_of_a_file(tmp_path, capsys):
    command = ("lookalikes", "a.tif", "b.tif", "--like", 1, "--out", tmp_path / "c.csv")
    assert run(*command, "--series", "all") == 2
    assert "not a positive whole number" in capsys.readouterr().err


def test_labels_are_not_segmented(tmp_path, blobs, segmenter, capsys):
    write_labels_ome_zarr(tmp_path / "a.zarr", blobs // 50)
    assert run("segment", tmp_path / "a.zarr", "--out", tmp_path / "out") == 2
    assert "holds labels of cells, not an image" in complaint(capsys)


def test_segment_channels(tmp_path, blobs, segmenter):
    image = np.stack([blobs, blobs // 2]).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "CYX"})
    assert run("segment", path, "--out", tmp_path / "out") == 0
    tifffile.imwrite(path, image, photometric="minisblack")
    assert run("segment", path, "--out", tmp_path, "--channel-axis", "-3") == 0
    assert [c.channels for c in segmenter.calls] == [2, 2]
    assert tifffile.imread(tmp_path / "a_mask.tif").shape == blobs.shape
    assert tifffile.imread(tmp_path / "out" / "a_mask.tif").max() == 4


@pytest.mark.parametrize("axis", ["C", "c", "0", "-3"])
def test_planes_that_the_file_calls_channels(tmp_path, blobs, segmenter, axis):
    path, out = tmp_path / "a.tif", tmp_path / "out"
    image = np.stack([blobs, blobs // 2]).astype(np.uint16)
    tifffile.imwrite(path, image, imagej=True, metadata={"axes": "CYX"})
    assert run("segment", path, "--out", out, "--planes", axis) == 0
    assert tifffile.imread(out / "a_mask.tif").shape == image.shape


def test_planes_and_channels_that_come_last(tmp_path, blobs, segmenter):
    path, out = tmp_path / "a.tif", tmp_path / "out"
    image = np.dstack([blobs] * 5)
    tifffile.imwrite(path, image, photometric="minisblack")
    assert run("segment", path, "--out", out, "--planes", "2") == 0
    assert tifffile.imread(out / "a_mask.tif").shape == (5, *blobs.shape)
    assert run("segment", path, "--out", out, "--channel-axis", "2") == 0
    assert tifffile.imread(out / "a_mask.tif").shape == blobs.shape


def test_one_bad_image_does_not_stop_the_others(tmp_path, image, segmenter, capsys):
    (image.parent / "0.tif").write_bytes(b"II*\0nonsense")
    assert run("segment", image.parent, "--out", tmp_path / "out") == 2
    assert "0.tif is damaged" in complaint(capsys)
    assert names(tmp_path / "out") == ["a_mask.tif"]


def test_a_surprise_in_one_image_is_one_line(tmp_path, image, segmenter, capsys):
    def explode(*args, **kwargs):
        raise RuntimeError("two\nlines")

    segmenter.segment = explode
    assert run("segment", image, "--out", tmp_path / "out") == 2
    assert "a.tif could not be segmented: RuntimeError: two lines" in complaint(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: [p / "missing.tif"], "no file"),
        (lambda p: [p / "*.xyz"], "No file matches"),
        (lambda p: [p / "empty"], "has no PNG"),
        (lambda p: [p / "in" / "a.tif", p / "in" / "a.png"], "both be written"),
        (lambda p: [p / "in" / "a.tif", "--diameter", 0], "positive"),
        (lambda p: [p / "in" / "a.tif", "--diameter", "nan"], "positive"),
        (lambda p: [p / "in" / "a.tif", "--diameter", "inf"], "positive"),
        (lambda p: [p / "in" / "a.tif", "--diameter", "big"], "positive"),
        (lambda p: [p / "in" / "a.tif", "--channel-axis", 5], "no channel axis 5"),
        (lambda p: [p / "in" / "a.tif", "--nonsense"], "unrecognized"),
        (lambda p: [p / "in" / "a.tif", "--name", "../x"], "not a name"),
        (lambda p: [p / "in" / "a.tif", "--jobs", 0], "positive whole number"),
        (lambda p: [], "required"),
    ],
)
def test_segment_refuses(tmp_path, image, segmenter, capsys, make, says):
    (tmp_path / "empty").mkdir()
    assert run("segment", *make(tmp_path), "--out", tmp_path / "out") == 2
    assert says in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_segment_refuses_outputs(tmp_path, image, segmenter, capsys):
    assert run("segment", image, "--out", image.parent / "notes.txt" / "x") == 0
    capsys.readouterr()
    (tmp_path / "file").write_text("x")
    assert run("segment", image, "--out", tmp_path / "file") == 2
    assert "is a file, not a folder" in complaint(capsys)
    assert run("segment", image, "--out", tmp_path / "file" / "x") == 2
    assert "cannot be made" in complaint(capsys)
    assert run("segment", image, "--out", tmp_path / "x.png") == 2
    assert "not as .png" in complaint(capsys)
    other = image.with_name("b.tif")
    assert run("segment", image, other, "--out", tmp_path / "x.tif") == 2
    assert "one file" in complaint(capsys)


def test_a_foreign_model_stops_at_once(tmp_path, image, monkeypatch, capsys):
    def refuse(args):
        raise ModelError("The folder x is not a model.")

    monkeypatch.setattr("napari_iaunet.commands.segment.load", refuse)
    assert run("segment", image, image, "--out", tmp_path / "out") == 2
    assert "not a model" in complaint(capsys)


def test_interruption(tmp_path, image, segmenter, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    segmenter.segment = interrupt
    assert run("segment", image, "--out", tmp_path / "out") == 130
    assert "stopped" in complaint(capsys)


def test_no_command_and_version(capsys):
    assert run() == 2
    assert "required" in complaint(capsys)
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("napari-iaunet 0.")


@pytest.fixture
def training(monkeypatch):
    """A stand-in for the training; its ``calls`` are what it was asked for."""
    loop, dataset = ModuleType("loop"), ModuleType("dataset")
    calls = []

    def train(pairs, **kwargs):
        calls.append((pairs, kwargs))
        yield TrainingEvent("start", 0)
        yield TrainingEvent("step", 1, {"total": 0.9}, 1e-3, None, 61.0)
        yield TrainingEvent("step", 20, {"total": 0.5}, 1e-3, None, 5.0)
        yield TrainingEvent("validation", 20, validation_ap=0.75, start_ap=0.8)
        yield TrainingEvent("end", 20, improved=False)

    def find_pairs(folders):
        if not all(Path(f).is_dir() for f in folders):
            raise TrainingError("There is no folder.")
        return [("img", "mask")] * bool(folders)

    loop.train, dataset.find_pairs, loop.calls = train, find_pairs, calls
    monkeypatch.setitem(sys.modules, "napari_iaunet.training.loop", loop)
    monkeypatch.setitem(sys.modules, "napari_iaunet.training.dataset", dataset)
    return loop


def test_train(tmp_path, training, capsys):
    options = ("--minutes", 2, "--start", "none", "--resume", "--seed", 3)
    assert run("train", tmp_path, "--out", tmp_path / "model", *options) == 0
    ((pairs, kwargs),) = training.calls
    assert pairs == [("img", "mask")]
    assert kwargs == {
        "start": None,
        "out": tmp_path / "model",
        "minutes": 2.0,
        "steps": None,
        "validation": None,
        "rehearsal": [],
        "resume": True,
        "seed": 3,
        "device": "auto",
    }
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "total 0.500" in lines[1]
    assert "0:05 left" in lines[1]
    assert "validation AP 0.750  start 0.800" in lines[2]
    assert "did not help" in lines[4]


def test_train_never_writes_over_a_model(tmp_path, training, capsys):
    shutil.copytree(find_model("default"), tmp_path / "mine")
    options = ("train", tmp_path, "--out", tmp_path / "mine", "--start", "none")
    assert run(*options) == 2
    assert "holds a model already" in complaint(capsys)
    assert not training.calls
    assert run(*options, "--resume") == 0


@pytest.mark.parametrize("name", ["card.json", "training.json"])
def test_train_replaces_no_file_of_others(tmp_path, training, capsys, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("of another program")
    options = ("train", tmp_path, "--out", tmp_path / "mine", "--start", "none")
    assert run(*options) == 2
    assert f"holds a model already ({name})" in complaint(capsys)
    assert not training.calls


def test_train_interrupted(tmp_path, training, capsys, monkeypatch):
    def train(pairs, **kwargs):
        yield TrainingEvent("start", 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", train)
    options = ("train", tmp_path, "--out", tmp_path / "model", "--start", "none")
    assert run(*options) == 130
    assert "before anything was saved" in capsys.readouterr().err

    def save_and_stop(pairs, *, out, **kwargs):
        yield TrainingEvent("start", 0)
        out.mkdir()
        (out / "training.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", save_and_stop)
    assert run(*options) == 130
    assert "--resume" in capsys.readouterr().err


def test_train_says_what_is_not_proven(tmp_path, training, capsys):
    def train(pairs, **kwargs):
        yield TrainingEvent("end", 20, improved=True, proven=False)

    training.train = train
    options = ("--start", "none", "--out", tmp_path / "model")
    assert run("train", tmp_path, *options) == 0
    assert "not proven" in capsys.readouterr().out


def test_train_gives_advice(tmp_path, capsys):
    y, x = np.mgrid[:40, :40]
    labels = (y // 20 * 2 + x // 20 + 1) * ((y % 20 > 4) & (x % 20 > 4))
    tifffile.imwrite(tmp_path / "a_img.tif", (labels > 0).astype(np.uint8))
    tifffile.imwrite(tmp_path / "a_mask.tif", labels.astype(np.uint8))
    out = tmp_path / "model"
    assert run("train", tmp_path, "--out", out, "--steps", 1) == 0
    assert "2 will be held out: too few" in capsys.readouterr().err
    card = load_model(out)[1]
    assert card["start"] == "default"
    assert card["pairs"] == [{"image": "a"}]
    tifffile.imwrite(tmp_path / "a_mask.tif", (labels == 1).astype(np.uint8))
    assert run("train", tmp_path, "--out", tmp_path / "b", "--steps", 1) == 2
    assert "at least 4 cells" in complaint(capsys)
    rings = np.maximum(abs(y - 20), abs(x - 20)) // 4 + 1
    tifffile.imwrite(tmp_path / "a_mask.tif", rings.astype(np.uint8))
    assert run("train", tmp_path, "--out", tmp_path / "b", "--steps", 1) == 2
    assert "cannot be divided" in complaint(capsys)


@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("start", ["none", "default"])
def test_train_reads_images_as_it_is_told(tmp_path, monkeypatch, capsys, count, start):
    calls = []

    def train(pairs, **kwargs):
        calls.append((pairs, kwargs))
        yield TrainingEvent("end", 20)

    monkeypatch.setattr("napari_iaunet.training.loop.train", train)
    y, x = np.mgrid[:40, :40]
    labels = (y // 10 * 4 + x // 10 + 1) * ((y % 10 > 2) & (x % 10 > 2))
    pages = np.stack([labels > 0, labels * 0]).astype(np.uint16)
    for number in range(count):
        options = {"photometric": "minisblack", "metadata": None}
        tifffile.imwrite(tmp_path / f"a{number}_img.tif", pages, **options)
        tifffile.imwrite(tmp_path / f"a{number}_mask.tif", labels.astype(np.uint8))
    arguments = ("train", tmp_path, "--out", tmp_path / "model", "--start", start)
    assert run(*arguments, "--channel-axis", 0) == 0
    ((pairs, kwargs),) = calls
    for annotation in (*pairs, *(part.annotation for part in kwargs["validation"])):
        assert as_planes(annotation.image, annotation.channel_axis).n_channels == 2
    assert "planes" not in capsys.readouterr().err


@pytest.mark.slow
def test_train_with_a_region_and_rehearsal(tmp_path, data_folder, capsys):
    annotated, known = tmp_path / "annotated", tmp_path / "known"
    for folder, kind in ((annotated, "cells-phase-contrast"), (known, "")):
        source = data_folder / (kind or "nuclei-fluorescence/train")
        source = next(source.rglob("*_img.*")).parent
        image = sorted(source.glob("*_img.*"))[0]
        mask = next(source.glob(image.name.split("_img")[0] + "_mask.*"))
        folder.mkdir()
        for path, name in ((image, "a_img"), (mask, "a_mask")):
            pixels = np.asarray(read_image(path).array)[:256, :256]
            tifffile.imwrite(folder / f"{name}.tif", pixels)
    region = np.zeros((256, 256), np.uint8)
    region[:, :200] = 255
    tifffile.imwrite(annotated / "a_region.tif", region)
    out = tmp_path / "model"
    options = ("--out", out, "--start", "default", "--steps", 2, "--rehearse", known)
    assert run("train", annotated, *options) == 0
    assert "step      2" in capsys.readouterr().out
    assert load_model(out)[1]["training"]["images"] == 1
    tifffile.imwrite(annotated / "a_region.tif", region[:100])
    assert run("train", annotated, "--out", tmp_path / "other", "--steps", 1) == 2
    assert "mask and region differ in size" in complaint(capsys)


@pytest.mark.parametrize(
    "options",
    [
        ("--minutes", -1),
        ("--steps", 0),
        ("--steps", 1.5),
        ("--steps", 5, "--minutes", 5),
    ],
)
def test_train_refuses(tmp_path, training, capsys, options):
    assert run("train", tmp_path, "--out", tmp_path / "model", *options) == 2
    complaint(capsys)
    assert run("train", tmp_path / "no", "--out", tmp_path / "model") == 2
    assert "no folder" in complaint(capsys)
    assert not training.calls


@pytest.fixture
def scored(tmp_path, blobs):
    """Folders of true and predicted labels: one cell of four is missing."""
    true, pred = tmp_path / "true", tmp_path / "pred"
    true.mkdir()
    pred.mkdir()
    labels = ndimage.label(blobs)[0].astype(np.uint16)
    for name in ("a", "b"):
        tifffile.imwrite(true / f"{name}_mask.tif", labels)
        tifffile.imwrite(true / f"{name}_img.tif", blobs)
        kept = labels if name == "a" else np.where(labels == 2, 0, labels)
        tifffile.imwrite(pred / f"{name}_img_mask.tif", kept)
    return pred, true


def test_evaluate(scored, capsys):
    assert run("evaluate", *scored) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["0.50", "0.875", "0.875", "0.933", "0.933"]
    assert lines[-1] == "2 images, 8 annotated cells"
    assert run("evaluate", *scored, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["average_precision"] == [0.875] * 10
    assert document["per_image"]["b"] == [0.75] * 10
    files = [next(folder.glob("a*_mask.tif")) for folder in scored]
    assert run("evaluate", *files, "--json") == 0
    assert json.loads(capsys.readouterr().out)["f1"] == [1.0] * 10


def test_evaluate_refuses(scored, tmp_path, capsys):
    pred, true = scored
    assert run("evaluate", pred, tmp_path / "no") == 2
    assert "no folder" in complaint(capsys)
    (tmp_path / "empty").mkdir()
    assert run("evaluate", tmp_path / "empty", true) == 2
    assert "no label images" in complaint(capsys)
    (pred / "b_img_mask.tif").unlink()
    assert run("evaluate", pred, true) == 2
    assert "no prediction for 1 of 2: b" in complaint(capsys)
    tifffile.imwrite(pred / "b_mask.tif", np.zeros((3, 3), np.uint8))
    assert run("evaluate", pred, true) == 2
    assert "shape" in complaint(capsys)
    tifffile.imwrite(pred / "b_mask.tif", np.full((40, 50), 0.5, np.float32))
    assert run("evaluate", pred, true) == 2
    assert "not a label image" in complaint(capsys)


def test_demo_writes_files(tmp_path, segmenter, capsys):
    assert run("demo", "--headless", "--out", tmp_path) == 0
    assert names(tmp_path) == ["demo_mask.tif", "demo_overlay.png"]
    assert " cells in " in capsys.readouterr().out


@pytest.mark.parametrize("other", ["demo_mask.tif", "demo_overlay.png"])
def test_demo_replaces_only_what_it_wrote(tmp_path, segmenter, capsys, other):
    for _ in range(2):
        assert run("demo", "--headless", "--out", tmp_path) == 0
    skimage.io.imsave(tmp_path / other, np.eye(9, dtype=np.uint8), check_contrast=False)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    calls = len(segmenter.calls)
    assert run("demo", "--headless", "--out", tmp_path) == 2
    told = complaint(capsys)
    assert f"{other} was not written by this program" in told
    assert f"rename it, such as to old_{other}; then do this again" in told
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert len(segmenter.calls) == calls


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of Linux")
def test_demo_does_without_a_display_that_is_gone(
    tmp_path, segmenter, monkeypatch, capsys
):
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.chdir(tmp_path)
    assert run("demo") == 0
    assert "The display cannot be opened" in capsys.readouterr().out
    assert names(tmp_path) == ["demo_mask.tif", "demo_overlay.png"]


def test_demo_says_that_there_is_no_display(tmp_path, segmenter, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run("demo") == 0
    assert "There is no display" in capsys.readouterr().out
    assert names(tmp_path) == ["demo_mask.tif", "demo_overlay.png"]


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"]])
def test_help_is_quick_and_loads_nothing_heavy(arguments):
    code = (
        "import sys; from napari_iaunet.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True
    )


def test_every_command_is_found(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for name in ("segment", "train", "lookalikes", "evaluate", "models", "demo"):
        assert f"\n    {name}" in told
