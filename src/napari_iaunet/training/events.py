"""What a training tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    example : (Y, X) integer array or None
        Cells that a validation found in the first of its images.
    """

    kind: Literal["start", "step", "measuring", "validation", "checkpoint", "end"]
    step: int
    losses: dict[str, float] = field(default_factory=dict)
    learning_rate: float | None = None
    validation_ap: float | None = None
    seconds_left: float | None = None
    loss: float | None = None
    seconds: float = 0.0
    start_ap: float | None = None
    improved: bool | None = None
    example: NDArray[np.integer[Any]] | None = None
