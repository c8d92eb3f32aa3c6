"""The image that is clicked on: its layers, its plane on view, its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_iaunet.plugin.click.encoder import ClickWindow
from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import views
from napari_iaunet.plugin.layers.find import find_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.encoder import EncodedWindow, PlaneEncoder
    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.layers.views import View

    Plane = tuple[int, ...]
    Point = tuple[float, float]


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
        found = image_layers.chosen_layers(
            self._viewer, choice.image, choice.together_with
        )
        return found or []

    @property
    def image(self) -> Image | None:
        """The layer that cells are placed by, if all its layers exist."""
        if self._choice is None or not self.layers:
            return None
        return find_layer(self._viewer, self._choice.image, Image)

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
        _, axes = split_axes(image.ndim, self.channel_axis)
        size = [image_layers.describe(image).shape[a] for a in axes]
        y, x = np.asarray(image.world_to_data(position))[axes]
        inside = -0.5 <= y < size[0] - 0.5 and -0.5 <= x < size[1] - 0.5
        return (float(y), float(x)) if inside else None

    def plane_number(self, plane: Plane) -> int | None:
        """Return the place of a plane in the flattened stack; None without one."""
        image = self.image
        if image is None or not plane:
            return None
        shape = image_layers.describe(image).shape
        stack, _ = split_axes(image.ndim, self.channel_axis)
        return int(np.ravel_multi_index(plane, [shape[a] for a in stack]))

    def read(self, plane: Plane | None) -> LayerImage:
        """Return the pixels of a plane, or of the whole stack."""
        channels = None if self._choice is None else self._choice.channels
        return image_layers.read_image(
            self.layers, channel_axis=self.channel_axis, channels=channels, plane=plane
        )

    def prepare(self, plane: Plane, points: Sequence[Point] = ()) -> bool:
        """Begin to encode a plane, or what some clicks need; True if it is ready.

        Raises
        ------
        ImageError
            If the layers cannot be read together.
        """
        image, choice = self.image, self._choice
        if image is not None and choice is not None:
            _, axes = split_axes(image.ndim, self.channel_axis)
            y, x = (image_layers.describe(image).shape[a] for a in axes)
            middle = views.place_in_view(self._viewer, image, self.channel_axis)[-2:]
            row, column = np.clip(middle, 0, (y - 1, x - 1))
            window = ClickWindow.around(points or [(row, column)], plane, (y, x))
            self._encoder.want(window, points, choice, self.read)
        return self.encoded(plane, points) is not None

    def encoded(
        self, plane: Plane, points: Sequence[Point] = ()
    ) -> EncodedWindow | None:
        """Return what is ready for clicks on a plane, at some points of it."""
        return self._encoder.get(plane, points)

    def pixels(
        self, plane: Plane, corner: tuple[int, int], shape: tuple[int, ...]
    ) -> NDArray[Any]:
        """Return the pixels of a box, (C, y, x); NaN if they are not at hand."""
        found = self._encoder.pixels(plane, corner, shape)
        return np.full((1, *shape), np.nan) if found is None else found
