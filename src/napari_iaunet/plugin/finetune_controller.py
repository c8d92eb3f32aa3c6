"""What happens in the Fine-tune tab."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, Signal

import napari_iaunet
from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin import label_edits, layers, training_layers, trainings
from napari_iaunet.plugin.connections import Connections
from napari_iaunet.plugin.finetune_job import prepare_training, read_example
from napari_iaunet.plugin.pair_list import PairInfo
from napari_iaunet.plugin.torch_loading import load_torch
from napari_iaunet.plugin.training_process import TrainingProcess
from napari_iaunet.training.task import MODEL, Task

if TYPE_CHECKING:
    from pathlib import Path

    import napari.viewer

    from napari_iaunet.plugin.finetune_job import Prepared
    from napari_iaunet.plugin.finetune_panel import FinetunePanel, TrainingChoice
    from napari_iaunet.plugin.jobs import Jobs
    from napari_iaunet.plugin.lookalike_layers import CellsOnImage
    from napari_iaunet.plugin.placement import LayerImage
    from napari_iaunet.plugin.segment_panel import SegmentPanel

_CLOSED = "The layers of an annotated image were closed, so it was taken off the list."
_KEPT = "The new model “{}” is saved and can be picked."


class FinetuneController(QObject):
    """Keeps the Fine-tune tab, the viewer's layers and the training in step.

    ``models_changed`` says that a model was saved.

    Parameters
    ----------
    viewer : Viewer
    segment_panel : SegmentPanel
        Knows channels and device.
    panel : FinetunePanel
    jobs : Jobs
    parent : QObject
    """

    models_changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        segment_panel: SegmentPanel,
        panel: FinetunePanel,
        jobs: Jobs,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._settings, self._panel = viewer, segment_panel, panel
        self._jobs = jobs
        self.process = TrainingProcess(self)
        self._pairs: dict[str, CellsOnImage] = {}
        self._regions: dict[str, str] = {}
        self._prepared: Prepared | None = None
        self._folder: Path | None = None
        pairs = panel.pairs
        self._connections = Connections(
            *((event, self._on_layers) for event in _changes(viewer)),
            (pairs.proposals_wanted, self._on_proposals),
            (pairs.added, self._on_added),
            (pairs.removed, self._on_removed),
            (pairs.region_picked, self._on_region),
            (panel.train_requested, self._on_train),
            (panel.pause_toggled, self._on_pause),
            (panel.stop_requested, self._on_stop),
            (panel.save_requested, self._on_save),
            (panel.discard_requested, self._on_discard),
            (jobs.succeeded, self._on_job_done),
            (jobs.failed, self._on_failure),
            (jobs.cancelled, self._on_cancelled),
            (self.process.told, self._on_told),
            (self.process.ended, self._on_ended),
            (self.process.failed, self._on_failure),
        )
        self.show_models()
        self._offer_interrupted()

    def teardown(self) -> None:
        """Disconnect from everything; a training stops, and its model stays on disk."""
        self._connections.clear()
        self.process.close()

    def show_models(self) -> None:
        """Offer the models that there are."""
        self._panel.set_models(napari_iaunet.list_models())

    # -- pairs -------------------------------------------------------------------

    def _offered(self) -> dict[str, CellsOnImage]:
        found = training_layers.annotated(self._viewer, self._settings.choice())
        return {pair.labels: pair for pair in found}

    def _on_proposals(self) -> None:
        offered = self._offered()
        new = [pair for key, pair in offered.items() if key not in self._pairs]
        self._panel.pairs.set_proposals([self._info(pair) for pair in new])

    def _on_added(self, key: str) -> None:
        pair = self._offered().get(key)
        if pair is not None:
            self._pairs[key] = pair
            self._show_pairs()

    def _on_removed(self, key: str) -> None:
        self._pairs.pop(key, None)
        self._show_pairs()

    def _on_region(self, key: str, region: str) -> None:
        self._regions[key] = region

    def _on_layers(self, event: object = None) -> None:
        gone = [key for key, pair in self._pairs.items() if not self._is_open(pair)]
        for key in gone:
            del self._pairs[key]
        if gone:
            show_info(_CLOSED)
        self._show_pairs()

    def _is_open(self, pair: CellsOnImage) -> bool:
        image = layers.find_layer(self._viewer, pair.image)
        return image is not None and self._labels(pair) is not None

    def _labels(self, pair: CellsOnImage) -> Any:
        return label_edits.find_labels(self._viewer, pair.labels)

    def _info(self, pair: CellsOnImage) -> PairInfo:
        image = layers.find_layer(self._viewer, pair.image)
        return PairInfo(
            key=pair.labels,
            image="" if image is None else image.name,
            labels=self._labels(pair).name,
            region=self._regions.get(pair.labels, ""),
        )

    def _show_pairs(self) -> None:
        regions = training_layers.regions(self._viewer)
        known = {key for key, _ in regions}
        self._regions = {k: r for k, r in self._regions.items() if r in known}
        pairs = [self._info(pair) for pair in self._pairs.values()]
        self._panel.pairs.set_pairs(pairs, regions)
        self._panel.set_ready(bool(pairs))

    # -- training ----------------------------------------------------------------

    def _on_train(self, choice: TrainingChoice) -> None:
        try:
            sources = [
                training_layers.read(
                    self._viewer, pair, self._regions.get(pair.labels, "")
                )
                for pair in self._pairs.values()
            ]
            known = self._known() if choice.rehearse else []
            self._folder = trainings.new_folder()
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        settings = self._settings.choice()
        task = Task(
            start=choice.start,
            minutes=choice.minutes,
            steps=choice.steps,
            device="auto" if settings is None else settings.device,
            card=self._card(choice),
        )
        self._panel.plot.clear()
        self._panel.plot.show()
        self._panel.set_example(None)
        self._panel.set_result("", offered=False)
        self._panel.set_busy(True, "Reading the annotated images…")
        work = partial(prepare_training, sources, known, task, self._folder)
        self._jobs.start(work, "Preparing a training")

    def _known(self) -> list[LayerImage]:
        """Read the open images that are not on the list."""
        listed = {pair.image for pair in self._pairs.values()}
        return [
            layers.read_image([layer], channel_axis=layers.describe(layer).channel_axis)
            for layer in layers.image_layers(self._viewer)
            if str(layer.unique_id) not in listed
        ]

    def _card(self, choice: TrainingChoice) -> dict[str, Any]:
        infos = [self._info(pair) for pair in self._pairs.values()]
        return {
            "description": f"{choice.start}, trained on {infos[0].image}"
            + (f" and {len(infos) - 1} more" if len(infos) > 1 else ""),
            "start": choice.start,
            "date": time.strftime("%Y-%m-%d"),
            "pairs": [{"image": i.image, "labels": i.labels} for i in infos],
            "rehearsal": choice.rehearse,
        }

    def _on_job_done(self, value: Any) -> None:
        if isinstance(value, str):  # a model was saved
            self._after_saving(value)
            return
        self._prepared = value
        for line in value.advice:
            show_warning(line)
        self._panel.set_busy(True, "Loading the model…")
        self.process.start(value.folder)

    def _on_pause(self, on: bool) -> None:
        if on:
            self.process.pause()
        else:
            self.process.go_on()

    def _on_stop(self) -> None:
        if self.process.is_running:
            self.process.stop()
        else:
            self._jobs.cancel()

    def _on_told(self, event: dict[str, Any]) -> None:
        kind, seconds = event["kind"], float(event.get("seconds") or 0.0)
        if kind == "start":
            self._panel.set_progress(0.0, "Looking at the held-out cells…")
        elif kind == "step":
            self._panel.plot.add_step(seconds, float(event["loss"]))
            left = float(event.get("seconds_left") or 0.0)
            share = seconds / max(seconds + left, 1e-6)
            self._panel.set_progress(share, _time_left(left))
        elif kind == "validation" and event.get("start_ap") is not None:
            ap, start = float(event["validation_ap"]), float(event["start_ap"])
            self._panel.plot.add_validation(seconds, ap, start, event.get("loss"))
            self._show_example()

    def _show_example(self) -> None:
        prepared = self._prepared
        if prepared is not None and prepared.example is not None:
            labels = read_example(prepared.folder)
            if labels is not None:
                self._panel.set_example(prepared.example.with_outlines(labels))

    def _on_ended(self) -> None:
        self._panel.set_busy(False, "")
        self._show_outcome()

    def _on_failure(self, message: str) -> None:
        self._panel.set_busy(False, message)
        show_error(message)
        self._show_outcome()

    def _on_cancelled(self) -> None:
        self._panel.set_busy(False, "Stopped.")
        self._on_discard()

    # -- what becomes of it --------------------------------------------------------

    def _show_outcome(self) -> None:
        """Offer the best model if it beats the start; else say so and forget it."""
        reached = None if self._folder is None else trainings.outcome(self._folder)
        if reached is None:
            self._on_discard()
        elif reached.improved:
            self._panel.set_result(_better(reached, self._prepared), offered=True)
        else:
            text = _no_better(reached, self._prepared)
            self._on_discard()
            self._panel.set_result(text, offered=False)

    def _offer_interrupted(self) -> None:
        for folder in trainings.interrupted():
            self._folder = folder
            reached = trainings.outcome(folder)
            assert reached is not None  # else it would have been forgotten
            text = f"The training of {folder.name[:10]} was interrupted. "
            self._panel.set_result(text + _better(reached, None), offered=True)
            return

    def _on_save(self, name: str) -> None:
        if self._folder is None:
            return
        self._panel.set_busy(True, "Saving…")
        self._jobs.start(partial(_save, self._folder, name), "Saving a model")

    def _after_saving(self, name: str) -> None:
        self._panel.set_busy(False, "")
        self._on_discard()
        self._panel.set_result(_KEPT.format(name), offered=False)
        self.models_changed.emit()

    def _on_discard(self) -> None:
        if self._folder is not None:
            trainings.discard(self._folder)
        self._folder = self._prepared = None
        self._panel.set_result("", offered=False)


def _changes(viewer: napari.viewer.Viewer) -> list[Any]:
    events = viewer.layers.events
    return [events.inserted, events.removed, events.renamed]


def _save(folder: Path, name: str, progress: object) -> str:
    load_torch()
    from napari_iaunet.model import collection

    return collection.keep(folder / MODEL, name).name


def _time_left(left: float) -> str:
    minutes, seconds = divmod(round(left), 60)
    return f"Training, {minutes}:{seconds:02d} left"


def _on_cells(prepared: Prepared | None) -> str:
    if prepared is None:
        return "on the held-out cells"
    n = prepared.held_out
    return f"on the {n} held-out cell{'' if n == 1 else 's'}"


def _better(reached: trainings.Outcome, prepared: Prepared | None) -> str:
    return (
        f"<b>The model got better.</b> AP at IoU 0.5 {_on_cells(prepared)}: "
        f"{reached.start_ap or 0:.2f} before, {reached.ap or 0:.2f} now."
    )


def _no_better(reached: trainings.Outcome, prepared: Prepared | None) -> str:
    if reached.start_ap is None:
        return "The training did not help; the start stays as it is."
    return (
        f"<b>Training did not help</b>, so the start stays as it is: its AP at IoU 0.5 "
        f"{_on_cells(prepared)} is {reached.start_ap:.2f}. More labelled cells, or "
        "cells that the model gets wrong, may help."
    )
