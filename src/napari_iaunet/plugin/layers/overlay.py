"""A small layer on top of the others that shows what one is at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_iaunet.plugin.layers.find import HELPER, selection_kept
from napari_iaunet.plugin.layers.helpers import take_out

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.own_changes import OwnChanges


class Overlay:
    """A Labels layer that covers only the box of a cell.

    ``colours`` are those of the labels 1, 2, ...; the image shows through them by
    ``opacity``.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
        name: str,
        colours: tuple[str, ...],
        opacity: float,
    ) -> None:
        self._viewer, self._own_changes = viewer, own_changes
        self._name, self._colours, self._opacity = name, colours, opacity
        self._layer: Labels | None = None

    def cover(self, labels: NDArray[np.integer], where: dict[str, Any]) -> None:
        """Show labels at a place, as `placement` returns it."""
        own = self._layer
        if own is None or not self._exists() or not _lies(own, labels.ndim, where):
            self.remove()
            self._layer = self._add(labels, where)
            return
        own.visible = False  # so that it is drawn once, when all is set
        own.data = labels
        own.translate = where["translate"]
        if self._viewer.layers[-1] != own:
            last = len(self._viewer.layers)
            self._viewer.layers.move(self._viewer.layers.index(own), last)
        own.visible = True

    def hide(self) -> None:
        """Show nothing."""
        if self._layer is not None and self._exists():
            self._layer.visible = False

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        take_out(self._viewer, self._own_changes, self._layer)
        self._layer = None

    @property
    def is_closed(self) -> bool:
        """Whether the user closed the layer."""
        return self._layer is not None and not self._exists()

    def _exists(self) -> bool:
        return self._layer is not None and self._layer in self._viewer.layers

    def _add(self, labels: NDArray[np.integer], where: dict[str, Any]) -> Labels:
        """Add the layer and leave the user's selection as it is."""
        table: dict[int | None, str] = {None: "transparent", 0: "transparent"}
        with self._own_changes(), selection_kept(self._viewer):
            return self._viewer.add_labels(
                labels,
                name=self._name,
                colormap=DirectLabelColormap(
                    color_dict=table | dict(enumerate(self._colours, 1))
                ),
                opacity=self._opacity,
                metadata={HELPER: True},
                **where,
            )


def _lies(own: Labels, ndim: int, where: dict[str, Any]) -> bool:
    """Whether a layer lies as it has to, up to a shift."""
    if own.ndim != ndim or tuple(own.units) != tuple(where["units"]):
        return False
    matrix = np.asarray(own.affine.affine_matrix)
    return np.array_equal(matrix, where["affine"]) and all(
        np.array_equal(getattr(own, name), where[name])
        for name in ("scale", "rotate", "shear")
    )
