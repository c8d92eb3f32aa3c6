"""Files that claim too much, or never end, are refused at once; sound ones are read."""

import gzip
import io
import json
import os
import pickle
import struct
import time
import zlib
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import TRUST, in_time
from napari_iaunet.io.read import read_image

# Far more than a refusal takes, also on a busy machine.
PATIENCE = 10


def refused(path: Path, words: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(ImageError, match=words) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert time.perf_counter() - begin < PATIENCE


def tiff(path: Path, *pages: dict[int, int], last: int | None = None) -> Path:
    """Write pages of tags; the last one is followed by page number `last`."""
    offset, out = 8, b""
    starts = []
    for tags in pages:
        starts.append(offset)
        entries = b"".join(
            struct.pack("<HHII", tag, 4, 1, value)
            for tag, value in sorted(tags.items())
        )
        offset += 2 + len(entries) + 4
        out += struct.pack("<H", len(tags)) + entries + struct.pack("<I", offset)
    end = 0 if last is None else starts[last]
    out = out[:-4] + struct.pack("<I", end)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + out + bytes(64))
    return path


def page(width: int, height: int, **more: int) -> dict[int, int]:
    rows = more.get("rows", height)
    return {
        256: width,
        257: height,
        258: 8,
        259: more.get("compression", 1),
        262: 1,
        273: 8,
        277: 1,
        278: rows,
        279: more.get("count", 64),
    }


@pytest.mark.parametrize("length", [1, 2, 120, 200])
def test_pages_that_form_a_circle(tmp_path, length):
    path = tiff(tmp_path / "a.tif", *[page(4, 4)] * length, last=length // 2)
    refused(path, "pages form a circle")


@pytest.mark.parametrize("compression", [1, 5, 8, 50000])
def test_a_tiff_that_claims_a_million_by_a_million_pixels(tmp_path, compression):
    path = tiff(tmp_path / "a.tif", page(10**6, 10**6, compression=compression))
    refused(path, "claims to hold 1 TB of pixels in")


def test_a_tiff_of_more_strips_than_it_can_list(tmp_path):
    refused(tiff(tmp_path / "a.tif", page(1, 2**27, rows=1)), "list of its 134,217,728")


def test_a_tiff_of_one_huge_tile(tmp_path):
    tags = page(8, 8, compression=8) | {322: 2**20, 323: 2**20, 324: 8, 325: 64}
    refused(tiff(tmp_path / "a.tif", tags), "claims to hold")


@pytest.mark.parametrize(
    ("word", "changed"),
    [
        ('SizeT="3"', 'SizeT="3000000000"'),
        ('PlaneCount="3"', 'PlaneCount="3000000000"'),
        ("<TiffData ", '<TiffData FirstT="2000000000" '),
        ("?>", "?><!DOCTYPE lolz>"),
    ],
)
def test_ome_metadata_that_speak_of_too_much(tmp_path, word, changed):
    path = tmp_path / "a.ome.tif"
    data = np.zeros((3, 8, 8), np.uint8)
    tifffile.imwrite(path, data, photometric="minisblack", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata.replace(word, changed, 1)
    assert changed in xml
    tifffile.imwrite(
        path, data, photometric="minisblack", description=xml, metadata=None
    )
    refused(path, "OME-XML")


@pytest.mark.parametrize("place", ["../b.tif", "/etc/b.tif", r"\\server\share\b.tif"])
def test_ome_metadata_name_no_file_elsewhere(tmp_path, place):
    path = tmp_path / "a.ome.tif"
    data = np.zeros((2, 8, 8), np.uint8)
    tifffile.imwrite(path, data, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    part = f'<UUID FileName="{place}">urn:uuid:1</UUID></TiffData>'
    xml = xml.replace('PlaneCount="2"/>', f'PlaneCount="2">{part}')
    assert part in xml
    tifffile.imwrite(path, data, description=xml, metadata=None)
    refused(path, "in another folder as a part of it")


def test_a_jpeg_larger_than_its_strip(tmp_path):
    path = tmp_path / "a.tif"
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    tifffile.imwrite(path, image, compression="jpeg", photometric="rgb")
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0") + 5
    for side in (10_000, 60_000):
        data[frame : frame + 4] = struct.pack(">HH", side, side)
        path.write_bytes(data)
        refused(path, "a part of it holds a picture of")


def png(width: int, height: int, depth: int = 8, kind: int = 0) -> bytes:
    """Return a PNG with hardly any pixels."""
    out = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(999)))):
        crc = struct.pack(">I", zlib.crc32(name + data))
        out += struct.pack(">I", len(data)) + name + data + crc
    return out + struct.pack(">I", 0) + b"IEND\xae\x42\x60\x82"


