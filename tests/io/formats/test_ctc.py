"""Results of the Cell Tracking Challenge, as geff and tifffile read them."""

import numpy as np
import pytest
import tifffile
from cells import IMAGES
from film import film

from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import Cells
from napari_iaunet.io.formats.ctc import write_ctc


def table(folder):
    lines = (folder / "res_track.txt").read_text("ascii").splitlines()
    return [tuple(map(int, line.split(" "))) for line in lines]


def masks(folder):
    return [tifffile.imread(path) for path in sorted(folder.glob("mask*.tif"))]


def test_divisions_and_gaps(tmp_path):
    cells = film()
    write_ctc(tmp_path / "01_RES", [cells])
    # Cell 7 is not seen in frame 2: what comes back is its daughter.
    assert table(tmp_path / "01_RES") == [
        (1, 0, 1, 0),
        (2, 2, 4, 1),
        (3, 2, 3, 1),
        (4, 3, 4, 7),
        (7, 0, 1, 0),
        (9, 4, 4, 0),
    ]
    found = masks(tmp_path / "01_RES")
    assert [mask.dtype for mask in found] == [np.dtype(np.uint16)] * 5
    for i, mask in enumerate(found):
        expected = cells.labels[i].copy()
        if i >= 3:
            expected[expected == 7] = 4
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("cells", [film(20_000), film(depth=2)])
def test_the_table_says_what_the_masks_show(tmp_path, cells):
    """As the Challenge's own programs check it."""
    write_ctc(tmp_path / "a", [cells])
    found = masks(tmp_path / "a")
    tracks = {number: row for number, *row in table(tmp_path / "a")}
    for number, (first, last, parent) in tracks.items():
        seen = [i for i, mask in enumerate(found) if (mask == number).any()]
        assert seen == list(range(first, last + 1))
        assert parent == 0 or tracks[parent][1] < first
    for mask, labels in zip(found, cells.labels, strict=True):
        assert mask.shape == labels.shape
        np.testing.assert_array_equal(mask > 0, labels > 0)
        assert {*np.unique(mask).tolist()} <= {0, *tracks}
    assert sum(parent > 0 for _, _, parent in tracks.values()) == 3


def test_geff_reads_it(tmp_path):
    from geff.convert import from_ctc_to_geff

    write_ctc(tmp_path / "a", [film()])
    from_ctc_to_geff(tmp_path / "a", tmp_path / "a.geff")
    import geff

    graph, _ = geff.read(tmp_path / "a.geff")
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (12, 9)


def test_a_mother_that_stays_is_none(tmp_path):
    labels = np.array([[[1, 0]], [[1, 2]]], np.uint16)
    write_ctc(tmp_path / "a", [Cells(labels, "TYX", "a", parents={2: 1, 5: 2})])
    assert table(tmp_path / "a") == [(1, 0, 1, 0), (2, 1, 1, 0)]


def test_an_empty_film(tmp_path):
    write_ctc(tmp_path / "ä", [Cells(np.zeros((2, 4, 4), int), "TYX", "a")])
    assert table(tmp_path / "ä") == []
    assert len(masks(tmp_path / "ä")) == 2


def test_only_films_and_16_bits(tmp_path):
    for name in ("plane", "depth, one number"):
        with pytest.raises(ImageError, match="is no film"):
            write_ctc(tmp_path / "a", [IMAGES[name]])
    many = np.arange(1, 65_537, dtype=np.uint32).reshape(1, 256, 256)
    with pytest.raises(ImageError, match="65,536 tracks"):
        write_ctc(tmp_path / "a", [Cells(many, "TYX", "a")])
    assert not (tmp_path / "a").exists()


def test_only_our_own_folders_are_replaced(tmp_path):
    folder = tmp_path / "a"
    write_ctc(folder, [film()])
    write_ctc(folder, [Cells(film().labels[:2], "TYX", "a")])
    assert len(masks(folder)) == 2
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ImageError, match="not written by this program"):
        write_ctc(folder, [film()])
    (folder / "notes.txt").unlink()
    tifffile.imwrite(folder / "mask001.tif", np.ones((3, 3), np.uint16))
    with pytest.raises(ImageError, match="not written by this program"):
        write_ctc(folder, [film()])
