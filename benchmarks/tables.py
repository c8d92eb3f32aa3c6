"""How long a table of many cells takes, and how much memory.

`python -m benchmarks tables` draws 100,000 cells of many shapes and measures all
columns of three channels and an embedding, whole and from arrays on a disk.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import argparse

# Side of the square that each cell lies in, in pixels.
_SIDE = 24

OPTIONS = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cells", type=int, default=100_000)


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import measure_cells

    labels, image, embeddings = _drawn(args.cells)
    options = {"channel_axis": 0, "pixel_size": (0.3, 0.3), "embeddings": embeddings}
    before = _peak()
    print(f"{args.cells} cells in {labels.size / 1e6:.0f} MP, peak {before:.0f} MB")
    begin = time.perf_counter()
    cpu = time.process_time()
    table = measure_cells(labels, image, **options)
    print(
        f"in memory: {len(table)} columns in {time.perf_counter() - begin:.1f} s "
        f"({time.process_time() - cpu:.1f} s of one core), peak {_peak():.0f} MB"
    )
    with tempfile.TemporaryDirectory() as folder:
        stored = [
            _stored(Path(folder) / n, a) for n, a in (("l", labels), ("i", image))
        ]
        del labels, image
        begin, cpu = time.perf_counter(), time.process_time()
        measure_cells(*stored, **options)
        print(
            f"from a disk: {time.perf_counter() - begin:.1f} s "
            f"({time.process_time() - cpu:.1f} s of cores)"
        )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _drawn(cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turned ellipses of many sizes: labels, three channels of 16 bits, embeddings."""
    rng = np.random.default_rng(0)
    across = int(np.ceil(np.sqrt(cells)))
    labels = np.zeros((across * _SIDE, across * _SIDE), np.int32)
    y, x = np.indices((_SIDE, _SIDE)) - (_SIDE - 1) / 2
    for i in range(cells):
        angle, a, b = rng.uniform(0, np.pi), rng.uniform(6, 11), rng.uniform(4, 11)
        along = y * np.sin(angle) + x * np.cos(angle)
        across_it = y * np.cos(angle) - x * np.sin(angle)
        mask = (along / a) ** 2 + (across_it / b) ** 2 < 1
        top, left = (i // across) * _SIDE, (i % across) * _SIDE
        labels[top : top + _SIDE, left : left + _SIDE][mask] = i + 1
    image = rng.integers(0, 60_000, (3, *labels.shape), np.uint16)
    return labels, image, rng.normal(size=(cells, 64)).astype(np.float32)


def _stored(path: Path, array: np.ndarray) -> object:
    import zarr

    chunks = (1,) * (array.ndim - 2) + (1024, 1024)
    stored = zarr.create_array(
        str(path), shape=array.shape, dtype=array.dtype, chunks=chunks
    )
    stored[...] = array
    return stored
