"""What the Fine-tune tab says of a trained model: what is known, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_iaunet.training.paired import FEW_CELLS

if TYPE_CHECKING:
    from napari_iaunet.plugin.finetune.runs import Outcome

# About a quarter of the labelled cells is held out, and a strip may hold less.
_LABELLED = 5 * FEW_CELLS
_FEW = (
    " So few cannot tell whether it is better or worse on other cells: see what it "
    "finds beside the start, then save or discard it. With about "
    f"{_LABELLED} labelled cells, enough would be held out to tell."
)
_MANY = " Label cells that it gets wrong, or train on."
_OUTLINES = " It is proven by how well the outlines fit."


class Measured(NamedTuple):
    """AP at IoU 0.5 of a model, and between which ends its gain over the start lies."""

    ap: float
    difference: tuple[float, float] | None


def tell(reached: Outcome, last: Measured | None = None) -> str:
    """Say what is known of a model.

    Parameters
    ----------
    reached : Outcome
    last : Measured, optional
        What was trained last, which counts where no model was better than the start.
    """
    before = reached.start_ap or 0.0
    if reached.improved:
        now: Measured | None = Measured(reached.ap or 0.0, reached.difference)
    else:
        now = last
    if reached.proven and now is not None:
        return (
            f"The model got better. AP at IoU 0.5 {_on_cells(reached)}: {before:.2f} "
            f"before, {now.ap:.2f} now{_gain(now)}.{_what_counts(now)}"
        )
    text = f"Not proven: AP at IoU 0.5 {_on_cells(reached)} was {before:.2f}"
    if now is not None:
        text += f", and is {now.ap:.2f} now{_gain(now)}"
    return f"{text}.{_FEW if (reached.held_out or 0) < FEW_CELLS else _MANY}"


def _on_cells(reached: Outcome) -> str:
    n = reached.held_out
    if n is None:
        return "on the held-out cells"
    return f"on the {n} held-out cell{'' if n == 1 else 's'}"


def _gain(now: Measured) -> str:
    if now.difference is None:
        return ""
    low, high = now.difference
    return f" (on other cells, the difference may be {low:+.2f} to {high:+.2f})"


def _what_counts(now: Measured) -> str:
    """Say what proves it where the figure that is told does not."""
    return _OUTLINES if now.difference is not None and now.difference[0] <= 0 else ""
