"""Label images in the forms that programs write them."""

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from skimage.segmentation import find_boundaries

from napari_iaunet.errors import ImageError
from napari_iaunet.io.labels import read_labels
from napari_iaunet.io.ome_zarr_labels import register_labels
from napari_iaunet.io.read import write_labels_ome_zarr
from napari_iaunet.training.dataset import Annotation, read_pairs, with_edges


@pytest.fixture
def labels():
    ids = np.zeros((40, 50), np.uint8)
    for n, (y, x) in enumerate(np.ndindex(4, 5)):
        ids[10 * y + 1 : 10 * y + 8, 10 * x + 1 : 10 * x + 8] = 3 * n + 1
    return ids


# As labelme and VOC do it: colours that no number can be read from.
PALETTE = [i * 37 % 256 for i in range(768)]


def indexed(labels):
    picture = Image.fromarray(labels, "L").convert("P")
    picture.putpalette(PALETTE)
    picture.putdata(labels.ravel().tolist())
    return picture


def palette_tiff(path, labels, **options):
    colours = np.asarray(PALETTE, np.uint16).reshape(256, 3).T * 257
    tifffile.imwrite(path, labels, photometric="palette", colormap=colours, **options)


FORMS = {
    "gray.png": lambda p, a: Image.fromarray(a).save(p),
    "wide.png": lambda p, a: Image.fromarray(a.astype(np.uint16)).save(p),
    "indexed.png": lambda p, a: indexed(a).save(p),
    "few colours.png": lambda p, a: indexed(a // 8).save(p, bits=3),
    "transparent.png": lambda p, a: indexed(a).save(p, transparency=0),
    "gray in colours.png": lambda p, a: Image.fromarray(np.dstack([a] * 3)).save(p),
    "gray and alpha.png": lambda p, a: Image.fromarray(
        np.dstack([a, a * 0 + 255]), "LA"
    ).save(p),
    "palette.tif": palette_tiff,
    "palette lzw.tif": lambda p, a: palette_tiff(p, a, compression="lzw"),
    "palette and alpha.tif": lambda p, a: indexed(a).convert("PA").save(p),
    "white is 0.tif": lambda p, a: tifffile.imwrite(p, a, photometric="miniswhite"),
    "imagej inverted.tif": lambda p, a: tifffile.imwrite(
        p, a, imagej=True, photometric="miniswhite"
    ),
    "float32.tif": lambda p, a: tifffile.imwrite(p, a.astype(np.float32)),
    "float64.tif": lambda p, a: tifffile.imwrite(p, a.astype(float)[None]),
    "int64.tif": lambda p, a: tifffile.imwrite(p, a.astype(np.int64)),
    "big-endian.tif": lambda p, a: tifffile.imwrite(
        p, a.astype(np.uint32), byteorder=">"
    ),
    "a.ome.tif": lambda p, a: tifffile.imwrite(p, a[None, None]),
    "rgb.tif": lambda p, a: tifffile.imwrite(p, np.dstack([a] * 3), photometric="rgb"),
    "a.zarr": lambda p, a: write_labels_ome_zarr(p, a),
    "float.zarr": lambda p, a: zarr.save_array(str(p), a.astype(np.float32)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_are_the_labels(tmp_path, labels, form):
    FORMS[form](tmp_path / form, labels)
    found = read_labels(tmp_path / form)
    assert found.dtype.kind in "iu"
    expected = labels // 8 if "few" in form else labels
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("form", ["indexed.png", "palette.tif", "float32.tif"])
def test_training_reads_the_same(tmp_path, labels, form):
    FORMS[form](tmp_path / form, labels)
    Image.fromarray(labels).save(tmp_path / "a_img.png")
    Image.fromarray(labels > 0).save(tmp_path / "a_region.png")
    (pair,) = read_pairs([(tmp_path / "a_img.png", tmp_path / form)])
    np.testing.assert_array_equal(pair.labels, labels)
    painted = with_edges(Annotation(labels, labels, labels > 0))
    np.testing.assert_array_equal(pair.region, painted.region)


def inverted(path, labels, **options):
    tifffile.imwrite(path, np.invert(labels), **options)


INVERTED = {
    "gray.png": lambda p, a: Image.fromarray(255 - a).save(p),
    "8.tif": inverted,
    "16.tif": lambda p, a: inverted(p, a.astype(np.uint16)),
    "32.tif": lambda p, a: inverted(p, a.astype(np.uint32)),
    "white is 0.tif": lambda p, a: inverted(p, a, photometric="miniswhite"),
    "palette.tif": lambda p, a: palette_tiff(p, 255 - a),
    "many.tif": lambda p, a: inverted(p, a * np.uint8(4)),
    "stack.tif": lambda p, a: inverted(p, np.stack([a] * 5), photometric="minisblack"),
    "cells at the edge.tif": lambda p, a: inverted(p, a[6:, 6:]),
    "not inverted.tif": lambda p, a: tifffile.imwrite(
        p, np.where(a, a.astype(np.uint16), 65535)
    ),
}


@pytest.mark.parametrize("form", INVERTED)
def test_the_background_may_be_the_highest_number(tmp_path, labels, form, caplog):
    INVERTED[form](tmp_path / form, labels)
    found = read_labels(tmp_path / form)
    expected = labels * np.uint8(4) if "many" in form else labels
    if "edge" in form:
        expected = expected[6:, 6:]
    np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
    (record,) = caplog.records
    assert "no pixel is 0" in record.getMessage()
    assert ("inverted: " in record.getMessage()) == ("not" not in form)


def test_of_several_label_images_no_option_reads_another(tmp_path, labels, caplog):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        for step in (1, 2):
            tif.write(labels // step, metadata={"axes": "YX"})
    np.testing.assert_array_equal(read_labels(tmp_path / "a.ome.tif"), labels)
    (record,) = caplog.records
    assert "only the first one is read; save the labels" in record.getMessage()
    assert "--" not in record.getMessage()


STRANGE = {
    "one is background": (lambda a: a + np.uint8(1), "label 1 covers 100% of the edge"),
    "minus one, cut off": (
        lambda a: a.astype(np.uint16) - np.uint16(1),
        "label 65535 covers 100% of the edge, and 0 is taken for the background",
    ),
    "image": (
        lambda a: np.random.default_rng(0).integers(0, 200, a.shape).astype(np.uint8),
        "different numbers, as in an image",
    ),
    "255 marks borders": (
        lambda a: np.where((a > 0) & (find_boundaries(a, mode="inner")), 255, a),
        "label 255 lies in 20 separate pieces",
    ),
}


def test_minus_one_is_the_background_where_no_pixel_is_0(tmp_path, labels, caplog):
    stored = np.where(labels, labels.astype(np.int16), -1)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)
    assert "-1 is taken for the background" in caplog.text
    stored[0, 0] = 0
    tifffile.imwrite(tmp_path / "a.tif", stored)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), stored)


@pytest.mark.parametrize("kind", STRANGE)
def test_labels_that_are_hardly_cells_are_told(tmp_path, labels, kind, caplog):
    make, says = STRANGE[kind]
    stored = make(labels)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), stored)
    (record,) = caplog.records
    assert says in record.getMessage()


