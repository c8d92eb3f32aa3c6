"""What happens in the section "Nucleus and cell together"."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.core.pace import Pace, with_time
from napari_iaunet.plugin.layers import cells_on_image
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers.find import find_layer, list_layers, pixels_of
from napari_iaunet.plugin.layers.geometry import pixel_size_of
from napari_iaunet.plugin.review import pair_layers
from napari_iaunet.plugin.review.pair_job import Measuring, pair_cells
from napari_iaunet.plugin.widgets.saving import ask_where
from napari_iaunet.segmentation.columns import EMBEDDING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.review.pair_job import Paired, Table
    from napari_iaunet.plugin.review.pair_panel import PairOptions, PairSection

_TWO_LAYERS = "Open a layer of nuclei and one of whole cells of the same image."
_NO_IMAGE = "no image: sizes and shapes"
_CLOSED = "A layer was closed, so pairing was stopped."
# What layers of nuclei are called, as far as one can tell.
_NUCLEI = ("nuc", "dapi", "hoechst", "kern", "noyau")
# Labels that are told one by one.
_TOLD = 5


class PairController(QObject):
    """Keeps the section, the viewer's layers and the job in step."""

    def __init__(
        self,
        session: Session,
        section: PairSection,
        options: PairOptions,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._settings = session.viewer, session.settings
        self._section, self._options, self.jobs = section, options, jobs
        self._asked: tuple[Labels, Labels, str] | None = None
        self._made: list[Labels] = []
        self._table: Table = {}
        self._pace = Pace()
        # Whether the user has said in which image to measure, or in none.
        self._has_image = False
        self._connections = Connections(
            *layer_list(self._viewer, self._on_layers, lambda _: None),
            (section.picked, self._on_picked),
            (section.pair_requested, self._on_pair),
            (section.cancel_requested, jobs.cancel),
            (section.undo_requested, self._on_undo),
            (section.table_requested, self._on_table),
        )
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=partial(self._end, "Cancelled."),
            progressed=self._on_progress,
        )
        self._on_layers()

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._connections.clear()

    # -- which layers ------------------------------------------------------------------

    def _on_picked(self, field: str) -> None:
        self._has_image = self._has_image or field == "image"
        self._on_layers()

    def _on_layers(self, event: object = None) -> None:
        """Offer what there is; what was picked stays if it can."""
        layers = self._offered()
        options, keys = self._options, [str(layer.unique_id) for layer in layers]
        if options.nuclei not in keys or options.cells not in keys:
            options.nuclei, options.cells = _guess(layers, options)
        images = self._images()
        self._has_image = self._has_image and options.image in dict(images)
        if not self._has_image:
            options.image = images[0][0]
        self._section.offer(
            [(k, i.name) for k, i in zip(keys, layers, strict=True)], images
        )
        if self._asked is not None and any(
            layer not in self._viewer.layers for layer in self._asked[:2]
        ):
            self.jobs.close()
            self._end(_CLOSED)
        ready = len(layers) > 1
        self._section.run.set_ready(ready, "" if ready else _TWO_LAYERS)
        self._section.set_found(any(i in self._viewer.layers for i in self._made))

    def _offered(self) -> list[Labels]:
        """Return the layers that may hold nuclei or cells, the topmost first."""
        return [
            layer
            for layer in reversed(list_layers(self._viewer, Labels))
            if not label_layers.is_of_classes(layer)
            and not pair_layers.is_paired(layer)
        ]

    def _images(self) -> list[tuple[str, str]]:
        """Key and name of the images under the cells, and of none."""
        cells = self._layer(self._options.cells)
        found: list[Image] = []
        if cells is not None:
            choice = self._settings.choice()
            found = cells_on_image.images_under(self._viewer, cells, choice)
        return [*((str(i.unique_id), i.name) for i in found), ("", _NO_IMAGE)]

    def _layer(self, key: str) -> Labels | None:
        return find_layer(self._viewer, key, Labels)

    # -- pairing -----------------------------------------------------------------------

    def _on_pair(self) -> None:
        options = self._options
        nuclei, cells = self._layer(options.nuclei), self._layer(options.cells)
        if nuclei is None or cells is None:
            self._on_failure(_TWO_LAYERS)
            return
        try:
            pair_layers.check_together(nuclei, cells)
            measuring = self._measuring(cells)
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        image = find_layer(self._viewer, options.image, Image)
        self._asked = nuclei, cells, image.name if image is not None else ""
        self._pace = Pace()
        self._section.run.set_busy(True, "Pairing…")
        work = partial(pair_cells, pixels_of(nuclei), pixels_of(cells), measuring)
        self.jobs.start(work, f"Pairing {nuclei.name} and {cells.name}")

    def _measuring(self, cells: Labels) -> Measuring:
        """Say what is measured; raises `ImageError` if the image does not fit."""
        columns = tuple(name for name in self._settings.columns if name != EMBEDDING)
        image = find_layer(self._viewer, self._options.image, Image)
        if image is None:
            *stack, height, width = pixels_of(cells).shape
            shape = (*(n for n in stack if n > 1), height, width)
            return Measuring(None, shape, pixel_size_of(cells), columns)
        on = cells_on_image.pair(cells, image, self._settings.choice())
        shape, pixels = cells_on_image.image_of(self._viewer, on)
        return Measuring(pixels, shape, pixels.pixel_size, columns)

    def _on_progress(self, done: int, total: int) -> None:
        text = with_time("Pairing…", self._pace.left(done, total))
        self._section.run.set_progress(done, total, text)

    def _on_success(self, found: Paired) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            return
        self._made = pair_layers.write_pairs(self._viewer, *asked[:2], found, asked[2])
        self._table = found.table
        self._end(_summary(found))

    def _on_failure(self, message: str) -> None:
        show_error(message)
        self._end(message)

    def _end(self, text: str) -> None:
        self._asked = None
        self._section.run.set_busy(False, text)
        self._section.set_found(any(i in self._viewer.layers for i in self._made))

    # -- afterwards --------------------------------------------------------------------

    def _on_undo(self) -> None:
        """Remove the layers of the last pairing, as far as they are there."""
        made, self._made = self._made, []
        for layer in made:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._end("The layers of the pairing were removed.")

    def _on_table(self) -> None:
        from napari_iaunet.io.ours import check_table
        from napari_iaunet.io.write import write_table

        suggested = f"{self._made[-1].name} pairs.csv"
        kinds = "Tables (*.csv)"
        file = ask_where(self._section, "Save table", suggested, kinds, ".csv")
        if file is None:
            return
        try:
            check_table(file)
            write_table(file, self._table)
        except IAUNetError as error:
            self._on_failure(str(error))
        else:
            self._end(f"Saved {file.name}.")


