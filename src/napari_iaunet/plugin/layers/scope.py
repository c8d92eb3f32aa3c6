"""Which layers of cells are worked on, and on which images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_iaunet.plugin.layers import cells_on_image
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers.find import find_layer, list_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer
    from napari.layers import Image

    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage

    Offers = list[tuple[str, str]]


class CellScope:
    """The layer of cells that is picked, its image, and other layers like it.

    ``settings`` returns what the Segment tab says of an image's channels, ``accepts``
    whether a layer of cells is of use: all are if it is left out.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        settings: Callable[[], SegmentChoice | None],
        accepts: Callable[[Labels], bool] | None = None,
    ) -> None:
        self._viewer, self._settings = viewer, settings
        self._accepts = accepts or (lambda _: True)
        self._images: dict[str, str] = {}
        self.labels = ""  # key of the picked layer; "" if there is none
        self.everywhere = False  # whether the other images are searched, too

    def offered(self) -> list[Labels]:
        """Return the layers of cells that lie on an image, the topmost first."""
        return [
            layer
            for layer in reversed(list_layers(self._viewer, Labels))
            if not label_layers.is_of_classes(layer)
            and self._accepts(layer)
            and self._under(layer)
        ]

    def update(self) -> None:
        """Pick another layer if the picked one is gone."""
        keys = [str(layer.unique_id) for layer in self.offered()]
        if self.labels not in keys:
            self.labels = keys[0] if keys else ""

    def pick(self, key: str) -> bool:
        """Pick a layer of cells; False if it is picked already, or not offered."""
        keys = {str(layer.unique_id) for layer in self.offered()}
        new = key != self.labels and key in keys
        if new:
            self.labels = key
        return new

    def pick_image(self, key: str) -> None:
        """Pick the image of the picked layer."""
        self._images[self.labels] = key

    def keep(self, pairs: Sequence[CellsOnImage]) -> None:
        """Keep to the images that cells are compared in, though others are added."""
        for pair in pairs:
            self._images[pair.labels] = pair.image

    def names(self) -> tuple[Offers, str, Offers, str]:
        """Return key and name of the layers and images to offer, and the picked."""
        offered = self.offered()
        layers = [(str(layer.unique_id), layer.name) for layer in offered]
        images: list[tuple[str, str]] = []
        for layer in offered:
            if str(layer.unique_id) == self.labels:
                images = [(str(i.unique_id), i.name) for i in self._under(layer)]
        picked = images[0][0] if images else ""
        # The image that was picked comes first, but is to stay in its place.
        return layers, self.labels, sorted(images, key=lambda i: i[1]), picked

    def pairs(self) -> list[CellsOnImage]:
        """Return what is searched, the picked layer first; one for each image."""
        pairs: list[CellsOnImage] = []
        offered = self.offered()
        offered.sort(key=lambda layer: str(layer.unique_id) != self.labels)
        others = [i for i in offered[1:] if not label_layers.is_extracted(i)]
        for layer in [*offered[:1], *(others if self.everywhere else [])]:
            image = self._under(layer)[0]
            pair = cells_on_image.pair(layer, image, self._settings())
            if pair.image not in {p.image for p in pairs}:
                pairs.append(pair)
        return pairs

    def cells_at(self, position: Sequence[float]) -> dict[str, int]:
        """Return the label of each searched layer at a place of the viewer.

        Layers that do not reach there are left out.
        """
        found = {}
        for pair in self.pairs():
            layer = find_layer(self._viewer, pair.labels, Labels)
            if layer is None:
                continue
            label = cells_on_image.label_at(layer, position)
            if label is not None:
                found[pair.labels] = label
        return found

    def _under(self, layer: Labels) -> list[Image]:
        """Images that a layer lies on, the picked one or else the likeliest first."""
        images = cells_on_image.images_under(self._viewer, layer, self._settings())
        picked = self._images.get(str(layer.unique_id))

        def is_other(image: Any) -> bool:
            return str(image.unique_id) != picked

        return sorted(images, key=is_other)
