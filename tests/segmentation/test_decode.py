"""Decoding: true fields give the true cells back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.measure import label as label_components
from skimage.transform import resize

from napari_iaunet.evaluation import average_precision
from napari_iaunet.inference.fields import DecodeSettings, FieldImage
from napari_iaunet.io.read import read_image
from napari_iaunet.segmentation.decode import (
    decode,
    decode_plain,
    tidy,
    to_image_size,
)
from napari_iaunet.training.dataset import Annotation, prepare

DIAMETER = 28.0


def true_fields(labels: np.ndarray) -> tuple[FieldImage, np.ndarray]:
    source = prepare(Annotation(labels.astype(float), labels), DIAMETER)
    labels = source.labels
    ys, xs = np.mgrid[: labels.shape[0], : labels.shape[1]]
    offset = source.centres[labels] - np.stack([ys, xs], -1)
    offset[labels == 0] = 0
    fields = FieldImage(
        torch.from_numpy((labels > 0).astype(np.float32)),
        torch.from_numpy(source.edge_distance.astype(np.float32)),
        torch.from_numpy((offset / DIAMETER).transpose(2, 0, 1).astype(np.float32)),
        torch.from_numpy(labels[None].astype(np.float32)),
    )
    return fields, labels


def same_label(difference: torch.Tensor, votes: torch.Tensor) -> torch.Tensor:
    del votes
    return 10 - 20 * difference.abs().sum(-1)


@pytest.mark.parametrize(
    "kind", ["cells-phase-contrast", "membranes-fluorescence", "nuclei-histology"]
)
def test_true_fields_of_real_masks(data_folder: Path, kind: str):
    path = sorted((data_folder / kind / "train").glob("*_mask.png"))[0]
    fields, labels = true_fields(np.asarray(read_image(path).array))
    settings = DecodeSettings(smallest=0.0, score=0.0)
    found = decode(fields, same_label, DIAMETER, settings)
    precision = average_precision(labels, found.labels, thresholds=(0.5, 0.9))
    assert precision.pooled[0] > 0.97
    assert precision.pooled[1] > 0.95
    assert len(found.scores) == found.labels.max()
    assert found.scores.min() > 0.5


def test_plain_decoding_of_true_fields(data_folder: Path):
    folder = data_folder / "membranes-fluorescence" / "train"
    path = sorted(folder.glob("*_mask.png"))[0]
    fields, labels = true_fields(np.asarray(read_image(path).array))
    found = decode_plain(fields, DIAMETER, DecodeSettings())
    assert average_precision(labels, found.labels, thresholds=(0.5,)).pooled[0] > 0.8


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_uniform_fields(value: float):
    """Nothing anywhere, and everything everywhere: no crash, at most one cell."""
    flat = torch.full((40, 50), value)
    fields = FieldImage(flat, flat, torch.zeros(2, 40, 50), torch.zeros(4, 40, 50))
    found = decode(fields, same_label, DIAMETER, DecodeSettings())
    assert found.labels.max() == (1 if value else 0)


def test_tidy_keeps_the_largest_part_and_numbers_consecutively():
    labels = np.zeros((10, 20), np.int64)
    labels[1:5, 1:5] = 9
    labels[8, 8] = 9
    labels[1:5, 10:14] = 4
    labels[7:9, 14:16] = 2
    out = tidy(labels, 5)
    assert out.max() == 2
    assert out[8, 8] == 0
    assert out[8, 15] == 0
    assert len(np.unique(out[1:5, 1:5])) == 1


@pytest.mark.parametrize("shape", [(30, 40), (90, 120), (61, 79)])
def test_labels_keep_their_place_at_another_size(shape):
    labels = np.zeros((60, 80), np.int32)
    labels[10:30, 20:50] = 1
    labels[40:50, 20:50] = 2
    out = to_image_size(labels, torch.from_numpy((labels > 0) * 1.0), shape, 0.5)
    zoom_y, zoom_x = shape[0] / 60, shape[1] / 80
    for number in (1, 2):
        ys, xs = np.nonzero(out == number)
        true_y, true_x = np.nonzero(labels == number)
        assert (ys.mean() + 0.5) / zoom_y == pytest.approx(true_y.mean() + 0.5, abs=0.5)
        assert (xs.mean() + 0.5) / zoom_x == pytest.approx(true_x.mean() + 0.5, abs=0.5)
        assert len(ys) == pytest.approx(len(true_y) * zoom_y * zoom_x, rel=0.08)


def test_cells_of_a_shrunk_plane_lose_no_rim():
    y, x = np.mgrid[:64, :64]
    for middle in np.random.default_rng(0).uniform(30, 34, (20, 2)):
        distance = np.hypot(y - middle[0], x - middle[1])
        foreground = torch.from_numpy(1 / (1 + np.exp((distance - 14) / 1.5))).float()
        labels = (foreground.numpy() > 0.5).astype(np.int32)
        native = to_image_size(labels, foreground, (28, 28), 0.5)
        expected = resize(foreground.numpy(), (28, 28), order=1, anti_aliasing=False)
        lost = (native == 0) & (expected > 0.52)
        assert not lost.any()


def test_a_cell_that_breaks_at_the_size_of_the_image_is_in_one_piece():
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 4:20] = labels[9:10, 20:30] = labels[7:13, 30:36] = 1
    foreground = torch.from_numpy((labels > 0).astype(np.float32))
    foreground[:, 23:26] *= 0.55  # just enough at the network's scale
    found = to_image_size(labels, foreground, (50, 100), 0.5)
    assert label_components(found, connectivity=1).max() == 1
    assert found[20:30, 20:40].all()
    assert not found[:, 80:].any()
