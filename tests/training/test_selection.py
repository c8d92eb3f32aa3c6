"""Which model of a training is kept."""

import numpy as np
import pytest
import torch
from drawn import discs
from stained import beside_brighter

from napari_iaunet.errors import TrainingError
from napari_iaunet.evaluation import average_precision
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.model.registry import find_model
from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.holdout import whole
from napari_iaunet.training.paired import FEW_CELLS, tally
from napari_iaunet.training.recipe import Recipe
from napari_iaunet.training.selection import Measured, ModelSelection, trained_network
from napari_iaunet.training.state import TrainingState, save_state

CELLS = 9


def cells(missing=0, grown=0, count=CELLS):
    """Nine squares in a row; the last ones are missing, all are wider than they are."""
    labels = np.zeros((20, 16 * count), np.int32)
    for i in range(count - missing):
        labels[4:14, 16 * i : 16 * i + 10 + grown] = i + 1
    return labels


def selection(start, count=CELLS):
    """Select among label images as if they were what networks found."""
    truth = cells(count=count)

    def measure(found):
        scores = average_precision([truth], [found])
        return Measured(scores, tally([truth], [found]), found)

    held_out = [whole(Annotation(truth.astype(float), truth))]
    return ModelSelection(held_out, torch.device("cpu"), start, Recipe(), measure)


def begun(start):
    """Select after the start was measured."""
    begun = selection(start)
    begun.begin()
    return begun


def test_models_are_measured_in_the_channels_that_show_the_cells():
    labels, picture = discs(4, 36)
    channels = beside_brighter(picture.astype(np.uint8))
    told = Annotation(channels, labels, channel_axis=0, nuclei=2)
    network = load_model(find_model("default"))[0]
    chosen = ModelSelection([whole(told)], torch.device("cpu"), network, Recipe())
    chosen.begin()
    assert chosen.last()["validation_ap"] > 0.9


def test_a_model_that_finds_one_more_cell_is_kept():
    chosen = begun(cells(missing=3))
    assert chosen.accepts(cells(missing=2)) is True
    assert chosen.last()["validation_ap"] == pytest.approx(7 / 9)
    assert chosen.kept()["improved"]


def test_the_card_tells_whether_it_helped():
    chosen = selection(cells(missing=3))
    assert chosen.figures() == {}
    chosen.begin()
    assert chosen.figures()["improved"] is False
    chosen.accepts(cells(missing=2))
    figures = chosen.figures()
    bands = figures["figures"].pop("validation difference")
    assert bands["AP50"] == bands["AP50-85"]
    assert bands["AP50"][0] < 1 / 9 < bands["AP50"][1]
    assert figures == {
        "improved": True,
        "proven": False,
        "figures": {
            "validation AP50": 0.7778,
            "validation AP50-95": 0.7778,
            "validation AP50 of the start": 0.6667,
            "validation AP50-95 of the start": 0.6667,
            "validation cells": CELLS,
        },
    }


@pytest.mark.parametrize(
    ("count", "gained", "proven"),
    [(FEW_CELLS - 1, 15, False), (FEW_CELLS, 15, True), (20, 2, False), (40, 9, True)],
)
def test_what_is_kept_is_proven_by_many_cells_that_agree(count, gained, proven):
    chosen = selection(cells(missing=gained, count=count), count)
    chosen.begin()
    assert chosen.last()["difference"] is None
    assert chosen.figures()["proven"] is False
    assert chosen.accepts(cells(count=count))
    assert chosen.figures()["improved"]
    assert chosen.figures()["proven"] is chosen.kept()["proven"] is proven
    low, high = chosen.last()["difference"]
    assert low < gained / count < high


def test_what_chance_may_give_is_not_kept():
    chosen = begun(cells(missing=3, grown=2))
    # The outlines fit better at one of the eight thresholds.
    assert chosen.accepts(cells(missing=3, grown=1)) is False
    assert not chosen.kept()["improved"]


def test_from_then_on_any_better_one_is_kept():
    chosen = begun(cells(missing=5))
    assert chosen.accepts(cells(missing=3, grown=2))
    assert chosen.accepts(cells(missing=3, grown=1))
    assert chosen.accepts(cells(missing=3, grown=2)) is False


def test_more_cells_at_a_higher_overlap_do_not_make_up_for_fewer_at_half():
    chosen = begun(cells(grown=6))
    assert chosen.start_ap == 1
    assert chosen.accepts(cells(missing=1)) is False
    assert chosen.last()["validation_ap"] < 1


def test_a_model_closer_to_the_start_may_be_worse_by_less_than_a_cell():
    chosen = begun(cells(missing=5))
    assert chosen.accepts(cells(missing=2))
    assert chosen.accepts(cells(missing=4, grown=2), closer=True) is False
    assert chosen.accepts(cells(missing=1, grown=2), closer=True)
    chosen = begun(cells(missing=3))
    assert chosen.accepts(cells(missing=2))
    closer = chosen.accepts(cells(missing=2, grown=2), closer=True)
    assert closer is False, "it would not beat the start any more"


def weights_of(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize(("start_ap", "share"), [(0.2, 1.0), (0.8, 0.5)])
def test_what_was_trained_is_the_last_network_as_it_was_measured(
    tmp_path, start_ap, share
):
    torch.manual_seed(0)
    start, other = (IAUNet(IAUNetConfig(widths=(8, 12, 16))) for _ in range(2))
    card = {"improved": False, "figures": {"validation AP50 of the start": start_ap}}
    save_model(tmp_path, start, {"description": "start", **card})
    with pytest.raises(TrainingError, match="no training"):
        trained_network(tmp_path)
    state = TrainingState.begin(other, torch.device("cpu"), Recipe())
    save_state(tmp_path, state)
    network, told = trained_network(tmp_path)
    assert told == {"description": "start"}
    wanted = share * weights_of(other) + (1 - share) * weights_of(start)
    torch.testing.assert_close(weights_of(network), wanted)


def test_what_was_trained_is_the_best_network_if_there_is_one(tmp_path):
    torch.manual_seed(0)
    best, last = (IAUNet(IAUNetConfig(widths=(8, 12, 16))) for _ in range(2))
    save_model(tmp_path, best, {"improved": True})
    save_state(tmp_path, TrainingState.begin(last, torch.device("cpu"), Recipe()))
    network, told = trained_network(tmp_path)
    assert told == {"improved": True}
    assert torch.equal(weights_of(network), weights_of(best))
