"""What `Segmenter.segment` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Segmentation:
    """The cells of an image.

    Attributes
    ----------
    labels : (Y, X) or (T|Z, Y, X) int32
        0 background, 1..N consecutive, unique over the whole stack.
    scores : (N,) float32
        In [0, 1]; item i belongs to label i + 1.
    diameter : float
        Cell diameter, in pixels, that the image was rescaled by.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]
    diameter: float
    _embed: Callable[[], NDArray[np.float32]] = field(repr=False, compare=False)

    @cached_property
    def embeddings(self) -> NDArray[np.float32]:
        """Embeddings (N, D) float32: rows of unit length, row i of label i + 1.

        The network runs over the image once more when they are first asked for.
        """
        return self._embed()
