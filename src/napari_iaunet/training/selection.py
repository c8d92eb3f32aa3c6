"""Model selection: which model of a training is kept, by the held-out cells."""

from __future__ import annotations

import copy
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.evaluation import THRESHOLDS, average_precision
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.training.holdout import counted
from napari_iaunet.training.paired import FEW_CELLS, difference, tally
from napari_iaunet.training.state import load_averaged, mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from napari_iaunet.evaluation import AveragePrecision
    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut
    from napari_iaunet.training.paired import Band, Tally
    from napari_iaunet.training.recipe import Recipe

_USUAL = THRESHOLDS.index(0.5)
_AT_HALF = np.arange(len(THRESHOLDS)) == _USUAL
# Above this overlap chance decides about the few cells of a small held-out part.
_COUNTED = np.array(THRESHOLDS) < 0.9
# Far below what one cell counts, and far above what rounding of a mean of eight does.
_ROUNDING = 1e-9
# Measuring may take this share of the time.
_SHARE = 0.1
# A start of this AP at IoU 0.5 knows what the cells are like, and how large.
_FINDS_CELLS = 0.5


class Measured(NamedTuple):
    """What a network finds of the held-out cells.

    Attributes
    ----------
    scores : AveragePrecision
    tally : Tally
        The same, cell by cell.
    example : (Y, X) int
        What was found in the first image.
    """

    scores: AveragePrecision
    tally: Tally
    example: NDArray[np.integer[Any]]


class ModelSelection:
    """Decides which model of a training is kept.

    Parameters
    ----------
    held_out : sequence of HeldOut
        Empty: there is nothing to decide by.
    device : torch.device
    start : IAUNet or None
        What training begins with, to be kept until a better model comes. None: the last
        model is kept, whatever it can do.
    recipe : Recipe
        How often to measure, and whether to interpolate with the start.
    measure : callable, optional
        Network -> `Measured`; by default `_measure`.

    Attributes
    ----------
    has_cells : bool
        Whether there is anything to measure with.
    keeps_best : bool
        Whether the best model is kept, not the last one.
    found_better : bool
        Whether a better model than the start was found since `begin`.
    """

    def __init__(
        self,
        held_out: Sequence[HeldOut],
        device: torch.device,
        start: IAUNet | None,
        recipe: Recipe,
        measure: Callable[[IAUNet], Measured] | None = None,
    ) -> None:
        self._score = measure or partial(_measure, held_out, device)
        self._start, self._recipe = start, recipe
        self.has_cells = bool(held_out)
        self.keeps_best = start is not None and self.has_cells
        self.found_better = False
        self._improved: bool | None = None
        self._begun_with: Measured | None = None
        self._best: Measured | None = None
        self._last: dict[str, Any] = {}
        self._measured_at, self._took = time.monotonic(), 0.0

    @property
    def start_ap(self) -> float | None:
        """AP at IoU 0.5 of the model that training began with, if it was measured."""
        return None if self._begun_with is None else _ap(self._begun_with.scores)

    @property
    def start_finds_cells(self) -> bool:
        """Whether the start knows what the cells are like."""
        return finds_cells(self.start_ap)

    @property
    def interpolates(self) -> bool:
        """Whether every trained network is interpolated with the start."""
        return self._recipe.interpolates and self.start_finds_cells

    def figures(self) -> dict[str, Any]:
        """Tell what a card says of the kept model; nothing before a measurement."""
        if self._best is None:
            return {}
        figures: dict[str, Any] = _figures("validation", self._best.scores)
        if self._begun_with is None:
            return {"improved": self._improved, "figures": figures}
        start = _figures("validation", self._begun_with.scores)
        figures |= {f"{name} of the start": value for name, value in start.items()}
        figures["validation cells"] = self._cells
        if self._improved:
            figures["validation difference"] = {
                name: [round(end, 4) for end in self._band(self._best, thresholds)]
                for name, thresholds in (("AP50", _AT_HALF), ("AP50-85", _COUNTED))
            }
        about = {"improved": self._improved, "proven": self._proven}
        return {**about, "figures": figures}

    def kept(self) -> dict[str, Any]:
        """Tell what an event says of the kept model."""
        return {
            "validation_ap": None if self._best is None else _ap(self._best.scores),
            "start_ap": self.start_ap,
            "improved": self._improved,
            "proven": self._proven,
        }

    def last(self) -> dict[str, Any]:
        """Tell what an event says of the last measurement."""
        return {**self.kept(), **self._last}

    def is_due(self) -> bool:
        """Whether it is time to measure again."""
        waited = time.monotonic() - self._measured_at
        enough = max(self._recipe.validate_every, self._took / _SHARE)
        return self.has_cells and waited > enough

    def begin(self, best: IAUNet | None = None) -> None:
        """Measure the start and, where training is resumed, its best model so far."""
        assert self._start is not None
        self._improved = False
        self._best = self._measure(self._start)
        self._begun_with = self._best
        if best is not None:
            self.accepts(best)
        self.found_better = False

    def candidate(self, network: IAUNet) -> IAUNet:
        """Return what is measured and kept of a network: itself, or interpolated."""
        return self.interpolated(network) if self.interpolates else network

    def interpolated(self, network: IAUNet) -> IAUNet:
        """Interpolate half way between a network and the start (WiSE-FT)."""
        assert self._start is not None
        return mean_of([network, self._start])

    def accepts(self, network: IAUNet, *, closer: bool = False) -> bool:
        """Measure a network, and tell whether it is the one to keep.

        It is if it has the best mean AP at IoU 0.5 to 0.85, which is above the start's
        by more than chance may give, and at 0.5 it is not worse than the start.

        Parameters
        ----------
        network : IAUNet
        closer : bool
            It is closer to the start than the best one so far, and need not be better
            than that: not worse by more than chance may give is enough, because on
            other images it fails less.
        """
        measured = self._measure(network)
        ap, mean = _ap(measured.scores), _mean(measured.scores)
        if self._begun_with is not None:
            start = self._begun_with.scores
            tolerated = self._chance if closer else 0.0
            if mean < _mean(start) + self._chance or ap < _ap(start):
                return False
            if self._best is not None and mean <= _mean(self._best.scores) - tolerated:
                return False
            self._improved = self.found_better = True
        self._best = measured
        return self.keeps_best

    @property
    def _chance(self) -> float:
        """By how much the mean AP changes whatever a model is worth on other images.

        That is what one cell counts or, of many cells, a third of the scatter that
        counting them has.
        """
        cells = max(1, self._cells)
        return max(1.0, math.sqrt(cells) / 3) / cells - _ROUNDING

    @property
    def _proven(self) -> bool | None:
        """Whether the best model is better than the start by more than chance."""
        if self._best is None or self._begun_with is None:
            return None
        if not self._improved or self._cells < FEW_CELLS:
            return False
        return self._band(self._best, _COUNTED).low > 0

    @property
    def _cells(self) -> int:
        """Number of cells that are measured on."""
        assert self._begun_with is not None
        return int(self._begun_with.tally.cells.sum())

    def _band(self, measured: Measured, thresholds: NDArray[np.bool_]) -> Band:
        """Return where the AP that is gained over the start's lies."""
        assert self._begun_with is not None
        return difference(self._begun_with.tally, measured.tally, thresholds)

    def _measure(self, network: IAUNet) -> Measured:
        begin = time.monotonic()
        measured = self._score(network)
        known = self._begun_with is not None
        self._last = {
            "validation_ap": _ap(measured.scores),
            "difference": tuple(self._band(measured, _AT_HALF)) if known else None,
            "example": measured.example,
        }
        self._measured_at = time.monotonic()
        self._took = self._measured_at - begin
        return measured


