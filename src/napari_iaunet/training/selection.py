"""Model selection: which model of a training is kept, by the held-out cells."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.evaluation import THRESHOLDS, AveragePrecision
from napari_iaunet.training.holdout import score
from napari_iaunet.training.state import mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from numpy.typing import NDArray

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut

_USUAL = THRESHOLDS.index(0.5)
# Above this overlap chance decides about the few cells of a small held-out part.
_COUNTED = np.array(THRESHOLDS) < 0.9
# Far below what one cell counts, and far above what rounding of a mean of eight does.
_ROUNDING = 1e-9
# Measuring may take this share of the time.
_SHARE = 0.1
# A start of this AP at IoU 0.5 knows what the cells are like, and how large.
_FINDS_CELLS = 0.5


class Measurement(NamedTuple):
    """What a network finds of the held-out cells.

    Attributes
    ----------
    scores : AveragePrecision
    example : (Y, X) integer array
        Cells that it found in the first image.
    """

    scores: AveragePrecision
    example: NDArray[np.integer[Any]]

    @property
    def ap(self) -> float:
        """Pooled AP at IoU 0.5."""
        return float(self.scores.pooled[_USUAL])

    @property
    def mean_ap(self) -> float:
        """Mean of the pooled AP at IoU 0.5 to 0.85, by which models are compared."""
        return float(self.scores.pooled[_COUNTED].mean())


class ModelSelection:
    """Decides which model of a training is kept.

    Parameters
    ----------
    held_out : sequence of HeldOut
        Empty: there is nothing to decide by.
    device : torch.device
    start : IAUNet or None
        The network that training begins with, to be kept until a better one comes.
        None: the last network is kept, whatever it can do.
    interpolates : bool
        Whether trained weights are measured and kept as interpolated with those of the
        start, if that finds the cells.
    every : float
        Seconds between measurements, or more where these take long.
    measure : callable, optional
        Network -> Measurement; by default its cells are compared with the held-out
        ones.

    Attributes
    ----------
    keeps_best : bool
        Whether the best model is kept, not the last one.
    improved : bool or None
        Whether the kept model is better than the start; None where the start was not
        measured.
    found_better : bool
        Whether such a model was found since `begin`.
    best_ap : float or None
        AP at IoU 0.5 of the kept model; None before a measurement.
    """

    def __init__(
        self,
        held_out: Sequence[HeldOut],
        device: torch.device,
        *,
        start: IAUNet | None,
        interpolates: bool = False,
        every: float = 0.0,
        measure: Callable[[IAUNet], Measurement] | None = None,
    ) -> None:
        self._measure_cells = measure or partial(_measure, held_out, device)
        self._start, self._interpolates, self._every = start, interpolates, every
        self.has_cells = bool(held_out)
        self.keeps_best = start is not None and self.has_cells
        self.improved: bool | None = None
        self.found_better = False
        self.best_ap: float | None = None
        self._best = -1.0
        self._start_measured: Measurement | None = None
        self._last: Measurement | None = None
        self._measured_at, self._took = time.monotonic(), 0.0

    @property
    def start_ap(self) -> float | None:
        """AP at IoU 0.5 of the model that training began with, if it was measured."""
        return None if self._start_measured is None else self._start_measured.ap

    @property
    def start_finds_cells(self) -> bool:
        """Whether the start knows what the cells are like."""
        return (self.start_ap or 0.0) >= _FINDS_CELLS

    @property
    def interpolates(self) -> bool:
        """Whether every trained network is interpolated with the start."""
        return self._interpolates and self.start_finds_cells

    def figures(self) -> dict[str, Any]:
        """Tell what a card says of the kept model; nothing before a measurement."""
        if self.best_ap is None:
            return {}
        figures: dict[str, float] = {"validation AP50": round(self.best_ap, 4)}
        if self.start_ap is not None:
            figures["validation AP50 of the start"] = round(self.start_ap, 4)
            figures["validation cells"] = self._cells
        return {"improved": self.improved, "figures": figures}

    def last(self) -> dict[str, Any]:
        """Tell what an event says of the last measurement."""
        assert self._last is not None
        ap, example = self._last.ap, self._last.example
        return {**self.kept(), "validation_ap": ap, "example": example}

    def kept(self) -> dict[str, Any]:
        """Tell what an event says of the kept model."""
        return {
            "validation_ap": self.best_ap,
            "start_ap": self.start_ap,
            "improved": self.improved,
        }

    def is_due(self) -> bool:
        """Whether it is time to measure again."""
        waited = time.monotonic() - self._measured_at
        return self.has_cells and waited > max(self._every, self._took / _SHARE)

    def begin(self, best: IAUNet | None = None) -> None:
        """Measure the start and, where training is resumed, its best model so far."""
        assert self._start is not None
        start = self._start_measured = self._measure(self._start)
        self.improved, self._best, self.best_ap = False, start.mean_ap, start.ap
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

    def accepts(self, network: IAUNet) -> bool:
        """Measure a network, and tell whether it is the one to keep.

        It is if it has the best mean AP at IoU 0.5 to 0.85, which is above the start's
        by more than chance may give, and at 0.5 it is not worse than the start.
        """
        found = self._measure(network)
        better = not self.keeps_best or found.mean_ap > self._best
        return self._accept(found, better)

    def accepts_closer(self, network: IAUNet) -> bool:
        """Measure a network that is closer to the start than the best one so far.

        It is the one to keep unless it is worse than the best by more than chance may
        give: on other images it fails less.
        """
        found = self._measure(network)
        return self._accept(found, found.mean_ap > self._best - self._chance)

    def _accept(self, found: Measurement, better: bool) -> bool:
        if not (better and self._beats_start(found)):
            return False
        self._best, self.best_ap = found.mean_ap, found.ap
        if self._start_measured is not None:
            self.improved = self.found_better = True
        return self.keeps_best

    def _beats_start(self, found: Measurement) -> bool:
        """Whether a model is better than the start by more than chance may give."""
        start = self._start_measured
        if start is None:
            return True
        better = found.mean_ap >= start.mean_ap + self._chance
        return better and found.ap >= start.ap

    @property
    def _chance(self) -> float:
        """By how much the mean AP changes whatever a model is worth on other images.

        That is what one cell counts or, of many cells, a third of the scatter that
        counting them has.
        """
        cells = max(1, self._cells)
        return max(1.0, math.sqrt(cells) / 3) / cells - _ROUNDING

    @property
    def _cells(self) -> int:
        """Number of cells that are measured on."""
        assert self._start_measured is not None
        scores = self._start_measured.scores
        return int((scores.tp + scores.fn)[:, _USUAL].sum())

    def _measure(self, network: IAUNet) -> Measurement:
        begin = time.monotonic()
        self._last = self._measure_cells(network)
        self._measured_at = time.monotonic()
        self._took = self._measured_at - begin
        return self._last


def _measure(
    held_out: Sequence[HeldOut], device: torch.device, network: IAUNet
) -> Measurement:
    """Segment the held-out images and compare with the cells that people drew."""
    from napari_iaunet.segmentation.segmenter import Segmenter

    segmenter = Segmenter.from_network(network, device)
    found: list[NDArray[np.integer[Any]]] = []

    def segment(annotation: Annotation) -> NDArray[np.integer[Any]]:
        image, axis = annotation.image, annotation.channel_axis
        found.append(segmenter.segment(image, channel_axis=axis).labels)
        return found[-1]

    return Measurement(score(held_out, segment), found[0])
