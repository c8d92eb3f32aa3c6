"""``napari-iaunet pair``: labels with one number, a table, and what is no pair."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_iaunet import read_image
from napari_iaunet.cli import main
from napari_iaunet.io.labels import read_labels


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    cells, nuclei = np.zeros((2, 30, 60), np.uint16)
    for label, x in ((4, 2), (5, 22), (6, 42)):
        cells[5:25, x : x + 15] = label
    nuclei[10:15, 5:9], nuclei[8:12, 24:28], nuclei[15:19, 24:28] = 1, 2, 3
    nuclei[0:4, 0:4] = 9
    image = np.random.default_rng(0).integers(0, 999, (2, 30, 60)).astype(np.uint16)
    options = {"imagej": True, "resolution": (4, 2)}
    found = []
    for name, array in (("n", nuclei), ("c", cells), ("i", image)):
        metadata = {"axes": "CYX"[3 - array.ndim :], "unit": "um"}
        if name == "i":
            metadata["Labels"] = ["DAPI", "actin"]
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, array, metadata=metadata, **options)
        found.append(str(path))
    return tuple(found)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_pairs_are_written_and_told(files, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["pair", *files, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert (
        "2 cells with a nucleus, 1 nucleus without cell, 1 cell without nucleus, "
        "1 cell with several nuclei"
    ) in told
    nuclei = read_labels(out / "c_nuclei_mask.tif")
    assert set(np.unique(nuclei)) == {0, 4, 5}
    assert not read_labels(out / "c_cytoplasm_mask.tif")[nuclei > 0].any()
    assert read_image(out / "c_cells_mask.tif").pixel_size == (0.5, 0.25)
    table = rows(out / "c_pairs.csv")
    assert [row["n_nuclei"] for row in table] == ["1", "2", "0"]
    assert [row["nucleus_area"] for row in table] == ["20", "32", "0"]
    assert table[0]["nucleus_area_um2"] == "2.5"
    pixels = tifffile.imread(files[2])[1][nuclei == 5]
    assert float(table[1]["nucleus_mean_actin"]) == pytest.approx(pixels.mean(), 1e-5)
    assert {(row["label"], row["problem"]) for row in rows(out / "c_unpaired.csv")} == {
        ("9", "nucleus without cell"),
        ("6", "cell without nucleus"),
        ("5", "cell with several nuclei"),
    }
    assert main(["pair", *files, "--out", str(out)]) == 0  # its own are replaced


def test_without_an_image_there_are_no_intensities(files, tmp_path):
    out = tmp_path / "out"
    assert main(["pair", *files[:2], "--out", str(out), "--columns", "size"]) == 0
    header = list(rows(out / "c_pairs.csv")[0])
    assert header[:3] == ["label", "n_nuclei", "cell_area"]
    assert "cell_area_um2" in header
    assert not any("mean" in name for name in header)


def test_files_of_others_are_not_replaced(files, tmp_path, capsys):
    (tmp_path / "c_pairs.csv").write_text("patient,result\n1,2\n")
    assert main(["pair", *files, "--out", str(tmp_path)]) == 2
    assert "c_pairs.csv" in capsys.readouterr().err
    assert (tmp_path / "c_pairs.csv").read_text().startswith("patient")
    assert not (tmp_path / "c_cells_mask.tif").exists()


def test_labels_of_different_sizes_are_refused(files, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "small.tif", np.ones((4, 4), np.uint8))
    words = ["pair", str(tmp_path / "small.tif"), files[1], "--out", str(tmp_path)]
    assert main(words) == 2
    assert "must be of one image" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["tif", "geojson"])
def test_without_an_image_the_cells_are_read_as_labels(tmp_path, capsys, form):
    cells = np.zeros((2, 30, 40), np.uint16)
    cells[:, 5:15, 5:15], cells[:, 5:15, 20:30] = 1, 2
    if form == "geojson":
        cells = cells[0]
    tifffile.imwrite(tmp_path / "c.tif", cells, photometric="minisblack")
    path = tmp_path / f"c.{form}"
    if form == "geojson":
        to = ["--to", "geojson", "--out", str(path)]
        assert main(["export", str(tmp_path / "c.tif"), *to]) == 0
    out = tmp_path / "out"
    assert main(["pair", str(path), str(path), "--out", str(out)]) == 0
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(read_labels(out / "c_cells_mask.tif"), cells)
