"""Images larger than memory: the same cells, chunk by chunk, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr
from remembering import remembering

from napari_iaunet import Segmenter, average_precision
from napari_iaunet.errors import Cancelled, ImageError
from napari_iaunet.io.ours import OURS, signed
from napari_iaunet.io.read import read_image
from napari_iaunet.large.lazy import segment_lazy, work_folder
from napari_iaunet.large.work_folder import Plan, Request, WorkFolder
from napari_iaunet.segmentation.measure import measure

SIDE, DIAMETER = 320, 20.0
CHUNKS = 9


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return remembering(Segmenter(device="cpu"))


@pytest.fixture(scope="module")
def mosaic(data_folder: Path) -> np.ndarray:
    """Nine real images beside each other, 16-bit, and smooth across their seams."""
    paths = sorted((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    images = (np.asarray(read_image(path).array) for path in paths)
    small = [image for image in images if image.shape == (256, 256)][:9]
    rows = [np.concatenate(small[i : i + 3], 1) for i in (0, 3, 6)]
    return np.concatenate(rows).astype(np.uint16) * 40


@pytest.fixture(scope="module")
def whole(segmenter, mosaic, tmp_path_factory):
    """Result of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "labels.zarr"
    return segment_lazy(segmenter, mosaic, out, diameter=DIAMETER, side=SIDE)


def stop_after(count: int):
    """Progress that cancels as soon as so many chunks are done."""

    def progress(done: int, _total: int) -> None:
        if done >= count:
            raise Cancelled

    return progress


def test_cells_are_those_of_the_whole_image(segmenter, mosaic, whole):
    labels = whole.labels.compute()
    assert labels.dtype == np.int32
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    at_once = segmenter.segment(mosaic, diameter=DIAMETER).labels
    assert average_precision(at_once, labels, thresholds=(0.9,)).pooled[0] > 0.98
    crossing = set(at_once[:, SIDE - 1]) & set(at_once[:, SIDE]) - {0}
    crossing |= set(at_once[SIDE - 1]) & set(at_once[SIDE]) - {0}
    assert len(crossing) > 5
    parts = [np.unique(labels[at_once == i]) for i in crossing]
    assert sum(len(found[found > 0]) > 1 for found in parts) <= 1


def test_a_small_image_is_augmented_in_chunks_too(segmenter, mosaic, tmp_path):
    small, out = mosaic[:512, :512], tmp_path / "labels.zarr"
    at_once = segmenter.segment(small, diameter=DIAMETER).labels
    in_chunks = segment_lazy(segmenter, small, out, diameter=DIAMETER, side=SIDE)
    labels = in_chunks.labels.compute()
    assert average_precision(at_once, labels, thresholds=(0.9,)).pooled[0] > 0.98


def test_table_is_that_of_the_labels(mosaic, whole):
    expected = measure(whole.labels.compute(), mosaic)
    for name, values in expected.items():
        np.testing.assert_allclose(whole.table[name], values)
    assert whole.table["score"].dtype == np.float32
    assert ((whole.table["score"] > 0) & (whole.table["score"] <= 1)).all()


def test_a_stopped_run_goes_on(segmenter, mosaic, whole, tmp_path):
    out = tmp_path / "labels.zarr"
    image = da.from_array(mosaic, chunks=100)
    options = {"diameter": DIAMETER, "side": SIDE}
    with pytest.raises(Cancelled):
        segment_lazy(segmenter, image, out, progress=stop_after(4), **options)
    assert not out.exists()
    told: list[tuple[int, int]] = []
    found = segment_lazy(
        segmenter, image, out, progress=lambda *now: told.append(now), **options
    )
    assert told[0][0] >= 4
    assert told[-1] == (CHUNKS, CHUNKS)
    np.testing.assert_array_equal(found.labels.compute(), whole.labels.compute())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.zarr"]


def test_an_image_that_changed_begins_anew(segmenter, mosaic, tmp_path):
    out, other = tmp_path / "labels.zarr", tmp_path / "other.zarr"
    options = {"diameter": DIAMETER, "side": SIDE, "source": "slide.zarr"}
    image = mosaic[:320, :640]
    with pytest.raises(Cancelled):
        segment_lazy(segmenter, image, out, progress=stop_after(1), **options)
    told: list[int] = []
    changed = np.ascontiguousarray(image[::-1])
    found = segment_lazy(
        segmenter, changed, out, progress=lambda *now: told.append(now[0]), **options
    )
    assert told == [0, 1, 2]
    expected = segment_lazy(segmenter, changed, other, **options)
    np.testing.assert_array_equal(found.labels.compute(), expected.labels.compute())


