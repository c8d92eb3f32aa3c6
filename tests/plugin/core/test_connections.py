"""What is connected together is disconnected together."""

import threading

import numpy as np
from napari.components import ViewerModel
from psygnal import Signal

from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.jobs import Jobs


class Source:
    changed = Signal(int)


def test_cleared_connections_tell_nothing():
    one, other, told = Source(), Source(), []
    connections = Connections((one.changed, told.append))
    connections.add((other.changed, told.append))
    one.changed.emit(1)
    other.changed.emit(2)
    connections.clear()
    one.changed.emit(3)
    other.changed.emit(4)
    assert told == [1, 2]
    connections.clear()


def test_changes_of_the_layer_list_and_of_its_selection():
    viewer, told = ViewerModel(), []
    wires = layer_list(
        viewer,
        lambda event: told.append(event.type),
        lambda event: told.append("selected"),
    )
    connections = Connections(*wires)
    layer = viewer.add_image(np.zeros((4, 4)), name="a")
    assert set(told) == {"inserted", "selected"}
    told.clear()
    layer.name = "b"
    assert told == ["renamed"]
    viewer.add_image(np.zeros((4, 4)))
    told.clear()
    viewer.layers.move(0, 2)
    assert "reordered" in told
    viewer.layers.clear()
    assert "removed" in told
    connections.clear()
    told.clear()
    viewer.add_image(np.zeros((4, 4)))
    assert told == []


def test_the_job_of_cleared_connections_stops_in_silence(qtbot):
    jobs, told = Jobs(), []
    started, stopped = threading.Event(), threading.Event()
    connections = Connections()
    connections.add_jobs(jobs, succeeded=told.append, failed=told.append)
    jobs.start(lambda progress: 42, "")
    qtbot.waitUntil(lambda: told == [42])

    def until_stopped(progress):
        started.set()
        try:
            while True:
                progress(0, 1)
        finally:
            stopped.set()

    jobs.start(until_stopped, "")
    qtbot.waitUntil(started.is_set)
    connections.clear()
    assert not jobs.is_running
    qtbot.waitUntil(stopped.is_set)
    jobs.start(lambda progress: 43, "")
    qtbot.waitUntil(lambda: not jobs.is_running)
    assert told == [42]
