"""All that is known of the looks of cells: what the network sees, and what is measured.

Both join into one vector for each cell, in which every group counts by its weight, so
that the cosine of two vectors says how much two cells resemble each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.identity.properties import (
    APPEARANCE,
    DEFAULT_WEIGHTS,
    as_angles,
    combine,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DescribedCells:
    """The looks of the cells of a label image; row i is one cell.

    Attributes
    ----------
    label_ids : (N,) int64
        The cells' labels, sorted.
    embeddings : (N, D) float32
        Rows of unit length, as `Segmenter.embed` gives them.
    properties : dict of str to (N, D) float32
        As `measure_properties` gives them.
    model : str
        Digest of the network that saw them: embeddings of two networks have nothing in
        common. "" if not known.
    """

    label_ids: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    properties: dict[str, NDArray[np.float32]]
    model: str = field(default="", kw_only=True)

    def __len__(self) -> int:
        return len(self.label_ids)

    @staticmethod
    def joined(parts: Sequence[DescribedCells]) -> DescribedCells:
        """Return the cells of several images as those of one; labels may repeat.

        Colour has no columns if the images differ in their channels.
        """
        properties = {}
        for key in parts[0].properties:
            values = [part.properties[key] for part in parts]
            if len({v.shape[1] for v in values}) > 1:
                values = [v[:, :0] for v in values]
            properties[key] = np.concatenate(values)
        return DescribedCells(
            np.concatenate([part.label_ids for part in parts]),
            np.concatenate([part.embeddings for part in parts]),
            properties,
            model=parts[0].model,
        )

    def row(self, label: int) -> int | None:
        """Return the row of a label; None if there is no such cell."""
        row = int(np.searchsorted(self.label_ids, label))
        found = row < len(self) and int(self.label_ids[row]) == label
        return row if found else None

    def rows(self, labels: Sequence[int]) -> list[int]:
        """Return the rows of labels; ImageError if there is no such cell."""
        return rows_of(labels, self.label_ids)

    def vectors(self, weights: Mapping[str, float] | None = None) -> NDArray[Any]:
        """Return one vector for each cell, in which every group counts by its weight.

        Parameters
        ----------
        weights : mapping of str to float, optional
            Zero or more for "appearance" (the embedding), "colour", "size", "shape"
            and "intensity"; what is not named does not count. `DEFAULT_WEIGHTS` if
            None.

        Returns
        -------
        (N, D) float32
            Rows of unit length.

        Raises
        ------
        ImageError
            If there is no such group, a weight is no number from zero upwards, or
            nothing counts.
        """
        if weights is None:
            weights = DEFAULT_WEIGHTS
        check_weights(weights)
        return combine(self._groups, weights)

    @cached_property
    def _groups(self) -> dict[str, NDArray[np.float32]]:
        """Unit vectors by what they describe; properties relative to all the cells."""
        measured = {key: as_angles(values) for key, values in self.properties.items()}
        return {APPEARANCE: self.embeddings, **measured}


def rows_of(labels: Sequence[int], label_ids: NDArray[np.integer[Any]]) -> list[int]:
    """Return the rows of labels among sorted ones; ImageError if one is not there."""
    missing = [str(label) for label in labels if label not in label_ids]
    if missing:
        raise ImageError(f"The label image has no cell {', '.join(missing)}.")
    rows: list[int] = np.searchsorted(label_ids, labels).tolist()
    return rows


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise ImageError unless all names and values of weights can be used."""
    unknown = [name for name in weights if name not in DEFAULT_WEIGHTS]
    if unknown:
        raise ImageError(
            f"There is no weight “{unknown[0]}”: choose from "
            f"{', '.join(DEFAULT_WEIGHTS)}."
        )
    if not all(math.isfinite(w) and w >= 0 for w in weights.values()):
        raise ImageError("A weight is a number from zero upwards.")
