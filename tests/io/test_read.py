"""Files are read as they were written, and damage is told in one sentence."""

import csv
import json

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.io.labels import read_labels
from napari_iaunet.io.ome_zarr import image_folder
from napari_iaunet.io.ome_zarr_store import read_store
from napari_iaunet.io.pixels import AxisPlace
from napari_iaunet.io.read import (
    read_image,
    write_labels,
    write_labels_ome_zarr,
    write_overlay,
    write_table,
)
from napari_iaunet.io.write import overlay


@pytest.fixture
def gray():
    rng = np.random.default_rng(0)
    return rng.integers(0, 65536, (50, 60), np.uint16)


@pytest.fixture
def rgb():
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (50, 60, 3), np.uint8)


def same(path, expected, axes, channel_axis=None):
    image = read_image(path)
    np.testing.assert_array_equal(np.asarray(image.array), expected)
    assert image.axes == axes
    assert image.channel_axis == channel_axis
    return image


def test_png(tmp_path, gray, rgb):
    Image.fromarray(gray).save(tmp_path / "gray16.png")
    same(tmp_path / "gray16.png", gray, "YX")
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    same(tmp_path / "rgb.png", rgb, "YXS", 2)
    rgba = np.dstack([rgb, rgb[..., :1]])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    same(tmp_path / "rgba.png", rgb, "YXS", 2)
    mask = rgb[..., 0] > 100
    Image.fromarray(mask).save(tmp_path / "bool.png")
    same(tmp_path / "bool.png", mask, "YX")
    Image.fromarray(rgba[..., 2:]).save(tmp_path / "gray_alpha.png")
    same(tmp_path / "gray_alpha.png", rgb[..., 2], "YX")
    palette = Image.fromarray(rgb).quantize(16)
    palette.save(tmp_path / "palette.png")
    same(tmp_path / "palette.png", np.asarray(palette.convert("RGB")), "YXS", 2)


def test_png_with_16_bit_colours_keeps_them(tmp_path, gray):
    import imagecodecs

    rgb16 = np.dstack([gray, gray // 2, gray // 3])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(rgb16))
    same(tmp_path / "a.png", rgb16, "YXS", 2)


def test_jpeg(tmp_path, rgb):
    smooth = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None], (60, 60))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").array.astype(int) - smooth).max() < 4
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert read_image(tmp_path / "cmyk.jpg").array.shape == rgb.shape


@pytest.mark.parametrize(
    "compression", [None, "lzw", "zlib", "packbits", "lzma", "zstd"]
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_compressions(tmp_path, gray, compression, byteorder):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, gray, compression=compression, byteorder=byteorder)
    same(path, gray, "YX")


@pytest.mark.parametrize("dtype", ["b1", "i1", "u2", "i4", "u8", "f2", "f4", "f8"])
def test_tiff_types(tmp_path, gray, dtype):
    expected = (gray > 30000) if dtype == "b1" else gray.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", expected, photometric="minisblack")
    same(tmp_path / "a.tif", expected, "YX")


def test_tiff_axes(tmp_path, gray, rgb):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgb, photometric="rgb", compression="lzw")
    same(path, rgb, "YXS", 2)
    tifffile.imwrite(path, np.moveaxis(rgb, -1, 0), photometric="rgb")
    same(path, np.moveaxis(rgb, -1, 0), "SYX", 0)
    stack = np.stack([gray, gray // 2, gray // 3])
    tifffile.imwrite(path, stack, photometric="minisblack")
    assert same(path, stack, "QYX").is_stack
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "CYX"})
    assert not same(path, stack, "CYX", 0).is_stack
    many = np.stack([stack, stack])
    tifffile.imwrite(path, many, imagej=True, metadata={"axes": "TZYX"})
    same(path, many, "TZYX")
    tifffile.imwrite(path, many, photometric="minisblack", metadata={"axes": "TCYX"})
    assert same(path, many, "TCYX", 1).is_stack
    ome = tmp_path / "a.ome.tif"
    tifffile.imwrite(ome, many[:, :, None], metadata={"axes": "TCZYX"})
    same(ome, many, "TCYX", 1)


