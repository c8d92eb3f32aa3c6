"""Images larger than memory: peak memory, the same cells, time, a cluster, a kill.

The image is a mosaic of test images that is laid out again and again, each time turned
or mirrored, in 16 bits, as OME-Zarr. It is segmented chunk by chunk in a process of its
own; a part of it in memory, in another.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from benchmarks import common, harness

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from numpy.typing import NDArray

OPTIONS = ("data", "runs", "model", "threads", "write")
_PIECE = 4000
_CHUNK = 1000
_MEGABYTES = 1024  # of a GiB
# Sides and diameters, in pixels, of the files of the command line, and the memory in GB
# that they may take: about 600 MB, and 16 bytes for each pixel.
_FILES = ((2048, 11, 1.2), (2048, 28, 1.2), (12_000, 28, 3.5))
_TIFF_PIECE = 2048


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--side", type=int, default=20_000, help="of the image")
    parser.add_argument(
        "--worker-side", type=int, default=8000, help="of the image for the cluster"
    )


def run(args: argparse.Namespace) -> None:
    parts = [PARTS[part](args) for part in args.only]
    where = harness.where("cpu", args.threads or os.cpu_count() or 1)
    harness.publish("large", "\n\n".join(parts), machine=where, write=args.write)


def _make(data: Path, folder: Path, side: int) -> tuple[Path, float]:
    """Write the image, unless it is there; return it and the diameter of its cells."""
    sample = common.mosaic(data, _PIECE, _PIECE)
    diameter = float(np.median(common.cell_diameters(sample.labels)))
    path = folder / f"mosaic-{side}.zarr"
    if (path / "finished").exists():
        return path, diameter
    piece = sample.image.astype(np.uint16) * 200 + 1000
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    array = group.create_array(
        "0",
        shape=(side, side),
        dtype=np.uint16,
        chunks=(_CHUNK, _CHUNK),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    for count, (y, x) in enumerate(np.ndindex(*(-(-side // _PIECE),) * 2)):
        turned = np.rot90(piece, count % 4)
        if count % 8 > 3:
            turned = turned[:, ::-1]
        rows, columns = (slice(n * _PIECE, (n + 1) * _PIECE) for n in (y, x))
        here = array[rows, columns].shape
        array[rows, columns] = turned[: here[0], : here[1]]
    axes = [{"name": n, "type": "space"} for n in "yx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": datasets}
    ]
    (path / "finished").write_text("")
    return path, diameter


# -- in a process of its own -------------------------------------------------


def _segmenter_and_image(path: str, threads: int, model: str) -> tuple[Any, Any]:
    import torch

    from napari_iaunet import Segmenter
    from napari_iaunet.io.read import read_image

    if threads:
        torch.set_num_threads(threads)
    return Segmenter(model, "cpu"), read_image(Path(path)).array


def segment_by_chunks(
    path: str, out: str, diameter: float, threads: int, model: str
) -> dict[str, Any]:
    """Segment an image chunk by chunk; say what that took."""
    from napari_iaunet import segment_lazy
    from napari_iaunet.io.ome_zarr_labels import LabelImage

    shutil.rmtree(out, ignore_errors=True)
    segmenter, image = _segmenter_and_image(path, threads, model)
    begin = time.perf_counter()
    found = segment_lazy(
        segmenter,
        image,
        out,
        diameter=diameter,
        ome_zarr=LabelImage("cells", "YX"),
    )
    return _report(begin, len(found.table["label"]))


def segment_in_memory(
    path: str, out: str, diameter: float, threads: int, model: str, side: int
) -> dict[str, Any]:
    """Segment a part of an image in memory; say what that took."""
    segmenter, image = _segmenter_and_image(path, threads, model)
    begin = time.perf_counter()
    part = np.asarray(image[:side, :side])
    labels = segmenter.segment(part, diameter=diameter).labels
    np.save(out, labels)
    return _report(begin, int(labels.max()))


def _report(begin: float, cells: int) -> dict[str, Any]:
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "memory": harness.peak_memory(), "cells": cells}


def _call(function: Callable[..., Any], *arguments: object) -> dict[str, Any]:
    with harness.Worker() as worker:
        report: dict[str, Any] = worker.call(function, *arguments)
    return report


# -- memory, time, cells --------------------------------------------------------------


def _memory(args: argparse.Namespace) -> str:
    """Peak memory, seconds and cells, chunk by chunk and at once."""
    from napari_iaunet import average_precision

    folder = args.runs / "large"
    path, diameter = _make(args.data, folder, args.side)
    side, options = min(_PIECE, args.side), (diameter, args.threads or 0, args.model)
    out, part = folder / "labels.zarr", folder / "part.npy"
    lazy = _call(segment_by_chunks, path, out, *options)
    at_once = _call(segment_in_memory, path, part, *options, side)
    labels = zarr.open_array(str(out / "0"), mode="r")
    whole, cut = np.load(part), np.asarray(labels[:side, :side])
    whole, cut = (_without_cut_cells(found) for found in (whole, cut))
    ap = average_precision(whole, cut, (0.5, 0.75, 0.9)).pooled
    rows = [
        [
            f"{title}, {length} x {length}",
            f"{found['seconds'] / length**2 * 1e6:.3f}",
            f"{found['memory'] / _MEGABYTES:.2f}",
            str(found["cells"]),
        ]
        for title, found, length in (
            ("chunk by chunk", lazy, args.side),
            ("in memory", at_once, side),
        )
    ]
    head = ["", "s/MP", "peak memory, GiB", "cells"]
    ratio = (lazy["seconds"] / args.side**2) / (at_once["seconds"] / side**2)
    return (
        f"### {args.side} x {args.side} pixels, 16-bit OME-Zarr\n\n"
        "Reading, segmenting and writing, without the start of Python. Cells of the "
        f"part that both have, those at its border left out: AP {ap[0]:.4f} at IoU "
        f"0.5, {ap[1]:.4f} at 0.75, {ap[2]:.4f} at 0.9. Time per megapixel, chunk by "
        f"chunk over in memory: {ratio:.2f}.\n\n{harness.table(head, rows)}"
    )


def _without_cut_cells(labels: NDArray[Any]) -> NDArray[Any]:
    from skimage.segmentation import clear_border, relabel_sequential

    cleared: NDArray[Any] = relabel_sequential(clear_border(labels))[0]
    return cleared


# -- a cluster ------------------------------------------------------------------------


def _workers(args: argparse.Namespace) -> str:
    """Two Dask workers beside one, and one of two killed."""
    from napari_iaunet import Segmenter

    folder = args.runs / "large"
    path, diameter = _make(args.data, folder, args.worker_side)
    segmenter = Segmenter(args.model, "cpu")
    seconds, found = [], []
    for workers, kill in ((1, False), (2, False), (2, True)):
        out = folder / f"labels-{workers}-{kill}.zarr"
        took, labels = _on_cluster(segmenter, path, out, diameter, workers, kill=kill)
        seconds.append(took)
        found.append(labels)
    megapixels = args.worker_side**2 / 1e6
    rows = [
        ["one worker", f"{seconds[0] / megapixels:.3f}", "", ""],
        [
            "two workers",
            f"{seconds[1] / megapixels:.3f}",
            f"{seconds[0] / seconds[1] / 2:.2f}",
            _same(found[1], found[0]),
        ],
        [
            "two workers, one killed half-way",
            f"{seconds[2] / megapixels:.3f}",
            "",
            _same(found[2], found[0]),
        ],
    ]
    head = ["", "s/MP", "efficiency", "same labels as one worker"]
    return (
        f"### Dask workers, {args.worker_side} x {args.worker_side} pixels\n\n"
        "Processes of one thread each on this machine; the time is that of the chunks "
        "and of their joining, without the start of the workers. Efficiency: time of "
        f"one worker over twice the time of two.\n\n{harness.table(head, rows)}"
    )


def _same(one: NDArray[Any], other: NDArray[Any]) -> str:
    return "yes" if np.array_equal(one, other) else "NO"


def _on_cluster(
    segmenter: Any, path: Path, out: Path, diameter: float, workers: int, *, kill: bool
) -> tuple[float, NDArray[Any]]:
    from distributed import Client, LocalCluster

    from napari_iaunet.io.read import read_image
    from napari_iaunet.large.cluster import ClusterRunner
    from napari_iaunet.large.lazy import segment_lazy

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(_warm_up, segmenter)
        waiting = [kill]

        def progress(done: int, total: int) -> None:
            if waiting[0] and done >= max(1, total // 2):
                waiting[0] = False
                victim = next(iter(client.run(os.getpid).values()))
                os.kill(victim, signal.SIGKILL)

        begin = time.perf_counter()
        found = segment_lazy(
            segmenter,
            read_image(path).array,
            out,
            diameter=diameter,
            runner=ClusterRunner(client),
            progress=progress,
        )
        seconds = time.perf_counter() - begin
        return seconds, found.labels.compute()


def _warm_up(segmenter: Any) -> None:
    segmenter.segment(np.zeros((256, 256), np.uint8), diameter=20)


# -- the command line -----------------------------------------------------------------


def _command(args: argparse.Namespace) -> str:
    """Peak memory and seconds of the command line for TIFFs, whole processes."""
    folder = args.runs / "large"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for side, diameter, most in _FILES:
        path = _make_tiff(args.data, folder, side)
        seconds, memory = _segment_file(path, folder / "masks", diameter, args.model)
        title = f"{side} x {side}, diameter {diameter}"
        rows.append([title, f"{seconds:.0f}", f"{memory:.2f}", f"{most:.1f}"])
    head = ["16-bit TIFF", "seconds", "peak memory, GB", "at most, GB"]
    return f"### The command line\n\n{harness.table(head, rows)}"


def _make_tiff(data: Path, folder: Path, side: int) -> Path:
    import tifffile

    path = folder / f"mosaic-{side}.tif"
    if not path.exists():
        piece = common.mosaic(data, _TIFF_PIECE, _TIFF_PIECE).image
        copies = (-(-side // _TIFF_PIECE),) * 2
        whole = np.tile(piece.astype(np.uint16) * 200 + 1000, copies)
        tifffile.imwrite(path, whole[:side, :side])
    return path


def _segment_file(
    path: Path, out: Path, diameter: float, model: str
) -> tuple[float, float]:
    """Seconds and peak memory, in GB, of a process of the command line."""
    words = [sys.executable, "-m", "napari_iaunet.cli", "segment", str(path)]
    words += ["--out", str(out), "--diameter", str(diameter), "--model", model]
    begin = time.perf_counter()
    pid = os.posix_spawn(sys.executable, words, os.environ)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{path} could not be segmented; see above.")
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - begin, used.ru_maxrss * unit / 1e9


PARTS = {"memory": _memory, "command": _command, "workers": _workers}
