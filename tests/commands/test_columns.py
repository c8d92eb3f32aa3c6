"""The table on the command line: micrometres, channels by name, groups of columns."""

import csv

import numpy as np
import pytest
from calibrated import MAKERS, NAMES, as_ome_tiff, as_ome_zarr, picture

from napari_iaunet import read_image
from napari_iaunet.cli import main
from napari_iaunet.commands.common import measure_image


@pytest.mark.parametrize("make", MAKERS)
def test_files_tell_micrometres_and_names_of_channels(make, tmp_path):
    image = read_image(make(tmp_path))
    assert image.channel_names == tuple(NAMES)
    labels = np.zeros((96, 128), int)
    labels[10:20, 10:50] = 3
    table = measure_image(labels, image, None)
    assert table["area_um2"] == pytest.approx([400 * 0.5 * 0.25])
    assert table["y_um"] == pytest.approx([14.5 * 0.5])
    assert table["x_um"] == pytest.approx([29.5 * 0.25])
    inside = picture()[:, 10:20, 10:50]
    for name, values in zip(NAMES, inside, strict=True):
        assert table[f"max_{name}"] == [values.max()]
        assert table[f"std_{name}"] == pytest.approx([values.std()])
    assert not any(name.startswith("embedding") for name in table)


def test_names_of_another_number_of_channels_are_left_out(tmp_path):
    path = as_ome_tiff(tmp_path)
    assert read_image(path, planes="C").channel_names is None


@pytest.mark.parametrize("make", [as_ome_tiff, as_ome_zarr])
def test_columns_are_picked(make, tmp_path):
    path, out = make(tmp_path), tmp_path / "out"
    assert main(["segment", str(path), "--out", str(out), "--columns", "size"]) == 0
    with next(out.glob("*_cells.csv")).open(encoding="utf-8") as file:
        (header, *rows) = csv.reader(file)
    assert header[:3] == ["label", "area", "perimeter"]
    assert header[-1] == "score"
    assert "area_um2" in header
    assert len(rows) > 8


def test_tables_of_all_columns_are_replaced(tmp_path):
    path, out = as_ome_tiff(tmp_path), tmp_path / "out"
    groups = "position,size,shape,intensity,embedding"
    words = ["segment", str(path), "--out", str(out), "--columns", groups]
    assert [main(words), main(words)] == [0, 0]
    with next(out.glob("*_cells.csv")).open(encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert {"embedding_8", "mean_DAPI, old", "perimeter_um", "solidity"} <= {*header}


def test_unknown_columns_are_refused(tmp_path, capsys):
    words = ["segment", "a.tif", "--out", str(tmp_path), "--columns", "size,colour"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "no columns “colour”, only position" in capsys.readouterr().err
