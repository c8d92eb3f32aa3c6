"""Measure a model on held-out cells, and tell whether it is the best so far."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.evaluation import THRESHOLDS
from napari_iaunet.training.holdout import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from napari_iaunet.evaluation import AveragePrecision
    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut

_USUAL = THRESHOLDS.index(0.5)
# Above this overlap chance decides about the few cells of a small held-out part.
_COUNTED = np.array(THRESHOLDS) < 0.9
_ROUNDING = 1e-9
# Measuring may take this share of the time.
_SHARE = 0.1


class Judge:
    """Decides which model of a training is kept.

    Parameters
    ----------
    held_out : sequence of HeldOut
        Empty: there is nothing to decide by.
    device : torch.device
    every : float
        Seconds between two measurements, or more where these take long.
    from_start : bool
        Whether the model that training began with is kept until a better one comes.

    Attributes
    ----------
    start : AveragePrecision or None
        Of the model that training began with.
    improved : bool or None
        Whether the kept model is better than the start; None where the start was not
        measured.
    has_new_best : bool
        Whether it was found since this was last set to False.
    best_ap : float or None
        AP at IoU 0.5 of the kept model; None before a measurement.
    example : (Y, X) integer array or None
        Cells found in the first image.
    """

    def __init__(
        self,
        held_out: Sequence[HeldOut],
        device: torch.device,
        *,
        every: float,
        from_start: bool,
    ) -> None:
        self._held_out, self._device, self._every = held_out, device, every
        self.keeps_best = from_start and bool(held_out)
        self.start: AveragePrecision | None = None
        self.improved: bool | None = None
        self.has_new_best = False
        self.best_ap: float | None = None
        self.example: NDArray[np.integer[Any]] | None = None
        self._best = -1.0
        self._measured = time.monotonic()
        self._took = 0.0

    @property
    def start_ap(self) -> float | None:
        """AP at IoU 0.5 of the model that training began with."""
        return None if self.start is None else float(self.start.pooled[_USUAL])

    @property
    def has_cells(self) -> bool:
        """Whether there is anything to measure with."""
        return bool(self._held_out)

    def figures(self) -> dict[str, Any]:
        """Tell what a card says of the kept model; nothing before a measurement."""
        if self.best_ap is None:
            return {}
        figures: dict[str, float] = {"validation AP50": round(self.best_ap, 4)}
        if self.start is not None:
            figures["validation AP50 of the start"] = round(self.start_ap or 0.0, 4)
            figures["validation cells"] = self._cells
        return {"improved": self.improved, "figures": figures}

    def is_due(self) -> bool:
        """Whether it is time to measure again."""
        waited = time.monotonic() - self._measured
        return bool(self._held_out) and waited > max(self._every, self._took / _SHARE)

    def measure_start(self, network: IAUNet) -> float:
        """Measure the model that training begins with; returns its AP at IoU 0.5."""
        self.start, self.improved = self._measure(network), False
        self._best = _mean(self.start)
        self.best_ap = float(self.start.pooled[_USUAL])
        return self.best_ap

    def measure(self, network: IAUNet) -> tuple[float, bool]:
        """Measure a model.

        Returns
        -------
        ap : float
            Pooled AP at IoU 0.5.
        keep : bool
            Whether this model is the one to keep: it has the best mean AP at IoU 0.5
            to 0.85, which is above the start's by more than chance may give, and at
            0.5 it is not worse than the start.
        """
        found = self._measure(network)
        better = not self.keeps_best or _mean(found) > self._best
        return self._decide(found, better)

    def measure_closer(self, network: IAUNet) -> tuple[float, bool]:
        """Measure a model that is closer to the start than the best one so far.

        It is the one to keep unless it is worse than the best by more than chance may
        give: on other images it fails less.

        Returns
        -------
        ap, keep
            As of `measure`.
        """
        found = self._measure(network)
        return self._decide(found, _mean(found) > self._best - self._chance)

    def _decide(self, found: AveragePrecision, better: bool) -> tuple[float, bool]:
        ap, mean = float(found.pooled[_USUAL]), _mean(found)
        keep = better and self._beats_start(ap, mean)
        if keep:
            self._best, self.best_ap = mean, ap
            if self.start is not None:
                self.improved = self.has_new_best = True
        return ap, keep

    def _beats_start(self, ap: float, mean: float) -> bool:
        """Whether a model is better than the start by more than chance may give."""
        if self.start is None or not self.keeps_best:
            return True
        return mean >= _mean(self.start) + self._chance and ap >= (self.start_ap or 0)

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
        assert self.start is not None
        return int((self.start.tp + self.start.fn)[:, _USUAL].sum())

    def _measure(self, network: IAUNet) -> AveragePrecision:
        from napari_iaunet.segmentation.segmenter import Segmenter

        begin = time.monotonic()
        segmenter = Segmenter.from_network(network, self._device)
        found: list[NDArray[np.integer[Any]]] = []

        def segment(annotation: Annotation) -> NDArray[np.integer[Any]]:
            image, axis = annotation.image, annotation.channel_axis
            found.append(segmenter.segment(image, channel_axis=axis).labels)
            return found[-1]

        result = score(self._held_out, segment)
        self.example = found[0]
        self._measured = time.monotonic()
        self._took = self._measured - begin
        return result


def _mean(found: AveragePrecision) -> float:
    return float(found.pooled[_COUNTED].mean())