@pytest.mark.parametrize("kind", [0, 2, 6])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("side", [13_000, 30_000, 1_000_000])
def test_a_png_that_claims_too_much(tmp_path, side, depth, kind):
    values = side**2 * {0: 1, 2: 3, 6: 4}[kind] * depth // 8
    path = tmp_path / "a.png"
    path.write_bytes(png(side, side, depth, kind))
    small = values <= 2**28
    refused(path, "damaged or cut off" if small else "claims to hold|too large")


def test_a_jpeg_that_claims_too_much(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    frame = data.index(b"\xff\xc0") + 5
    data[frame : frame + 4] = struct.pack(">HH", 13_000, 13_000)
    (tmp_path / "a.jpg").write_bytes(data)
    refused(tmp_path / "a.jpg", "claims to hold")


def test_a_jpeg_that_draws_its_picture_again_and_again(tmp_path):
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    scan = data.index(b"\xff\xda")
    again = data[:scan] + data[scan : data.index(b"\xff", scan + 2)] * 500 + data[scan:]
    (tmp_path / "a.jpg").write_bytes(again)
    refused(tmp_path / "a.jpg", "more than 100 times")


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM", "TGA", "WEBP"])
def test_pillow_opens_png_and_jpeg_only(tmp_path, kind):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png", kind)
    refused(tmp_path / "a.png", "not an image in a format that can be read")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.zarr"])
def test_a_pipe(tmp_path, name):
    os.mkfifo(tmp_path / name)
    refused(tmp_path / name, "neither a file nor a folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_within_a_zarr_image(tmp_path):
    for name in ("c/0/0", ".zattrs"):
        path = zarr_array(tmp_path / f"{len(name)}.zarr")
        (path / name).unlink(missing_ok=True)
        os.mkfifo(path / name)
        with pytest.raises(ImageError, match="is not a file"):
            np.asarray(read_image(path).array)


def zarr_array(path: Path, **claims: object) -> Path:
    """Write an array of 64 x 64 pixels whose metadata say something else."""
    array = zarr.create_array(path, shape=(64, 64), chunks=(32, 32), dtype="u1")
    array[:] = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    values = json.loads((path / "zarr.json").read_text())
    if "chunks" in claims:
        chunks = {"chunk_shape": claims.pop("chunks")}
        values["chunk_grid"]["configuration"] = chunks
    (path / "zarr.json").write_text(json.dumps(values | claims))
    return path


def test_a_million_by_a_million_pixels_in_chunks_of_one(tmp_path):
    path = zarr_array(tmp_path / "a.zarr", shape=[10**6] * 2, chunks=[1, 1])
    refused(path, "in 1,000,000,000,000 chunks of")


@pytest.mark.parametrize("side", [512, 100_000, 10**6])
def test_a_zarr_array_that_claims_too_much(tmp_path, side):
    path = zarr_array(tmp_path / "a.zarr", shape=[10**6] * 2, chunks=[side] * 2)
    refused(path, "claims to hold|does not fit into memory")


@pytest.mark.parametrize("codec", ["gzip", "zlib", "bz2", "lzma", "blosc", "zstd"])
def test_a_chunk_that_unpacks_to_far_more_than_its_pixels(tmp_path, codec):
    store = tmp_path / "a.zarr"
    store.mkdir()
    claims = {"zarr_format": 2, "shape": [64, 64], "chunks": [64, 64], "dtype": "|u1"}
    claims |= {"fill_value": 0, "order": "C", "filters": None}
    compressor = numcodecs.get_codec({"id": codec})
    (store / ".zarray").write_text(json.dumps(claims | {"compressor": {"id": codec}}))
    (store / "0.0").write_bytes(compressor.encode(np.ones(64 * 64, np.uint8)))
    assert np.asarray(read_image(store).array).all()
    (store / "0.0").write_bytes(compressor.encode(np.zeros(300 * 2**20, np.uint8)))
    image = read_image(store).array
    with pytest.raises(ImageError, match=r"chunk 0\.0 unpacks to more than 268 MB"):
        np.asarray(image)


def test_a_zarr_array_without_chunks(tmp_path):
    zarr.create_array(
        tmp_path / "a.zarr", shape=(10**5, 10**5), chunks=(512, 512), dtype="u1"
    )
    refused(tmp_path / "a.zarr", "none of its chunks was written")


def test_a_large_zarr_array_is_read_without_delay(tmp_path):
    """400 gigapixels, a part of which was written, in 1.5 million chunks."""
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(640_000, 640_000), chunks=(512, 512), dtype="u1"
    )
    noise = np.random.default_rng(0).integers(0, 255, (512, 512), np.uint8)
    for i in range(9):
        array[512 * i : 512 * (i + 1), :512] = noise
    for i in range(9, 3200):
        # The same bytes again: a store of 800 MB would take long to write.
        place = tmp_path / f"a.zarr/c/{i}/0"
        place.parent.mkdir(exist_ok=True, parents=True)
        place.hardlink_to(tmp_path / "a.zarr/c/0/0")
    begin = time.perf_counter()
    image = read_image(tmp_path / "a.zarr").array
    np.testing.assert_array_equal(np.asarray(image[512:1024, :512]), noise)
    assert time.perf_counter() - begin < PATIENCE


def test_files_of_somebody_who_trusts_them(tmp_path, monkeypatch):
    """A blank image shrinks more than any with cells."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((17_000, 17_000), np.uint8), compression="zlib")
    refused(path, f"set {TRUST}=1 to read it nevertheless")
    monkeypatch.setenv(TRUST, "1")
    assert read_image(path).array.shape == (17_000, 17_000)


def test_what_reads_for_ever_is_given_up(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    caught = []

    def read():
        while True:
            try:
                sum(range(1000))
            except Exception as error:  # noqa: BLE001 - as libraries have it
                caught.append(error)

    with pytest.raises(ImageError, match="given up after 0 seconds"):
        in_time(path, read, seconds=0.2)
    assert not caught
    assert in_time(path, lambda: 3, seconds=0.2) == 3
    time.sleep(0.5)  # nothing comes later


def test_many_small_pages_are_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for i in range(3000):
            tif.write(np.full((8, 8), i, np.uint16), contiguous=False, metadata=None)
    assert read_image(tmp_path / "a.tif").array[2999, 0, 0] == 2999


class _Touch:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("dtype", ["|u1", "|O"])
@pytest.mark.parametrize(
    "codecs",
    [
        {"compressor": {"id": "pickle", "protocol": 5}},
        {"filters": [{"id": "pickle", "protocol": 5}]},
        {
            "filters": [
                {"id": "delta", "dtype": "|u1"},
                {"id": "pickle", "protocol": 5},
            ]
        },
        {"compressor": {"id": "gzip", "level": 1}, "filters": [{"id": "pickle"}]},
    ],
)
def test_no_program_in_a_zarr_image_is_run(tmp_path, codecs, dtype):
    """Some versions of zarr unpickle what such a file holds."""
    store, touched = tmp_path / "a.zarr", tmp_path / "touched"
    store.mkdir()
    program = pickle.dumps(_Touch(touched))
    if "gzip" in str(codecs):
        program = gzip.compress(program)
    (store / "0.0").write_bytes(program)
    claims = {"zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "dtype": dtype}
    claims |= {"fill_value": 0, "order": "C", "compressor": None, "filters": None}
    (store / ".zarray").write_text(json.dumps(claims | codecs))
    with pytest.raises(ImageError):
        np.asarray(read_image(store).array)
    assert not touched.exists()


@pytest.mark.parametrize("name", ["numcodecs.pickle", "pickle"])
def test_no_program_in_a_zarr_image_of_version_3_is_run(tmp_path, name):
    codec = {"name": name, "configuration": {"protocol": 5}}
    touched = tmp_path / "touched"
    for codecs in ([codec], [{"name": "bytes"}, codec]):
        path = tmp_path / f"{len(codecs)}.zarr"
        zarr_array(path, codecs=codecs)
        for chunk in (path / "c").rglob("*"):
            if chunk.is_file():
                chunk.write_bytes(pickle.dumps(_Touch(touched)))
        with pytest.raises(ImageError):
            np.asarray(read_image(path).array)
    assert not touched.exists()
