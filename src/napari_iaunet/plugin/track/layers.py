"""Write tracked cells, and their paths, into layers of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.plugin.layers.find import OURS, pixels_of
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.track.link_notes import MARGIN, SCORE

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Tracks
    from numpy.typing import NDArray

    from napari_iaunet.plugin.track.job import MeasuredTracks
    from napari_iaunet.tracking.editing import Graph
    from napari_iaunet.tracking.track import TrackedCells


def stack_axis(layer: Labels) -> int | None:
    """Return the only axis of a layer that has several planes; None without one."""
    rest = pixels_of(layer).shape[:-2]
    long = [axis for axis, n in enumerate(rest) if n > 1]
    return long[0] if len(long) == 1 else None


def write_tracked(
    viewer: napari.viewer.Viewer,
    labels: Labels,
    tracks: MeasuredTracks,
    parameters: dict[str, Any],
) -> Labels:
    """Add the tracked cells of a layer as a new one; its metadata keep how."""
    return viewer.add_labels(
        tracks.cells.labels.reshape(pixels_of(labels).shape),
        name=f"{labels.name} tracked",
        features=tracks.features,
        metadata={OURS: parameters},
        **placement(labels),
    )


def write_tracks(
    viewer: napari.viewer.Viewer, labels: Labels, cells: TrackedCells
) -> Tracks:
    """Add the paths of tracked cells; divisions join mothers and daughters."""
    graph = {child: [mother] for child, mother in cells.parents.items()}
    known = dict(zip((SCORE, MARGIN), cells.links.T, strict=True))
    return add_tracks(viewer, labels, cells.tracks, graph, known)


def add_tracks(
    viewer: napari.viewer.Viewer,
    labels: Labels,
    points: NDArray[np.float64],
    graph: Graph,
    features: dict[str, NDArray[Any]] | None = None,
) -> Tracks:
    """Add paths by their points, (N, 4): track, plane, y and x in pixels."""
    axis = stack_axis(labels)
    assert axis is not None
    track, plane, y, x = points.T
    data = np.zeros((len(track), 1 + labels.ndim))
    data[:, 0], data[:, 1 + axis] = track, plane
    data[:, -2], data[:, -1] = y, x
    return viewer.add_tracks(
        data,
        features=features or {},
        graph={daughter: list(mothers) for daughter, mothers in graph.items()},
        name=f"{labels.name} tracks",
        metadata={OURS: {"tracks_of": labels.name}},
        # Colours that are added to a bright image turn white.
        blending="translucent",
        **placement(labels),
    )
