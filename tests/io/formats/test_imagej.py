"""Sets of ROIs, as roifile sees them, and read back."""

import zipfile

import numpy as np
import pytest
import roifile
from cells import IMAGES

from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import Cells
from napari_iaunet.io.formats.imagej import read_rois, write_rois


@pytest.mark.parametrize("name", IMAGES)
def test_cells_come_back_as_they_were(tmp_path, name):
    cells = IMAGES[name]
    write_rois(tmp_path / "a.zip", [cells])
    read = read_rois(tmp_path / "a.zip")
    assert read.axes == cells.axes
    np.testing.assert_array_equal(read.labels, cells.labels)


def test_roifile_sees_names_places_and_corners(tmp_path):
    cells = IMAGES["time and depth"]
    write_rois(tmp_path / "a.zip", [cells])
    rois = roifile.roiread(tmp_path / "a.zip")
    assert len(rois) == sum(1 for _ in cells.outlines())
    assert len({roi.name for roi in rois}) == len(rois)
    first = rois[0]
    assert first.name == "1"
    assert first.roitype == roifile.ROI_TYPE.TRACED
    assert first.coordinates().tolist() == [[0, 0], [9, 0], [9, 6], [0, 6]]
    assert (first.position, first.t_position, first.z_position) == (1, 1, 1)
    last = rois[-1]
    assert (last.position, last.t_position, last.z_position) == (6, 2, 3)
    holed = rois[2]
    assert holed.composite
    assert [len(ring) - 1 for ring in holed.coordinates(multi=True)] == [4, 4, 4]
    assert (holed.left, holed.top, holed.right, holed.bottom) == (10, 10, 24, 22)


def test_without_a_size_the_labels_are_large_enough(tmp_path):
    """As Fiji saves them, which knows nothing of our notes."""
    cells = IMAGES["time and depth"]
    write_rois(tmp_path / "a.zip", [cells])
    roifile.roiwrite(tmp_path / "b.zip", roifile.roiread(tmp_path / "a.zip"))
    read = read_rois(tmp_path / "b.zip")
    assert read.axes == "TZYX"
    np.testing.assert_array_equal(read.labels, cells.labels)


def test_other_rois_are_numbered(tmp_path):
    rois = [
        roifile.ImagejRoi(
            roitype=roifile.ROI_TYPE.RECT, left=1, top=2, right=4, bottom=5
        ),
        roifile.ImagejRoi(
            roitype=roifile.ROI_TYPE.OVAL, left=9, top=0, right=19, bottom=10
        ),
        roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, x2=5, y2=5),
    ]
    roifile.roiwrite(tmp_path / "a.zip", rois, name=["nucleus", "cell", "line"])
    read = read_rois(tmp_path / "a.zip")
    assert read.axes == "YX"
    assert read.labels.shape == (10, 19)
    assert (read.labels == 1).sum() == 9
    assert (read.labels == 2).sum() == pytest.approx(np.pi * 25, rel=0.05)


def test_a_single_roi_is_read(tmp_path):
    roi = roifile.ImagejRoi.frompoints([[0, 0], [3, 0], [3, 2], [0, 2]], name="12")
    roi.tofile(tmp_path / "a.roi")
    np.testing.assert_array_equal(read_rois(tmp_path / "a.roi").labels, [[12] * 3] * 2)


def test_wide_images(tmp_path):
    labels = np.zeros((3, 70_000), np.uint16)
    labels[1:, 60_530:] = 5
    labels[0, 69_999] = 7
    write_rois(tmp_path / "a.zip", [Cells(labels, "YX", "a")])
    np.testing.assert_array_equal(read_rois(tmp_path / "a.zip").labels, labels)


def test_only_our_own_sets_are_replaced(tmp_path):
    path = tmp_path / "a.zip"
    write_rois(path, [IMAGES["plane"]])
    write_rois(path, [IMAGES["time"]])
    assert read_rois(path).axes == "TYX"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thesis.txt", "all of it")
    with pytest.raises(ImageError, match="not written by this program"):
        write_rois(path, [IMAGES["plane"]])
    assert zipfile.ZipFile(path).namelist() == ["thesis.txt"]
    with pytest.raises(ImageError, match="holds no ROIs"):
        read_rois(path)


def test_damaged_sets_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.roi", b"Iout")
    with pytest.raises(ImageError, match=r"a\.zip is damaged"):
        read_rois(tmp_path / "a.zip")
