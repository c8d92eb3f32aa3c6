"""Nuclei and cells become pairs with one number, and what does not fit is told."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from napari_iaunet import measure_cells, measure_pairs, pair
from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation import pairs


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Cells 10, 20, 30 and 40 beside one another, and nuclei 1 to 6."""
    cells, nuclei = np.zeros((2, 20, 60), np.int32)
    for i, x in enumerate((2, 15, 28, 41)):
        cells[4:16, x : x + 12] = 10 * (i + 1)
    nuclei[6:10, 4:8] = 3
    nuclei[8:12, 24:29] = 1  # 3 of 5 columns in cell 20, one in cell 30
    nuclei[5:8, 30:33], nuclei[10:13, 30:33] = 2, 5
    nuclei[0:3, 43:46] = 4  # beside the cells
    nuclei[15:19, 50:52] = 6  # a quarter of it in cell 40
    return nuclei, cells


def test_nuclei_get_the_numbers_of_their_cells():
    nuclei, cells = drawn()
    found = pair(nuclei, cells)
    assert found.nucleus_ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.cell_of.tolist() == [20, 30, 10, 0, 30, 0]
    assert found.nuclei_without_cell.tolist() == [4, 6]
    assert found.cells_without_nucleus.tolist() == [40]
    assert found.cells_with_several.tolist() == [30]
    assert set(np.unique(found.nuclei[np.isin(nuclei, (2, 5))])) == {30}
    assert not found.nuclei[np.isin(nuclei, (4, 6))].any()
    np.testing.assert_array_equal(found.cytoplasm, np.where(nuclei, 0, cells))
    assert found.nuclei.dtype == found.cytoplasm.dtype == cells.dtype
    assert pair(nuclei, cells, least=0.2).cell_of[-1] == 40


def test_compartments_are_measured_as_they_lie():
    nuclei, cells = drawn()
    image = np.random.default_rng(0).random((2, *cells.shape))
    found = pair(nuclei, cells)
    how = {"channel_axis": 0, "pixel_size": (0.5, 0.2), "channel_names": ["a", "b"]}
    table = measure_pairs(found, image, **how)
    assert table["label"].tolist() == [10, 20, 30, 40]
    assert table["n_nuclei"].tolist() == [1, 1, 2, 0]
    whole = measure_cells(cells, image, **how)
    np.testing.assert_array_equal(table["cell_std_b"], whole["std_b"])
    both = np.isin(nuclei, (2, 5))
    assert table["nucleus_area"].tolist() == [16, 20, 18, 0]
    assert table["nucleus_mean_a"][2] == pytest.approx(image[0][both].mean())
    outside = (cells == 30) & (nuclei == 0)
    assert table["cytoplasm_mean_a"][2] == pytest.approx(image[0][outside].mean())
    assert table["cytoplasm_area_um2"][2] == pytest.approx(outside.sum() * 0.1)
    assert np.isnan(table["nucleus_solidity"][3])
    few = measure_pairs(found, columns=["shape"])
    assert list(few)[:3] == ["label", "n_nuclei", "cell_eccentricity"]
    assert "cell_y" not in few


def test_parts_of_an_image_give_the_same_pairs_and_can_be_stopped(monkeypatch):
    nuclei, cells = (np.stack([a, a[:, ::-1]]) for a in drawn())
    cells = np.where(cells > 0, cells.astype(np.uint64) + 2**40, np.uint64(0))
    whole = pair(nuclei, cells)
    told = []
    monkeypatch.setattr(pairs, "_PIXELS", 7 * cells.shape[-1])
    found = pair(nuclei, cells, progress=lambda *step: told.append(step))
    for name, value in vars(whole).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    assert told == [(i + 1, 12) for i in range(12)]
    told.clear()
    measure_pairs(found, progress=lambda *step: told.append(step))
    assert told == [(i + 1, 6) for i in range(6)]

    def stop(done, total):
        if done == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pair(nuclei, cells, progress=stop)


def test_stacks_are_measured_plane_by_plane():
    nuclei, cells = (np.stack([a, a]) for a in drawn())
    nuclei[1, :, :12] = 0
    table = measure_pairs(pair(nuclei, cells), columns=["size"])
    assert table["plane"].tolist() == [0] * 4 + [1] * 4
    assert table["nucleus_area"].tolist() == [16, 20, 18, 0, 0, 20, 18, 0]


def test_nothing_to_pair():
    none = np.zeros((5, 5), int)
    cells = np.eye(5, dtype=np.uint16)
    assert pair(none, cells).cells_without_nucleus.tolist() == [1]
    assert pair(cells, none).nuclei_without_cell.tolist() == [1]
    table = measure_pairs(pair(none, cells))
    assert table["nucleus_area"].tolist() == [0]
    assert len(measure_pairs(pair(none, none))["label"]) == 0


def test_other_images_are_refused():
    with pytest.raises(ImageError, match="must be of one image"):
        pair(np.zeros((4, 4), int), np.zeros((4, 5), int))
    with pytest.raises(ImageError, match="The cells are no label image"):
        pair(np.zeros((4, 4), int), np.zeros((4, 4)))


def test_known_pairs_of_drawn_cells_are_found():
    """Nuclei are the middles of drawn cells; some cells have none or two, or go."""
    from napari_iaunet.training.synthetic_labels import draw_labels

    rng = np.random.default_rng(5)
    right = total = 0
    for _ in range(3):
        cells = draw_labels(400, 40, rng, "packed blobs")
        nuclei, truth = np.zeros_like(cells), {}
        for label in np.unique(cells[cells > 0]):
            inside = binary_erosion(cells == label, iterations=3)
            kind = rng.choice(["one", "two", "none", "alone"], p=[0.7, 0.1, 0.1, 0.1])
            if not inside.any() or kind == "none":
                continue
            parts = [inside]
            if kind == "two":
                y = np.arange(len(cells))[:, None]
                middle = np.median(np.nonzero(inside)[0])
                parts = [inside & (y < middle - 1), inside & (y > middle + 1)]
            if kind == "alone":
                cells[cells == label] = 0
            for part in filter(np.any, parts):
                number = len(truth) + 1
                nuclei[part] = number
                truth[number] = 0 if kind == "alone" else int(label)
        # Drawn a little aside, as two channels often are.
        found = pair(np.roll(nuclei, 2, axis=1), cells)
        pairs = dict(zip(found.nucleus_ids, found.cell_of, strict=True))
        right += sum(pairs[n] == label for n, label in truth.items())
        total += len(truth)
    assert total > 30
    assert right >= 0.98 * total


def test_pairs_can_be_taken_apart():
    nuclei, cells, table = pair(*drawn())
    assert set(np.unique(nuclei)) <= set(np.unique(cells))
    assert table["label"].tolist() == [10, 20, 30, 40]
    assert table["n_nuclei"].tolist() == [1, 1, 2, 0]
    assert table["nucleus_area"].tolist() == [16, 20, 18, 0]
