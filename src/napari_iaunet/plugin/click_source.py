"""The image that is clicked on: its layers, its plane on view, its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.plugin import label_edits, layers, views

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from napari_iaunet.plugin.click_draft import View
    from napari_iaunet.plugin.placement import LayerImage
    from napari_iaunet.plugin.plane_encoder import EncodedPlane, PlaneEncoder
    from napari_iaunet.plugin.segment_panel import SegmentChoice

    Plane = tuple[int, ...]


class ClickSource(QObject):
    """An image, and what the encoder knows of it.

    ``changed`` is emitted when the image's pixels have been replaced.

    Parameters
    ----------
    viewer : Viewer
    encoder : PlaneEncoder
    parent : QObject
    """

    changed = Signal()

    def __init__(
        self, viewer: napari.viewer.Viewer, encoder: PlaneEncoder, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self._encoder = viewer, encoder
        self._choice: SegmentChoice | None = None
        self._watched: list[Image] = []

    @property
    def choice(self) -> SegmentChoice | None:
        """Image, channels, model and device; None while switched off."""
        return self._choice

    def use(self, choice: SegmentChoice | None) -> None:
        """Turn to another image or model; None lets go of all."""
        self._encoder.forget()
        for layer in self._watched:
            layer.events.data.disconnect(self._on_data)
        self._choice = choice
        self._watched = self.layers
        for layer in self._watched:
            layer.events.data.connect(self._on_data)

    def _on_data(self, event: object = None) -> None:
        self._encoder.forget()
        self.changed.emit()

    @property
    def layers(self) -> list[Image]:
        """The image and its channels; empty if one of them is gone."""
        choice = self._choice
        if choice is None:
            return []
        found = layers.chosen_layers(self._viewer, choice.image, choice.together_with)
        return found or []

    @property
    def image(self) -> Image | None:
        """The layer that cells are placed by, if all its layers exist."""
        if self._choice is None or not self.layers:
            return None
        return layers.find_layer(self._viewer, self._choice.image)

    @property
    def channel_axis(self) -> int | None:
        """Axis of the channels in the image's layer."""
        return None if self._choice is None else self._choice.channel_axis

    def view(self) -> View | None:
        """Return which plane is on view; None if it is seen otherwise."""
        image = self.image
        if image is None:
            return None
        return views.view_of(self._viewer, image, self.channel_axis)

    def pixel(self, position: object) -> tuple[float, float] | None:
        """Return the pixel (y, x) at a place of the viewer; None beside the image."""
        image = self.image
        if image is None:
            return None
        axes = list(label_edits.rows_and_columns(image, self.channel_axis))
        size = [layers.describe(image).shape[a] for a in axes]
        y, x = np.asarray(image.world_to_data(position))[axes]
        inside = -0.5 <= y < size[0] - 0.5 and -0.5 <= x < size[1] - 0.5
        return (float(y), float(x)) if inside else None

    def plane_number(self, plane: Plane) -> int | None:
        """Return the place of a plane in the flattened stack; None without one."""
        image = self.image
        if image is None or not plane:
            return None
        shape = layers.describe(image).shape
        stack = [n for a, n in enumerate(shape) if a != self.channel_axis][:-2]
        return int(np.ravel_multi_index(plane, stack))

    def read(self, plane: Plane | None) -> LayerImage:
        """Return the pixels of a plane, or of the whole stack."""
        channels = None if self._choice is None else self._choice.channels
        return layers.read_image(
            self.layers, channel_axis=self.channel_axis, channels=channels, plane=plane
        )

    def prepare(self, plane: Plane) -> bool:
        """Begin to encode a plane; True if it is ready already.

        Raises
        ------
        ImageError
            If the layers cannot be read together.
        """
        if self._choice is not None:
            self._encoder.want(plane, self._choice, self.read)
        return self.encoded(plane) is not None

    def encoded(self, plane: Plane) -> EncodedPlane | None:
        """Return a plane if it is ready for clicks."""
        return self._encoder.get(plane)
