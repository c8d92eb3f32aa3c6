"""A film with a division, a gap and an end."""

import numpy as np

from napari_iaunet.io.formats.cells import Cells

# Frames in which each cell is seen.
SEEN = {1: (0, 1), 2: (2, 3, 4), 3: (2, 3), 7: (0, 1, 3, 4), 9: (4,)}
PARENTS = {2: 1, 3: 1}


def film(factor: int = 1, depth: int = 0) -> Cells:
    """Cells of SEEN, their numbers times a factor; in a volume if it has depth."""
    labels = np.zeros((5, 20, 60), np.uint32)
    for cell, frames in SEEN.items():
        for frame in frames:
            labels[frame, 2 * frame : 2 * frame + 5, 6 * cell : 6 * cell + 4] = cell
    labels *= factor
    axes = "TYX"
    if depth:
        labels, axes = np.stack([labels] * depth, axis=1), "TZYX"
    parents = {factor * one: factor * other for one, other in PARENTS.items()}
    return Cells(labels, axes, "film.tif", parents=parents)
