"""The image that is clicked on: its layers and its plane on view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.plugin.click.encoder import ClickWindow
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import view_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.encoder import PlaneEncoder
    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.layers.view_state import ViewState

    Plane = tuple[int, ...]
    Point = tuple[float, float]

# How far inside of the image's border, in pixels, a line along it runs.
_INSIDE = 1e-3


class ClickSource(QObject):
    """An image, and the encoder that prepares it.

    ``changed`` is emitted when the image's pixels have been replaced.
    """

    changed = Signal()

    def __init__(
        self, viewer: napari.viewer.Viewer, encoder: PlaneEncoder, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self.encoder = viewer, encoder
        self._watched = Connections()
        self.choice: SegmentChoice | None = None  # None while switched off
        # The image and its channels, and the one of them that cells are placed by;
        # empty and None if one of them is gone.
        self.layers: list[Image] = []
        self.image: Image | None = None
        self._shape: tuple[int, ...] = ()
        self._stack: list[int] = []
        self._axes: list[int] = []

    def use(self, choice: SegmentChoice | None) -> None:
        """Turn to another image or model; None lets go of all."""
        self.encoder.forget()
        self._watched.clear()
        self.choice = choice
        self.find_layers()
        self._watched.add(*((i.events.data, self._on_data) for i in self.layers))

    def find_layers(self) -> None:
        """Look for the layers; to be called when the layer list has changed."""
        choice, self.layers, self.image = self.choice, [], None
        if choice is None:
            return
        found = image_layers.chosen_layers(
            self._viewer, choice.image, choice.together_with, choice.nuclei
        )
        self.layers = found or []
        for layer in self.layers:
            if str(layer.unique_id) == choice.image:
                self.image = layer
                self._shape = image_layers.describe(layer).shape
                self._stack, self._axes = split_axes(layer.ndim, choice.channel_axis)

    def _on_data(self, event: object = None) -> None:
        self.encoder.forget()
        self.changed.emit()

    @property
    def channel_axis(self) -> int | None:
        """Axis of the channels in the image's layer."""
        return None if self.choice is None else self.choice.channel_axis

    @property
    def _plane_shape(self) -> tuple[int, int]:
        height, width = (self._shape[a] for a in self._axes)
        return height, width

    def view(self) -> ViewState | None:
        """Return which plane is on view; None if it is seen otherwise."""
        if self.image is None:
            return None
        return view_state.view_of(self._viewer, self.image, self.channel_axis)

    def pixel(self, position: object) -> Point | None:
        """Return the pixel (y, x) at a place of the viewer; None beside the image."""
        if self.image is None:
            return None
        y, x = np.asarray(self.image.world_to_data(position))[self._axes]
        height, width = self._plane_shape
        inside = -0.5 <= y < height - 0.5 and -0.5 <= x < width - 0.5
        return (float(y), float(x)) if inside else None

    def on_view(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return first row and column on the canvas, and the first ones beyond."""
        assert self.image is not None
        corners = view_state.corners_on_view(self._viewer)
        places = np.array([self.image.world_to_data(c) for c in corners])
        places = places[:, self._axes]
        low = np.clip(np.floor(places.min(axis=0)), 0, self._plane_shape)
        high = np.clip(np.ceil(places.max(axis=0)) + 1, 0, self._plane_shape)
        return low.astype(np.intp), high.astype(np.intp)

    def line(self, positions: Sequence[object], closed: bool) -> list[Point]:
        """Return the pixels (y, x) at places of the viewer, as far as on the image.

        A closed line that leaves the image runs along its border, another one ends.
        """
        if self.image is None:
            return []
        places = np.array(
            [np.asarray(self.image.world_to_data(p))[self._axes] for p in positions]
        )
        last = np.asarray(self._plane_shape) - 0.5
        inside = (places >= -0.5) & (places < last)
        if closed and inside.any(axis=0).all():
            places = np.clip(places, -0.5, last - _INSIDE)
        else:
            places = places[inside.all(axis=1)]
        return [(float(y), float(x)) for y, x in places]

    def plane_number(self, plane: Plane) -> int | None:
        """Return the place of a plane in the flattened stack; None without one."""
        if self.image is None or not plane:
            return None
        return int(np.ravel_multi_index(plane, [self._shape[a] for a in self._stack]))

    @property
    def n_planes(self) -> int | None:
        """Planes of a stack that has one axis of them; None of any other image."""
        return self._shape[self._stack[0]] if len(self._stack) == 1 else None

    def beside(self, view: ViewState, plane: int) -> ViewState:
        """Return what shows another plane of such a stack."""
        if self.image is None:
            return view
        place = np.array(self.image.world_to_data(view.point))
        place[self._stack[0]] = plane
        point = np.array(view.point)
        point[-self.image.ndim :] = self.image.data_to_world(place)
        return view_state.ViewState((plane,), tuple(float(p) for p in point))

    def read(self, plane: Plane | None) -> LayerImage:
        """Return the pixels of a plane, or of the whole stack."""
        channels = None if self.choice is None else self.choice.channels
        return image_layers.read_image(
            self.layers,
            channel_axis=self.channel_axis,
            channels=channels,
            plane=plane,
            on=self.image,
            nuclei_first=self.choice is not None and self.choice.nuclei is not None,
        )

    def prepare(self, plane: Plane, points: Sequence[Point] = ()) -> bool:
        """Begin to encode a plane, or what some clicks need; True if it is ready.

        Raises `ImageError` if the layers cannot be read together.
        """
        if self.image is not None and self.choice is not None:
            shape = self._plane_shape
            middle = view_state.place_in_view(
                self._viewer, self.image, self.channel_axis
            )
            row, column = np.clip(middle[-2:], 0, np.subtract(shape, 1))
            window = ClickWindow.around(points or [(row, column)], plane, shape)
            self.encoder.want(window, points, self.choice, self.read)
        return self.encoder.get(plane, points) is not None
