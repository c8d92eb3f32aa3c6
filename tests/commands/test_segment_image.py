"""What is written for an image: all that was asked for, or nothing."""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import skimage.io
import tifffile
import zarr

from napari_iaunet import Segmenter
from napari_iaunet.cli import main
from napari_iaunet.commands import segment
from napari_iaunet.commands.segment_image import Outcome, segment_image


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(device="cpu")


@pytest.fixture
def cells() -> np.ndarray:
    """Two round cells."""
    image = np.random.default_rng(0).normal(400, 40, (64, 96))
    rows, columns = np.ogrid[:64, :96]
    for y, x in ((30, 25), (34, 70)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 144] += 2400
    return image.astype(np.uint16)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def do(segmenter: Segmenter, path: Path, out: Path, *options: str) -> Outcome:
    parser = argparse.ArgumentParser()
    segment.add_arguments(parser)
    args = parser.parse_args([str(path), "--out", str(out), *options])
    target = out / f"{path.stem}_mask.tif"
    return segment_image(lambda: segmenter, path, target, args)


def test_only_the_channels_that_are_named_are_looked_at(tmp_path, segmenter, cells):
    empty = np.random.default_rng(1).normal(400, 40, cells.shape).astype(np.uint16)
    path = tmp_path / "two.tif"
    tifffile.imwrite(path, np.stack([empty, cells]), metadata={"axes": "CYX"})
    assert do(segmenter, path, tmp_path / "a", "--nuclei", "2").cells == 2
    assert do(segmenter, path, tmp_path / "b", "--cells", "1").cells == 0
    done = do(segmenter, path, tmp_path / "c", "--cells", "2", "--table")
    assert done.cells == 2
    assert {"mean_channel_1", "mean_channel_2"} <= set(done.table), "all are measured"
    wrong = do(segmenter, path, tmp_path / "d", "--cells", "3")
    assert "channels 1 to 2" in wrong.failure
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("length", [240, 244, 247])
def test_a_name_that_is_too_long_leaves_nothing(tmp_path, segmenter, cells, length):
    path = tmp_path / f"{'x' * length}.tif"
    tifffile.imwrite(path, cells)
    done = do(segmenter, path, tmp_path / "out", "--overlay", "--table")
    if length == 240:  # with what is added: 252 bytes, of 255
        assert done.failure is None
        assert len(names(tmp_path / "out")) == 3
    else:
        assert "too long" in done.failure
        assert names(tmp_path / "out") == []


def test_signs_of_four_bytes_count_as_the_disk_counts_them(tmp_path, segmenter, cells):
    path = tmp_path / ("\U0001f52c" * 60 + ".tif")
    tifffile.imwrite(path, cells)
    assert do(segmenter, path, tmp_path / "out").failure is None
    assert len(names(tmp_path / "out")) == 1


def test_where_one_file_cannot_be_written_none_is(tmp_path, segmenter, cells):
    path, out = tmp_path / "a.tif", tmp_path / "out"
    tifffile.imwrite(path, cells)
    (out / "a_overlay.png").mkdir(parents=True)
    done = do(segmenter, path, out, "--overlay", "--table")
    assert str(out / "a_overlay.png") in done.failure
    assert names(out) == ["a_overlay.png"]


def test_a_table_of_something_else_stays(tmp_path, segmenter, cells):
    path, out = tmp_path / "a.tif", tmp_path / "out"
    tifffile.imwrite(path, cells)
    assert do(segmenter, path, out, "--table").failure is None
    assert do(segmenter, path, out, "--table").failure is None
    (out / "a_mask.tif").unlink()
    (out / "a_cells.csv").write_text("patient,result\n7,8\n")
    done = do(segmenter, path, out, "--table")
    assert "is not a table of cells" in done.failure
    assert (out / "a_cells.csv").read_text().startswith("patient")
    assert names(out) == ["a_cells.csv"]
    tifffile.imwrite(tmp_path / "b.tif", cells)
    (out / "cells.csv").write_text("patient,result\n7,8\n")
    assert main(["segment", str(tmp_path), "--out", str(out), "--table"]) == 2
    assert names(out) == ["a_cells.csv", "cells.csv"]


