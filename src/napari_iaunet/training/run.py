"""One training run: its schedule, its steps, its files."""

from __future__ import annotations

import copy
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from napari_iaunet.atomic import write_files
from napari_iaunet.errors import TrainingError
from napari_iaunet.inference.devices import choose_device, cpu_has_bfloat16
from napari_iaunet.lock import alone_at
from napari_iaunet.model.checkpoint import model_files
from napari_iaunet.model.losses import total_loss
from napari_iaunet.training.augment import Batch, draw_batch
from napari_iaunet.training.dataset import sampling_probabilities, usual_diameter
from napari_iaunet.training.describe import fit
from napari_iaunet.training.events import TrainingEvent
from napari_iaunet.training.state import state_files
from napari_iaunet.training.teacher import lesson_loss, teach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_iaunet.model.losses import LossWeights
    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import TrainingData
    from napari_iaunet.training.events import Budget, EventKind
    from napari_iaunet.training.recipe import Recipe
    from napari_iaunet.training.state import TrainingState
    from napari_iaunet.training.teacher import Lesson

# The learning rate never falls below this share of its highest, so that the last steps
# still change something.
_LOWEST_RATE = 0.005
# Longer gradients are cut to this length. Those of crops of several domains are mostly
# 5 to 20 long, so that all batches count about the same, however large their losses.
_LONGEST_GRADIENT = 5.0
# A model on its way needs a descriptor that works: one that is fitted to so few images
# takes seconds, the final one minutes.
_QUICK_FIT = 4


def join_processes(device: str) -> torch.device:
    """Choose the device and join the other processes that torchrun started."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        cuda = torch.cuda.is_available() and device != "cpu"
        dist.init_process_group("nccl" if cuda else "gloo")
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return choose_device(device)


def check_seed(seed: int) -> None:
    """Raise TrainingError unless all random numbers can be drawn with a seed."""
    # numpy takes none below 0, torch none above 64 bits.
    if not 0 <= seed < 2**63:
        raise TrainingError("The seed must be a whole number from 0 to 2^63 - 1.")


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Let no other training write into a folder; of several processes, one asks."""
    if dist.is_initialized() and dist.get_rank():
        yield
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {out} cannot be made: {error.strerror or error}."
        raise TrainingError(msg) from error
    try:
        with alone_at(out, TrainingError):
            yield
    finally:
        with suppress(OSError):
            out.rmdir()  # if nothing was written


class _Parallel(nn.Module):
    """Network and losses as one module, so that DistributedDataParallel sees all."""

    def __init__(
        self, network: IAUNet, weights: LossWeights, teaching: float = 0.0
    ) -> None:
        super().__init__()
        self.network = network
        self.weights = weights
        self.teaching = teaching

    def forward(
        self, batch: Batch, generator: torch.Generator, lesson: Lesson | None = None
    ) -> tuple[Tensor, dict[str, float]]:
        with _autocast(batch.images.device.type):
            maps = self.network.features(batch.images)
            fields = self.network.heads(maps)
        loss, losses = total_loss(
            self.network, maps, fields, batch.targets, self.weights, generator
        )
        if lesson is not None:
            loss = loss + self.teaching * lesson_loss(fields, lesson, self.weights)
        return loss, losses


def _autocast(device: str) -> torch.autocast:
    return torch.autocast(device, torch.bfloat16, enabled=_has_bfloat16(device))


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and cpu_has_bfloat16()


def _to(batch: Batch, device: torch.device) -> Batch:
    targets = type(batch.targets)(*(t.to(device) for t in batch.targets))
    images = batch.images.to(device, memory_format=torch.channels_last)
    return Batch(images, targets, batch.rehearsed.to(device))


