"""How long a training lasts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_iaunet.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iaunet.training.state import TrainingState

_DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class Length:
    """The limits of a training, whichever comes first.

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