@pytest.mark.parametrize(
    "stored",
    [
        np.full((9, 9), 255, np.uint8),
        np.pad(np.zeros((5, 5), np.uint8), 2, constant_values=255),
        np.ones((1, 1), np.uint8),
        np.arange(300, dtype=np.uint16).reshape(10, 30) // 3,
        np.full((9, 9), True),
    ],
)
def test_other_labels_at_the_edge_are_nothing_strange(tmp_path, stored, caplog):
    tifffile.imwrite(tmp_path / "a.tif", stored)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), stored)
    assert not caplog.records


def test_narrow_labels_and_stacks_have_no_channels(tmp_path, labels):
    narrow = np.stack([labels[:, :3]] * 9)
    tifffile.imwrite(tmp_path / "a.tif", narrow, photometric="minisblack")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), narrow)


def test_labels_within_an_image_are_found(tmp_path, labels):
    store = tmp_path / "image.zarr"
    group = zarr.open_group(store, mode="w", zarr_format=2)
    group.create_array("0", data=np.full((40, 50), 700, np.uint16))
    axes = [{"name": a, "type": "space"} for a in "yx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    (store / "labels").mkdir()
    write_labels_ome_zarr(store / "labels" / "cells", labels)
    register_labels(store, "cells", "0.4")
    np.testing.assert_array_equal(read_labels(store), labels)
    write_labels_ome_zarr(store / "labels" / "nuclei", labels)
    register_labels(store, "nuclei", "0.4")
    with pytest.raises(ImageError, match=r"several label images: give one, like"):
        read_labels(store)


REFUSED = {
    "colours.png": (
        lambda p, a: Image.fromarray(np.dstack([a, a // 2, a])).save(p),
        "holds colours",
    ),
    "channels.tif": (
        lambda p, a: tifffile.imwrite(
            p, np.stack([a, a // 2]), imagej=True, metadata={"axes": "CYX"}
        ),
        "several channels",
    ),
    "fractions.tif": (
        lambda p, a: tifffile.imwrite(p, a / np.float32(60)),
        "not whole",
    ),
    "nan.tif": (
        lambda p, a: tifffile.imwrite(p, np.where(a, a, np.nan)),
        "not whole",
    ),
    "infinite.tif": (
        lambda p, a: tifffile.imwrite(p, np.where(a, np.inf, 0)),
        "not whole",
    ),
    "a.jpg": (lambda p, a: Image.fromarray(a).save(p), "does not keep numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_label_image_is_refused(tmp_path, labels, name):
    make, says = REFUSED[name]
    make(tmp_path / name, labels)
    with pytest.raises(ImageError, match=says) as caught:
        read_labels(tmp_path / name)
    assert name in str(caught.value)