def finds_cells(ap: float | None) -> bool:
    """Whether a start of this AP at IoU 0.5 knows what the cells are like."""
    return (ap or 0.0) >= _FINDS_CELLS


def trained_network(folder: Path) -> tuple[IAUNet, dict[str, Any]]:
    """Return what a fine-tuning has trained, whether or not it beats the start.

    Parameters
    ----------
    folder : path
        Of the training.

    Returns
    -------
    network : IAUNet
        The best one, if one was better than the start, else the last one as it was
        measured.
    card : dict

    Raises
    ------
    ModelError, TrainingError
        If the folder holds no training.
    """
    best, card = load_model(folder)
    if card.get("improved"):
        return best, card
    figures = card.pop("figures", {})
    for verdict in ("improved", "proven"):
        card.pop(verdict, None)
    last = copy.deepcopy(best)
    load_averaged(folder, last)
    # The model of the folder is the start still.
    known = finds_cells(figures.get("validation AP50 of the start"))
    return (mean_of([last, best]) if known else last), card


def _ap(scores: AveragePrecision) -> float:
    return float(scores.pooled[_USUAL])


def _figures(what: str, scores: AveragePrecision) -> dict[str, float]:
    """AP at IoU 0.5, and its mean over 0.5 to 0.95, as a card says them."""
    return {
        f"{what} AP50": round(_ap(scores), 4),
        f"{what} AP50-95": round(scores.mean, 4),
    }


def _mean(scores: AveragePrecision) -> float:
    """Mean AP by which models are compared."""
    return float(scores.pooled[_COUNTED].mean())


def _measure(
    held_out: Sequence[HeldOut], device: torch.device, network: IAUNet
) -> Measured:
    """Segment the held-out images and compare with the cells that people drew."""
    from napari_iaunet.segmentation.segmenter import Segmenter

    segmenter = Segmenter.from_network(network, device)
    found: list[NDArray[np.integer[Any]]] = []

    def segment(annotation: Annotation) -> NDArray[np.integer[Any]]:
        seen = segmenter.segment(annotation.image, **annotation.seen_as)
        found.append(seen.labels)
        return found[-1]

    true, counting = zip(*counted(held_out, segment), strict=True)
    return Measured(average_precision(true, counting), tally(true, counting), found[0])
