"""Whatever goes in: the right cells come out, or one clear sentence."""

import re

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from scipy import ndimage

from napari_iaunet import Segmenter, average_precision
from napari_iaunet.cli import main
from napari_iaunet.errors import IAUNetError
from napari_iaunet.io.read import read_image

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter(device="cpu")


def drawn_nuclei():
    """Smooth bright discs on a dim background."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    image, labels = rng.normal(20, 2, (256, 256)), np.zeros((256, 256), np.int32)
    for i, (cy, cx) in enumerate(np.ndindex(6, 6)):
        cy, cx = 22 + 42 * cy + rng.integers(-5, 5), 22 + 42 * cx + rng.integers(-5, 5)
        disc = (y - cy) ** 2 + (x - cx) ** 2 < rng.integers(9, 13) ** 2
        image[disc], labels[disc] = rng.normal(rng.integers(90, 180), 6), i + 1
    image = ndimage.gaussian_filter(image, 1.2)
    return np.clip(image, 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def gray(segmenter):
    """Nuclei whose cells are known to be found, and these cells."""
    image, truth = drawn_nuclei()
    labels = segmenter.segment(image).labels
    assert average_precision(truth, labels, (0.5,)).pooled[0] > 0.8
    return image, labels


@pytest.fixture(scope="module")
def rgb(segmenter):
    """A part of a real picture of stained tissue, and its cells."""
    from skimage.data import immunohistochemistry

    image = immunohistochemistry()[192:, 192:]
    labels = segmenter.segment(image).labels
    assert labels.max() > 20
    return image, labels


def check(labels, expected, agreement=0.8):
    assert labels.shape == expected.shape
    assert labels.dtype == np.int32
    n, wanted = labels.max(), expected.max()
    assert abs(int(n) - int(wanted)) <= max(2, 0.1 * wanted)
    assert average_precision(expected, labels, (0.5,)).pooled[0] >= agreement


def patched(image, value):
    image = image.astype(np.float64)
    image[:3, :3] = value
    return image


def with_mask(image):
    masked = np.ma.masked_array(image.astype(np.int32), mask=np.zeros(image.shape))
    masked[:4] = 30_000
    masked[:4] = np.ma.masked
    return masked


def read_only(image):
    image = image.copy()
    image.flags.writeable = False
    return image


def as_tensor(image):
    import torch

    return torch.from_numpy(image)


GRAY = {
    "uint8": lambda g: g,
    "nested list": lambda g: g.tolist(),
    "read-only": read_only,
    "not contiguous": lambda g: np.repeat(g, 2, axis=1)[:, ::2],
    "Fortran order": np.asfortranarray,
    "int8": lambda g: (g.astype(int) - 128).astype(np.int8),
    "uint16": lambda g: g.astype(np.uint16) * 257,
    "uint16 of 12 bits": lambda g: g.astype(np.uint16) * 16,
    "big-endian uint16": lambda g: (g.astype(np.uint16) * 200).astype(">u2"),
    "int16 below zero": lambda g: g.astype(np.int16) - 3000,
    "int32": lambda g: g.astype(np.int32) * 1_000_000,
    "int64 near its end": lambda g: g.astype(np.int64) + (2**63 - 256),
    "uint64 near its end": lambda g: g.astype(np.uint64) + np.uint64(2**64 - 256),
    "float16": lambda g: g.astype(np.float16),
    "float32 up to 1": lambda g: g.astype(np.float32) / 255,
    "big-endian float64": lambda g: g.astype(">f8"),
    "longdouble": lambda g: g.astype(np.longdouble),
    "huge": lambda g: g * 1e300,
    "tiny": lambda g: g * 1e-300,
    "low contrast on a pedestal": lambda g: 10_000 + g / 10,
    "NaN": lambda g: patched(g, np.nan),
    "infinity": lambda g: patched(g, np.inf),
    "minus infinity": lambda g: patched(g, -np.inf),
    "hot pixels": lambda g: (
        np.where(np.arange(256) == 7, g, g).astype(float)
        + 1e6 * (np.arange(65536).reshape(256, 256) == 5)
    ),
    "masked": with_mask,
    "dask": lambda g: da.from_array(g, chunks=100),
    "zarr": lambda g: zarr.array(g, chunks=(64, 64)),
    "torch": as_tensor,
    "last axis 1": lambda g: g[..., None],
    "gray as RGB": lambda g: np.stack([g] * 3, axis=-1),
    "one channel first": lambda g: (g[None], {"channel_axis": 0}),
    "two equal channels": lambda g: (np.stack([g, g]), {"channel_axis": 0}),
    "five channels last": lambda g: (np.stack([g] * 5, -1), {"channel_axis": -1}),
    "true diameter": lambda g: (g, {"diameter": 21.0}),
}


def separate(made):
    return made if isinstance(made, tuple) else (made, {})


@pytest.mark.parametrize("case", GRAY)
def test_gray_arrays(segmenter, gray, case):
    image, kwargs = separate(GRAY[case](gray[0]))
    check(segmenter.segment(image, **kwargs).labels, gray[1])


RGB = {
    "channels first": lambda c: (np.moveaxis(c, -1, 0), {"channel_axis": 0}),
    "channels between": lambda c: (np.moveaxis(c, -1, 1), {"channel_axis": -2}),
    "channels last": lambda c: (c, {"channel_axis": -1}),
    "alpha": lambda c: np.dstack([c, np.full(c.shape[:2], 255, np.uint8)]),
    "float up to 1": lambda c: c / 255.0,
    "16 bits": lambda c: c.astype(np.uint16) * 257,
    "dask": lambda c: da.from_array(c, chunks=(100, 100, 3)),
}


@pytest.mark.parametrize("case", RGB)
def test_colour_arrays(segmenter, rgb, case):
    image, kwargs = separate(RGB[case](rgb[0]))
    check(segmenter.segment(image, **kwargs).labels, rgb[1])


@pytest.mark.parametrize("lead", [(2,), (1, 2), (2, 1)])
def test_stacks(segmenter, gray, lead):
    image, expected = gray
    stack = np.stack([image, image[::-1]]).reshape(*lead, *image.shape)
    out = segmenter.segment(stack)
    assert out.labels.shape == stack.shape
    first, second = out.labels.reshape(2, *image.shape)
    check(first, expected)
    assert second[second > 0].min() == first.max() + 1
    assert len(out.scores) == second.max()
    shifted = np.where(second > 0, second - first.max(), 0).astype(np.int32)
    check(shifted[::-1], expected)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.full((64, 64), 7.5),
        np.full((64, 64), np.nan),
        np.full((64, 64), np.inf),
        np.zeros((1, 1)),
        np.ones((1, 40), bool),
        np.zeros((3, 1, 1), np.uint16),
    ],
)
def test_no_cells_where_there_is_nothing(segmenter, image):
    out = segmenter.segment(image)
    assert out.labels.shape == image.shape
    assert not out.labels.any()
    assert len(out.scores) == 0


@pytest.mark.parametrize("size", [1, 2, 7, 33])
def test_small_parts_of_an_image(segmenter, gray, size):
    assert segmenter.segment(gray[0][:size, : size + 1]).labels.shape == (
        size,
        size + 1,
    )


BAD_ARRAYS = {
    "number": (3, {}),
    "line": (np.zeros(9), {}),
    "empty": (np.zeros((0, 9)), {}),
    "empty list": ([], {}),
    "complex": (np.zeros((9, 9), complex), {}),
    "text": (np.array([["a", "b"]]), {}),
    "objects": (np.array([[None, 1]]), {}),
    "dates": (np.zeros((9, 9), "datetime64[s]"), {}),
    "ragged": ([[1, 2], [3]], {}),
    "nothing": (None, {}),
    "a path": ("image.tif", {}),
    "two channels last": (np.zeros((20, 20, 2)), {}),
    "channel axis beyond": (np.zeros((3, 20, 20)), {"channel_axis": 3}),
    "channel axis of a gray image": (np.zeros((20, 20)), {"channel_axis": 0}),
    "channel axis 1.5": (np.zeros((3, 20, 20)), {"channel_axis": 1.5}),
    "six axes": (np.zeros((2,) * 6), {}),
    "diameter 0": (np.zeros((20, 20)), {"diameter": 0}),
    "diameter below 0": (np.zeros((20, 20)), {"diameter": -5}),
    "diameter NaN": (np.zeros((20, 20)), {"diameter": np.nan}),
    "diameter infinite": (np.zeros((20, 20)), {"diameter": np.inf}),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_one_sentence(segmenter, case):
    image, kwargs = BAD_ARRAYS[case]
    with pytest.raises(IAUNetError) as caught:
        segmenter.segment(image, **kwargs)
    assert re.fullmatch(r"[^\n]+\.", str(caught.value))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"model": "no such model"},
        {"model": __file__},
        {"model": "/"},
        {"device": "toaster"},
        {"device": "cuda:99"},
    ],
)
def test_bad_models_and_devices_are_one_sentence(kwargs):
    with pytest.raises(IAUNetError) as caught:
        Segmenter(**kwargs)
    assert re.fullmatch(r"[^\n]+\.", str(caught.value))


def save_zarr(path, image):
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=image[None, None])
    axes = [{"name": n} for n in "cz"] + [{"name": n, "type": "space"} for n in "yx"]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}],
    }


GOOD_FILES = {
    "a.png": lambda p, g, c: Image.fromarray(g).save(p),
    "16 bits.png": lambda p, g, c: Image.fromarray(g.astype(np.uint16) * 257).save(p),
    "colours.PNG": lambda p, g, c: Image.fromarray(c).save(p),
    "palette.png": lambda p, g, c: Image.fromarray(g).convert("P").save(p),
    "Zellkerne größer ü.jpg": lambda p, g, c: Image.fromarray(g).save(p, quality=95),
    "colours.jpeg": lambda p, g, c: Image.fromarray(c).save(p, quality=95),
    "lzw.tif": lambda p, g, c: tifffile.imwrite(
        p, g.astype(np.uint16) * 200, byteorder=">", compression="lzw"
    ),
    "colours.TIF": lambda p, g, c: tifffile.imwrite(p, c, compression="zlib"),
    "nan.tiff": lambda p, g, c: tifffile.imwrite(p, patched(g, np.nan)),
    "planar.tif": lambda p, g, c: tifffile.imwrite(
        p, np.moveaxis(c, -1, 0), photometric="rgb", planarconfig="separate"
    ),
    "imagej.tif": lambda p, g, c: tifffile.imwrite(
        p, np.stack([g, g]), imagej=True, metadata={"axes": "CYX"}
    ),
    "a.ome.tif": lambda p, g, c: tifffile.imwrite(
        p, g.astype(np.float32)[None, None], metadata={"axes": "CZYX"}
    ),
    "really a tiff.png": lambda p, g, c: (
        tifffile.imwrite(p.with_suffix(".x"), g) or p.with_suffix(".x").rename(p)
    ),
    "white is zero.tif": lambda p, g, c: tifffile.imwrite(
        p, 255 - g, photometric="miniswhite"
    ),
    "a.zarr": lambda p, g, c: save_zarr(p, g),
}


@pytest.mark.parametrize("name", GOOD_FILES)
def test_files_through_the_command_line(tmp_path, gray, rgb, name, capsys):
    path = tmp_path / name
    GOOD_FILES[name](path, gray[0], rgb[0])
    assert main(["segment", str(path), "--out", str(tmp_path), "--device", "cpu"]) == 0
    suffix = ".zarr" if name.endswith(".zarr") else ".tif"
    labels = np.asarray(read_image(tmp_path / f"{path.stem}_mask{suffix}").array)
    colours = any(word in name for word in ("colours", "planar"))
    agreement = 0.6 if ".jp" in name else 0.8  # compression costs detail
    check(labels.astype(np.int32), (rgb if colours else gray)[1], agreement)
    assert capsys.readouterr().err == ""


BAD_FILES = {
    "missing.tif": None,
    "empty.png": b"",
    "text.tif": b"not an image at all, " * 9,
    "header.tif": b"II*\0\x08\0\0\0",
    "header.png": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "page.html.jpg": b"<!doctype html><html></html>",
    "spreadsheet.png": b"PK\x03\x04" + bytes(60),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_through_the_command_line(tmp_path, name, capsys):
    if BAD_FILES[name] is not None:
        (tmp_path / name).write_bytes(BAD_FILES[name])
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path / name), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert re.fullmatch(r"napari-iaunet: [^\n]+\.\n", err)
    assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [("--model", "no such model"), ("--device", "toaster"), ("--diameter", "-3")],
)
def test_bad_options_through_the_command_line(tmp_path, gray, options, capsys):
    path, out = tmp_path / "a.tif", tmp_path / "out"
    tifffile.imwrite(path, gray[0])
    try:
        status = main(["segment", str(path), "--out", str(out), *options])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert re.fullmatch(r"napari-iaunet: [^\n]+\n", capsys.readouterr().err)
    assert not out.exists()


@pytest.mark.parametrize("kind", ["nuclei-fluorescence", "nuclei-histology"])
def test_contrast_and_type_of_real_images(segmenter, data_folder, kind):
    folder = data_folder / kind / "train"
    image = next(
        loaded
        for path in sorted(folder.glob("*_img.*"))
        if max((loaded := np.asarray(read_image(path).array)).shape[:2]) < 400
        and segmenter.segment(loaded).labels.max() >= 15
    )
    expected = segmenter.segment(image).labels
    for changed in (image.astype(np.uint16) * 100, image / 255.0, image * 0.5 + 60):
        check(segmenter.segment(changed).labels, expected)
