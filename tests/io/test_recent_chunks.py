"""Chunks that were read last are not unpacked again, unless their files changed."""

import numpy as np
import pytest
import zarr

from napari_iaunet.io import recent_chunks
from napari_iaunet.io.recent_chunks import RecentChunks


class Counted:
    """A zarr array that counts what is read of it."""

    def __init__(self, array):
        self._array, self.reads = array, 0

    def __getattr__(self, name):
        return getattr(self._array, name)

    def __getitem__(self, box):
        self.reads += 1
        return self._array[box]


@pytest.fixture(params=[2, 3])
def array(request, tmp_path):
    pixels = np.arange(2 * 90 * 110, dtype=np.int32).reshape(2, 90, 110)
    return zarr.create_array(
        str(tmp_path / "a.zarr"),
        data=pixels,
        chunks=(1, 40, 40),
        zarr_format=request.param,
    )


@pytest.fixture
def recent(array, tmp_path):
    return RecentChunks(Counted(array), tmp_path / "a.zarr")


def box(y0, y1, x0, x1):
    return slice(1, 2), slice(y0, y1), slice(x0, x1)


def test_boxes_are_those_of_the_array(array, recent):
    for where in (box(3, 9, 4, 20), box(30, 90, 70, 110), box(0, 90, 0, 110)):
        for _ in range(2):
            np.testing.assert_array_equal(recent.read(where), array[where])
    assert recent.read(box(5, 5, 0, 9)).size == 0


def test_a_chunk_is_unpacked_once(recent):
    for _ in range(3):
        recent.read(box(30, 50, 30, 50))
    assert recent._array.reads == 4
    recent.read(box(45, 50, 45, 50))[:] = -1
    assert (recent.read(box(45, 50, 45, 50)) >= 0).all()


def test_what_anybody_writes_is_seen(array, recent):
    recent.read(box(30, 50, 30, 50))
    array[1, 35, 35] = -7
    assert recent.read(box(35, 36, 35, 36)).item() == -7
    assert recent._array.reads == 5, "the other three stay"


def test_only_so_much_is_held(recent, monkeypatch):
    monkeypatch.setattr(recent_chunks, "_MOST_BYTES", 3 * 40 * 40 * 4)
    for x in range(0, 110, 10):
        recent.read(box(0, 10, x, x + 10))
        recent.read(box(50, 60, x, x + 10))
    assert sum(chunk.nbytes for _, chunk in recent._chunks.values()) <= 3 * 40 * 40 * 4
