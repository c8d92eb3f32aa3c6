"""Signals that are connected together and disconnected together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_iaunet.plugin.core.jobs import Jobs

    Slot = Callable[..., object]
    Wire = tuple[Any, Callable[..., object]]


class Connections:
    """Pairs of a signal, of Qt or of napari, and a slot: connected from now on."""

    def __init__(self, *wires: Wire) -> None:
        self._wires: list[Wire] = []
        self._jobs: list[Jobs] = []
        self.add(*wires)

    def add(self, *wires: Wire) -> None:
        """Connect more pairs."""
        for signal, slot in wires:
            signal.connect(slot)
        self._wires += wires

    def add_jobs(
        self,
        jobs: Jobs,
        *,
        succeeded: Slot,
        failed: Slot,
        cancelled: Slot | None = None,
        progressed: Slot | None = None,
    ) -> None:
        """Connect what becomes of a job; `clear` stops the one that is running."""
        wires = (
            (jobs.succeeded, succeeded),
            (jobs.failed, failed),
            (jobs.cancelled, cancelled),
            (jobs.progressed, progressed),
        )
        self.add(*((signal, slot) for signal, slot in wires if slot is not None))
        self._jobs.append(jobs)

    def clear(self) -> None:
        """Disconnect everything, and stop the jobs."""
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self._wires.clear()
        for jobs in self._jobs:
            jobs.close()
        self._jobs.clear()


def layer_list(
    viewer: napari.viewer.Viewer,
    on_layers: Callable[..., object],
    on_selection: Callable[..., object],
) -> list[Wire]:
    """Wires for changes of the layer list, and of the layer chosen in it."""
    events = viewer.layers.events
    changes = (events.inserted, events.removed, events.reordered, events.renamed)
    return [
        *((change, on_layers) for change in changes),
        (viewer.layers.selection.events.active, on_selection),
    ]
