"""What lies around each pixel of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def highest_near(values: Tensor, reach: int) -> Tensor:
    """Highest value of the square around each pixel: (..., Y, X) -> (..., Y, X).

    Maxima of shifted views: PyTorch's pooling of a single channel is ten times slower.

    Parameters
    ----------
    values : (..., Y, X) Tensor
    reach : int
        The square's sides measure ``2 * reach + 1`` pixels.
    """
    for axis in (-2, -1):
        highest, length = values.clone(), values.shape[axis]
        for shift in range(1, min(reach, length - 1) + 1):
            count = length - shift
            for here, there in ((0, shift), (shift, 0)):
                part = highest.narrow(axis, here, count)
                torch.maximum(part, values.narrow(axis, there, count), out=part)
        values = highest
    return values
