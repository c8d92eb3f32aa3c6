"""Fields of a plane, and the thresholds by which they become cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DecodeSettings:
    """Thresholds of the decoding, chosen on the validation images.

    Attributes
    ----------
    foreground : float
        Pixels above this probability belong to some cell.
    peak : float
        Least height of a local maximum of the centre map to be a query.
    merge : float
        Queries that recognise each other above this probability are one cell.
    saddle : float
        So are queries between which the centre map falls by less than this, on the
        highest way from one to the other.
    lead : float
        Pixels that two cells recognise about equally well, their logits being
        less apart than this, go to the cell that floods them along the centre
        map.
    nearest : int
        Queries that a pixel is compared with.
    reach : float
        Queries farther from a pixel's vote than this, in diameters, are not
        compared when a nearer one is there.
    smallest : float
        Cells below this share of a typical cell's area are dropped.
    score : float
        Cells below this score are dropped.
    """

    foreground: float = 0.5
    peak: float = 0.4
    merge: float = 0.7
    saddle: float = 0.18
    lead: float = 1.5
    nearest: int = 6
    reach: float = 1.5
    smallest: float = 0.03
    score: float = 0.55


class FieldImage(NamedTuple):
    """Fields of one plane after their activations; all tensors on the CPU.

    Attributes
    ----------
    foreground, centre : Tensor, (Y, X)
        Probability, and height of the centre map.
    offset : Tensor, (2, Y, X)
        To the cell's centre, in units of the network's diameter.
    embedding : Tensor, (E, Y, X)
    """

    foreground: Tensor
    centre: Tensor
    offset: Tensor
    embedding: Tensor
