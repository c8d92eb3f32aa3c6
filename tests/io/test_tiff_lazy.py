"""TIFFs that do not fit into memory are read where they are looked at."""

import numpy as np
import psutil
import pytest
import tifffile

from napari_iaunet.errors import ImageError
from napari_iaunet.io.read import read_image, write_labels, write_labels_in_tiles


@pytest.fixture
def gray():
    return np.random.default_rng(0).integers(0, 60000, (300, 400), np.uint16)


@pytest.fixture
def little_memory(monkeypatch):
    """Call it with the bytes that are free."""

    def pretend(free):
        memory = psutil.virtual_memory()._replace(available=free)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    return pretend


KINDS = {
    "as it is": {},
    "of another byte order": {"byteorder": ">"},
    "in strips": {"compression": "zlib", "rowsperstrip": 7},
    "in tiles": {"compression": "zlib", "tile": (64, 64)},
    "in tiles, another byte order": {"tile": (64, 64), "byteorder": ">"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["plane", "stack", "colours", "channels"])
def test_what_is_read_is_what_is_stored(tmp_path, gray, little_memory, kind, what):
    path, image, options = tmp_path / "a.tif", gray, {"photometric": "minisblack"}
    if what == "stack":
        image, options["metadata"] = np.stack([gray, gray[::-1]]), {"axes": "ZYX"}
    elif what == "channels":
        image = np.stack([gray, gray[::-1], gray[:, ::-1]] * 2).reshape(2, 3, 300, 400)
        options["metadata"] = {"axes": "TCYX"}
    elif what == "colours":
        image = (np.dstack([gray, gray[::-1], gray[:, ::-1]]) >> 8).astype(np.uint8)
        options["photometric"] = "rgb"
    tifffile.imwrite(path, image, **options, **KINDS[kind])
    usual = read_image(path)
    assert isinstance(read_image(path, lazily=True).array, np.ndarray)
    little_memory(image.nbytes)
    found = read_image(path, lazily=True)
    assert not isinstance(found.array, np.ndarray)
    assert (found.axes, found.channel_axis) == (usual.axes, usual.channel_axis)
    part = (slice(None),) * (found.axes.index("Y")) + (slice(10, 90), slice(50, 300))
    np.testing.assert_array_equal(found.array[part].compute(), usual.array[part])
    np.testing.assert_array_equal(found.array.compute(), usual.array)


def test_what_must_be_converted_is_refused_as_before(tmp_path, gray, little_memory):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, gray, photometric="miniswhite")
    little_memory(gray.nbytes // 2)
    with pytest.raises(ImageError, match="does not fit into memory"):
        read_image(path, lazily=True)
    with pytest.raises(ImageError, match="does not fit into memory"):
        read_image(path)


@pytest.mark.parametrize("highest", [200, 70_000])
@pytest.mark.parametrize("axes", ["YX", "TYX"])
def test_labels_in_tiles_are_those_in_one_piece(tmp_path, highest, axes):
    labels = np.arange(1100 * 1300, dtype=np.int32).reshape(1100, 1300) % (highest + 1)
    labels = labels if axes == "YX" else np.stack([labels, labels[::-1]])
    usual, tiles = tmp_path / "usual.tif", tmp_path / "tiles.tif"
    write_labels(usual, labels, axes=axes)
    write_labels_in_tiles(tiles, labels, highest, axes=axes, places={})
    found, expected = read_image(tiles), read_image(usual)
    np.testing.assert_array_equal(found.array, expected.array)
    assert found.array.dtype == expected.array.dtype
    assert found.axes == expected.axes


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd"])
def test_a_part_that_is_cut_off_is_told(tmp_path, gray, little_memory, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, gray, compression=compression, tile=(64, 64))
    path.write_bytes(path.read_bytes()[:-9999])
    little_memory(gray.nbytes)
    found = read_image(path, lazily=True).array
    with pytest.raises(ImageError, match=r"^The file .* is damaged or cut off\. Copy"):
        found.compute()