def _guess(layers: list[Labels], options: PairOptions) -> tuple[str, str]:
    """Return which layers are likely to be the nuclei and the cells, by their names."""
    keys = [str(layer.unique_id) for layer in layers]
    named = [
        key
        for key, layer in zip(keys, layers, strict=True)
        if any(word in layer.name.lower() for word in _NUCLEI)
    ]
    cells = options.cells if options.cells in keys else ""
    nuclei = options.nuclei if options.nuclei in keys else ""
    nuclei = nuclei or next((k for k in [*named, *keys[::-1]] if k != cells), "")
    others = [key for key in keys if key != nuclei]
    cells = cells or next((k for k in others if k not in named), (*others, "")[0])
    return nuclei, cells


def _summary(found: Paired) -> str:
    pairs = found.pairs
    count = pairs.cell_ids.size - pairs.cells_without_nucleus.size
    told = [
        f"{count:,} cell{'' if count == 1 else 's'} with a nucleus.",
        _told(pairs.cells_with_several, "cell", "cells", "with several nuclei"),
        _told(pairs.cells_without_nucleus, "cell", "cells", "without a nucleus"),
        _told(pairs.nuclei_without_cell, "nucleus", "nuclei", "without a cell"),
    ]
    return "\n".join(text for text in told if text)


def _told(ids: NDArray[np.int64], one: str, many: str, what: str) -> str:
    """Say how many there are of something, and which the first of them are."""
    if not ids.size:
        return ""
    numbers = ", ".join(map(str, ids[:_TOLD].tolist()))
    end = ", …" if ids.size > _TOLD else "."
    return f"{ids.size:,} {one if ids.size == 1 else many} {what}: {numbers}{end}"
