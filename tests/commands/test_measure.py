"""``napari-iaunet measure``: the table of any label image."""

import csv

import numpy as np
import pytest
import tifffile

from napari_iaunet.cli import main


@pytest.fixture
def files(tmp_path):
    labels = np.zeros((20, 30), np.uint16)
    labels[2:6, 2:8], labels[10:15, 10:20] = 7, 9
    image = np.random.default_rng(0).integers(0, 999, (2, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "i.tif", image, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "l.tif", labels)
    return [str(tmp_path / "i.tif"), str(tmp_path / "l.tif")]


def test_cells_are_measured_in_micrometres(files, tmp_path, capsys):
    out = tmp_path / "t.csv"
    options = ["--out", str(out), "--pixel-size", "0.5"]
    assert main(["measure", *files, *options]) == 0
    assert "l.tif: 2 cells" in capsys.readouterr().out
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["label"], row["area"]) for row in rows] == [("7", "24"), ("9", "50")]
    assert [row["area_um2"] for row in rows] == ["6", "12.5"]
    seen = tifffile.imread(files[0])[:, 2:6, 2:8]
    assert float(rows[0]["mean_intensity"]) == pytest.approx(seen.mean(), 1e-4)


def test_what_cannot_be_measured_leaves_nothing(files, tmp_path, capsys):
    out = tmp_path / "t.csv"
    assert main(["measure", files[0], files[0], "--out", str(out)]) == 2
    assert "several channels" in capsys.readouterr().err
    assert main(["measure", *files, "--out", files[0]]) == 2
    assert "would replace" in capsys.readouterr().err
    assert not out.exists()
