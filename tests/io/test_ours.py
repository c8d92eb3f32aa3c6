"""Only what this program wrote is replaced."""

import numpy as np
import pytest
import zarr

from napari_iaunet.errors import ImageError
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.ours import check_labels, check_table

LABELS = np.eye(9, dtype=np.int32)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_that_others_wrote_stay(tmp_path, version):
    path = tmp_path / "cells.zarr"
    for _ in range(2):  # our own are replaced
        write_labels_ome_zarr(path, LABELS, version=version)
    group = zarr.open_group(path, mode="a")
    del group.attrs["napari_iaunet"]  # as if another program had written them
    group["0"][:] = 7
    with pytest.raises(ImageError, match=r"of an earlier version.*another name"):
        write_labels_ome_zarr(path, LABELS, version=version)
    assert (zarr.open_group(path)["0"][:] == 7).all()


def test_an_array_that_others_wrote_stays(tmp_path):
    zarr.save_array(str(tmp_path / "a.zarr"), LABELS)
    with pytest.raises(ImageError, match="not written by this program"):
        check_labels(tmp_path / "a.zarr", array=True)
    zarr.save_array(str(tmp_path / "b.zarr"), LABELS.astype(np.uint8))
    with pytest.raises(ImageError, match="not a label image"):
        check_labels(tmp_path / "b.zarr", array=True)


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("label,y,x,area,mean_intensity,score", True),
        ("label,plane,t,z,y,x,area,mean_intensity,score\r", True),
        ("file,label,plane,y,x,area,mean_intensity,score", True),
        ("track,plane,y,x,parent", True),
        ("", True),  # nothing is lost with an empty file
        ("label,patient", False),
        ("label,y,x,area,mean_intensity,my notes", False),
        ("file,condition,well,label,area,looked_at", True),
        ("file,group", False),
        ("file,group,label,patient", False),
        ("patient,result", False),
        ("\r\rlabel", False),
        ("\x00\xff", False),
    ],
)
def test_tables_are_known_by_all_of_their_columns(tmp_path, header, ours):
    path = tmp_path / "cells.csv"
    path.write_text(f"{header}\n7,8\n" if header else "", newline="", encoding="latin1")
    if ours:
        check_table(path)
        return
    with pytest.raises(ImageError, match="not a table of cells"):
        check_table(path)