@pytest.mark.parametrize("where", [(70, 390)])
def test_any_pixel_that_changed_begins_anew(segmenter, mosaic, tmp_path, where):
    """However few: samples of the image would miss them."""
    out, other = tmp_path / "labels.zarr", tmp_path / "other.zarr"
    options = {"diameter": DIAMETER, "side": SIDE, "source": "slide.zarr"}
    image = np.tile(mosaic, (3, 3))[: 2 * SIDE, : 8 * SIDE]
    with pytest.raises(Cancelled):
        segment_lazy(segmenter, image, out, progress=stop_after(4), **options)
    changed = image.copy()
    y, x = where
    changed[y : y + 3, x : x + 3] += 1000
    found = segment_lazy(segmenter, changed, out, **options)
    expected = segment_lazy(segmenter, changed, other, **options)
    np.testing.assert_array_equal(found.labels.compute(), expected.labels.compute())


def test_two_runs_never_write_one_output(segmenter, mosaic, whole, tmp_path):
    out, options = tmp_path / "labels.zarr", {"diameter": DIAMETER, "side": SIDE}
    refused = []

    def second(done: int, _total: int) -> None:
        if done == 4 and not refused:
            with pytest.raises(ImageError, match="Another run") as told:
                segment_lazy(segmenter, mosaic[::-1], out, diameter=30, side=SIDE)
            refused.append(told)

    found = segment_lazy(segmenter, mosaic, out, progress=second, **options)
    assert refused
    np.testing.assert_array_equal(found.labels.compute(), whole.labels.compute())
    assert [p.name for p in tmp_path.iterdir()] == ["labels.zarr"]


@pytest.mark.parametrize("harm", ["another plan", "cut off", "of an earlier version"])
def test_a_chunk_that_cannot_be_used_is_done_again(
    segmenter, mosaic, whole, tmp_path, harm
):
    out, options = tmp_path / "labels.zarr", {"diameter": DIAMETER, "side": SIDE}
    with pytest.raises(Cancelled):
        segment_lazy(segmenter, mosaic, out, progress=stop_after(4), **options)
    chunk = sorted(work_folder(out).path.glob("chunk-*"))[0]
    if harm == "cut off":
        chunk.write_bytes(chunk.read_bytes()[:500])
    else:
        with np.load(chunk) as stored:
            arrays = dict(stored)
        arrays["labels"] = np.ones_like(arrays["labels"])
        arrays["plan"] = np.array("another")
        if harm == "of an earlier version":
            del arrays["plan"]
        np.savez(chunk, **arrays)
    found = segment_lazy(segmenter, mosaic, out, **options)
    np.testing.assert_array_equal(found.labels.compute(), whole.labels.compute())


def save_as_ours(out: Path, labels: np.ndarray) -> None:
    """Save labels as an earlier run of the program would have."""
    zarr.save(str(out), labels)
    zarr.open_array(str(out), mode="a").attrs[OURS] = signed({})


def test_older_labels_stay_until_the_new_ones_are_there(segmenter, mosaic, tmp_path):
    out, options = tmp_path / "labels.zarr", {"diameter": DIAMETER, "side": SIDE}
    save_as_ours(out, np.full((9, 9), 7, np.int32))
    with pytest.raises(Cancelled):
        segment_lazy(segmenter, mosaic, out, progress=stop_after(4), **options)
    assert (zarr.open_array(str(out), mode="r")[...] == 7).all()


def test_what_was_put_there_meanwhile_is_not_replaced(segmenter, mosaic, tmp_path):
    out, options = tmp_path / "labels.zarr", {"diameter": DIAMETER, "side": SIDE}

    def put(done: int, total: int) -> None:
        if done == total:
            out.mkdir(exist_ok=True)
            (out / "notes.txt").write_text("months of work")

    with pytest.raises(ImageError, match="there is a folder of this name"):
        segment_lazy(segmenter, mosaic[:320, :640], out, progress=put, **options)
    assert (out / "notes.txt").read_text() == "months of work"


def test_a_folder_that_was_half_removed_begins_anew(segmenter, mosaic, tmp_path):
    out = tmp_path / "labels.zarr"
    image, options = mosaic[:320, :640], {"diameter": DIAMETER, "side": SIDE}
    with pytest.raises(Cancelled):
        segment_lazy(segmenter, image, out, progress=stop_after(1), **options)
    folder = work_folder(out)
    kept = {p: p.read_bytes() for p in folder.path.iterdir() if p.is_file()}
    folder.remove()
    assert not folder.path.exists()
    # A kill in the midst of it may leave any of the files, but the plan goes first.
    folder.path.mkdir()
    for path, content in kept.items():
        if path.name != "plan.json":
            path.write_bytes(content)
    told: list[int] = []
    segment_lazy(
        segmenter, image, out, progress=lambda *now: told.append(now[0]), **options
    )
    assert told == [0, 1, 2]


def test_the_plan_is_removed_first(tmp_path, monkeypatch):
    folder = WorkFolder(tmp_path / "work")
    folder.begin(Plan(Request("", "", "", (9, 9), None, None, None), 20.0, 320, 128))
    seen: list[bool] = []
    monkeypatch.setattr(
        "shutil.rmtree",
        lambda path, **_: seen.append((Path(path) / "plan.json").exists()),
    )
    folder.remove()
    assert seen == [False]