def test_unnamed_and_narrow_axes(tmp_path, gray):
    path = tmp_path / "a.tif"
    colours = np.dstack([gray, gray, gray])
    tifffile.imwrite(path, colours, photometric="minisblack")
    same(path, colours, "YXS", 2)
    two = np.dstack([gray, gray])
    tifffile.imwrite(path, two, photometric="minisblack")
    same(path, two, "QYX")
    narrow = np.stack([gray[:, :3]] * 9)
    metadata = {"axes": "TYX"}
    tifffile.imwrite(path, narrow, photometric="minisblack", metadata=metadata)
    assert same(path, narrow[..., None], "TYXC", 3).is_stack


def test_pages_of_a_plain_multipage_tiff_are_a_stack(tmp_path, gray):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for i in range(4):
            tif.write(gray // (i + 1), contiguous=False, metadata=None)
    image = read_image(tmp_path / "a.tif")
    assert image.array.shape == (4, 50, 60)
    assert image.is_stack


def test_white_is_zero_and_palettes(tmp_path, rgb):
    tifffile.imwrite(tmp_path / "w.tif", 255 - rgb[..., 0], photometric="miniswhite")
    same(tmp_path / "w.tif", rgb[..., 0], "YX")
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    tifffile.imwrite(
        tmp_path / "p.tif", rgb[..., 0], photometric="palette", colormap=colours
    )
    expected = (np.moveaxis(colours[:, rgb[..., 0]], 0, -1) >> 8).astype(np.uint8)
    same(tmp_path / "p.tif", expected, "YXS", 2)


def test_pixel_size(tmp_path, gray):
    tifffile.imwrite(
        tmp_path / "ij.tif",
        gray,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"unit": "um"},
    )
    assert read_image(tmp_path / "ij.tif").pixel_size == pytest.approx((0.5, 0.25))
    metadata = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    tifffile.imwrite(tmp_path / "a.ome.tif", gray, metadata=metadata)
    assert read_image(tmp_path / "a.ome.tif").pixel_size == (0.5, 0.25)
    tifffile.imwrite(tmp_path / "plain.tif", gray)
    assert read_image(tmp_path / "plain.tif").pixel_size is None


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path, gray, version):
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    data = np.stack([gray, gray // 2])[:, None, None].repeat(3, 0)
    data = data.reshape(3, 2, 1, *gray.shape)
    array = group.create_array("full", shape=data.shape, dtype=data.dtype)
    array[...] = data
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    step = {"type": "scale", "scale": [1, 1, 2, 0.5, 0.25]}
    level = {"path": "full", "coordinateTransformations": [step]}
    attributes = {"multiscales": [{"axes": axes, "datasets": [level]}]}
    group.attrs.update(
        attributes if version == "0.4" else {"ome": {"version": "0.5", **attributes}}
    )
    image = same(path, data[:, :, 0], "TCYX", 1)
    assert image.pixel_size == (0.5, 0.25)
    assert image.is_stack


def test_zarr_without_ome(tmp_path, gray, rgb):
    zarr.save_array(str(tmp_path / "a.zarr"), gray)
    same(tmp_path / "a.zarr", gray, "YX")
    zarr.save_array(str(tmp_path / "b.zarr"), rgb)
    same(tmp_path / "b.zarr", rgb, "YXS", 2)
    zarr.save_group(str(tmp_path / "c.zarr"), gray)
    same(tmp_path / "c.zarr", gray, "YX")


def zarr_group(path, attributes, **arrays):
    group = zarr.open_group(path, mode="w")
    group.attrs.update(attributes)
    for name, data in arrays.items():
        group.create_array(name, data=data)
    return path


BAD = {
    "no such file": (lambda f, g: f / "missing.tif", "no file"),
    "folder": (lambda f, g: f, "is a folder"),
    "empty": (lambda f, g: saved(f / "a.tif", b""), "empty"),
    "text": (lambda f, g: saved(f / "a.png", b"hello " * 50), "not an image"),
    "cut png": (lambda f, g: cut(f / "a.png", png(g), 0.5), "damaged"),
    "cut 16-bit colours": (lambda f, g: cut(f / "a.png", png16(g), 0.5), "damaged"),
    "cut jpeg": (lambda f, g: cut(f / "a.jpg", jpeg(g), 0.5), "damaged"),
    "header only": (lambda f, g: saved(f / "a.tif", b"II*\0\x08\0\0\0"), "damaged"),
    "bad offset": (lambda f, g: saved(f / "a.tif", b"II*\0\xff\xff\xff\0"), "damaged"),
    "cut tiff": (lambda f, g: cut(f / "a.tif", tiff(f, g), 0.5), "damaged"),
    "cut lzw": (lambda f, g: cut(f / "a.tif", tiff(f, g, "lzw"), 0.6), "damaged"),
    "cut zlib": (lambda f, g: cut(f / "a.tif", tiff(f, g, "zlib"), 0.6), "damaged"),
    "cut stack": (
        lambda f, g: cut(f / "a.tif", pages(f, g), 0.5),
        "damaged",
    ),
    "complex": (lambda f, g: tiff_file(f / "a.tif", g.astype("c8")), "complex"),
    "two axes too many": (
        lambda f, g: tiff_file(f / "a.tif", np.zeros((2, 2, 2, 2, 9, 9))),
        "too many axes",
    ),
    "plate": (lambda f, g: zarr_group(f / "p.zarr", {"plate": {}}), "plate"),
    "group": (lambda f, g: zarr_group(f / "p.zarr", {}, a=g, b=g), "no OME-Zarr"),
    "no level": (
        lambda f, g: zarr_group(
            f / "p.zarr", {"multiscales": [{"datasets": [{"path": "0"}]}]}
        ),
        "damaged",
    ),
    "no metadata": (
        lambda f, g: saved((f / "p.zarr" / "zarr.json"), b"{nonsense").parent,
        "damaged",
    ),
    "1-D": (lambda f, g: zarr_group(f / "p.zarr", {}, a=g[0]), "rows and columns"),
    "strings": (
        lambda f, g: zarr_group(f / "p.zarr", {}, a=g.astype("datetime64[s]")),
        "dates",
    ),
}


def saved(path, data):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def cut(path, data, part):
    return saved(path, data[: int(len(data) * part)])


def encoded(image, **kwargs):
    from io import BytesIO

    file = BytesIO()
    Image.fromarray(image).save(file, **kwargs)
    return file.getvalue()


def png(gray):
    return encoded(gray, format="PNG")


def png16(gray):
    import imagecodecs

    return imagecodecs.png_encode(np.dstack([gray] * 3))


def jpeg(gray):
    return encoded((gray >> 8).astype(np.uint8), format="JPEG")


def tiff_file(path, data, compression=None):
    tifffile.imwrite(path, data, compression=compression, photometric="minisblack")
    return path


def tiff(folder, gray, compression=None):
    return tiff_file(folder / "whole", gray, compression).read_bytes()


def pages(folder, gray):
    with tifffile.TiffWriter(folder / "whole") as tif:
        for _ in range(6):
            tif.write(gray, contiguous=False, metadata=None)
    return (folder / "whole").read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", BAD)
def test_unusable_files_are_one_sentence(tmp_path, gray, case, caplog):
    make, says = BAD[case]
    with pytest.raises(ImageError, match=r"^[^\n]+\.$") as caught:
        np.asarray(read_image(make(tmp_path, gray)).array)
    assert says in str(caught.value)


def test_labels_come_back(tmp_path):
    labels = np.arange(12, dtype=np.int32).reshape(3, 4)
    write_labels(tmp_path / "a.tif", labels, pixel_size=(0.5, 0.25))
    back = tifffile.imread(tmp_path / "a.tif")
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, labels)
    write_labels(tmp_path / "a.tif", labels * 10_000)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels * 10_000)
    stack = np.stack([labels] * 3)
    write_labels(tmp_path / "a.tif", stack, axes="ZYX")
    same(tmp_path / "a.tif", stack, "ZYX")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_ome_zarr_labels_come_back(tmp_path):
    labels = np.arange(2 * 700 * 600, dtype=np.int32).reshape(2, 700, 600)
    path = tmp_path / "a.zarr"
    write_labels_ome_zarr(path, labels % 100)
    places = {
        "Z": AxisPlace(2.0, 7.0, "micrometer"),
        "Y": AxisPlace(0.5, unit="micrometer"),
        "X": AxisPlace(250.0, -40.0, "nanometer"),
    }
    write_labels_ome_zarr(path, labels, axes="ZYX", places=places)
    image = same(path, labels, "ZYX")
    assert image.pixel_size == (0.5, 0.25)
    assert image.places == places
    attributes = json.loads((path / ".zattrs").read_text())
    assert len(attributes["multiscales"][0]["datasets"]) == 2
    assert zarr.open(path)["1"].shape == (2, 350, 300)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_written_ome_zarr_follows_the_specification(tmp_path):
    models = pytest.importorskip("ome_zarr_models.v04.image")
    write_labels_ome_zarr(tmp_path / "a.zarr", np.eye(5, dtype=np.int32))
    models.Image.from_zarr(zarr.open_group(tmp_path / "a.zarr", mode="r"))


