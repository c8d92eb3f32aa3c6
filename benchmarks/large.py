"""An image larger than memory: peak memory, the same cells, time, a cluster, a kill.

The image is a mosaic of test images that is laid out again and again, each time turned
or mirrored, in 16 bits, as OME-Zarr. It is segmented chunk by chunk in a process of its
own; a part of it in memory, in another.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
import numpy as np
import report
import zarr

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

_PIECE = 4000
_ZARR_CHUNK = 1000
_MEGABYTES = 1024


def main() -> None:
    args = _arguments()
    parts = []
    if "m" in args.only:
        parts.append(_memory(args))
    if "w" in args.only:
        parts.append(_workers(args))
    threads = args.threads or os.cpu_count() or 1
    where = report.where("cpu", threads)
    report.publish("large", "\n\n".join(parts), machine=where, write=args.write)


def _arguments() -> argparse.Namespace:
    parser = common.parser(__doc__)
    parser.add_argument(
        "--only", default="mw", help="parts: m memory and time, w workers of a cluster"
    )
    parser.add_argument("--side", type=int, default=20_000, help="of the image")
    parser.add_argument(
        "--worker-side", type=int, default=8000, help="of the image for the cluster"
    )
    args = parser.parse_args()
    if not args.only or set(args.only) - set("mw"):
        parser.error("--only takes the letters m and w")
    return args


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
        chunks=(_ZARR_CHUNK, _ZARR_CHUNK),
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


def _worker(*words: object) -> dict[str, Any]:
    """Run a task of _large_worker.py in a process of its own."""
    worker = Path(__file__).with_name("_large_worker.py")
    done = subprocess.run(
        [sys.executable, str(worker), *map(str, words)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# -- memory, time, cells --------------------------------------------------------------


def _memory(args: argparse.Namespace) -> str:
    from napari_iaunet import average_precision

    folder = args.runs / "large"
    path, diameter = _make(args.data, folder, args.side)
    threads, side = args.threads or 0, min(_PIECE, args.side)
    out, part = folder / "labels.zarr", folder / "part.npy"
    model = args.model
    lazy = _worker("lazy", path, out, diameter, threads, model)
    at_once = _worker("memory", path, part, diameter, threads, model, side)
    labels = zarr.open_array(str(out / "0"), mode="r")
    whole, cut = np.load(part), np.asarray(labels[:side, :side])
    whole, cut = (_without_cut_cells(found) for found in (whole, cut))
    ap = average_precision(whole, cut, (0.5, 0.75, 0.9)).pooled
    rows = [
        [
            f"chunk by chunk, {args.side} x {args.side}",
            f"{lazy['seconds'] / args.side**2 * 1e6:.3f}",
            f"{lazy['memory'] / _MEGABYTES:.2f}",
            str(lazy["cells"]),
        ],
        [
            f"in memory, {side} x {side}",
            f"{at_once['seconds'] / side**2 * 1e6:.3f}",
            f"{at_once['memory'] / _MEGABYTES:.2f}",
            str(at_once["cells"]),
        ],
    ]
    head = ["", "s/MP", "peak memory, GiB", "cells"]
    ratio = (lazy["seconds"] / args.side**2) / (at_once["seconds"] / side**2)
    return (
        f"### {args.side} x {args.side} pixels, 16-bit OME-Zarr\n\n"
        "Reading, segmenting and writing, without the start of Python. Cells of the "
        f"part that both have, those at its border left out: AP {ap[0]:.4f} at IoU "
        f"0.5, {ap[1]:.4f} at 0.75, {ap[2]:.4f} at 0.9. Time per megapixel, chunk by "
        f"chunk over in memory: {ratio:.2f}.\n\n{report.table(head, rows)}"
    )


def _without_cut_cells(labels: NDArray[Any]) -> NDArray[Any]:
    from skimage.segmentation import clear_border, relabel_sequential

    cleared: NDArray[Any] = relabel_sequential(clear_border(labels))[0]
    return cleared


# -- a cluster ------------------------------------------------------------------------


def _workers(args: argparse.Namespace) -> str:
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
        f"one worker over twice the time of two.\n\n{report.table(head, rows)}"
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
            if waiting[0] and done >= total // 2:
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


if __name__ == "__main__":
    main()
