"""One training run: its recipe, its schedule, its steps."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from napari_iaunet.inference.devices import cpu_has_bfloat16
from napari_iaunet.model.checkpoint import save_model
from napari_iaunet.model.losses import LossWeights, total_loss
from napari_iaunet.training.augment import Batch, draw_batch
from napari_iaunet.training.dataset import usual_diameter
from napari_iaunet.training.describe import fit
from napari_iaunet.training.state import TrainingState, save_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import AnnotatedImage

# A kind of no given share is drawn in proportion to this power of its image count.
_KIND_POWER = 0.35
# Images by which the descriptor of a model on its way is fitted.
_SKETCHED = 4


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
    settled : float
        Share of the run, at its end, in which batch norm uses the statistics
        that the finished model will use, not those of the batch.
    validate_every, checkpoint_every : float
        Seconds; validation comes at the end, too.
    shares : mapping of str to float
        How often crops of a kind are drawn, relative to the kinds named here; kinds
        that are not named are drawn by their number of images. A kind is the name of
        the folder that an image lies in.
    rehearsal : float
        Share of crops of what the model is not to forget, if there is any.
    keeps_descriptor : bool
        Whether the descriptor of the model to start from stays: few cells of one kind
        do not tell how cells differ.
    keeps_half : bool
        Whether, of a start that finds the cells, half is kept: the model is the mean of
        the start and the trained weights, which forgets less of what the start knows
        of other images (Wortsman et al., CVPR 2022).
    weights : LossWeights
    """

    batch: int = 8
    size: int = 192
    second_views: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    averaging: float = 0.998
    settled: float = 0.4
    validate_every: float = 600.0
    checkpoint_every: float = 120.0
    shares: Mapping[str, float] = field(default_factory=dict)
    rehearsal: float = 0.25
    keeps_descriptor: bool = False
    keeps_half: bool = False
    weights: LossWeights = field(default_factory=LossWeights)


# Few images of one kind, and a minute or two: many small steps away from a model that
# knows much already, measured often.
FINE_TUNING = Recipe(
    batch=4,
    second_views=1,
    warm_up=20,
    averaging=0.98,
    settled=1.0,
    validate_every=10.0,
    checkpoint_every=30.0,
    keeps_descriptor=True,
    keeps_half=True,
)


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
            fields = self.network.heads(maps)
        return total_loss(
            self.network, maps, fields, batch.targets, self.weights, generator
        )


def _has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and cpu_has_bfloat16()


def _to(batch: Batch, device: torch.device) -> Batch:
    targets = type(batch.targets)(*(t.to(device) for t in batch.targets))
    images = batch.images.to(device, memory_format=torch.channels_last)
    return Batch(images, targets)


def probabilities(
    images: Sequence[AnnotatedImage], shares: Mapping[str, float]
) -> np.ndarray:
    """Probability of each image: a kind with many images does not drown the rest."""
    counts = Counter(image.kind for image in images)
    usual = {kind: float(count) ** _KIND_POWER for kind, count in counts.items()}
    # Shares are given in units of their own: a kind that is not named counts as it
    # would beside the named ones.
    named = sum(usual[kind] for kind in counts if kind in shares)
    given = sum(shares[kind] for kind in counts if kind in shares)
    weights = {
        kind: shares[kind] * named / given if kind in shares else usual[kind]
        for kind in counts
    }
    drawn = np.array([weights[image.kind] / counts[image.kind] for image in images])
    return np.asarray(drawn / drawn.sum())


class Material(NamedTuple):
    """Images of a run.

    Attributes
    ----------
    images : list of AnnotatedImage
        To train on.
    held_out : list of AnnotatedImage
        What is held out of them.
    rehearsal : list of AnnotatedImage
        What the model knows already and is not to forget.
    """

    images: list[AnnotatedImage]
    held_out: list[AnnotatedImage]
    rehearsal: list[AnnotatedImage]