def test_the_image_of_a_converted_file_is_found(tmp_path):
    """bioformats2raw puts images into folders of a store that only lists them."""
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).attrs.update(
        {"bioformats2raw.layout": 3}
    )
    write_labels_ome_zarr(tmp_path / "a.zarr" / "0", np.eye(50, dtype=np.int32))
    same(tmp_path / "a.zarr", np.eye(50), "YX")
    assert image_folder(tmp_path / "a.zarr") == tmp_path / "a.zarr" / "0"
    assert image_folder(tmp_path / "a.zarr" / "0") == tmp_path / "a.zarr" / "0"


def stored_as(path, axes, pixels):
    """Write an OME-Zarr image with its axes in any order."""
    kinds = {"c": "channel", "t": "time"}
    described = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    group = zarr.open_group(path, mode="w", zarr_format=2)
    datasets = [{"path": "0"}, {"path": "1"}]
    group.create_array("0", data=pixels)
    half = tuple(slice(None, None, 2 if a in "yx" else None) for a in axes)
    group.create_array("1", data=np.ascontiguousarray(pixels[half]))
    group.attrs["multiscales"] = [{"axes": described, "datasets": datasets}]


ORDERS = [
    ("xyz", "zyx"),
    ("yxz", "zyx"),
    ("xy", "yx"),
    ("zyxt", "tzyx"),
    ("yxcz", "czyx"),
]


