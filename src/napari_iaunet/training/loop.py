"""The training loop: a generator of events."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from napari_iaunet.errors import TrainingError
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.losses import LossWeights, total_loss
from napari_iaunet.model.network import Fields, IAUNet, IAUNetConfig
from napari_iaunet.model.registry import find_model
from napari_iaunet.segmentation.backend import choose_device
from napari_iaunet.training.augment import Batch, draw_batch
from napari_iaunet.training.dataset import AnnotatedImage, load_pairs, split_pairs
from napari_iaunet.training.state import TrainingState, load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

_DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class Recipe:
    """What a training run does; the defaults are those of the bundled model.

    Attributes
    ----------
    batch, size : int
        Crops per step and process, and their height and width in pixels.
    second_views : int
        Crops of a batch that show cells of other crops again.
    learning_rate, weight_decay : float
        Of AdamW; the rate warms up and falls along a cosine.
    warm_up : int
        Steps.
    averaging : float
        Decay of the exponential moving average of the weights.
    validate_every, checkpoint_every : float
        Seconds; validation in a run of fixed steps comes at its end only.
    """

    batch: int = 8
    size: int = 192
    second_views: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    averaging: float = 0.998
    validate_every: float = 600.0
    checkpoint_every: float = 120.0
    weights: LossWeights = LossWeights()


@dataclass(frozen=True)
class TrainingEvent:
    """One thing that happened.

    Attributes
    ----------
    kind : {"start", "step", "validation", "checkpoint", "end"}
    step : int
        Steps done so far, those before a resume counted in.
    losses : dict of str to float
        The step's losses by name.
    learning_rate : float or None
    validation_ap : float or None
        Pooled AP at IoU 0.5 on the validation images.
    seconds_left : float or None
        Estimate.
    """

    kind: Literal["start", "step", "validation", "checkpoint", "end"]
    step: int
    losses: dict[str, float] = field(default_factory=dict)
    learning_rate: float | None = None
    validation_ap: float | None = None
    seconds_left: float | None = None


class _Parallel(nn.Module):
    """Network and losses as one module, so that DistributedDataParallel sees all."""

    def __init__(self, network: IAUNet, weights: LossWeights) -> None:
        super().__init__()
        self.network = network
        self.weights = weights

    def forward(
        self, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        device = batch.images.device.type
        with torch.autocast(device, torch.bfloat16, enabled=_has_bfloat16(device)):
            maps = self.network.features(batch.images)
            fields = Fields(*self.network.heads(maps))
        return total_loss(
            self.network, maps, fields, batch.targets, self.weights, generator
        )


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    if device == "cpu":
        capabilities = torch.backends.cpu.get_cpu_capability()
        return capabilities in ("AVX512", "AVX512_BF16", "AMX") and _cpu_has("bf16")
    return False


def _cpu_has(flag: str) -> bool:
    """Whether the processor names a feature; False where the system does not tell."""
    try:
        return flag in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _shares(images: Sequence[AnnotatedImage]) -> np.ndarray:
    """Probability of each image: kinds weigh as the square root of their number."""
    kinds = [image.kind for image in images]
    shares = np.array([1 / math.sqrt(kinds.count(kind)) for kind in kinds])
    return np.asarray(shares / shares.sum())


class _Run:
    """A training run: state, schedule and files."""

    def __init__(
        self,
        state: TrainingState,
        images: list[AnnotatedImage],
        recipe: Recipe,
        out: Path,
        seed: int,
        device: torch.device,
    ) -> None:
        self.state, self.recipe, self.out, self.seed = state, recipe, out, seed
        self.images, self.shares = images, _shares(images)
        self.device = device
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.module: nn.Module = _Parallel(state.network, recipe.weights)
        if dist.is_initialized():
            self.module = nn.parallel.DistributedDataParallel(
                self.module, find_unused_parameters=True
            )

    def draw(self, step: int) -> Batch:
        """Draw the batch of a step; the same for the same seed, step and rank."""
        rng = np.random.default_rng((self.seed, step, self.rank))
        recipe = self.recipe
        views = recipe.second_views if recipe.weights.cell_triplet else 0
        return draw_batch(
            self.images,
            self.shares,
            batch=recipe.batch,
            size=recipe.size,
            second_views=views,
            rng=rng,
        )

    def rate(self, done: float) -> float:
        """Learning rate when the share `done` of the run lies behind."""
        warm = min(1.0, (self.state.step + 1) / self.recipe.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.recipe.learning_rate * warm * max(fall, 0.005)

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        state = self.state
        batch = Batch(
            batch.images.to(self.device, memory_format=torch.channels_last),
            type(batch.targets)(*(t.to(self.device) for t in batch.targets)),
        )
        generator = torch.Generator().manual_seed(
            hash((self.seed, state.step, self.rank)) % 2**63
        )
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        loss, losses = self.module(batch, generator)
        if torch.isfinite(loss):
            loss.backward()
            nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
            state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.average(self.recipe.averaging)
        return losses

    def save(self, card: dict[str, Any]) -> None:
        """Write the averaged weights as a model, and what a resume needs."""
        if self.rank == 0:
            save_model(self.out, self.state.averaged, card)
            save_state(self.out, self.state)


def _setup(device: str) -> torch.device:
    """Choose the device and join the other processes that torchrun started."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        cuda = torch.cuda.is_available() and device != "cpu"
        dist.init_process_group("nccl" if cuda else "gloo")
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return choose_device(device)


def _initial(start: str | os.PathLike[str] | None, config: IAUNetConfig) -> IAUNet:
    return IAUNet(config) if start is None else load_model(find_model(start))[0]


