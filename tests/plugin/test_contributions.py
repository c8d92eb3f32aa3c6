"""Layers saved as OME-Zarr, and opened again."""

import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Labels
from napari.utils.notifications import notification_manager
from PIL import Image
from qtpy.QtWidgets import QFileDialog

from napari_iaunet.io.read import read_image
from napari_iaunet.plugin.contributions import save_labels, stained_tissue

CELLS = np.arange(60 * 80, dtype=np.int32).reshape(60, 80) // 7


def save(layer: Labels, path) -> None:
    data, attributes, _ = layer.as_layer_data_tuple()
    assert save_labels(str(path), data, attributes) == [str(path)]


def test_several_resolutions_are_saved_at_full_resolution(tmp_path):
    levels = [zarr.array(CELLS), zarr.array(CELLS[::2, ::2])]
    layer = Labels(
        levels, multiscale=True, scale=(0.5, 250), units=("um", "nm"), name="a"
    )
    save(layer, tmp_path / "cells.zarr")
    read = read_image(tmp_path / "cells.zarr")
    np.testing.assert_array_equal(np.asarray(read.array), CELLS)
    assert read.pixel_size == pytest.approx((0.5, 0.25))


def test_sections_lie_where_they_were(tmp_path):
    layer = Labels(
        np.stack([CELLS] * 3),
        scale=(2, 0.5, 0.5),
        translate=(10, 3, 0),
        units=("um", "um", "um"),
    )
    save(layer, tmp_path / "cells.zarr")
    read = read_image(tmp_path / "cells.zarr")
    assert read.axes == "ZYX"
    assert read.places["Z"] == (2, 10, "micrometer")
    assert read.places["Y"] == (0.5, 3, "micrometer")


def test_frames_are_time(tmp_path):
    layer = Labels(
        np.stack([CELLS] * 3), scale=(5, 1, 1), units=("minute", "pixel", "pixel")
    )
    save(layer, tmp_path / "cells.zarr")
    read = read_image(tmp_path / "cells.zarr")
    assert read.axes == "TYX"
    assert read.places["T"] == (300, 0, "second")


def test_pixels_have_no_size(tmp_path):
    save(Labels(CELLS), tmp_path / "cells.zarr")
    assert read_image(tmp_path / "cells.zarr").pixel_size is None


def test_a_stack_with_one_channel(tmp_path):
    stack = np.stack([CELLS, CELLS + 70_000])[None, :, None]
    save(Labels(stack), tmp_path / "cells.zarr")
    read = read_image(tmp_path / "cells.zarr")
    np.testing.assert_array_equal(np.asarray(read.array), stack[0, :, 0])


def test_more_axes_than_the_format_has(tmp_path):
    with pytest.raises(OSError, match="has 5 axes"):
        save(
            Labels(np.stack([CELLS] * 8).reshape(2, 2, 2, 60, 80)), tmp_path / "c.zarr"
        )


def test_an_image_is_not_replaced(tmp_path):
    zarr.save(str(tmp_path / "image.zarr"), CELLS)
    with pytest.raises(OSError, match="not a label image"):
        save(Labels(CELLS), tmp_path / "image.zarr")
    np.testing.assert_array_equal(zarr.load(str(tmp_path / "image.zarr")), CELLS)


@pytest.mark.viewer
def test_napari_saves_with_it(make_napari_viewer_proxy, tmp_path):
    viewer = make_napari_viewer_proxy()
    layer = viewer.add_labels([CELLS, CELLS[::2, ::2]], multiscale=True)
    saved = layer.save(str(tmp_path / "cells.zarr"), plugin="napari-iaunet")
    assert saved == [str(tmp_path / "cells.zarr")]
    read = read_image(tmp_path / "cells.zarr")
    np.testing.assert_array_equal(np.asarray(read.array), CELLS)


def test_sample_image():
    ((image, options, kind),) = stained_tissue()
    assert kind == "image"
    assert options["rgb"]
    assert image.shape == (512, 512, 3)
    assert image.dtype == np.uint8


@pytest.mark.viewer
def test_label_images_are_opened_from_the_menu(
    make_napari_viewer_proxy, tmp_path, monkeypatch
):
    """What other readers show as colours, such as an indexed PNG, is labels here."""
    from napari._app_model import get_app_model

    ids = np.pad((CELLS[:18, :28] % 200).astype(np.uint8), 1)
    indexed = Image.fromarray(ids, "L").convert("P")
    indexed.putpalette([i * 37 % 256 for i in range(768)])
    indexed.save(tmp_path / "a_mask.png")
    tifffile.imwrite(tmp_path / "b_mask.tif", ids.astype(np.float32))
    tifffile.imwrite(tmp_path / "c_mask.tif", 255 - ids)
    Image.fromarray(np.dstack([ids, ids, 255 - ids])).save(tmp_path / "colours.png")
    chosen = [str(path) for path in sorted(tmp_path.iterdir())]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: (chosen, ""))
    viewer = make_napari_viewer_proxy()
    with notification_manager:
        notification_manager.records.clear()
        get_app_model().commands.execute_command("napari-iaunet.open_labels").result()
        noted, told = notification_manager.records
    assert "255 is taken for the background" in noted.message
    assert "colours.png is not a label image" in told.message
    assert [layer.name for layer in viewer.layers] == ["a_mask", "b_mask", "c_mask"]
    for layer in viewer.layers:
        assert isinstance(layer, Labels)
        np.testing.assert_array_equal(layer.data, ids)


@pytest.mark.viewer
@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("nuclei", ["nuclei"]),
        ("film", ["dividing nuclei"]),
        ("two_channels", ["membranes", "nuclei"]),
        ("phase_contrast", ["phase contrast"]),
        ("stained_tissue", ["stained tissue"]),
    ],
)
def test_samples_are_opened_from_the_menu(make_napari_viewer_proxy, key, names):
    viewer = make_napari_viewer_proxy()
    viewer.open_sample("napari-iaunet", key)
    assert [layer.name for layer in viewer.layers] == names