class Run:
    """A training run: state, schedule and files."""

    def __init__(
        self,
        state: TrainingState,
        material: Material,
        recipe: Recipe,
        out: Path,
        seed: int,
        device: torch.device,
    ) -> None:
        self.state, self.recipe, self.out, self.seed = state, recipe, out, seed
        self.images, self.held_out = material.images, material.held_out
        self._drawn = [*material.images, *material.rehearsal]
        self.probabilities = probabilities(self.images, recipe.shares)
        if material.rehearsal:
            self.probabilities *= 1 - recipe.rehearsal
            known = probabilities(material.rehearsal, {})
            known *= recipe.rehearsal
            self.probabilities = np.concatenate([self.probabilities, known])
        self.device = device
        self.settled = False
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
            self._drawn,
            self.probabilities,
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

    def settle(self, done: float) -> None:
        """Fix batch norm's statistics once the share `done` of the run says so.

        A small batch mixes kinds of images whose statistics differ, and the
        model, which sees one image at a time, is never trained as it is used.
        Training on with fixed statistics closes that gap.
        """
        if self.settled or done < 1 - self.recipe.settled:
            return
        self.settled = True
        averaged = dict(self.state.averaged.named_buffers())
        for name, value in self.state.network.named_buffers():
            value.copy_(averaged[name])
        for module in self.state.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        """Take one step; a batch whose loss is not finite changes nothing."""
        state = self.state
        batch = _to(batch, self.device)
        generator = torch.Generator().manual_seed(
            hash((self.seed, state.step, self.rank)) % 2**63
        )
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        loss: Tensor
        losses: dict[str, float]
        loss, losses = self.module(batch, generator)
        if self._finite(loss):
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
            state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.average(self.recipe.averaging)
        return losses

    def _finite(self, loss: Tensor) -> bool:
        """Whether the loss is finite, in all processes.

        They step together or not at all: `backward` waits for the gradients of all.
        """
        finite = torch.isfinite(loss.detach()).float()
        if dist.is_initialized():
            dist.all_reduce(finite, dist.ReduceOp.MIN)
        return bool(finite)

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Loss of the averaged weights on fixed crops of what is held out."""
        rng, recipe = np.random.default_rng(0), self.recipe
        batch = draw_batch(
            self.held_out,
            probabilities(self.held_out, {}),
            batch=2 * recipe.batch,
            size=recipe.size,
            second_views=0,
            rng=rng,
        )
        module = _Parallel(self.state.averaged, recipe.weights)
        losses = module(_to(batch, self.device), torch.Generator().manual_seed(0))[1]
        return self.total(losses)

    def total(self, losses: Mapping[str, float]) -> float:
        """Weighted sum of losses; cell triplets left out, which need second views."""
        weights = self.recipe.weights
        return sum(
            float(getattr(weights, name)) * value
            for name, value in losses.items()
            if name != "cell_triplet"
        )

    def remember_size(self) -> None:
        """Make the usual size of the cells, if there is one, part of the model."""
        config = self.state.network.config
        usual = usual_diameter(self.images, config.diameter)
        for network in (self.state.averaged, self.state.network):
            network.config = replace(config, usual_diameter=usual)

    def save(self, card: dict[str, Any], network: IAUNet | None) -> None:
        """Write what a resume needs and, if given, a network as the model."""
        if self.rank:
            return
        if network is not None:
            if not bool(network.descriptor_basis.any()):
                # A model on its way needs one that works; the best one takes minutes.
                self.describe(network, most=_SKETCHED)
            save_model(self.out, network, card)
        save_state(self.out, self.state)

    def describe(self, *others: IAUNet, **options: int) -> None:
        """Fit what the descriptor keeps, unless it is to stay; options as for `fit`.

        Other networks get it, too.
        """
        known = bool(self.state.averaged.descriptor_basis.any())
        if self.rank or (known and self.recipe.keeps_descriptor):
            return
        mean, basis = fit(self.state.averaged, self.images, **options)
        # The average of two equal buffers stays as it is.
        for network in (self.state.averaged, self.state.network, *others):
            network.descriptor_mean.copy_(mean)
            network.descriptor_basis.copy_(basis)
