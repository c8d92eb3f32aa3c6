"""What a training tells while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_iaunet.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.training.state import TrainingState


EventKind = Literal["start", "step", "measuring", "validation", "checkpoint", "end"]


@dataclass(frozen=True)
class TrainingEvent:
    """One thing that happened.

    Attributes
    ----------
    kind : {"start", "step", "measuring", "validation", "checkpoint", "end"}
        A validation is measuring first, which may take a while.
    step : int
        Steps done so far, those before a resume counted in.
    losses : dict of str to float
        The step's losses by name.
    learning_rate : float or None
    validation_ap : float or None
        Pooled AP at IoU 0.5 on the held-out cells; at the end that of the model that
        is kept.
    seconds_left : float or None
        Estimate.
    loss : float or None
        The step's losses as one number; of a validation: that of the held-out cells.
    seconds : float
        Training time so far, pauses left out.
    start_ap : float or None
        The same AP of the model that the training began with.
    improved : bool or None
        Whether the model that is kept is better than that; None where the last
        model is kept, whatever it can do.
    proven : bool or None
        Whether it is so by more than chance; None as before.
    difference : (low, high) or None
        Of a validation after the start's: between these lies, of so many cells, what
        its AP at IoU 0.5 is above the start's; see `Band`.
    example : (Y, X) integer array or None
        Cells that a validation found in the first of its images.
    """

    kind: EventKind
    step: int
    losses: dict[str, float] = field(default_factory=dict)
    learning_rate: float | None = None
    validation_ap: float | None = None
    seconds_left: float | None = None
    loss: float | None = None
    seconds: float = 0.0
    start_ap: float | None = None
    improved: bool | None = None
    proven: bool | None = None
    difference: tuple[float, float] | None = None
    example: NDArray[np.integer[Any]] | None = None


_DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class Budget:
    """How long a training may take: minutes or steps, whichever are over first.

    Attributes
    ----------
    minutes, steps : float, int or None
        Ten minutes if both are None.
    should_stop : callable or None
        True ends the training at once.

    Raises
    ------
    TrainingError
        If minutes or steps are not above zero.
    """

    minutes: float | None = None
    steps: int | None = None
    should_stop: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        for value in (self.minutes, self.steps):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise TrainingError("Minutes and steps must be greater than zero.")
        if self.minutes is None and self.steps is None:
            object.__setattr__(self, "minutes", _DEFAULT_MINUTES)

    def done(self, state: TrainingState) -> float:
        """Share of the training that lies behind, 1 or more at its end."""
        if self.should_stop and self.should_stop():
            return 1.0
        by_time = state.seconds / (self.minutes * 60) if self.minutes else 0.0
        by_step = state.step / self.steps if self.steps else 0.0
        return max(by_time, by_step)

    def seconds_left(self, state: TrainingState) -> float:
        """Time that is still needed."""
        left = math.inf
        if self.minutes:
            left = self.minutes * 60 - state.seconds
        if self.steps:
            each = state.seconds / max(state.step, 1)
            left = min(left, each * (self.steps - state.step))
        return max(0.0, left)
