"""What may be saved of a training."""

import drawn
import numpy as np
import pytest
import torch
from stained import beside_brighter

from napari_iaunet.errors import IAUNetError
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.plugin.finetune.trained import Compared, compare, trained_model
from napari_iaunet.plugin.layers.geometry import LayerImage
from napari_iaunet.segmentation.segmenter import Segmenter
from napari_iaunet.training.recipe import Recipe
from napari_iaunet.training.state import TrainingState, save_state
from napari_iaunet.training.task import MODEL, Task, TaskImages, write_task


def training(folder, start_ap, *, improved=False):
    """A training whose last network draws nothing; the start is the bundled model."""
    network, card = load_model(find_model("default"))
    figures = {"validation AP50 of the start": start_ap, "validation cells": 3}
    save_model(
        folder / MODEL, network, card | {"improved": improved} | {"figures": figures}
    )
    with torch.no_grad():
        network.mask_head[-1].bias[0] -= 20
    state = TrainingState.begin(network, torch.device("cpu"), Recipe())
    state.step = 9
    save_state(folder / MODEL, state)
    write_task(folder, Task("default"), TaskImages([]))
    return folder


def bias(folder):
    return load_model(folder)[0].mask_head[-1].bias[0].item()


@pytest.mark.parametrize(("start_ap", "down"), [(0.2, 20), (0.8, 10)])
def test_the_last_model_is_saved_as_it_was_measured(tmp_path, start_ap, down):
    """Of a start that finds the cells, that is the mean of both."""
    folder = training(tmp_path, start_ap)
    start = bias(folder / MODEL)
    assert bias(trained_model(folder)) == pytest.approx(start - down, abs=0.1)


def test_the_best_model_is_saved_if_there_is_one(tmp_path):
    folder = training(tmp_path, 0.2, improved=True)
    assert trained_model(folder) == folder / MODEL


def test_nothing_trained_is_an_error(tmp_path):
    with pytest.raises(IAUNetError):
        trained_model(tmp_path)


def test_both_models_look_at_the_image(tmp_path):
    folder = training(tmp_path, 0.2)
    image = LayerImage(drawn.discs(4, 36)[1], None)
    done = []
    found = compare(folder, Compared("key", image), "cpu", lambda *at: done.append(at))
    assert found.names == ("start (default)", "trained")
    start, trained = found.labels
    assert start.max() > 3
    assert trained.max() == 0
    assert done == [(0, 2), (1, 2)]


def test_both_models_see_the_channels_as_the_segment_tab_does(tmp_path):
    folder = training(tmp_path, 0.2)
    channels = beside_brighter(drawn.discs(4, 36)[1].astype(np.uint8))[::-1]
    image = LayerImage(channels, 0, nuclei_first=True)
    found = compare(folder, Compared("key", image), "cpu", lambda *_: None)
    segmenter = Segmenter(device="cpu", engine="pytorch")
    seen = segmenter.segment(channels, **image.seen_as)
    np.testing.assert_array_equal(found.labels[0], seen.labels)
    untold = segmenter.segment(channels, channel_axis=0)
    assert (untold.labels != seen.labels).any()
