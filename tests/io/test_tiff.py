"""TIFF files as they come from cameras, scanners and other programs."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.data import immunohistochemistry

from napari_iaunet.errors import ImageError
from napari_iaunet.io.pixels import AxisPlace, in_micrometres
from napari_iaunet.io.read import read_image, write_labels


@pytest.fixture
def gray():
    return np.random.default_rng(0).integers(0, 60000, (50, 60), np.uint16)


@pytest.fixture
def picture():
    return immunohistochemistry()[:128, :160]


def nothing_said(caplog):
    return not caplog.records


def said(caplog):
    (record,) = caplog.records
    return record.getMessage()


# -- alpha and channels --------------------------------------------------------------


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_is_left_out(tmp_path, gray, planar, alpha, dtype, caplog):
    rgb = np.stack([gray, gray // 2, gray // 3]).astype(dtype)
    rgba = np.concatenate([rgb, np.full_like(rgb[:1], 200)])
    if planar == "contig":
        rgb, rgba = (np.ascontiguousarray(np.moveaxis(a, 0, -1)) for a in (rgb, rgba))
    path = tmp_path / "a.tif"
    options = {"photometric": "rgb", "planarconfig": planar, "extrasamples": [alpha]}
    tifffile.imwrite(path, rgba, **options)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, rgb)
    assert image.channel_axis == (2 if planar == "contig" else 0)
    assert nothing_said(caplog)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_fourth_sample_of_which_nothing_is_said(tmp_path, gray, planar, caplog):
    path, axis = tmp_path / "a.tif", 2 if planar == "contig" else 0
    four = np.stack([gray, gray // 2, gray // 3, gray // 4], axis)
    options = {"photometric": "rgb", "planarconfig": planar}
    tifffile.imwrite(path, four, extrasamples=["unspecified"], **options)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, four.take(range(3), axis))
    assert "red, green, blue and alpha. If it holds four channels" in said(caplog)
    caplog.clear()
    image = read_image(path, channel_axis=axis)
    np.testing.assert_array_equal(image.array, four)
    assert nothing_said(caplog)


def test_samples_of_gray_are_channels_unless_they_are_alpha(tmp_path, gray):
    path, options = tmp_path / "a.tif", {"photometric": "minisblack"}
    options["planarconfig"] = "contig"
    two = np.dstack([gray, gray // 2])
    tifffile.imwrite(path, two, extrasamples=["unspecified"], **options)
    np.testing.assert_array_equal(read_image(path).array, two)
    assert read_image(path).axes == "YXC"
    tifffile.imwrite(path, two, extrasamples=["unassalpha"], **options)
    np.testing.assert_array_equal(read_image(path).array, gray)
    three = np.dstack([gray, gray // 2, gray // 3])
    kinds = ["unspecified", "unassalpha"]
    tifffile.imwrite(path, three, extrasamples=kinds, **options)
    np.testing.assert_array_equal(read_image(path).array, two)


def test_gray_that_does_not_say_what_is_white_is_not_inverted(tmp_path, gray):
    path, (number, sort) = tmp_path / "a.tif", (262, 3)
    tifffile.imwrite(path, gray, metadata=None)
    data = path.read_bytes()
    entry = struct.pack("<HHI", number, sort, 1)
    assert data.count(entry) == 1
    # Another tag in its place, which says nothing about colours.
    path.write_bytes(data.replace(entry, struct.pack("<HHI", 263, sort, 1)))
    np.testing.assert_array_equal(read_image(path).array, gray)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", ["a.ome.tif", "ij.tif"])
def test_four_channels_are_four(tmp_path, gray, dtype, name, caplog):
    channels = np.stack([gray, gray // 2, gray // 3, gray // 5]).astype(dtype)
    tifffile.imwrite(
        tmp_path / name,
        channels,
        imagej=name == "ij.tif",
        photometric="minisblack",
        metadata={"axes": "CYX"},
    )
    image = read_image(tmp_path / name)
    np.testing.assert_array_equal(image.array, channels)
    assert (image.axes, image.channel_axis) == ("CYX", 0)
    assert nothing_said(caplog)


def test_four_that_come_last_without_a_name_are_colours_until_told(
    tmp_path, gray, caplog
):
    path, four = tmp_path / "a.tif", np.dstack([gray] * 4).astype(np.float32)
    tifffile.imwrite(path, four, photometric="minisblack")
    assert read_image(path).array.shape == (50, 60, 3)
    assert "--channel-axis 2" in said(caplog)
    caplog.clear()
    image = read_image(path, channel_axis=2)
    assert (image.array.shape, image.channel_axis) == ((50, 60, 4), 2)
    assert nothing_said(caplog)


# -- planes and channels that come last, or are called each other --------------------


@pytest.mark.parametrize("shape", [(96, 96, 5), (256, 200, 20), (3, 96, 96, 5)])
@pytest.mark.parametrize("imagej", [False, True])
def test_planes_or_channels_that_come_last_are_not_guessed(tmp_path, shape, imagej):
    path, last = tmp_path / "a.tif", len(shape) - 1
    pixels = np.zeros(shape, np.uint16)
    if imagej and len(shape) > 3:
        pytest.skip("ImageJ names four axes")
    tifffile.imwrite(path, pixels, imagej=imagej, photometric="minisblack")
    assert read_image(path).channel_axis is None
    assert read_image(path, planes=-1).array.shape[-2:] == shape[-3:-1]
    assert read_image(path, channel_axis=last).channel_axis == last
    assert read_image(path, planes=0).array.shape[: len(shape)] == shape


def test_many_channels_are_averaged_but_that_is_said(tmp_path, gray, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([gray] * 8), imagej=True, metadata={"axes": "CYX"})
    assert read_image(path).channel_axis == 0
    assert "8 channels" in said(caplog)
    assert "--planes C" in said(caplog)
    caplog.clear()
    assert read_image(path, planes="C").channel_axis is None
    assert read_image(path, channel_axis=0).channel_axis == 0
    assert nothing_said(caplog)


@pytest.mark.parametrize(
    ("shape", "axis"), [((2, 50, 60), 0), ((4, 50, 60), 0), ((40, 3, 60), 1)]
)
def test_planes_that_may_be_channels_are_told(tmp_path, shape, axis, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint16), photometric="minisblack")
    assert read_image(path).channel_axis is None
    assert f"it is taken for {shape[0]} planes" in said(caplog)
    assert f"say so by --channel-axis {axis}" in said(caplog)
    caplog.clear()
    assert read_image(path, channel_axis=axis).channel_axis == axis
    assert read_image(path, planes=0).array.shape[:3] == shape
    assert nothing_said(caplog)


# -- several images in one file ------------------------------------------------------


def test_planes_that_were_appended_are_a_stack(tmp_path, gray, caplog):
    for i in range(5):
        tifffile.imwrite(tmp_path / "a.tif", gray // (i + 1), append=i > 0)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.array, [gray // n for n in range(1, 6)])
    assert image.is_stack
    assert nothing_said(caplog)


def positions(path, gray):
    with tifffile.TiffWriter(path) as tif:
        for i in range(3):
            tif.write(gray // (i + 1), metadata={"axes": "YX"})


def two_stacks(path, gray):
    tifffile.imwrite(path, np.stack([gray] * 6), photometric="minisblack")
    tifffile.imwrite(
        path, np.stack([gray // 2] * 5), photometric="minisblack", append=True
    )


@pytest.mark.parametrize(
    ("name", "make", "count"), [("a.ome.tif", positions, 3), ("a.tif", two_stacks, 2)]
)
def test_of_several_images_the_first_is_read_and_others_can_be(
    tmp_path, gray, name, make, count, caplog
):
    path = tmp_path / name
    make(path, gray)
    np.testing.assert_array_equal(
        np.atleast_3d(read_image(path).array.T)[..., 0], gray.T
    )
    assert f"holds {count} images" in said(caplog)
    assert "--series" in said(caplog)
    caplog.clear()
    second = read_image(path, series=2).array
    assert second.max() == gray.max() // 2
    assert nothing_said(caplog)
    with pytest.raises(ImageError, match=f"no image 9 in .*: it has {count} images"):
        read_image(path, series=9)


def test_pages_of_several_sizes(tmp_path, gray, caplog):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(gray[:9, :13].copy(), metadata=None)
        for _ in range(5):
            tif.write(gray, metadata=None, contiguous=False)
    assert read_image(tmp_path / "a.tif").array.shape == (5, 50, 60)
    assert "holds 2 images, and only number 2, the largest, is read" in said(caplog)
    assert read_image(tmp_path / "a.tif", series=1).array.shape == (9, 13)


def test_a_file_of_one_image_has_no_second(tmp_path, gray):
    tifffile.imwrite(tmp_path / "a.tif", gray)
    Image.fromarray(gray).save(tmp_path / "a.png")
    for path in tmp_path.iterdir():
        assert read_image(path, series=1).array.shape == gray.shape
        with pytest.raises(ImageError, match="no image 2"):
            read_image(path, series=2)


@pytest.mark.parametrize("reduced_first", [True, False])
def test_a_reduced_image_is_left_out(tmp_path, gray, reduced_first, caplog):
    pages = [(gray[::4, ::4].copy(), 1), (gray, 0), (gray > 9, 4)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for page, kind in pages if reduced_first else pages[::-1]:
            photometric = "mask" if kind == 4 else "minisblack"
            tif.write(page, subfiletype=kind, photometric=photometric, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, gray)
    assert nothing_said(caplog)


def test_levels_of_a_pyramid_are_left_out(tmp_path, gray, caplog):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        tif.write(gray, subifds=2, metadata={"axes": "YX"})
        for step in (2, 4):
            tif.write(gray[::step, ::step].copy(), subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").array, gray)
    assert nothing_said(caplog)


@pytest.mark.parametrize("step", [2, 3, 4])
@pytest.mark.parametrize("stored", ["page", "stack", "tiles"])
def test_another_image_of_half_the_size_is_no_reduced_one(
    tmp_path, gray, step, stored, caplog
):
    other = np.random.default_rng(1).integers(0, 60000, (48, 60), np.uint16)
    other, gray = other[: 48 // step, : 60 // step], gray[:48]
    options = {"metadata": None, "photometric": "minisblack"}
    if stored == "stack":
        other, gray = np.stack([other] * 5), np.stack([gray] * 5)
    elif stored == "tiles":
        options["tile"] = (16, 16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(gray, **options)
        tif.write(np.ascontiguousarray(other), **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, gray)
    assert "holds 2 images, and only the first one is read: --series 2" in said(caplog)
    found = read_image(tmp_path / "a.tif", series=2).array
    np.testing.assert_array_equal(found, other)


def means(plane):
    return plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2, -1).mean(
        (1, 3)
    )


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("reduce", [means, lambda plane: plane[::2, ::2]])
def test_levels_that_do_not_say_so_are_left_out(
    tmp_path, gray, picture, colours, reduce, caplog
):
    plane = first = picture if colours else gray[:48, :48]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for _ in range(3):
            tif.write(plane, metadata=None, photometric=None)
            plane = np.ascontiguousarray(reduce(plane).squeeze().astype(plane.dtype))
    found = read_image(tmp_path / "a.tif").array
    np.testing.assert_array_equal(found, first)
    assert nothing_said(caplog)


def test_label_and_macro_of_a_slide_are_left_out(tmp_path, picture, caplog):
    with tifffile.TiffWriter(tmp_path / "a.svs") as tif:
        about = "Aperio Image Library v12\n160x128|AppMag = 20"
        options = {"photometric": "rgb", "metadata": None}
        tif.write(picture, tile=(64, 64), description=about, **options)
        tif.write(picture[::4, ::4].copy(), description=about, **options)
        tif.write(
            picture[::2, ::2].copy(), subfiletype=1, description="label", **options
        )
        tif.write(np.tile(picture, (2, 2, 1)), subfiletype=9, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.svs").array, picture)
    assert nothing_said(caplog)


def one_image_in_files(folder, gray, count):
    """Sections of a volume, each in a file of its own, as OME describes it."""
    data = "".join(
        f'<TiffData IFD="0" FirstZ="{i}" PlaneCount="1">'
        f'<UUID FileName="z{i}.ome.tif">urn:uuid:{i}</UUID></TiffData>'
        for i in range(count)
    )
    for i in range(count):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{i}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeX="60" SizeY="50" '
            f'SizeZ="{count}" SizeC="1" SizeT="1"><Channel ID="Channel:0:0" '
            f'SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        path = folder / f"z{i}.ome.tif"
        tifffile.imwrite(path, gray + i, description=xml.encode(), metadata=None)


def test_planes_in_several_files_are_one_image(tmp_path, gray, caplog):
    one_image_in_files(tmp_path, gray, 3)
    image = read_image(tmp_path / "z1.ome.tif")
    np.testing.assert_array_equal(image.array, [gray, gray + 1, gray + 2])
    assert "planes lie in several files" in said(caplog)


def test_planes_that_are_missing_are_told(tmp_path, gray, caplog):
    one_image_in_files(tmp_path, gray, 3)
    (tmp_path / "z2.ome.tif").unlink()
    image = read_image(tmp_path / "z0.ome.tif")
    assert image.array.shape == (3, 50, 60)
    assert not image.array[2].any()
    assert "1 of 3 planes are missing" in caplog.text


# -- colours -------------------------------------------------------------------------


def alike(found, expected, tolerance):
    assert found.dtype == expected.dtype
    full = np.iinfo(expected.dtype).max
    difference = np.abs(found.astype(float) - expected) / full
    assert difference.mean() < tolerance


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "YCbCr"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_colours_of_printing_and_television(tmp_path, picture, mode, compression):
    path = tmp_path / "a.tif"
    Image.fromarray(picture).convert(mode).save(path, compression=compression)
    image = read_image(path)
    assert (image.axes, image.channel_axis) == ("YXS", 2)
    alike(image.array, picture, 0.01)


@pytest.mark.parametrize("photometric", ["cielab", "icclab"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lab_as_the_standards_store_it(tmp_path, picture, photometric, dtype):
    from skimage.color import rgb2lab

    lab = rgb2lab(picture)
    wide = dtype == np.uint16
    steps = 256 if wide else 1
    if photometric == "cielab":
        light = lab[..., :1] / 100 * np.iinfo(dtype).max
        signed = np.rint(lab[..., 1:] * steps).astype(np.int16 if wide else np.int8)
        stored = np.dstack([light.astype(dtype), signed.view(dtype)])
    else:
        light = lab[..., :1] / 100 * 255 * steps
        stored = np.dstack([light, (lab[..., 1:] + 128) * steps]).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric)
    expected = picture.astype(np.uint16) * 257 if wide else picture
    alike(read_image(tmp_path / "a.tif").array, expected, 0.01)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_with_alpha_and_of_16_bits(tmp_path, picture, planar, dtype):
    rgb = picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    full = np.iinfo(dtype).max
    inks = np.dstack([full - rgb, np.zeros((*rgb.shape[:2], 2), dtype)])
    if planar == "separate":
        inks = np.ascontiguousarray(np.moveaxis(inks, -1, 0))
    tifffile.imwrite(
        tmp_path / "a.tif",
        inks,
        photometric="separated",
        planarconfig=planar,
        extrasamples=["unassalpha"],
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, rgb)


def test_jpeg_within_tiff_keeps_its_colours(tmp_path, picture):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture, photometric="rgb", compression="jpeg")
    alike(read_image(path).array, picture, 0.05)
    inks = np.asarray(Image.fromarray(picture).convert("CMYK"))
    tifffile.imwrite(path, inks, photometric="separated", compression="jpeg")
    alike(read_image(path).array, picture, 0.05)


def test_inks_that_are_not_cmyk_are_refused(tmp_path, picture):
    path = tmp_path / "a.tif"
    tag = [(332, "H", 1, 2, True)]
    inks = np.dstack([picture, picture[..., :1]])
    tifffile.imwrite(path, inks, photometric="separated", extratags=tag)
    with pytest.raises(ImageError, match="of a kind that cannot be read"):
        read_image(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, ">f4"])
def test_white_is_0_of_numbers_without_an_end(tmp_path, gray, dtype):
    shown = (gray // 60 + 7).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, shown.max() + shown.min() - shown, photometric="miniswhite")
    found = read_image(path).array
    np.testing.assert_array_equal(found, shown)
    holes = np.where(gray > 900, shown.max() - shown, np.nan).astype(np.float32)
    holes[0, 0] = np.inf
    tifffile.imwrite(path, holes, photometric="miniswhite")
    found = read_image(path).array
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(holes))
    seen = np.isfinite(holes)
    assert np.corrcoef(found[seen], shown[seen].astype(float))[0, 1] == pytest.approx(1)


# -- palettes ------------------------------------------------------------------------


def palette_1_bit(path):
    """16 x 16 pixels of 1 bit; the second colour is red."""
    tags = [(256, 16), (257, 16), (258, 1), (259, 1), (262, 3), (277, 1), (278, 16)]
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags]
    entries[5:5] = [struct.pack("<HHII", 273, 4, 1, 300)]
    entries += [
        struct.pack("<HHII", 279, 4, 1, 32),
        struct.pack("<HHII", 320, 3, 6, 200),
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    colours = struct.pack("<6H", 0, 65535, 0, 0, 0, 0)
    path.write_bytes(
        (head.ljust(200, b"\0") + colours).ljust(300, b"\0") + b"\xf0\x00" * 16
    )


def test_palette_of_one_bit(tmp_path):
    palette_1_bit(tmp_path / "a.tif")
    array = read_image(tmp_path / "a.tif").array
    assert array[0, :5].tolist() == [[255, 0, 0]] * 4 + [[0, 0, 0]]


def test_palette_with_alpha_and_of_16_bits(tmp_path, gray):
    numbers = (gray % 251).astype(np.uint8)
    indexed = Image.fromarray(numbers, "L").convert("P")
    indexed.putpalette([i for n in range(256) for i in (n, 255 - n, 7)])
    indexed.convert("PA").save(tmp_path / "a.tif")
    expected = np.dstack([numbers, 255 - numbers, np.full_like(numbers, 7)])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, expected)
    wide = np.random.default_rng(0).integers(0, 65536, (3, 65536), np.uint16)
    tifffile.imwrite(tmp_path / "b.tif", gray, photometric="palette", colormap=wide)
    expected = np.moveaxis(wide[:, gray] >> 8, 0, -1)
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif").array, expected)


def test_palette_of_8_bits_in_16(tmp_path, gray):
    colours = np.tile(np.arange(256, dtype=np.uint16), (3, 1))
    numbers = (gray >> 8).astype(np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read_image(path).array, np.dstack([numbers] * 3))


# -- kinds that cannot be read -------------------------------------------------------


def patched(path, tag, value):
    """Change a number in the first page of a file."""
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[tag].overwrite(value)


def test_subsampled_colours_are_sound_but_cannot_be_read(tmp_path, picture):
    path = tmp_path / "a.tif"
    Image.fromarray(picture).convert("YCbCr").save(path)
    patched(path, "YCbCrSubSampling", (2, 2))
    with pytest.raises(ImageError, match="of a kind that cannot be read") as caught:
        read_image(path)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("compression", [6, 32766, 34676, 12345])
def test_foreign_compression_is_no_damage(tmp_path, gray, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, gray)
    patched(path, "Compression", compression)
    with pytest.raises(ImageError, match="of a kind that cannot be read") as caught:
        read_image(path)
    assert "damaged" not in str(caught.value)


# -- where pixels lie ----------------------------------------------------------------


@pytest.mark.parametrize("unit", ["um", "micron", r"\u00B5m", "nm", "mm"])
def test_calibration_of_a_stack(tmp_path, gray, unit):
    size = {"nm": 1e-3, "mm": 1e3}.get(unit, 1.0)
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 3.0}
    stack, path = np.stack([gray] * 3), tmp_path / "a.tif"
    tifffile.imwrite(path, stack, imagej=True, resolution=(4, 2), metadata=metadata)
    places = read_image(path).places
    found = {axis: place.scale for axis, place in places.items()}
    wanted = {"X": 0.25 * size, "Y": 0.5 * size, "Z": 3 * size}
    assert found == pytest.approx(wanted)
    assert {place.unit for place in places.values()} == {"micrometer"}


@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX", "TZYX", "QYX"])
@pytest.mark.parametrize("cells", [9, 70_000])
def test_labels_lie_where_their_image_does(tmp_path, axes, cells):
    labels = np.zeros((2, 3, 40, 50)[4 - len(axes) :], np.int32)
    labels[..., 0, 0] = cells
    places = in_micrometres(X=0.25, Y=0.5, Z=3.0, T=60.0)
    places = {axis: place for axis, place in places.items() if axis in axes}
    write_labels(tmp_path / "a.tif", labels, axes=axes, places=places)
    image = read_image(tmp_path / "a.tif")
    assert image.axes == axes
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert image.places.keys() == places.keys()
    for axis, place in places.items():
        assert image.places[axis].scale == pytest.approx(place.scale)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert bool(tif.is_imagej) == (cells == 9 and axes != "QYX")


def test_places_of_ome_zarr_become_those_of_imagej(tmp_path):
    places = {
        "Z": AxisPlace(2000.0, unit="nanometer"),
        "Y": AxisPlace(500.0, 7.0, "nanometer"),
        "X": AxisPlace(0.5, unit="micrometer"),
    }
    labels = np.ones((2, 40, 50), int)
    write_labels(tmp_path / "a.tif", labels, axes="ZYX", places=places)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        about = tif.imagej_metadata
        assert (about["unit"], about["spacing"], about["slices"]) == ("um", 2.0, 2)
        assert tif.pages[0].tags["XResolution"].value == (2, 1)
    places["Y"] = AxisPlace(1.0)
    write_labels(tmp_path / "a.tif", labels, axes="ZYX", places=places)
    assert read_image(tmp_path / "a.tif").pixel_size is None


DAMAGED = (
    "is damaged or cut off. Copy it again from where it came from, or save it anew."
)
# What else may be said of bytes that were changed, in the words of who has the file.
OTHERS = (
    "is empty.",
    "to read it nevertheless.",
    "save it anew.",
    "save it as RGB.",
    "pages form a circle.",
    "not an image in a format that can be read.",
    "does not fit into memory; save it as OME-Zarr.",
    "parts.",
)


@pytest.mark.parametrize("how", ["plain", "lzw", "zlib", "zstd", "jpeg", "imagej"])
def test_damage_is_told_in_words_of_who_has_the_file(tmp_path, how):
    """Not by what a library says of it, such as "0"."""
    path = tmp_path / "a.tif"
    image = np.random.default_rng(0).integers(0, 255, (3, 60, 80)).astype(np.uint8)
    options = {"photometric": "minisblack"}
    if how == "imagej":
        options["imagej"] = True
    elif how != "plain":
        options["compression"] = how
    tifffile.imwrite(path, image, **options)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    told = []
    for i in range(60):
        data = bytearray(whole[: len(whole) * (i + 1) // 31])
        if i >= 30:
            data[rng.integers(4, 300)] = rng.integers(256)
        path.write_bytes(data)
        try:
            read_image(path)
        except ImageError as error:
            told.append(str(error))
    assert sum(text == f"The file {path} {DAMAGED}" for text in told) > 20
    assert [t for t in told if not t.endswith((DAMAGED, *OTHERS))] == []
    assert [t for t in told if "operand" in t or "instances of" in t] == []