@pytest.mark.parametrize(("axes", "usual"), ORDERS)
def test_rows_and_columns_are_where_the_names_of_the_axes_say(tmp_path, axes, usual):
    shape = tuple({"x": 8, "y": 7, "z": 5, "t": 3, "c": 2}[a] for a in axes)
    pixels = np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)
    stored_as(tmp_path / "a.zarr", axes, pixels)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        photometric="minisblack",
        metadata={"axes": axes.upper()},
    )
    expected = pixels.transpose([axes.index(a) for a in usual])
    for path in (tmp_path / "a.zarr", tmp_path / "a.tif"):
        image = read_image(path)
        assert image.axes == usual.upper()
        np.testing.assert_array_equal(np.asarray(image.array), expected)
        # Numbers of axes are those of the file.
        first = usual[-3] if len(usual) > 2 else None
        if first == "z":
            found = read_image(path, planes=axes.index("z"))
            np.testing.assert_array_equal(np.asarray(found.array), expected)
    (image,) = read_store(tmp_path / "a.zarr")
    assert image.axes == usual.upper()
    np.testing.assert_array_equal(np.asarray(image.levels[0]), expected)
    assert image.levels[1].shape[-2:] == (4, 4)
    if "c" not in axes:
        np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), expected)


@pytest.mark.parametrize(
    ("shape", "chunks", "shards", "parts"),
    [
        ((1024, 1024), (32, 32), (512, 512), 4),
        ((1000, 900), (16, 16), None, 4),
        ((1024, 1024), (256, 1024), None, 4),
        ((3, 600, 700), (1, 64, 64), None, 12),
        ((9, 60, 80), (1, 20, 20), None, 9),
        ((600, 700, 3), (64, 64, 1), None, 9),
    ],
)
def test_small_chunks_are_read_many_at_a_time(tmp_path, shape, chunks, shards, parts):
    pixels = np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)
    options = {"chunks": chunks, "shards": shards}
    zarr.create_array(str(tmp_path / "a.zarr"), data=pixels, **options)
    array = read_image(tmp_path / "a.zarr").array
    assert array.npartitions == parts
    np.testing.assert_array_equal(array[..., 5:50, :].compute(), pixels[..., 5:50, :])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_names_of_axes_without_ome_zarr(tmp_path, zarr_format):
    names, pixels = ["channel", "y", "x"], np.zeros((5, 60, 80), np.uint16)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    known = {"dimension_names": names} if zarr_format == 3 else {}
    array = group.create_array("image", data=pixels, **known)
    if zarr_format == 2:  # as xarray does it
        array.attrs["_ARRAY_DIMENSIONS"] = names
    group.create_array("x", data=np.arange(80))
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr" / "image"):
        assert (read_image(path).axes, read_image(path).channel_axis) == ("CYX", 0)


