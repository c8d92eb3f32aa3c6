"""What happens when the user presses Segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

import napari_iaunet
from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.plugin.core import devices, preferences
from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.notify import show_error, show_info, show_warning
from napari_iaunet.plugin.core.pace import Pace, tell, with_time
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.find import (
    find_layer,
    pixels_of,
    selected_layer,
)
from napari_iaunet.plugin.layers.geometry import planes_of
from napari_iaunet.plugin.layers.shapes import shapes_layers
from napari_iaunet.plugin.segment.job import find_cells
from napari_iaunet.plugin.segment.large_job import find_cells_by_parts, is_large
from napari_iaunet.plugin.segment.large_layer import LargeLayer
from napari_iaunet.plugin.segment.part import find_part, with_target
from napari_iaunet.plugin.segment.part_layer import add_layer, put
from napari_iaunet.segmentation.scale import megapixels_seen, scale_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.segment.job import Cells
    from napari_iaunet.plugin.segment.panel import SegmentPanel
    from napari_iaunet.plugin.segment.part import Part

_REPLACED = "The image was replaced, so its cells were dropped. Press Segment again."
_NO_LAYER = "The layer of cells was closed, so these were dropped. Press Segment again."
_OTHERWISE = "Try another model or cell diameter."
_LAST = "Putting the cells together…"
# What the bundled model was trained around, in pixels: near enough to tell how long an
# image will take. And megapixels for the network above which one is told so: one takes
# about a second on two cores.
_USUAL_DIAMETER, _LONG = 28.0, 90.0
# What of the choice says how cells are found and measured.
_HOW = ("model", "device", "diameter", "columns")
_GO_ON = "What is done stays: press Segment to go on."


@dataclass(frozen=True)
class _Run:
    """What was asked for, until its result arrives."""

    choice: SegmentChoice
    image: LayerImage
    names: tuple[str, ...]
    pixels: tuple[Any, ...]
    large: LargeLayer | None = None
    part: Part | None = None
    pace: Pace = field(default_factory=Pace)


class SegmentController(QObject):
    """Keeps the Segment tab, the viewer's layers and the jobs in step."""

    def __init__(
        self,
        session: Session,
        panel: SegmentPanel,
        jobs: Jobs,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel, self.jobs = session, panel, jobs
        self._logs = logs
        self._viewer, self._settings = session.viewer, session.settings
        self._run: _Run | None = None
        self._connections = Connections(
            *layer_list(self._viewer, self._on_layers, self._on_selection),
            (panel.segment_requested, self._on_segment),
            (panel.cancel_requested, jobs.cancel),
            (panel.edited, self._on_edited),
            (panel.planes_first_requested, self._on_planes_first),
        )
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=self._on_cancelled,
            progressed=self._on_progress,
        )
        self._settings.offer_devices(devices.likely_devices())
        self._on_layers()
        self._on_selection()

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._connections.clear()
        self._run = None

    def _on_layers(self, event: object = None) -> None:
        self._settings.offer_images(image_layers.describe_all(self._viewer))
        self._settings.offer_drawn(shapes_layers(self._viewer))
        run = self._run
        if run is not None and self._source(run) is None:
            self._stop("The image was closed, so its segmentation was stopped.")
        elif run is not None and run.large and run.large.is_closed:
            self._stop(f"The layer was closed, so this was stopped. {_GO_ON}")

    def _stop(self, message: str) -> None:
        self._run = None
        self.jobs.close()
        self._panel.run.set_busy(False, message)
        show_info(message)

    def _on_selection(self, event: object = None) -> None:
        layer = selected_layer(self._viewer, Image)
        if layer is not None and not self._session.own_changes:
            self._settings.pick_image(str(layer.unique_id))

    def _source(self, run: _Run) -> Any | None:
        return find_layer(self._viewer, run.choice.image, Image)

    def _is_replaced(self, run: _Run) -> bool:
        """Whether the layers hold other pixels than those that were read."""
        choice = run.choice
        found = image_layers.chosen_layers(
            self._viewer, choice.image, choice.together_with, choice.nuclei
        )
        if found is None:  # a channel was closed: what was read of it counts
            return False
        pixels = [pixels_of(layer) for layer in found]
        return any(a is not b for a, b in zip(pixels, run.pixels, strict=True))

    def _on_edited(self, name: str) -> None:
        preferences.keep(name, getattr(self._settings, name))

    def _on_planes_first(self) -> None:
        layer = find_layer(self._viewer, self._settings.image, Image)
        if layer is not None:
            image_layers.open_planes_first(self._viewer, layer)

    def _on_segment(self) -> None:
        choice = self._settings.choice()
        if choice is None:
            return
        try:
            run = self._read(choice)
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        if run is None:
            self._on_layers()
            show_warning("The image has changed. Check the settings and press again.")
            return
        if run.image.note:
            show_warning(run.image.note)
        self._run = run
        self._panel.run.set_busy(True, f"Loading the model…{_warning(run)}")
        how = {k: getattr(choice, k) for k in _HOW}
        find: Callable[..., Cells] = partial(
            find_cells, self._session.segmenters, run.image
        )
        if run.large:
            result = run.large.result
            find = partial(
                find_cells_by_parts, self._session.segmenters, run.image, result
            )
        # Only what keeps its parts on disk is waited for when it is cancelled.
        self.jobs.abandons = run.large is None
        if run.part:
            find = partial(find, part=run.part)
        work = partial(_segment, partial(find, **how))
        self.jobs.start(work, f"Segmenting {run.names[0]}")

    def _read(self, choice: SegmentChoice) -> _Run | None:
        """Read the chosen layers; None if they are not what the panel showed."""
        found = image_layers.chosen_layers(
            self._viewer, choice.image, choice.together_with, choice.nuclei
        )
        source = find_layer(self._viewer, choice.image, Image)
        shown = self._settings.info
        if found is None or source is None or image_layers.describe(source) != shown:
            return None
        plane = None
        if not choice.whole_stack:
            plane = view_state.plane_in_view(self._viewer, source, choice.channel_axis)
        image = image_layers.read_image(
            found,
            channel_axis=choice.channel_axis,
            channels=choice.channels,
            plane=plane,
            on=source,
            nuclei_first=choice.nuclei is not None,
        )
        others = [layer.name for layer in found if layer != source]
        large = part = None
        if choice.where:
            axis = choice.channel_axis
            part = find_part(self._viewer, source, axis, choice.where, choice.diameter)
            part = with_target(self._viewer, source, axis, part)
            image = image_layers.part_of(image, part.corner, part.shape)
        elif is_large(image):
            described = f"{image_layers.source_of(found)} {choice.channels} {plane}"
            if choice.nuclei is not None:
                described += " nuclei first"
            large = LargeLayer(self._viewer, source, image, described)
        pixels = tuple(pixels_of(layer) for layer in found)
        return _Run(choice, image, (source.name, *others), pixels, large, part)

    def _on_progress(self, done: int, total: int) -> None:
        run = self._run
        if run is None:
            return
        if not total:
            text = "Loading the model…"
        elif run.large:
            run.large.show()
            text = "Segmenting…"
            if total > 1:
                text += f" {done:,} of {total:,} parts"
            text = with_time(text, run.pace.left(done, total))
        else:
            steps = done, total, planes_of(run.image)
            text = tell("Segmenting…", _LAST, run.pace, *steps)
        if not done:  # else it would be read by nobody
            text += _warning(run)
        self._panel.run.set_progress(done, total, text)

    def _on_success(self, outcome: tuple[Cells, dict[str, str]]) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        cells, found = outcome
        panel = self._panel
        self._settings.offer_devices(found)
        if run.choice.diameter is None:
            self._settings.show_estimate(cells.diameter)
        if run.large is None and self._is_replaced(run):
            panel.run.set_busy(False, _REPLACED)
            show_warning(_REPLACED)
            self._on_layers()
            return
        why = cells.why_blank
        summary = f"0 cells. {why}" if why else _summary(cells, found, run.part)
        panel.run.set_busy(False, summary)
        if not len(cells.features):
            show_warning(f"No cells were found. {why or _OTHERWISE}")
        parameters = _parameters(run, cells)
        if run.large:
            run.large.finish(cells, parameters)
        elif not len(cells.features):
            return
        elif run.part:
            self._put(run, run.part, cells, parameters)
        else:
            label_layers.write_labels(
                self._viewer,
                self._source(run),
                run.image,
                cells.labels,
                cells.features,
                parameters,
            )

    def _put(
        self, run: _Run, part: Part, cells: Cells, parameters: dict[str, Any]
    ) -> None:
        """Let a layer have the cells of a part, the others as they were."""
        source = self._source(run)
        if part.target is None:
            add_layer(self._viewer, source, run.image, part, cells, parameters)
            return
        layer = find_layer(self._viewer, part.target.key, Labels)
        try:
            if layer is None:
                raise ImageError(_NO_LAYER)
            put(self._logs.of(layer), part, cells)
        except IAUNetError as error:
            self._on_failure(str(error))

    def _on_failure(self, message: str) -> None:
        run, self._run = self._run, None
        if run and run.large:
            run.large.stop()
        self._panel.run.set_busy(False, message)
        show_error(message)

    def _on_cancelled(self) -> None:
        run, self._run = self._run, None
        message = "Cancelled."
        if run and run.large:
            run.large.stop()
            message = f"Cancelled. {_GO_ON}"
        self._panel.run.set_busy(False, message)


