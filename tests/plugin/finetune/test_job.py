"""What is looked at and written before a training begins."""

import numpy as np
import pytest
from stained import beside_brighter
from trainer import discs

from napari_iaunet.errors import TrainingError
from napari_iaunet.plugin.finetune.job import (
    TrainingSource,
    _example,
    prepare_training,
    read_example,
)
from napari_iaunet.plugin.layers.cells_on_image import CellSource
from napari_iaunet.plugin.layers.geometry import LayerImage
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.task import EXAMPLE, Task, read_task

TASK = Task("default", steps=1)


@pytest.fixture
def source():
    labels, image = discs()
    return TrainingSource(CellSource(labels, LayerImage(image, None)), None, "drawn")


@pytest.mark.parametrize("scale", [1, 3])
def test_the_example_shows_where_most_held_out_cells_are(scale):
    labels = np.zeros((100 * scale, 1200 * scale), np.int32)
    for number, x in enumerate((20, 50, 80, 1000, 1030, 1060, 1090), 1):
        labels[40:60, x : x + 20] = number
    block = np.ones(labels.shape, np.bool_)
    found = _example(Annotation(np.zeros(labels.shape), labels), block)
    assert set(np.unique(labels[found.window])) == {0, 4, 5, 6, 7}
    block[:, 500:] = False
    found = _example(Annotation(np.zeros(labels.shape), labels), block)
    assert set(np.unique(labels[found.window])) == {0, 1, 2, 3}


def test_an_image_that_cannot_be_read_is_not_rehearsed(source, tmp_path):
    known = [LayerImage(np.zeros(shape), None) for shape in ((5,), (40, 50))]
    prepared = prepare_training([source], known, TASK, tmp_path, lambda *_: None)
    told = [line for line in prepared.advice if "rehearsed" in line]
    assert [line.partition(": ")[0] for line in told] == [
        "An open image is not rehearsed"
    ]
    assert [p.image.shape for p in read_task(tmp_path)[1].rehearsal] == [(1, 40, 50)]


def test_channels_are_trained_on_as_the_segment_tab_sees_them(tmp_path):
    labels, picture = discs()
    film = np.stack([picture, picture[::-1]])
    channels = beside_brighter(film.astype(np.uint8))[::-1]
    image = LayerImage(channels, 0, nuclei_first=True)
    cells = CellSource(np.stack([labels, labels[::-1]]), image)
    source = TrainingSource(cells, None, "drawn")
    prepared = prepare_training([source], [image], TASK, tmp_path, lambda *_: None)
    pairs, rehearsal, held_out = read_task(tmp_path)[1]
    planes = as_planes(channels, **image.seen_as)
    for part in (pairs, rehearsal, [held.annotation for held in held_out]):
        assert len(part) == len(planes)
        for annotation, plane in zip(part, planes, strict=True):
            found = as_planes(annotation.image, **annotation.seen_as)[0]
            np.testing.assert_array_equal(found, plane)
    seen = planes[0].mean(axis=0)[prepared.example.window]
    shown = (np.clip(seen, 0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(prepared.example.picture, shown)


def test_a_folder_that_cannot_be_written_to_is_told(source, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot be written to"):
        prepare_training([source], [], TASK, tmp_path / "file", lambda *_: None)


def test_only_the_window_of_the_example_is_read(source, tmp_path):
    labels = discs()[0]
    assert read_example(tmp_path, np.s_[5:50, 7:30]) is None
    np.save(tmp_path / EXAMPLE, labels)
    found = read_example(tmp_path, np.s_[5:50, 7:30])
    np.testing.assert_array_equal(found, labels[5:50, 7:30])
    prepared = prepare_training([source], [], TASK, tmp_path, lambda *_: None)
    window = read_example(tmp_path, prepared.example.window)
    assert prepared.example.with_outlines(window).shape[2] == 3