def test_arrays_that_are_no_image_are_refused_with_those_that_are(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name in ("b", "a"):
        group.create_array(name, data=np.zeros((60, 80), np.uint16))
    with pytest.raises(ImageError, match=r"like .*a\.zarr/a\.$"):
        read_image(tmp_path / "a.zarr")
    table = zarr.open_group(tmp_path / "t.zarr", mode="w")
    table.attrs["encoding-type"] = "anndata"
    table.create_array("X", data=np.zeros((60, 80), np.float32))
    with pytest.raises(ImageError, match="holds a table"):
        read_image(tmp_path / "t.zarr")


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("x")
    with pytest.raises(ImageError, match="not replaced"):
        write_labels_ome_zarr(tmp_path / "a.zarr", np.eye(5, dtype=np.int32))
    assert (tmp_path / "a.zarr" / "thesis.txt").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    write_labels(path, np.ones((3, 3), int))
    old = path.read_bytes()

    def fail(fresh, *args, **kwargs):
        fresh.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tifffile.imwrite", fail)
    with pytest.raises(ImageError, match="No space left"):
        write_labels(path, np.ones((3, 3), int))
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_writing_where_no_folder_is(tmp_path):
    with pytest.raises(ImageError, match="cannot be written"):
        write_labels(tmp_path / "no" / "a.tif", np.ones((3, 3), int))


def test_overlay(tmp_path, rgb):
    labels = np.zeros((50, 60), int)
    labels[10:20, 10:20] = 1
    write_overlay(tmp_path / "a.png", rgb, labels)
    drawn = read_image(tmp_path / "a.png").array
    assert drawn.shape == (50, 60, 3)
    assert drawn[10, 10:20].tolist() == [[0, 255, 0]] * 10
    assert drawn[13:17, 13:17].tolist() != [[[0, 255, 0]] * 4] * 4
    stack = np.stack([rgb[..., 0]] * 3)
    labels = np.stack([labels * 0, labels, labels * 0])
    assert (overlay(stack, labels)[10, 10:20] == (0, 255, 0)).all()


def test_an_overlay_has_a_scale_bar_where_the_pixel_size_is_known():
    image, labels = np.zeros((200, 300), np.uint8), np.zeros((200, 300), int)
    assert not overlay(image, labels).any()
    drawn = overlay(image, labels, pixel_width=0.65)
    bars = (drawn == 255).all(axis=2)
    lengths = bars.sum(axis=1)
    # 20 of 195 / 4 micrometres, and above it what they are called.
    assert lengths.max() == round(20 / 0.65)
    assert bars[:185].any()
    assert not bars[:100].any()


def test_table(tmp_path):
    table = {"label": np.array([1, 2]), "score": np.array([0.5, 1 / 3], np.float32)}
    write_table(tmp_path / "a.csv", table)
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["label", "score"], ["1", "0.5"], ["2", "0.333333"]]


# -- stores of several images ------------------------------------------------------


