"""What runs in the worker thread when cells are laid out or grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.identity.layout import Layout
    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.segmentation.cell_map import CellMap


def lay_out(
    ranking: Ranking[CellMap],
    weights: Mapping[str, float],
    way: str,
    *,
    progress: Callable[[int, int], None],
) -> Layout:
    """Lay out the cells of a ranking; ``way`` is `AXES` or `UMAP`."""
    from napari_iaunet.identity.layout import AXES, axes_layout, umap_layout

    vectors = ranking.vectors(weights)
    progress(0, 0)
    if way == AXES:
        return axes_layout(vectors)
    return umap_layout(vectors, progress=progress)


def group(
    ranking: Ranking[CellMap],
    weights: Mapping[str, float],
    places: NDArray[np.float32] | None,
    smallest: int,
    *,
    progress: Callable[[int, int], None],
) -> NDArray[np.int64]:
    """Find groups by places on a map (N, 2); without these, by what cells look like.

    Returns the number of each cell's group (N,), 0 for none.
    """
    from napari_iaunet.identity.layout import find_groups

    values = ranking.vectors(weights) if places is None else places
    return find_groups(values, smallest, progress=progress)