def validation_ap(
    network: IAUNet, pairs: Sequence[tuple[Any, Any]], device: torch.device
) -> float:
    """Pooled AP at IoU 0.5 with the estimated diameter."""
    from napari_iaunet.evaluation import average_precision
    from napari_iaunet.files import read_image
    from napari_iaunet.segmentation.segmenter import Segmenter

    segmenter = Segmenter.from_network(network, device)
    true, found = [], []
    for image, mask in pairs:
        image = read_image(image).array if isinstance(image, str | Path) else image
        mask = read_image(mask).array if isinstance(mask, str | Path) else mask
        true.append(np.asarray(mask))
        found.append(segmenter.segment(image).labels)
    return float(average_precision(true, found, thresholds=(0.5,)).pooled[0])


def train(
    pairs: Sequence[tuple[Any, Any]],
    *,
    start: str | os.PathLike[str] | None = "default",
    out: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    validation: Sequence[tuple[Any, Any]] | None = None,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    config: IAUNetConfig | None = None,
    recipe: Recipe | None = None,
    card: dict[str, Any] | None = None,
) -> Iterator[TrainingEvent]:
    """Train a model and tell how it goes.

    Closing the generator stops the training; what was saved last stays.

    Parameters
    ----------
    pairs : sequence of (image, mask)
        Paths or arrays.
    start : str, path or None
        A model to start from; None begins with random weights.
    out : path
        Model folder to write.
    minutes, steps : float, int
        Length of the run; ten minutes if neither is given.
    validation : sequence of (image, mask), optional
        Without it the last eighth of every series of images is held out if
        `pairs` are paths; else nothing is.
    resume : bool
        Go on with the run that `out` holds.
    seed : int
        Two runs of equal seed and `steps` on a CPU give equal weights.
    device : str
        "auto", "cpu", "cuda", "mps".
    config : IAUNetConfig, optional
        Of a network that begins with random weights.
    recipe : Recipe, optional
    card : dict, optional
        Written into the model's card beside what training itself knows.

    Yields
    ------
    TrainingEvent

    Raises
    ------
    TrainingError
        If there is nothing to train on or `out` cannot be resumed.
    """
    out, recipe = Path(out), recipe or Recipe()
    minutes, steps = _length(minutes, steps)
    torch.manual_seed(seed)
    target = _setup(device)
    if validation is None:
        paths = all(isinstance(p[0], str | Path) for p in pairs)
        pairs, validation = split_pairs(pairs) if paths else (pairs, [])
    network = _initial(start, config or IAUNetConfig())
    images = load_pairs(pairs, network.config.diameter)
    if not any(len(image.centres) > 1 for image in images):
        raise TrainingError("There is no annotated cell to train on.")
    network.to(target, memory_format=torch.channels_last)
    state = TrainingState.begin(network, recipe.learning_rate, recipe.weight_decay)
    if resume:
        load_state(out, state)
    run = _Run(state, images, recipe, out, seed, target)
    yield from _loop(run, minutes, steps, list(validation), dict(card or {}))


def _length(
    minutes: float | None, steps: int | None
) -> tuple[float | None, int | None]:
    for value in (minutes, steps):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise TrainingError("Minutes and steps must be greater than zero.")
    if minutes is None and steps is None:
        minutes = _DEFAULT_MINUTES
    return minutes, steps


def _loop(
    run: _Run,
    minutes: float | None,
    steps: int | None,
    validation: list[tuple[Any, Any]],
    card: dict[str, Any],
) -> Iterator[TrainingEvent]:
    state, recipe = run.state, run.recipe
    first, before = state.step, state.seconds
    started = saved = validated = time.monotonic()

    def done() -> float:
        state.seconds = before + time.monotonic() - started
        by_time = state.seconds / (minutes * 60) if minutes else 0.0
        by_step = state.step / steps if steps else 0.0
        return max(by_time, by_step)

    def full_card(ap: float | None = None) -> dict[str, Any]:
        training = {
            "steps": state.step,
            "minutes": round(state.seconds / 60, 1),
            "images": len(run.images),
            "device": run.device.type,
            "seed": run.seed,
        }
        figures = {} if ap is None else {"validation AP50": round(ap, 4)}
        return {**card, "training": training, **({"figures": figures} if ap else {})}

    yield TrainingEvent("start", state.step)
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(run.draw, state.step)
        while (share := done()) < 1:
            batch = upcoming.result()
            upcoming = pool.submit(run.draw, state.step + 1)
            rate = run.rate(share)
            losses = run.step(batch, rate)
            now = time.monotonic()
            left = (now - started) * (1 - done()) / max(done() - share, 1e-9)
            left = min(left, (now - started) / (state.step - first) * 1e9)
            if minutes:
                left = max(0.0, minutes * 60 - state.seconds)
            elif steps:
                left = (now - started) / (state.step - first) * (steps - state.step)
            yield TrainingEvent("step", state.step, losses, rate, None, left)
            if now - saved > recipe.checkpoint_every:
                run.save(full_card())
                saved = time.monotonic()
                yield TrainingEvent("checkpoint", state.step, seconds_left=left)
            if validation and minutes and now - validated > recipe.validate_every:
                ap = validation_ap(state.averaged, validation, run.device)
                validated = time.monotonic()
                yield TrainingEvent(
                    "validation", state.step, validation_ap=ap, seconds_left=left
                )
        upcoming.cancel()
    run.save(full_card())
    final = None
    if validation and run.rank == 0:
        final = validation_ap(state.averaged, validation, run.device)
        run.save(full_card(final))
        yield TrainingEvent("validation", state.step, validation_ap=final)
    yield TrainingEvent("end", state.step, validation_ap=final, seconds_left=0.0)