def image_group(group, data, **attributes):
    group.create_array("0", data=data)
    axes = [{"name": a, "type": "space"} for a in "yx"]
    described = {"axes": axes, "datasets": [{"path": "0"}]}
    group.attrs.update({"multiscales": [described], **attributes})


@pytest.fixture
def converted(tmp_path, gray):
    """Store of three images, as bioformats2raw writes it."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    group.create_group("OME")
    for i in range(3):
        image_group(group.create_group(str(i)), gray // (i + 1))
    return tmp_path / "a.zarr"


def test_of_a_store_of_several_images_the_first_is_read(converted, gray, caplog):
    same(converted, gray, "YX")
    (record,) = caplog.records
    assert "holds 3 images" in record.getMessage()
    caplog.clear()
    image = read_image(converted, series=3)
    np.testing.assert_array_equal(np.asarray(image.array), gray // 3)
    np.testing.assert_array_equal(read_image(converted / "1").array, gray // 2)
    assert not caplog.records
    assert image_folder(converted, 3) == converted / "2"
    with pytest.raises(ImageError, match="no image 4"):
        read_image(converted, series=4)


def test_of_several_multiscales_the_first_is_read(tmp_path, gray, caplog):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    image_group(group, gray)
    group.create_array("other", data=gray // 2)
    (first,) = group.attrs["multiscales"]
    second = {**first, "datasets": [{"path": "other"}]}
    group.attrs["multiscales"] = [first, second]
    same(tmp_path / "a.zarr", gray, "YX")
    assert "holds 2 images" in caplog.text
    found = read_image(tmp_path / "a.zarr", series=2).array
    np.testing.assert_array_equal(np.asarray(found), gray // 2)


def test_the_largest_level_is_read(tmp_path, gray):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    image_group(group, gray[::2, ::2])
    group.create_array("full", data=gray)
    (only,) = group.attrs["multiscales"]
    only["datasets"].append({"path": "full"})
    group.attrs["multiscales"] = [only]
    same(tmp_path / "a.zarr", gray, "YX")


def test_a_store_that_only_holds_images_names_one(tmp_path, gray):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    image_group(group.create_group("images").create_group("cells"), gray)
    with pytest.raises(ImageError, match=r"one of those in it, like .*images/cells"):
        read_image(tmp_path / "a.zarr")


def test_labels_of_a_store_are_known_as_such(tmp_path, gray):
    write_labels_ome_zarr(tmp_path / "a.zarr", np.eye(9, dtype=np.int32))
    assert read_image(tmp_path / "a.zarr").holds_labels
    zarr.save_array(str(tmp_path / "b.zarr"), gray)
    assert not read_image(tmp_path / "b.zarr").holds_labels


def test_an_array_with_channels_last(tmp_path, gray, caplog):
    zarr.save_array(str(tmp_path / "a.zarr"), np.dstack([gray] * 4))
    assert read_image(tmp_path / "a.zarr").array.shape == (50, 60, 3)
    assert "--channel-axis 2" in caplog.text
    assert read_image(tmp_path / "a.zarr", channel_axis=2).array.shape == (50, 60, 4)


def test_png_of_16_bits_with_alpha(tmp_path, gray):
    import imagecodecs

    path = tmp_path / "a.png"
    for colours in ([gray, gray // 2, gray // 3], [gray]):
        stored = np.dstack([*colours, gray[::-1]])
        path.write_bytes(imagecodecs.png_encode(stored))
        np.testing.assert_array_equal(
            read_image(path).array, np.dstack(colours).squeeze()
        )


def test_of_an_animation_the_first_picture_is_read(tmp_path, rgb, caplog):
    first, second = Image.fromarray(rgb), Image.fromarray(255 - rgb)
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    same(tmp_path / "a.png", rgb, "YXS", 2)
    assert "animation of 2 pictures" in caplog.text


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP"])
def test_other_pictures_are_not_read(tmp_path, rgb, kind):
    Image.fromarray(rgb).save(tmp_path / "a.png", format=kind)
    with pytest.raises(ImageError, match="not an image in a format"):
        read_image(tmp_path / "a.png")