@pytest.mark.parametrize("other", ["cells_mask.tif", "cells_overlay.png"])
def test_only_what_we_wrote_is_replaced(tmp_path, segmenter, cells, other):
    path, out = tmp_path / "cells.tif", tmp_path / "out"
    tifffile.imwrite(path, cells)
    for _ in range(2):  # our own results are replaced
        assert do(segmenter, path, out, "--overlay").failure is None
    skimage.io.imsave(out / other, np.full((64, 96), 7, np.uint8), check_contrast=False)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    done = do(segmenter, path, out, "--overlay")
    assert f"{other} was not written by this program, or was changed" in done.failure
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_names_are_checked_before_the_time_is_spent_and_before_the_end(
    tmp_path, segmenter, cells, monkeypatch
):
    path, out = tmp_path / "a.zarr", tmp_path / "out"
    zarr.save_array(str(path), cells)
    out.mkdir()
    seen = []
    monkeypatch.setattr("napari_iaunet.io.ours.check_table", seen.append)
    target, options = out / "a_mask.zarr", ("--table", "--out", str(out))
    parser = argparse.ArgumentParser()
    segment.add_arguments(parser)
    args = parser.parse_args([str(path), *options])
    assert segment_image(lambda: segmenter, path, target, args).failure is None
    assert seen == [out / "a_cells.csv"] * 2


def test_time_and_depth_are_columns_of_the_table(tmp_path, segmenter, cells):
    stack = np.stack([np.roll(cells, 4 * i, 1) for i in range(6)]).reshape(2, 3, 64, 96)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, ome=True, metadata={"axes": "TZYX"})
    done = do(segmenter, path, tmp_path / "out", "--table")
    assert list(done.table)[:4] == ["label", "plane", "t", "z"]
    assert set(done.table["plane"].tolist()) == set(range(6))
    np.testing.assert_array_equal(done.table["t"], done.table["plane"] // 3)
    np.testing.assert_array_equal(done.table["z"], done.table["plane"] % 3)
    with (tmp_path / "out" / "a_cells.csv").open() as file:
        assert next(csv.reader(file))[:4] == ["label", "plane", "t", "z"]


def test_the_failure_names_the_file_whatever_the_folder_is_called(
    tmp_path, segmenter, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("x.tif", np.zeros((8, 8), complex))
    for out in ("a", "."):
        done = do(segmenter, Path("x.tif"), Path(out))
        assert done.failure.startswith("x.tif")


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_names_that_are_no_text_are_written_and_shown(tmp_path, cells):
    for name in (b"caf\xe9.tif", b"two\nlines.tif", "\u202egnp.tif".encode()):
        tifffile.imwrite(os.fsdecode(os.fsencode(tmp_path) + b"/" + name), cells)
    out = tmp_path / "out"
    command = f"-m napari_iaunet.cli segment {tmp_path} --out {out} --table"
    done = subprocess.run(
        [sys.executable, *command.split()],
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == 3
    assert rb"caf\udce9.tif" in done.stdout
    assert rb"two\nlines.tif" in done.stdout
    assert rb"\u202egnp.tif" in done.stdout
    with (out / "cells.csv").open(encoding="utf-8", newline="") as file:
        files = {row["file"] for row in csv.DictReader(file)}
    assert files == {r"caf\xe9.tif", "two\nlines.tif", "\u202egnp.tif"}


@pytest.mark.parametrize("kind", [{}, {"compression": "zlib", "tile": (64, 64)}])
@pytest.mark.parametrize("ending", [".tif", ".zarr"])
def test_a_tiff_larger_than_memory_is_segmented_in_chunks(
    tmp_path, segmenter, cells, monkeypatch, kind, ending
):
    path, out = tmp_path / "a.tif", tmp_path / "out"
    tifffile.imwrite(path, cells, **kind)
    usual = do(segmenter, path, out, "--table", "--diameter", "24")
    expected, table = skimage.io.imread(usual.target), usual.table
    memory = psutil.virtual_memory()._replace(available=cells.nbytes)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    def whole(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", whole)
    parser = argparse.ArgumentParser()
    segment.add_arguments(parser)
    words = [str(path), "--out", str(out), "--table", "--overlay", "--diameter", "24"]
    target = out / f"b{ending}"
    done = segment_image(lambda: segmenter, path, target, parser.parse_args(words))
    assert done.failure is None
    assert done.cells == usual.cells == 2
    monkeypatch.undo()
    if ending == ".tif":
        labels = skimage.io.imread(target)
    else:
        labels = zarr.open_array(str(target / "0"), mode="r")[...]
    np.testing.assert_array_equal(labels, expected)
    for name, values in table.items():
        np.testing.assert_allclose(done.table[name], values)
    assert not [name for name in names(out) if name.startswith(".")]
