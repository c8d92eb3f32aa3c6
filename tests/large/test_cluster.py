"""Chunks on a Dask cluster of two worker processes, as on one of many machines."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from distributed import Client, LocalCluster
from patient import wait_until

from napari_iaunet import Segmenter
from napari_iaunet.cli import main
from napari_iaunet.errors import Cancelled, DeviceError
from napari_iaunet.io.read import read_image
from napari_iaunet.large.cluster import ClusterRunner, connected
from napari_iaunet.large.lazy import segment_lazy, work_folder

pytestmark = pytest.mark.slow
OPTIONS = {"diameter": 20.0, "side": 256}
CHUNKS = 9


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(device="cpu")


@pytest.fixture(scope="module")
def image(data_folder: Path, tmp_path_factory) -> da.Array:
    """A mosaic of real images that lies in a zarr array on disk."""
    paths = sorted((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    images = (np.asarray(read_image(path).array) for path in paths)
    small = [image for image in images if image.shape == (256, 256)][:9]
    rows = [np.concatenate(small[i : i + 3], 1) for i in (0, 3, 6)]
    path = str(tmp_path_factory.mktemp("image") / "image.zarr")
    zarr.save(path, np.concatenate(rows))
    return da.from_zarr(path)


@pytest.fixture(scope="module")
def expected(segmenter, image, tmp_path_factory) -> np.ndarray:
    out = tmp_path_factory.mktemp("here") / "labels.zarr"
    return segment_lazy(segmenter, image, out, **OPTIONS).labels.compute()


def test_a_cluster_finds_what_one_process_finds(
    cluster, segmenter, image, expected, tmp_path
):
    told: list[tuple[int, int]] = []
    with connected(cluster.scheduler_address) as client:
        found = segment_lazy(
            segmenter,
            image,
            tmp_path / "labels.zarr",
            runner=ClusterRunner(client),
            progress=lambda *now: told.append(now),
            **OPTIONS,
        )
    np.testing.assert_array_equal(found.labels.compute(), expected)
    assert told == [(i, CHUNKS) for i in range(CHUNKS + 1)]


def test_a_killed_worker_costs_nothing(cluster, segmenter, image, expected, tmp_path):
    killed: list[int] = []

    def kill(done: int, _total: int) -> None:
        if done == 3 and not killed:
            workers = Client.current().scheduler_info()["workers"]
            killed.append(next(w["id"] for w in workers.values()))
            pid = Client.current().run(os.getpid)
            os.kill(next(iter(pid.values())), signal.SIGKILL)

    with connected(cluster.scheduler_address) as client:
        found = segment_lazy(
            segmenter,
            image,
            tmp_path / "labels.zarr",
            runner=ClusterRunner(client),
            progress=kill,
            **OPTIONS,
        )
    assert killed
    np.testing.assert_array_equal(found.labels.compute(), expected)


def test_paths_on_the_command_line_need_not_be_those_of_the_workers(
    cluster, image, tmp_path, monkeypatch, capsys
):
    """The workers were started in another folder."""
    monkeypatch.chdir(tmp_path)
    zarr.save("slide.zarr", np.asarray(image[:400, :400]))
    for name in ("a", "b"):
        tifffile.imwrite(f"{name}.tif", np.asarray(image[:200, :200]))
    address = cluster.scheduler_address
    inputs = ["slide.zarr", "a.tif", "b.tif"]
    options = ["--out", "out", "--table", "--device", "cpu", "--scheduler", address]
    assert main(["segment", *inputs, *options]) == 0
    assert capsys.readouterr().out.count("cells in") == 3
    assert {"slide_mask.zarr", "a_mask.tif", "b_mask.tif", "cells.csv"} <= {
        path.name for path in Path("out").iterdir()
    }
    assert tifffile.imread("out/b_mask.tif").max() > 0


def chunks_done(out: Path) -> set[int]:
    """Indices of the chunks that were done for an unfinished result."""
    folder = work_folder(out)
    folder.go_on(folder.plan())
    return {index for index in range(CHUNKS) if folder.has(index)}


def test_cancelled_work_leaves_the_cluster_idle(cluster, segmenter, image, tmp_path):
    def cancel(done: int, _total: int) -> None:
        if done >= 2:
            raise Cancelled

    out = tmp_path / "labels.zarr"
    with connected(cluster.scheduler_address) as client:
        with pytest.raises(Cancelled):
            segment_lazy(
                segmenter,
                image,
                out,
                runner=ClusterRunner(client),
                progress=cancel,
                **OPTIONS,
            )
        assert {0, 1} & chunks_done(out)
        assert not out.exists()

        def at_work() -> int:
            return sum(map(len, client.processing().values()))

        # What a worker is at is not broken off, but nothing waits behind it, once the
        # scheduler has heard of it.
        wait_until(lambda: at_work() <= 2, limit=5)
        wait_until(lambda: at_work() == 0)
    # Else all of them would have been done meanwhile.
    assert 2 <= len(chunks_done(out)) <= CHUNKS - 3


def test_no_scheduler_no_workers(monkeypatch):
    monkeypatch.setattr("napari_iaunet.large.cluster._PATIENCE", 1)
    with (
        pytest.raises(DeviceError, match="No Dask scheduler answers at tcp"),
        connected("tcp://127.0.0.1:9"),
    ):
        pass
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(DeviceError, match="has no workers"),
        connected(empty.scheduler_address),
    ):
        pass


def test_a_port_that_says_nothing(monkeypatch):
    monkeypatch.setattr("napari_iaunet.large.cluster._PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        begin = time.perf_counter()
        with (
            pytest.raises(DeviceError, match=f"No Dask scheduler answers at {address}"),
            connected(address),
        ):
            pass
        assert time.perf_counter() - begin < 15


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "http://127.0.0.1:9", "a b"])
def test_what_is_no_address(monkeypatch, address):
    monkeypatch.setattr("napari_iaunet.large.cluster._PATIENCE", 1)
    with pytest.raises(DeviceError, match="No Dask scheduler"), connected(address):
        pass


def test_a_scheduler_that_dies_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_iaunet.large.cluster._PATIENCE", 5)
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    scheduler = subprocess.Popen(
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common]
    )
    worker = subprocess.Popen([*dask, "worker", "--no-nanny", *common])
    try:
        wait_until(file.is_file)
        address = json.loads(file.read_text())["address"]
        with Client(address) as client:
            client.wait_for_workers(1, timeout=60)
        with connected(address) as client:
            Timer(2, scheduler.kill).start()
            with pytest.raises(DeviceError, match="answers no more"):
                list(ClusterRunner(client)(time.sleep, [600]))
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()


def test_a_network_in_memory_cannot_be_sent(segmenter):
    import pickle

    import torch

    network = segmenter._backend.network
    copy = Segmenter.from_network(network, torch.device("cpu"))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(copy)
    restored = pickle.loads(pickle.dumps(segmenter))
    assert restored.fingerprint == segmenter.fingerprint
