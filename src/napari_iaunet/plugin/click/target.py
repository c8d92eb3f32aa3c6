"""The Labels layer that clicks write into."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

import napari_iaunet
from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click.edits import LabelsPlane
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers.find import find_layer, list_layers
from napari_iaunet.plugin.layers.undo import EditLog, EditLogs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image

    from napari_iaunet.plugin.click.source import ClickSource
    from napari_iaunet.plugin.layers.view_state import ViewState


# The table of a new layer.
_COLUMNS = {
    "index": int,
    "label": int,
    "plane": int,
    "area": int,
    "mean_intensity": float,
    "score": float,
}


class ClickTarget:
    """The layer that the user has picked, or that is to be made."""

    def __init__(
        self, viewer: napari.viewer.Viewer, logs: EditLogs | None = None
    ) -> None:
        self._viewer = viewer
        self._logs = EditLogs(viewer) if logs is None else logs
        self.key = ""  # the layer's ``unique_id``; "" for one that is to be made

    def teardown(self) -> None:
        """Let go of all layers."""
        self._logs.close()

    def pick(self, key: str) -> None:
        """Pick a layer by its key; "" picks the one that is to be made."""
        self.key = key
        layer = find_layer(self._viewer, key, Labels) if key else None
        if layer is not None:
            self._logs.of(layer)

    def find_layers(self) -> None:
        """Let go of layers that are gone; to be called when the list has changed."""
        self._logs.find_layers()

    @property
    def _log(self) -> EditLog | None:
        return self._logs.get(self.key)

    @property
    def layer(self) -> Labels | None:
        """The picked layer; None if it is to be made, or is gone."""
        return None if self._log is None else self._log.layer

    def offers(
        self, image: Image, channel_axis: int | None
    ) -> Sequence[tuple[str, str]]:
        """Layers that lie on an image: key and name, the topmost first."""
        point = tuple(self._viewer.dims.point)
        return [
            (str(layer.unique_id), layer.name)
            for layer in reversed(list_layers(self._viewer, Labels))
            if label_layers.plane_to_edit(layer, image, channel_axis, point) is not None
        ]

    def open(self, source: ClickSource) -> EditLog | None:
        """Return the log of the picked layer, which is made if need be."""
        if self.layer is None:
            self.make(source)
        return self._log

    def plane(self, source: ClickSource, view: ViewState) -> LabelsPlane | None:
        """Return the plane to write into; None if its layer is to be made.

        Raises `ImageError` if the picked layer has no such plane.
        """
        log, image = self._log, source.image
        if log is None or image is None:
            return None
        index = label_layers.plane_to_edit(
            log.layer, image, source.channel_axis, view.point
        )
        if index is None or not label_layers.has_plane(log.layer, index):
            msg = (
                f"The layer “{log.layer.name}” has no plane here, or no longer lies on "
                "the image. Choose another layer."
            )
            raise ImageError(msg)
        log.tell()
        log.open()
        pixels = partial(source.encoder.pixels, view.plane)
        return LabelsPlane(log, index, pixels, source.plane_number(view.plane))

    def tell(self) -> None:
        """Tell the user, once, if the picked layer is on the disk."""
        if self._log is not None:
            self._log.tell()

    def undo(self) -> bool:
        """Undo the last change of the picked layer; False if there is none."""
        return self._log is not None and self._log.undo()

    def redo(self) -> None:
        """Undo the last undo."""
        if self._log is not None:
            self._log.redo()

    def make(self, source: ClickSource) -> None:
        """Make an empty layer that covers the whole image, and pick it.

        Raises `ImageError` if memory does not hold the layer.
        """
        from pandas import DataFrame

        image, choice = source.image, source.choice
        if image is None or choice is None:
            return
        whole = source.read(None)
        shape = image_layers.describe(image).shape
        kept = [n for a, n in enumerate(shape) if a != choice.channel_axis]
        table = DataFrame({c: np.zeros(0, t) for c, t in _COLUMNS.items()})
        if len(kept) == 2:
            del table["plane"]
        parameters = {
            "version": napari_iaunet.__version__,
            "model": choice.model,
            "image": image.name,
            "clicked": True,
        }
        try:
            labels = np.zeros(kept, np.int32)
        except MemoryError as error:
            msg = (
                f"The memory does not hold the cells of all planes of “{image.name}”. "
                "Crop the image, or open fewer planes of it."
            )
            raise ImageError(msg) from error
        made = label_layers.write_labels(
            self._viewer, image, whole, labels, table, parameters
        )
        self.key = str(made.unique_id)
        self._logs.of(made, highest=0)
