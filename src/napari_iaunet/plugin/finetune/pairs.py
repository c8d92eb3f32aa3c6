"""The list of annotated images, kept in step with the viewer's layers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error, show_info
from napari_iaunet.plugin.core.settings import IN_VIEW
from napari_iaunet.plugin.finetune import layers as training_layers
from napari_iaunet.plugin.finetune.pair_list import (
    EVERYWHERE,
    LOOKED_AT_ONLY,
    NOWHERE,
    PairInfo,
)
from napari_iaunet.plugin.layers import cells_on_image, view_state
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers.find import find_layer, list_layers
from napari_iaunet.plugin.layers.labels import is_extracted
from napari_iaunet.plugin.layers.shapes import shapes_layers

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.finetune.job import Region, TrainingSource
    from napari_iaunet.plugin.finetune.pair_list import PairList
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
    from napari_iaunet.plugin.layers.geometry import LayerImage

_CLOSED = "The layers of an annotated image were closed, so it was taken off the list."


class TrainingPairs(QObject):
    """The pairs of images and labels that are to be trained on.

    ``changed`` tells whether there are any.
    """

    changed = Signal(bool)

    def __init__(
        self, session: Session, pair_list: PairList, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._settings = session.viewer, session.settings
        self._list = pair_list
        self._pairs: dict[str, CellsOnImage] = {}
        self._places: dict[str, str] = {}  # where every cell is labelled
        self._on_view: dict[str, Region] = {}
        events = self._viewer.layers.events
        changes = (events.inserted, events.removed, events.renamed)
        self._connections = Connections(
            *((change, self._on_layers) for change in changes),
            (pair_list.proposals_wanted, self._on_proposals),
            (pair_list.added, self._on_added),
            (pair_list.removed, self._on_removed),
            (pair_list.region_picked, self._on_region),
            (pair_list.image_picked, self._on_image),
        )

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._connections.clear()

    # -- what is trained on ------------------------------------------------------

    def read(self) -> list[TrainingSource]:
        """Read the images, their cells and regions.

        Raises
        ------
        ImageError
            If a layer is gone or has changed so that it cannot be used.
        """
        return [
            training_layers.read(self._viewer, pair, self._place(key))
            for key, pair in self._pairs.items()
        ]

    def _place(self, key: str) -> str | Region:
        place = self._places[key]
        return self._on_view[key] if place == IN_VIEW else place

    def read_others(self) -> list[LayerImage]:
        """Read the open images that are not on the list, as far as they can be."""
        listed: set[str] = set()
        for pair in self._pairs.values():
            # Other images in this place are channels that show the same cells, those
            # that are held out among them.
            listed |= {pair.image, *pair.together_with}
            listed |= set(self._under(self._labels(pair)))
        found = []
        for layer in list_layers(self._viewer, Image):
            if str(layer.unique_id) not in listed:
                axis = image_layers.describe(layer).channel_axis
                with contextlib.suppress(ImageError):
                    found.append(image_layers.read_image([layer], channel_axis=axis))
        return found

    def on_view(self) -> tuple[str, LayerImage]:
        """Return the key of the first image, and its plane on view.

        Raises
        ------
        ImageError
            If there is none, or it cannot be read.
        """
        pair = next(iter(self._pairs.values()), None)
        image = pair and find_layer(self._viewer, pair.image, Image)
        if pair is None or image is None:
            raise ImageError("Add the annotated image again to see what is found.")
        plane = view_state.plane_in_view(self._viewer, image, pair.channel_axis)
        return pair.image, cells_on_image.read_plane(self._viewer, pair, plane)

    def names(self) -> list[dict[str, str]]:
        """Return the names of each image and its labels."""
        infos = [self._info(pair) for pair in self._pairs.values()]
        return [{"image": info.image, "labels": info.labels} for info in infos]

    # -- the list ----------------------------------------------------------------

    def _offered(self) -> dict[str, CellsOnImage]:
        found = training_layers.annotated(self._viewer, self._settings.choice())
        return {pair.labels: pair for pair in found}

    def _on_proposals(self) -> None:
        offered = self._offered()
        new = [pair for key, pair in offered.items() if key not in self._pairs]
        misfits = training_layers.on_no_image(self._viewer, self._settings.choice())
        self._list.set_proposals([self._info(pair) for pair in new], misfits)

    def _on_added(self, key: str) -> None:
        pair = self._offered().get(key)
        if pair is not None:
            self._pairs[key] = pair
            usual = training_layers.usual_place(self._labels(pair))
            self._places.setdefault(key, usual)
            self._show_pairs()

    def _on_removed(self, key: str) -> None:
        self._pairs.pop(key, None)
        self._show_pairs()

    def _on_region(self, key: str, place: str) -> None:
        if place == IN_VIEW:
            labels = self._labels(self._pairs[key])
            try:
                part = training_layers.part_on_view(self._viewer, labels)
            except ImageError as error:
                show_error(str(error))
                self._show_pairs()
                return
            self._on_view[key] = part
        self._places[key] = place

    def _on_image(self, key: str, image_key: str) -> None:
        labels = find_layer(self._viewer, key, Labels)
        image = find_layer(self._viewer, image_key, Image)
        if labels is not None and image is not None:
            settings = self._settings.choice()
            self._pairs[key] = training_layers.on_image(
                self._viewer, labels, image, settings
            )
            self._show_pairs()

    def _on_layers(self, event: object = None) -> None:
        gone = [key for key, pair in self._pairs.items() if not self._is_open(pair)]
        for key in gone:
            del self._pairs[key]
        if gone:
            show_info(_CLOSED)
        self._show_pairs()

    def _is_open(self, pair: CellsOnImage) -> bool:
        image = find_layer(self._viewer, pair.image, Image)
        return image is not None and self._labels(pair) is not None

    def _labels(self, pair: CellsOnImage) -> Any:
        return find_layer(self._viewer, pair.labels, Labels)

    def _info(self, pair: CellsOnImage) -> PairInfo:
        image, labels = (
            find_layer(self._viewer, pair.image, Image),
            self._labels(pair),
        )
        plane = f" [{', '.join(map(str, pair.plane))}]" if pair.plane else ""
        name = "" if image is None else image.name
        return PairInfo(
            key=pair.labels,
            image=name + plane,
            labels=labels.name,
            region=self._places.get(pair.labels, NOWHERE),
            images=tuple(({pair.image: name} | self._under(labels)).items()),
            is_partial=is_extracted(labels),
        )

    def _under(self, labels: Labels) -> dict[str, str]:
        """Keys and names of the images that cells lie on."""
        found = cells_on_image.images_under(
            self._viewer, labels, self._settings.choice()
        )
        return {str(image.unique_id): image.name for image in found}

    def _show_pairs(self) -> None:
        regions = shapes_layers(self._viewer)
        known = {key for key, _ in regions}
        known |= {NOWHERE, EVERYWHERE, IN_VIEW, LOOKED_AT_ONLY}
        self._places = {
            k: p if p in known else NOWHERE for k, p in self._places.items()
        }
        pairs = [self._info(pair) for pair in self._pairs.values()]
        self._list.set_pairs(pairs, regions)
        self.changed.emit(bool(pairs))