def _warning(run: _Run) -> str:
    """Say beforehand if an image will take long; nothing if not."""
    image, given = run.image, run.choice.diameter
    shape = tuple(
        n for axis, n in enumerate(image.array.shape) if axis != image.channel_axis
    )
    seen = megapixels_seen(shape, given or _USUAL_DIAMETER, _USUAL_DIAMETER)
    if seen < _LONG:
        return ""
    factor = scale_for(given or _USUAL_DIAMETER, _USUAL_DIAMETER, shape)
    larger = f", as it becomes {factor:.1f} times larger" if factor > 1 else ""
    minutes = f"{max(seen / 60, 2):.0f} minutes on a processor"
    return f" This image takes long: about {minutes}{larger}."


def _segment(
    find: Callable[..., Cells], progress: Callable[[int, int], None]
) -> tuple[Cells, dict[str, str]]:
    return find(progress=progress), devices.found_devices()


def _summary(cells: Cells, found: dict[str, str], part: Part | None = None) -> str:
    n = len(cells.features)
    device = found.get(cells.device.split(":")[0], cells.device)
    size = f"{cells.diameter:.0f} px"
    if n and not cells.diameter_is_sure:
        size = f"about {size}, unsure: measure one cell"
    there = " there" if part else ""
    if cells.replaced:
        there += f", in place of {len(cells.replaced):,}"
    return (
        f"{n:,} cell{'' if n == 1 else 's'}{there}, {cells.seconds:.1f} s on {device}, "
        f"diameter {size}"
    )


def _parameters(run: _Run, cells: Cells) -> dict[str, Any]:
    """How the cells were found, for the layer's metadata."""
    choice = run.choice
    size, names = run.image.pixel_size, run.image.channel_names
    return {
        "version": napari_iaunet.__version__,
        "model": choice.model,
        "device": cells.device,
        "image": run.names[0],
        "channel_images": list(run.names[1:]),
        "channel_axis": choice.channel_axis,
        "channels": None if choice.channels is None else list(choice.channels),
        "nuclei_first": run.image.nuclei_first,
        "plane": None if run.image.plane is None else list(run.image.plane),
        "pixel_size": None if size is None else list(size),
        "channel_names": None if names is None else list(names),
        "diameter": cells.diameter,
        "diameter_estimated": choice.diameter is None,
        "diameter_is_sure": cells.diameter_is_sure,
        "cells": len(cells.features),
        "part": run.part is not None,
        "seconds": round(cells.seconds, 3),
    }
