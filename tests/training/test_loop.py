"""Training: learns, repeats itself, resumes, runs in two processes."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from patient import wait_until
from safetensors.torch import load_file

from napari_iaunet.errors import TrainingError
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.losses import LossWeights
from napari_iaunet.model.network import IAUNetConfig
from napari_iaunet.model.registry import find_model
from napari_iaunet.training import run as training_run
from napari_iaunet.training import selection
from napari_iaunet.training.dataset import Annotation, prepare
from napari_iaunet.training.loop import train
from napari_iaunet.training.recipe import Recipe

CONFIG = IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6)
RECIPE = Recipe(batch=4, size=64, warm_up=5)


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    labels = np.zeros((128, 128), np.int32)
    ys, xs = np.mgrid[:128, :128]
    for number, (y, x) in enumerate(np.ndindex(4, 4), 1):
        labels[(ys - 16 - 32 * y) ** 2 + (xs - 16 - 32 * x) ** 2 < 14**2] = number
    image = (labels > 0) * 100.0 + rng.normal(20, 5, labels.shape)
    return [(image, labels)]


def run(pairs, out: Path, **options):
    options = {"start": None, "config": CONFIG, "recipe": RECIPE} | options
    return list(train(pairs, out=out, device="cpu", **options))


def weights(folder: Path):
    return load_file(folder / "weights.safetensors")


def test_losses_fall_and_events_tell(pairs, tmp_path: Path):
    events = run(pairs, tmp_path / "m", steps=90, validation=pairs)
    assert [e.kind for e in events if e.kind != "step"] == [
        "start",
        "measuring",
        "validation",
        "end",
    ]
    steps = [e for e in events if e.kind == "step"]
    assert [e.step for e in steps] == list(range(1, 91))
    first = np.mean([e.losses["foreground"] for e in steps[:5]])
    last = np.mean([e.losses["foreground"] for e in steps[-5:]])
    assert last < 0.85 * first
    assert set(steps[0].losses) == {
        "foreground",
        "centre",
        "offset",
        "same_cell",
        "pixel_triplet",
        "cell_triplet",
    }
    assert steps[-1].learning_rate < steps[10].learning_rate
    assert 0 <= events[-1].validation_ap <= 1
    assert steps[-1].loss < steps[0].loss
    assert events[-2].loss == pytest.approx(steps[-1].loss, rel=0.8)
    assert load_model(tmp_path / "m")[1]["training"]["steps"] == 90


def test_equal_seeds_give_equal_weights(pairs, tmp_path: Path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(pairs, tmp_path / name, steps=4, seed=seed)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert any(not torch.equal(a[k], c[k]) for k in a)


def test_resume_equals_an_uninterrupted_run(pairs, tmp_path: Path):
    steady = replace(RECIPE, learning_rate=1e-3)
    run(pairs, tmp_path / "whole", steps=6, recipe=steady)
    stopped = train(
        pairs,
        start=None,
        out=tmp_path / "cut",
        config=CONFIG,
        recipe=replace(steady, checkpoint_every=0.0),
        steps=6,
        device="cpu",
    )
    for event in stopped:
        if event.kind == "checkpoint" and event.step == 3:
            stopped.close()
            break
    events = run(pairs, tmp_path / "cut", steps=6, recipe=steady, resume=True)
    assert next(e.step for e in events if e.kind == "step") == 4
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_without_triplets_and_without_identity(pairs, tmp_path: Path):
    bare = replace(RECIPE, weights=LossWeights(pixel_triplet=0, cell_triplet=0))
    names = run(pairs, tmp_path / "a", steps=1, recipe=bare)[1].losses
    assert set(names) == {"foreground", "centre", "offset", "same_cell"}
    plain = replace(CONFIG, identity=False)
    names = run(pairs, tmp_path / "b", steps=1, config=plain)[1].losses
    assert set(names) == {"foreground", "centre", "offset"}


@pytest.fixture(scope="module")
def learned(pairs, tmp_path_factory):
    """The bundled model, made to draw cells much too small."""
    out = tmp_path_factory.mktemp("learned")
    network, card = load_model(find_model("default"))
    with torch.no_grad():
        network.mask_head[-1].bias[0] -= 7
    save_model(out, network, card)
    return out


def test_starts_from_a_model_and_keeps_the_best(
    pairs, learned, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(selection, "_FINDS_CELLS", 1.1)  # as if the start found none
    out = tmp_path / "b"
    often = replace(RECIPE, ema_decay=0.0, frozen_statistics=1.0, validate_every=0.0)
    events = run(pairs, out, steps=12, start=learned, recipe=often)
    measured = [e for e in events if e.kind == "validation"]
    assert measured[0].step == 0
    assert measured[0].validation_ap == measured[0].start_ap
    assert all(e.start_ap == measured[0].start_ap for e in measured)
    assert measured[0].example.shape == pairs[0][1].shape
    low, high = measured[1].difference
    assert low < measured[1].validation_ap - measured[1].start_ap < high
    assert events[-1].kind == "end"
    assert events[-1].improved
    assert events[-1].proven is False, "four cells prove nothing"
    card = load_model(out)[1]
    assert card["improved"]
    assert card["start"] == str(learned)
    assert card["pairs"] == [{"image": "pair 1"}]
    assert card["description"] == f"{learned.name}, trained on pair 1"
    assert card["date"].startswith("20")
    assert card["training"]["asked for"] == {"minutes": None, "steps": 12}
    assert card["training"]["recipe"]["size"] == often.size
    assert card["training"]["interpolated with the start"] in (True, False)
    figures = card["figures"]
    assert figures["validation AP50"] >= figures["validation AP50 of the start"]
    assert figures["validation cells"] == 4
    assert figures["validation AP50"] == round(events[-1].validation_ap, 4)
    assert load_model(out)[0].config.usual_diameter


def test_a_start_that_finds_the_cells_learns_no_usual_size(pairs, tmp_path: Path):
    out = tmp_path / "b"
    eager = replace(RECIPE, learning_rate=1e-6, ema_decay=0.0, frozen_statistics=1.0)
    events = run(pairs, out, steps=1, start="default", recipe=eager)
    assert events[-1].start_ap > 0.5
    assert load_model(out)[0].config.usual_diameter is None


def test_weights_are_interpolated_with_a_start_that_finds_the_cells(
    pairs, learned, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(selection, "_FINDS_CELLS", 0.0)  # as if the start found some
    out = tmp_path / "b"
    half = replace(RECIPE, ema_decay=0.0, frozen_statistics=1.0, interpolates=True)
    events = run(pairs, out, steps=25, start=learned, recipe=half)
    assert events[-1].improved
    state = load_file(out / "training.safetensors")
    start, kept = weights(learned), weights(out)
    for name in ("stem.0.weight", "mask_head.1.bias"):
        mean = (start[name] + state[f"averaged.{name}"]) / 2
        torch.testing.assert_close(kept[name], mean)
        assert not torch.equal(kept[name], start[name])
    assert kept["descriptor_basis"].any()
    network, card = load_model(out)
    assert network.config.usual_diameter is None
    assert card["training"]["interpolated with the start"] is True


def test_what_does_not_help_is_not_kept(pairs, learned, tmp_path: Path):
    out = tmp_path / "b"
    harm = replace(RECIPE, learning_rate=5.0, ema_decay=0.0, warm_up=1)
    events = run(pairs, out, steps=3, start=learned, recipe=harm)
    assert events[-1].improved is False
    assert events[-2].validation_ap < events[-1].validation_ap
    assert events[-1].validation_ap == events[-1].start_ap
    start, kept = weights(learned), weights(out)
    assert all(torch.equal(start[k], kept[k]) for k in start)


def test_a_resumed_training_knows_the_best_so_far(pairs, learned, tmp_path: Path):
    out = tmp_path / "b"
    often = replace(RECIPE, ema_decay=0.0, frozen_statistics=1.0, validate_every=0.0)
    run(pairs, out, steps=12, start=learned, recipe=often)
    best = weights(out)
    harm = replace(RECIPE, learning_rate=5.0, ema_decay=0.0, warm_up=1)
    events = run(pairs, out, steps=15, start=learned, recipe=harm, resume=True)
    assert next(e.step for e in events if e.kind == "step") == 13
    assert events[-1].improved
    assert events[-2].validation_ap < events[-1].validation_ap
    assert all(torch.equal(best[k], kept) for k, kept in weights(out).items())


def test_a_training_from_a_model_can_be_resumed_at_once(pairs, tmp_path: Path):
    out = tmp_path / "b"
    events = train(pairs, start="default", out=out, steps=1, device="cpu")
    for event in events:
        if event.kind == "validation":
            break
    events.close()
    assert load_model(out)[1]["improved"] is False
    resumed = run(pairs, out, steps=1, start="default", recipe=None, resume=True)
    assert [e.step for e in resumed if e.kind == "step"] == [1]


def test_time_stands_still_while_paused(pairs, tmp_path: Path, monkeypatch):
    events = train(
        pairs,
        start=None,
        out=tmp_path / "m",
        minutes=60,
        config=CONFIG,
        recipe=RECIPE,
        validation=[],
        device="cpu",
    )
    steps = (event for event in events if event.kind == "step")
    first = next(steps)
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 1000)
    monkeypatch.setattr(training_run, "time", later)
    assert first.seconds_left - next(steps).seconds_left < 1000
    events.close()


def test_frozen_statistics_stay_as_they_are(pairs, tmp_path: Path):
    run(pairs, tmp_path / "start", steps=2)
    start = weights(tmp_path / "start")
    for share, fixed in ((1.0, True), (0.0, False)):
        options = {"recipe": replace(RECIPE, frozen_statistics=share), "validation": []}
        run(pairs, tmp_path / "m", steps=2, start=tmp_path / "start", **options)
        end = weights(tmp_path / "m")
        assert (
            torch.equal(start["stem.1.running_mean"], end["stem.1.running_mean"])
            == fixed
        )
        assert not torch.equal(start["stem.0.weight"], end["stem.0.weight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "greater than zero"),
        ({"minutes": float("nan")}, "greater than zero"),
        ({"steps": 1, "resume": True}, "no training to resume"),
        ({"steps": 1, "seed": -1}, "seed must be"),
        ({"steps": 1, "seed": 2**64}, "seed must be"),
    ],
)
def test_bad_parameters(pairs, tmp_path: Path, options, message):
    with pytest.raises(TrainingError, match=message):
        run(pairs, tmp_path / "m", **options)
    assert not list(tmp_path.iterdir())


def test_two_trainings_never_write_one_model(pairs, tmp_path: Path):
    options = {"start": None, "config": CONFIG, "recipe": RECIPE, "steps": 1}
    events = train(pairs, out=tmp_path / "m", device="cpu", **options)
    next(events)
    with pytest.raises(TrainingError, match="Another run"):
        run(pairs, tmp_path / "m", steps=1)
    events.close()
    assert not list(tmp_path.iterdir())
    run(pairs, tmp_path / "m", steps=1)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_file_is_no_folder_for_a_model(pairs, tmp_path: Path):
    (tmp_path / "m").write_text("notes")
    with pytest.raises(TrainingError, match="cannot be made"):
        run(pairs, tmp_path / "m", steps=1)
    assert (tmp_path / "m").read_text() == "notes"


def test_nothing_annotated(tmp_path: Path):
    blank = [(np.ones((64, 64)), np.zeros((64, 64), int))]
    with pytest.raises(TrainingError, match="no annotated cell"):
        run(blank, tmp_path / "m", steps=1)


def test_foreign_state_is_refused(pairs, tmp_path: Path):
    run(pairs, tmp_path / "m", steps=1)
    other = replace(CONFIG, widths=(8, 12, 20))
    with pytest.raises(TrainingError, match="cannot be resumed"):
        run(pairs, tmp_path / "m", steps=2, config=other, resume=True)


def test_with_a_teacher_less_is_forgotten(pairs, tmp_path: Path):
    (image, labels) = pairs[0]
    run(pairs, tmp_path / "start", steps=60, validation=[])
    start = load_model(tmp_path / "start")[0]
    shown = torch.as_tensor(prepare(Annotation(image, labels), 28.0).image).float()
    drift = {}
    for teaching in (0.0, 2.0):
        out = tmp_path / f"{teaching}"
        recipe = replace(RECIPE, rehearsal=0.5, teaching=teaching)
        # The new kind contradicts the known one: what was background is a cell.
        new = [(image, (labels == 0).astype(np.int32))]
        options = {"start": tmp_path / "start", "config": None, "recipe": recipe}
        run(new, out, steps=30, rehearsal=pairs, validation=[], **options)
        with torch.no_grad():
            now, then = (m(shown[None]) for m in (load_model(out)[0], start))
        drift[teaching] = float((now.embedding - then.embedding).square().mean())
    assert drift[2.0] < 0.7 * drift[0.0]


def test_painted_cells_alone_do_not_make_everything_a_cell(pairs, tmp_path: Path):
    """Of four of sixteen cells nothing tells what background is, but the start does."""
    (image, labels) = pairs[0]
    run(pairs, tmp_path / "start", steps=90, validation=[])
    some = np.where(labels % 4 == 1, labels, 0)
    sparse = [(image, some, np.zeros(labels.shape, bool))]
    shown = torch.as_tensor(prepare(Annotation(image, labels), 28.0).image).float()

    def taken(out):
        """How much of the background is taken for cells."""
        with torch.no_grad():
            inside = load_model(out)[0](shown[None]).foreground[0, 0].sigmoid()
        assert inside[torch.as_tensor(some > 0)].mean() > 0.6
        return float(inside[torch.as_tensor(labels == 0)].mean())

    more = {}
    for guessing in (0.0, 3.0):
        out = tmp_path / f"{guessing}"
        recipe = replace(RECIPE, guessing=guessing)
        options = {"start": tmp_path / "start", "config": None, "recipe": recipe}
        run(sparse, out, steps=90, validation=[], **options)
        more[guessing] = taken(out) - taken(tmp_path / "start")
    assert more[3.0] < 0.5 * more[0.0], more


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import torch
import torch.distributed as dist
sys.path[:0] = {folders!r}
from test_loop import CONFIG, RECIPE
from napari_iaunet.training import run
from napari_iaunet.training.loop import train

torch.set_num_threads(1)
ys, xs = np.mgrid[:96, :96]
discs = (ys % 32 - 16) ** 2 + (xs % 32 - 16) ** 2 < 180
labels = ((ys // 32) * 3 + xs // 32 + 1) * discs

# In its second step, one process comes upon a batch whose loss is not finite.
right, calls = run.total_loss, []

def total_loss(*arguments):
    loss, losses = right(*arguments)
    calls.append(loss)
    spoiled = dist.get_rank() == 1 and len(calls) == 2
    return loss * float("nan") if spoiled else loss, losses

run.total_loss = total_loss
events = list(train([(labels > 0, labels)], start=None, out={out!r}, steps=3,
                    config=CONFIG, recipe=RECIPE, device="cpu"))
assert events[-1].step == 3
"""


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path: Path):
    script = tmp_path / "script.py"
    here = Path(__file__).parent
    folders = [str(here), str(here.parent / "support")]
    script.write_text(SCRIPT.format(folders=folders, out=str(tmp_path / "m")))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    said = tmp_path / "said"
    with (
        said.open("w") as stream,
        subprocess.Popen(
            [*command, "--nproc-per-node=2", str(script)],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ) as trainings,
    ):
        try:
            wait_until(lambda: trainings.poll() is not None)
        finally:
            trainings.terminate()  # which ends the two that it has started, too
    assert trainings.returncode == 0, said.read_text()[-3000:]
    assert (
        json.loads((tmp_path / "m" / "card.json").read_text())["training"]["steps"] == 3
    )
    assert load_model(tmp_path / "m")
