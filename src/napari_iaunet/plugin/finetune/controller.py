"""What happens in the Fine-tune tab."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

import napari_iaunet
from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core import folder_lock
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.core.responsive import load_torch
from napari_iaunet.plugin.finetune import runs
from napari_iaunet.plugin.finetune.job import prepare_training, read_example
from napari_iaunet.plugin.finetune.pairs import TrainingPairs
from napari_iaunet.plugin.finetune.process import TrainingProcess
from napari_iaunet.plugin.finetune.trained import Compared, compare, trained_model
from napari_iaunet.plugin.finetune.verdict import Measured, tell
from napari_iaunet.training.task import Task, prolong

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.finetune.job import Prepared
    from napari_iaunet.plugin.finetune.panel import FinetunePanel, TrainingChoice

_MEASURING = "Measuring on the held-out cells…"
_KEPT = "The new model “{}” is saved and can be picked."
_SAVING, _COMPARING = "saving", "comparing"
# A start of a lower AP at IoU 0.5 does not know such cells.
_NEW_BELOW = 0.1
_NEW = (
    "This kind of cell is new to the model: it finds hardly any of the held-out ones. "
    "Let it train for five minutes or more; what it finds below shows how it comes on."
)


class FinetuneController(QObject):
    """Keeps the Fine-tune tab, the viewer's layers and the training in step.

    Parameters
    ----------
    session : Session
    panel : FinetunePanel
    jobs : Jobs
        Used by nobody else.
    parent : QObject
    """

    def __init__(
        self,
        session: Session,
        panel: FinetunePanel,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._settings = session.viewer, session.settings
        self._panel, self.jobs = panel, jobs
        self.process = TrainingProcess(self)
        self.pairs = TrainingPairs(session, panel.pairs, self)
        self._prepared: Prepared | None = None
        self._folder: Path | None = None
        self._last: Measured | None = None
        self._advice: tuple[str, ...] = ()
        self._with_model = ""  # what is done with the model that was trained
        self._connections = Connections(
            (self.pairs.changed, panel.set_ready),
            (panel.train_requested, self._on_train),
            (panel.pause_toggled, self._on_pause),
            (panel.stop_requested, self._on_stop),
            (panel.save_requested, self._on_save),
            (panel.compare_requested, self._on_compare),
            (panel.train_on_requested, self._on_train_on),
            (panel.discard_requested, self._on_discard),
            (self.process.told, self._on_told),
            (self.process.ended, self._on_ended),
            (self.process.failed, self._on_failure),
            (self._settings.events.models, panel.set_models),
        )
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_job_done,
            failed=self._on_failure,
            cancelled=self._on_cancelled,
        )
        panel.set_models(self._settings.models)
        self._offer_interrupted()

    def teardown(self) -> None:
        """Disconnect from everything; a training stops, and its model stays on disk."""
        self._connections.clear()
        self.pairs.teardown()
        self.process.close()
        if self._folder is not None:  # the next tab that is opened offers it
            folder_lock.release(self._folder)

    def _list_models(self) -> None:
        """Offer the new model everywhere."""
        self._settings.offer_models(napari_iaunet.list_models())

    # -- training ----------------------------------------------------------------

    def _on_train(self, choice: TrainingChoice) -> None:
        try:
            sources = self.pairs.read()
            known = self.pairs.read_others() if choice.rehearse else []
            self._folder = runs.new_folder()
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        task = Task(
            start=choice.start,
            minutes=choice.minutes,
            steps=choice.steps,
            device=self._settings.device,
            card={"pairs": self.pairs.names()},
        )
        self._last, self._advice = None, ()
        self._panel.plot.clear()
        self._panel.plot.show()
        self._panel.set_example(None)
        self._panel.set_result("", offered=False)
        self._panel.set_advice(())
        self._panel.set_busy(True, "Reading the annotated images…", can_pause=False)
        work = partial(prepare_training, sources, known, task, self._folder)
        self.jobs.start(work, "Preparing a training")

    def _on_job_done(self, value: Any) -> None:
        if isinstance(value, str):  # a model was saved
            self._after_saving(value)
            return
        if isinstance(value, Compared):
            self._show_compared(value)
            return
        self._prepared = value
        self._advise(*value.advice)
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
            self.jobs.cancel()

    def _on_told(self, event: dict[str, Any]) -> None:
        kind, seconds = event["kind"], float(event.get("seconds") or 0.0)
        if kind == "start":
            self._panel.set_progress(0.0, _MEASURING)
        elif kind == "step":
            self._panel.plot.add_step(seconds, float(event["loss"]))
            left = float(event.get("seconds_left") or 0.0)
            self._panel.set_progress(_share(event), _time_left(left))
        elif kind == "measuring":
            self._panel.set_progress(_share(event), _MEASURING)
        elif kind == "validation" and event.get("start_ap") is not None:
            ap, start = float(event["validation_ap"]), float(event["start_ap"])
            if self._last is None and start < _NEW_BELOW:
                self._advise(_NEW)
            low_high = event.get("difference")
            difference = None if low_high is None else (low_high[0], low_high[1])
            self._last, loss = Measured(ap, difference), event.get("loss")
            self._panel.plot.add_validation(seconds, ap, start, loss, difference)
            self._show_example()

    def _advise(self, *lines: str) -> None:
        """Add lines to the advice."""
        self._advice = (*self._advice, *lines)
        self._panel.set_advice(self._advice)

    def _show_example(self) -> None:
        prepared = self._prepared
        if prepared is not None:
            labels = read_example(prepared.folder, prepared.example.window)
            if labels is not None:
                self._panel.set_example(prepared.example.with_outlines(labels))

    def _on_ended(self) -> None:
        self._panel.set_busy(False, "")
        self._show_outcome()

    def _on_failure(self, message: str) -> None:
        self._with_model = ""
        self._panel.set_busy(False, message)
        show_error(message)
        self._show_outcome()

    def _on_cancelled(self) -> None:
        self._panel.set_busy(False, "Stopped.")
        if not self._with_model:  # the training had not begun
            self._on_discard()
            return
        # napari ends all jobs when it is about to close. Whether the model was saved
        # by then is not told, so it stays on offer.
        self._with_model = ""
        self._show_outcome()
        self._list_models()

    # -- what becomes of it --------------------------------------------------------

    def _show_outcome(self) -> None:
        """Offer what was trained, and say what is known of it."""
        reached = None if self._folder is None else runs.outcome(self._folder)
        if reached is None or not reached.has_model:
            self._on_discard()
            return
        self._panel.set_result(tell(reached, self._last), offered=True)

    def _offer_interrupted(self) -> None:
        for folder in runs.interrupted():
            self._folder = folder
            reached = runs.outcome(folder)
            assert reached is not None  # else it would have been forgotten
            text = f"The training of {folder.name[:10]} was interrupted. "
            folder_lock.take(folder)
            self._panel.set_result(text + tell(reached), offered=True)
            return

    def _on_train_on(self, choice: TrainingChoice) -> None:
        if self._folder is None:
            return
        try:
            prolong(self._folder, choice.minutes, choice.steps)
        except (OSError, ValueError, KeyError) as error:
            show_error(f"The training cannot go on: {error}.")
            return
        self._panel.set_result("", offered=False)
        self._panel.plot.show()
        self._panel.set_busy(True, "Loading the model…")
        self.process.start(self._folder)

    def _on_compare(self) -> None:
        if self._folder is None:
            return
        try:
            key, image = self.pairs.on_view()
        except IAUNetError as error:
            show_error(str(error))
            return
        self._panel.set_busy(True, "Looking for cells…", can_pause=False)
        self._with_model = _COMPARING
        work = partial(
            compare, self._folder, Compared(key, image), self._settings.device
        )
        self.jobs.start(work, "Comparing two models")

    def _show_compared(self, compared: Compared) -> None:
        """Show what both models find as two layers."""
        self._with_model = ""
        self._panel.set_busy(False, "")
        try:
            compared.show(self._viewer)
        except IAUNetError as error:
            show_error(str(error))

    def _on_save(self, name: str) -> None:
        if self._folder is None:
            return
        self._with_model = _SAVING
        self._panel.set_busy(True, "Saving…", can_stop=False, can_pause=False)
        self.jobs.start(partial(_save, self._folder, name), "Saving a model")

    def _after_saving(self, name: str) -> None:
        self._with_model = ""
        self._panel.set_busy(False, "")
        self._on_discard()
        self._panel.set_result(_KEPT.format(name), offered=False)
        self._list_models()

    def _on_discard(self) -> None:
        if self._folder is not None:
            runs.discard(self._folder)
        self._folder = self._prepared = None
        self._panel.set_result("", offered=False)


def _save(folder: Path, name: str, progress: object) -> str:
    load_torch()
    from napari_iaunet.model import collection

    return collection.keep(trained_model(folder), name).name


def _share(event: dict[str, Any]) -> float:
    """Share of the training that is done."""
    seconds, left = (float(event.get(k) or 0.0) for k in ("seconds", "seconds_left"))
    return seconds / max(seconds + left, 1e-6)


def _time_left(left: float) -> str:
    minutes, seconds = divmod(round(left), 60)
    return f"Training, {minutes}:{seconds:02d} left"