class Run:
    """A training run: what its steps share, and its files.

    Parameters
    ----------
    state : TrainingState
    data : TrainingData
    recipe : Recipe
    budget : Budget
    out : Path
        Model folder to write.
    seed : int
    about : mapping
        What the model's card says beside what the run knows.
    teacher : IAUNet, optional
        The start or another, which tells what it says of rehearsed images, and of
        pixels of which nothing is known.
    """

    def __init__(
        self,
        state: TrainingState,
        data: TrainingData,
        recipe: Recipe,
        budget: Budget,
        out: Path,
        seed: int,
        about: Mapping[str, Any],
        teacher: IAUNet | None = None,
    ) -> None:
        self.state, self.data, self.recipe, self.budget = state, data, recipe, budget
        self.out, self.seed, self._about = out, seed, about
        self._drawn = [*data.images, *data.rehearsal]
        self._is_sparse = any(image.is_sparse for image in data.images)
        self._probabilities = self._sampling()
        self._frozen = False
        kept = state.averaged.descriptor_basis.any()
        self._keeps_descriptor = recipe.keeps_descriptor and bool(kept)
        self._done: float | None = None
        self._saved = time.monotonic()
        self.device = next(state.network.parameters()).device
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        is_asked = recipe.teaching and (data.rehearsal or self._is_sparse)
        self._teacher = teacher if is_asked else None
        if self._teacher is not None:
            self._teacher = copy.deepcopy(self._teacher).eval().to(self.device)
        module = _Parallel(state.network, recipe.weights, recipe.teaching)
        self._module: nn.Module = module
        if dist.is_initialized():
            self._module = nn.parallel.DistributedDataParallel(
                self._module, find_unused_parameters=True
            )

    # -- schedule --------------------------------------------------------------

    def fraction_done(self) -> float:
        """Share of the run that lies behind, 1 or more at its end.

        As the first process sees it, so that all stop alike.
        """
        self._done = self.budget.done(self.state)
        if dist.is_initialized():
            value = torch.tensor([self._done], dtype=torch.float64)
            if dist.get_backend() == "nccl":
                value = value.cuda()
            dist.broadcast(value, 0)
            self._done = float(value)
        return self._done

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Count the time of the body as training time.

        Time counts only while the reader of the events wants the next one, so that a
        training can be paused.
        """
        begin = time.monotonic()
        yield
        self.state.seconds += time.monotonic() - begin

    def event(self, kind: EventKind, **values: Any) -> TrainingEvent:
        """Tell of something that happened just now."""
        if self._done is not None and self._done < 1:
            values["seconds_left"] = self.budget.seconds_left(self.state)
        state = self.state
        return TrainingEvent(kind, state.step, seconds=state.seconds, **values)

    def learning_rate(self, done: float) -> float:
        """Learning rate when the share `done` of the run lies behind."""
        warm = min(1.0, (self.state.step + 1) / self.recipe.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return self.recipe.learning_rate * warm * max(fall, _LOWEST_RATE)

    def freeze_statistics(self, done: float) -> None:
        """Freeze batch norm's statistics once the share `done` of the run says so.

        A small batch mixes domains whose statistics differ, and the model, which sees
        one image at a time, is never trained as it is used. Training on with frozen
        statistics closes that gap: twelve minutes of it raised the mean AP at IoU 0.5
        over the held-out images of all domains by .03.
        """
        if self._frozen or done < 1 - self.recipe.frozen_statistics:
            return
        self._frozen = True
        averaged = dict(self.state.averaged.named_buffers())
        for name, value in self.state.network.named_buffers():
            value.copy_(averaged[name])
        for module in self.state.network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.eval()

    # -- steps -----------------------------------------------------------------

    def _sampling(self) -> np.ndarray:
        """Probability of each image, those of the rehearsal last."""
        own = sampling_probabilities(self.data.images, self.recipe.sampling_weights)
        if not self.data.rehearsal:
            return own
        weights = self.recipe.sampling_weights
        known = sampling_probabilities(self.data.rehearsal, weights)
        share = self.recipe.rehearsal
        return np.concatenate([own * (1 - share), known * share])

    def batches(self) -> Iterator[Batch]:
        """Draw the batch of every step while the network works on the one before."""
        with ThreadPoolExecutor(1) as pool:
            upcoming = pool.submit(self._draw, self.state.step)
            while True:
                batch = upcoming.result()
                upcoming = pool.submit(self._draw, self.state.step + 1)
                yield batch

    def _draw(self, step: int) -> Batch:
        """Draw the batch of a step; the same for the same seed, step and rank."""
        recipe = self.recipe
        return draw_batch(
            self._drawn,
            self._probabilities,
            batch=recipe.batch,
            size=recipe.size,
            second_views=recipe.second_views if recipe.weights.cell_triplet else 0,
            rng=np.random.default_rng((self.seed, step, self.rank)),
            synthetic_share=recipe.synthetic,
            rehearsed_from=len(self.data.images),
            diameter=self.state.network.config.diameter,
        )

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        """Take one step; one whose loss or gradient is not finite changes nothing."""
        state = self.state
        batch = _to(batch, self.device)
        generator = torch.Generator().manual_seed(
            hash((self.seed, state.step, self.rank)) % 2**63
        )
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        statistics = [buffer.clone() for buffer in state.network.buffers()]
        loss: Tensor
        losses: dict[str, float]
        loss, losses = self._module(batch, generator, self._lesson(batch))
        if not self._learn_from(loss):
            # Batch norm has counted the batch in: one that is not a number stays.
            for buffer, before in zip(state.network.buffers(), statistics, strict=True):
                buffer.copy_(before)
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.average(self.recipe.ema_decay)
        return losses

    def _lesson(self, batch: Batch) -> Lesson | None:
        """Ask the teacher about crops that are rehearsed, and what is unknown."""
        if self._teacher is None:
            return None
        weight = batch.rehearsed[:, None, None, None].float()
        if self._is_sparse:
            unknown = 1 - batch.targets.known
            weight = torch.maximum(weight, self.recipe.guessing * unknown)
        with _autocast(self.device.type):
            return teach(self._teacher, batch.images, weight)

    def _learn_from(self, loss: Tensor) -> bool:
        """Change the weights; False, and nothing changed, if they would be spoilt."""
        if not self._finite(loss):
            return False
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = self.state.network.parameters()
        length = nn.utils.clip_grad_norm_(parameters, _LONGEST_GRADIENT)
        # Gradients are those of all processes by now, so all of them do the same.
        if not bool(torch.isfinite(length)):
            return False
        self.state.optimizer.step()
        return True

    def _finite(self, loss: Tensor) -> bool:
        """Whether the loss is finite, in all processes.

        They step together or not at all: `backward` waits for the gradients of all.
        """
        finite = torch.isfinite(loss.detach()).float()
        if dist.is_initialized():
            dist.all_reduce(finite, dist.ReduceOp.MIN)
        return bool(finite)

    def total(self, losses: Mapping[str, float]) -> float:
        """Weighted sum of losses; cell triplets left out, which need second views."""
        weights = self.recipe.weights
        return sum(
            float(getattr(weights, name)) * value
            for name, value in losses.items()
            if name != "cell_triplet"
        )

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Loss of the averaged weights on fixed crops of what is held out."""
        recipe, images = self.recipe, self.data.held_out
        batch = draw_batch(
            images,
            sampling_probabilities(images, {}),
            batch=2 * recipe.batch,
            size=recipe.size,
            second_views=0,
            rng=np.random.default_rng(0),
        )
        module = _Parallel(self.state.averaged, recipe.weights)
        losses = module(_to(batch, self.device), torch.Generator().manual_seed(0))[1]
        return self.total(losses)

    # -- the model -------------------------------------------------------------

    def learn_usual_diameter(self) -> None:
        """Make the usual diameter of the cells, if there is one, part of the model."""
        config = self.state.network.config
        usual = usual_diameter(self.data.images, config.diameter)
        for network in (self.state.averaged, self.state.network):
            network.config = replace(config, usual_diameter=usual)

    def checkpoint_is_due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved > self.recipe.checkpoint_every

    def save(
        self,
        network: IAUNet | None,
        figures: Mapping[str, Any],
        *,
        interpolated: bool = False,
    ) -> None:
        """Write what a resume needs and, if given, a network as the model.

        Parameters
        ----------
        network : IAUNet or None
        figures : mapping
            What its card says of how good it is.
        interpolated : bool
            Whether its weights are an interpolation with those of the start.
        """
        self._saved = time.monotonic()
        if self.rank:
            return
        files = state_files(self.state)
        if network is not None:
            if not bool(network.descriptor_basis.any()):
                self.fit_descriptor(network, most=_QUICK_FIT)
            files |= model_files(network, self._card(figures, interpolated))
        # All at once: a resume must find the model of the step that it goes on from.
        write_files(self.out, files, TrainingError)

    def _card(self, figures: Mapping[str, Any], interpolated: bool) -> dict[str, Any]:
        budget, state = self.budget, self.state
        training = {
            "asked for": {"minutes": budget.minutes, "steps": budget.steps},
            **self._about.get("training", {}),
            "steps": state.step,
            "minutes": round(state.seconds / 60, 1),
            "images": len(self.data.images),
            "device": self.device.type,
            "seed": self.seed,
            "interpolated with the start": interpolated,
            "recipe": asdict(self.recipe),
        }
        return {**self._about, "training": training, **figures}

    def fit_descriptor(self, *others: IAUNet, **options: int) -> None:
        """Fit what the descriptor keeps, unless it is to stay; options as for `fit`.

        Other networks get it, too.
        """
        if self.rank or self._keeps_descriptor:
            return
        mean, basis = fit(self.state.averaged, self._drawn, **options)
        # The average of two equal buffers stays as it is.
        for network in (self.state.averaged, self.state.network, *others):
            network.descriptor_mean.copy_(mean)
            network.descriptor_basis.copy_(basis)
