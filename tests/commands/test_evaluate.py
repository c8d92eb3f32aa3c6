"""Which label images `evaluate` pairs, and what it says of those that are wrong."""

import json
import unicodedata

import numpy as np
import pytest
import tifffile

from napari_iaunet.cli import main


@pytest.fixture
def folders(tmp_path):
    """Folders of predicted and of true labels: three images of twelve cells each."""
    labels = np.zeros((40, 50), np.uint8)
    labels[5::12, 5::12] = np.arange(1, 13).reshape(3, 4)
    for name in ("pred", "true"):
        (tmp_path / name).mkdir()
        for i in range(3):
            tifffile.imwrite(tmp_path / name / f"{i}_mask.tif", labels)
    return tmp_path / "pred", tmp_path / "true"


def test_the_mean_over_all_thresholds_stands_beside_the_usual_ones(folders, capsys):
    pred, true = folders
    labels = np.zeros((40, 50), np.uint8)
    labels[2:12, 2:12] = 1
    tifffile.imwrite(true / "0_mask.tif", labels)
    labels[9:12] = 0  # an overlap of 0.7
    tifffile.imwrite(pred / "0_mask.tif", labels)
    assert main(["evaluate", str(pred), str(true)]) == 0
    mean = capsys.readouterr().out.splitlines()[4].split()
    # At five of ten thresholds one cell of 25 is wrong in both.
    assert mean[:3] == ["mean", f"{(1 + 24 / 26) / 2:.3f}", f"{(2 + 0.5) / 3:.3f}"]
    assert main(["evaluate", str(pred), str(true), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mean_average_precision_per_image"] == pytest.approx(2.5 / 3, abs=1e-6)


def complaint(capsys, *arguments) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    return told


def test_the_file_that_is_wrong_is_named(folders, capsys):
    pred, true = folders
    wrong = pred / "1_mask.tif"
    tifffile.imwrite(wrong, np.zeros((3, 3), np.uint8))
    told = complaint(capsys, pred, true)
    assert f"{wrong} one of 3 x 3" in told
    assert f"{true / '1_mask.tif'} has a shape of 40 x 50" in told
    tifffile.imwrite(wrong, np.full((40, 50), -3, np.int16))
    assert f"{wrong}: labels must not be negative" in complaint(capsys, pred, true)
    wrong.write_bytes(b"no image")
    assert str(wrong) in complaint(capsys, pred, true)


def test_names_of_a_mac_are_those_of_others(folders, capsys):
    for folder, form in zip(folders, ("NFC", "NFD"), strict=True):
        name = unicodedata.normalize(form, "größe_mask.tif")
        (folder / "1_mask.tif").rename(folder / name)
    assert main(["evaluate", *map(str, folders)]) == 0
    assert "3 images, 36 annotated cells" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["_cp_masks", "_seg", "_labels", "_label", "_masks"])
def test_names_of_other_programs_are_paired(folders, capsys, end):
    pred, true = folders
    for file in list(pred.iterdir()):
        file.rename(pred / file.name.replace("_mask", f"_img{end}"))
    (pred / "0_img.tif").write_bytes(b"the image lies beside its labels")
    (pred / "0_img_flows.tif").write_bytes(b"a picture of Cellpose")
    (pred / "0_img_outlines.png").write_bytes(b"another one")
    assert main(["evaluate", str(pred), str(true)]) == 0
    assert "3 images, 36 annotated cells" in capsys.readouterr().out


def test_where_nothing_pairs_the_endings_are_named(folders, capsys):
    pred, true = folders
    for file in list(pred.iterdir()):
        file.rename(pred / f"p{file.name}")
    told = complaint(capsys, pred, true)
    assert "no prediction for 3 of 3: 0, 1, 2." in told
    assert "Predictions are called p0, p1, p2" in told
    assert (
        "without _cp_masks, _masks, _mask, _labels, _label, _pred, _seg, _img" in told
    )


def test_one_label_for_all_cells_is_pointed_out(folders, capsys):
    pred, true = folders
    path = true / "1_mask.tif"
    tifffile.imwrite(path, np.where(tifffile.imread(path), 255, 0).astype(np.uint8))
    assert main(["evaluate", str(pred), str(true)]) == 0
    told = capsys.readouterr()
    assert "3 images, 25 annotated cells" in told.out
    assert told.err.startswith(
        f"napari-iaunet: {path}: the labels look like classes, not like cells"
    )
    assert "1 label for 12 separate pieces" in told.err
    assert len(told.err.splitlines()) == 1
