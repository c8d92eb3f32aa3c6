"""Labels in zarr arrays that are changed a few cells at a time."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_iaunet.errors import ImageError
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.stored_labels import StoredLabels
from napari_iaunet.io.zarr_part import coarser_levels, writable, zarr_part

SIDE = 1500


def cells(side=SIDE):
    """Squares of 21 pixels, 50 apart, with numbers of their own."""
    y, x = np.indices((side, side))
    numbers = (y // 50) * (side // 50) + x // 50 + 1
    inside = (y % 50 < 21) & (x % 50 < 21)
    return np.where(inside, numbers, 0).astype(np.int32)


def where_is(labels, label_id):
    return np.nonzero(labels == label_id)


@pytest.fixture
def path(tmp_path):
    write_labels_ome_zarr(tmp_path / "cells.zarr", cells())
    return tmp_path / "cells.zarr"


def on_disk(path):
    group = zarr.open_group(str(path), mode="r")
    return [group[name][:] for name in sorted(group.array_keys())]


def opened(path):
    group = zarr.open_group(str(path), mode="r+")
    arrays = [group[name] for name in sorted(group.array_keys())]
    return StoredLabels([zarr_part(array) for array in arrays])


def delete(stored, label_id):
    where = where_is(stored.levels[0][...], label_id)
    return stored.change(where, np.zeros(where[0].size, np.uint16))


def test_all_resolutions_follow_and_undo_brings_all_back(path):
    before = on_disk(path)
    assert len(before) == 3
    stored = opened(path)
    changes = [delete(stored, label_id) for label_id in (200, 201, 230)]
    stored.flush()
    wanted = cells()
    wanted[np.isin(wanted, (200, 201, 230))] = 0
    for level, found in enumerate(on_disk(path)):
        np.testing.assert_array_equal(found, wanted[:: 2**level, :: 2**level])
    for change in reversed(changes):
        stored.take_back(change)
    stored.flush()
    for found, was in zip(on_disk(path), before, strict=True):
        np.testing.assert_array_equal(found, was)
    stored.do(changes[0])
    stored.flush()
    assert (on_disk(path)[0] == 200).sum() == 0
    assert (on_disk(path)[0] == 201).sum() == 441


def test_a_pyramid_of_another_rule_shows_nothing_that_is_gone(tmp_path):
    """Others let a coarse pixel be the highest, or the most common, of its pixels."""
    full = cells(510)[:501, :503]
    group = zarr.open_group(str(tmp_path / "other.zarr"), mode="w")
    group.create_array("0", data=full, chunks=(100, 100))
    coarse = full[:500, :502].reshape(250, 2, 251, 2).max((1, 3))
    group.create_array("1", data=coarse, chunks=(64, 64))
    thirds = full[:501, :501].reshape(167, 3, 167, 3).max((1, 3))
    group.create_array("2", data=thirds, chunks=(64, 64))
    before = on_disk(tmp_path / "other.zarr")
    stored = opened(tmp_path / "other.zarr")
    change = delete(stored, 34)
    stored.flush()
    for now, was in zip(on_disk(tmp_path / "other.zarr"), before, strict=True):
        assert (was == 34).any()
        assert not (now == 34).any()
        np.testing.assert_array_equal(now[was != 34], was[was != 34])
    stored.take_back(change)
    stored.flush()
    for now, was in zip(on_disk(tmp_path / "other.zarr"), before, strict=True):
        np.testing.assert_array_equal(now, was)


def test_what_waits_to_be_written_is_seen_in_its_order(path, monkeypatch):
    stored = opened(path)
    gate, put = threading.Event(), StoredLabels._put
    monkeypatch.setattr(
        StoredLabels, "_put", lambda self, patch: (gate.wait(10), put(self, patch))
    )
    where = where_is(cells(), 200)
    small = stored.in_memory(2)
    for value in (7, 8, 9):
        stored.change(where, np.full(where[0].size, value, np.uint16))
    assert (on_disk(path)[0][where] == 200).all()
    assert (stored.levels[0][where] == 9).all()
    assert (stored.levels[0][...][where] == 9).all()
    assert (stored.levels[1][...] == 9).sum() == (cells()[::2, ::2] == 200).sum() + (
        (cells()[::2, ::2] == 9).sum()
    )
    np.testing.assert_array_equal(stored.levels[2][...], small)
    gate.set()
    stored.flush()
    assert (on_disk(path)[0][where] == 9).all()
    np.testing.assert_array_equal(on_disk(path)[2], small)


def test_a_change_and_its_repetition_may_both_wait(path, monkeypatch):
    stored = opened(path)
    gate, put = threading.Event(), StoredLabels._put
    monkeypatch.setattr(
        StoredLabels, "_put", lambda self, patch: (gate.wait(10), put(self, patch))
    )
    change = delete(stored, 200)
    stored.take_back(change)
    stored.do(change)
    gate.set()
    stored.flush()
    assert not (on_disk(path)[0] == 200).any()


def test_arrays_are_written_to_as_napari_does(path):
    stored, wanted = opened(path), cells().astype(np.uint16)
    level = stored.levels[0]
    np.testing.assert_array_equal(np.asarray(level), wanted)
    region = level[100:160, 200:260]
    region[5:9, 5:9] = 77
    level[100:160, 200:260] = region
    wanted[105:109, 205:209] = 77
    level[np.array([3, 4]), np.array([1400, 5])] = np.array([5, 6])
    wanted[3, 1400], wanted[4, 5] = 5, 6
    level[7] = 1
    wanted[7] = 1
    mask = wanted == 100
    level[mask] = 2
    wanted[mask] = 2
    np.testing.assert_array_equal(level[...], wanted)
    np.testing.assert_array_equal(level[-1], wanted[-1])
    assert level[3, 1400] == 5
    stored.flush()
    np.testing.assert_array_equal(on_disk(path)[0], wanted)
    with pytest.raises(TypeError):
        stored.levels[1][0, 0] = 1
    with pytest.raises(IndexError):
        level[SIDE, 0]


def test_another_shape_is_read_lazily(path):
    stored = opened(path)
    delete(stored, 200)
    turned = stored.levels[0].reshape((1, SIDE, SIDE))
    wanted = np.where(cells() == 200, 0, cells())
    np.testing.assert_array_equal(turned[0].compute(), wanted)


def test_a_change_that_cannot_be_written_is_taken_back(path, monkeypatch):
    before, told = on_disk(path), []
    stored = opened(path)
    stored.on_failure = lambda change, message: told.append(message)
    small, part = stored.in_memory(2), stored.part(1)
    kind = type(part)
    write = kind.write

    def fail(self, box, pixels):
        if self is part:
            raise OSError(28, "No space left on device")
        write(self, box, pixels)

    monkeypatch.setattr(kind, "write", fail)
    delete(stored, 200)
    assert not (small == 200).any()
    stored.flush()
    (message,) = told
    assert "could not be written (No space left on device)" in message
    assert (small == 200).any()
    assert (stored.levels[0][...] == 200).any()
    for now, was in zip(on_disk(path), before, strict=True):
        np.testing.assert_array_equal(now, was)


def test_a_store_that_was_replaced_is_not_damaged(path):
    stored, told, gate = opened(path), [], threading.Event()
    stored.on_failure = lambda change, message: told.append(message)
    stored._writer.submit(gate.wait, 10)
    delete(stored, 200)
    write_labels_ome_zarr(path, cells() + 100_000)  # needs a wider type
    gate.set()
    stored.flush()
    assert "another file has taken its place" in told[0]
    np.testing.assert_array_equal(on_disk(path)[0], cells() + 100_000)
    with pytest.raises(ImageError, match="cannot be read"):
        delete(stored, 201)


def test_the_highest_number_is_read_part_by_part(path):
    stored = opened(path)
    assert stored.highest(10) == 900
    where = where_is(cells(), 3)
    stored.change(where, np.full(where[0].size, 1234, np.uint16))
    assert stored.highest(0) == 1234


def test_a_number_that_is_not_known_yet_is_not_guessed(path, monkeypatch):
    stored = opened(path)
    monkeypatch.setattr(StoredLabels, "_find_highest", lambda self: time.sleep(0.2))
    with pytest.raises(ImageError, match="again in a moment"):
        stored.highest(0.01)


def test_numbers_that_cannot_be_read_are_not_waited_for(path, monkeypatch):
    stored = opened(path)
    for file in path.glob("0/*/*"):
        file.write_bytes(b"no chunk")
    with pytest.raises(ImageError, match="cannot be read"):
        stored.highest(10)


@pytest.mark.parametrize("turn", ["as it is", "squeezed", "exchanged", "cropped"])
def test_an_array_of_dask_leads_to_its_zarr(tmp_path, turn):
    pixels = np.arange(2 * 1 * 90 * 110, dtype=np.int32).reshape(2, 1, 90, 110)
    zarr.create_array(str(tmp_path / "a.zarr"), data=pixels, chunks=(1, 1, 64, 64))
    lazy = da.from_zarr(str(tmp_path / "a.zarr"))
    shown = {
        "as it is": lambda a: a,
        "squeezed": lambda a: a.squeeze(1)[None],
        "exchanged": lambda a: a.transpose(0, 1, 3, 2),
        "cropped": lambda a: a[1, 0, 20:80, 30:],
    }[turn]
    view = shown(lazy)
    part = writable(zarr_part(view), reopen=True)
    stored = StoredLabels([part])
    np.testing.assert_array_equal(stored.levels[0][...], view.compute())
    stored.levels[0][(0,) * (view.ndim - 2) + (slice(3, 9), slice(4, 20))] = -5
    stored.flush()
    wanted = shown(pixels.copy())
    wanted[(0,) * (view.ndim - 2) + (slice(3, 9), slice(4, 20))] = -5
    now = da.from_zarr(zarr.open_array(str(tmp_path / "a.zarr"), mode="r"))
    np.testing.assert_array_equal(shown(now).compute(), wanted)


def test_what_is_computed_leads_to_no_zarr(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=cells(200), chunks=(64, 64))
    lazy = da.from_zarr(str(tmp_path / "a.zarr"))
    painted = lazy.copy()
    painted[3:5, 3:5] = 7
    for view in (
        lazy + 0,
        painted,
        lazy[::-1],
        lazy[::2],
        da.where(lazy == 1, 0, lazy),
        da.concatenate([lazy, lazy]),
        lazy.astype(np.int64),
        da.from_array(cells(200)),
    ):
        assert zarr_part(view) is None


def test_a_store_that_was_opened_to_be_read_only(tmp_path):
    zarr.create_array(str(tmp_path / "a.zarr"), data=cells(100), chunks=(64, 64))
    array = zarr.open_array(str(tmp_path / "a.zarr"), mode="r")
    with pytest.raises(ImageError, match="read only"):
        writable(zarr_part(array), reopen=False)
    memory = zarr.create_array({}, shape=(5, 5), dtype="i4")
    assert writable(zarr_part(memory), reopen=False).array is memory


def test_the_pyramid_of_its_first_array(path):
    group = zarr.open_group(str(path), mode="r+")
    assert [a.shape for a in coarser_levels(group["0"])] == [(750, 750), (375, 375)]
    assert coarser_levels(group["1"]) == []
    zarr.save_array(str(path.parent / "a.zarr"), cells(100))
    assert coarser_levels(zarr.open_array(str(path.parent / "a.zarr"))) == []


def test_only_what_is_concerned_is_held(tmp_path):
    side = 20_000
    group = zarr.open_group(str(tmp_path / "large.zarr"), mode="w")
    for level in range(6):
        n = -(-side // 2**level)
        group.create_array(str(level), shape=(n, n), chunks=(640, 640), dtype="i4")
    stored = opened(tmp_path / "large.zarr")
    y, x = np.indices((60, 60)).reshape(2, -1)
    stored.change((y + 12_780, x + 7_650), np.full(3600, 5))
    stored.flush()
    tracemalloc.start()
    try:
        change = stored.change((y + 12_780, x + 7_650), np.full(3600, 6))
        stored.take_back(change)
        stored.flush()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (stored.levels[0][12_780:12_840, 7_650:7_710] == 5).all()
    assert peak < 40 * 640 * 640 * 4, "a few chunks are held, of some 1,300"


_ENDLESS = """
    import sys, numpy as np, zarr
    from napari_iaunet.io.stored_labels import StoredLabels
    from napari_iaunet.io.zarr_part import zarr_part
    group = zarr.open_group(sys.argv[1], mode="r+")
    stored = StoredLabels([zarr_part(group[n]) for n in sorted(group.array_keys())])
    rng = np.random.default_rng(0)
    y, x = np.indices((500, 500)).reshape(2, -1) + 400
    print("begun", flush=True)
    for turn in range(5000):
        noise = rng.integers(0, 2, y.size, np.uint16)
        stored.change((y, x), 50000 + 2 * turn + noise)
        stored.flush()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.5])
def test_a_killed_writer_leaves_every_chunk_as_it_was_or_was_to_be(path, seconds):
    code = textwrap.dedent(_ENDLESS)
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "begun\n"
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    full, known = on_disk(path)[0], cells()
    inside = np.zeros(full.shape, bool)
    inside[400:900, 400:900] = True
    np.testing.assert_array_equal(full[~inside], known[~inside])
    turns = []
    for y in (400, 640):  # where chunks begin
        for x in (400, 640):
            here = np.s_[y : 640 if y < 640 else 900, x : 640 if x < 640 else 900]
            if not np.array_equal(full[here], known[here]):
                (turn,) = np.unique(full[here] // 2)
                turns.append(turn - 25_000)
    assert not turns or max(turns) - min(turns) <= 1
    stored = opened(path)
    delete(stored, 900)
    stored.flush()
    assert not (on_disk(path)[0] == 900).any()