def test_another_request_begins_anew(segmenter, mosaic, tmp_path):
    out = tmp_path / "labels.zarr"
    image = mosaic[:320, :640]
    with pytest.raises(Cancelled):
        segment_lazy(
            segmenter, image, out, diameter=30, side=SIDE, progress=stop_after(1)
        )
    told: list[tuple[int, int]] = []
    segment_lazy(
        segmenter,
        image,
        out,
        diameter=DIAMETER,
        side=SIDE,
        progress=lambda *now: told.append(now),
    )
    assert told == [(0, 2), (1, 2), (2, 2)]


KILLED = """
import sys, time, numpy as np
from napari_iaunet import Segmenter
from napari_iaunet.large.lazy import segment_lazy
image, out = sys.argv[1:]

def tell(done, total):
    print(done, flush=True)
    if done == total - 1:  # it is killed before its end, however slow the killer is
        time.sleep(600)

segment_lazy(
    Segmenter(device="cpu"), np.load(image), out, diameter={diameter}, side={side},
    progress=tell,
)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(segmenter, mosaic, whole, tmp_path):
    np.save(tmp_path / "image.npy", mosaic)
    out = tmp_path / "labels.zarr"
    code = KILLED.format(diameter=DIAMETER, side=SIDE)
    command = [sys.executable, "-c", code, str(tmp_path / "image.npy"), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if int(line) >= 3:
                time.sleep(0.1)
                os.kill(process.pid, signal.SIGKILL)
                break
    assert not out.exists()
    assert work_folder(out).path.is_dir()
    told: list[int] = []
    found = segment_lazy(
        segmenter,
        mosaic,
        out,
        diameter=DIAMETER,
        side=SIDE,
        progress=lambda *now: told.append(now[0]),
    )
    assert told[0] >= 3  # not begun anew
    np.testing.assert_array_equal(found.labels.compute(), whole.labels.compute())


def test_what_is_looked_at_comes_first(segmenter, mosaic, tmp_path):
    order: list[int] = []

    def one_by_one(task, indices):
        for index in indices:
            order.append(task(index))
            yield index

    segment_lazy(
        segmenter,
        np.stack([mosaic[:320, :640]] * 2),
        tmp_path / "labels.zarr",
        diameter=DIAMETER,
        side=SIDE,
        start=(1, 100, 500),
        runner=one_by_one,
    )
    # Two planes with two chunks each: the last one holds the position.
    assert order == [3, 2, 1, 0]


def test_ids_are_unique_over_a_stack(segmenter, mosaic, tmp_path):
    stack = np.stack([mosaic[:256, :500], mosaic[256:512, :500]])
    found = segment_lazy(
        segmenter, stack, tmp_path / "labels.zarr", diameter=DIAMETER, side=SIDE
    )
    labels = found.labels.compute()
    assert labels.shape == stack.shape
    first, second = (set(np.unique(plane)) - {0} for plane in labels)
    assert first
    assert second
    assert not first & second
    assert first | second == set(range(1, labels.max() + 1))
    assert set(found.table["plane"]) == {0, 1}
    expected = measure(labels, stack)
    for name, values in expected.items():
        np.testing.assert_allclose(found.table[name], values)


def test_an_older_result_is_replaced(segmenter, tmp_path):
    out = tmp_path / "labels.zarr"
    save_as_ours(out, np.ones((9, 9), np.int32))
    found = segment_lazy(segmenter, np.zeros((50, 60)), out, diameter=DIAMETER)
    assert found.labels.shape == (50, 60)
    assert not found.labels.compute().any()
    assert len(found.table["label"]) == 0
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("what", ["folder", "file", "image", "group", "labels"])
def test_what_is_not_a_result_is_not_replaced(segmenter, tmp_path, what):
    out = tmp_path / "results"
    if what == "folder":
        out.mkdir()
        (out / "notes.txt").write_text("months of work")
    elif what == "file":
        out.write_text("months of work")
    elif what == "image":
        zarr.save(str(out), np.ones((9, 9), np.uint16))
    elif what == "labels":
        zarr.save(str(out), np.ones((9, 9), np.int32))
    else:
        zarr.save(str(out / "0"), np.ones((9, 9), np.int32))
        zarr.open_group(str(out), mode="a")
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    contents = [p.read_bytes() for p in before]
    with pytest.raises(ImageError, match="is not replaced"):
        segment_lazy(segmenter, np.zeros((50, 60)), out, diameter=DIAMETER)
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == before
    assert [p.read_bytes() for p in before] == contents


@pytest.mark.parametrize("diameter", [0, -3, float("nan"), "large"])
def test_a_diameter_must_be_a_number_above_zero(segmenter, tmp_path, diameter):
    with pytest.raises(ImageError, match="diameter must be a number"):
        segment_lazy(segmenter, np.zeros((50, 60)), tmp_path / "a", diameter=diameter)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(segmenter, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match="cannot be made"):
        segment_lazy(segmenter, np.zeros((50, 60)), tmp_path / "file" / "a", diameter=9)
