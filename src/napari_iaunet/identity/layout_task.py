"""UMAP and HDBSCAN in a process of their own.

Both are compiled or run for long without letting go of Python, so in a thread they
would make a window stand still, and could not be stopped.

    python -m napari_iaunet.identity.layout_task WHAT FOLDER

reads ``given.npy`` and ``options.json`` of a folder and writes ``found.npy``; each line
that it prints is how far it is, "DONE/TOTAL". It ends when its input does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

UMAP, GROUPS = "umap", "groups"
_GIVEN, _OPTIONS, _FOUND = "given.npy", "options.json", "found.npy"
_OFTEN = 0.1  # seconds between looks at the process
_NEIGHBOURS = 15
# HDBSCAN takes time by the square of the number of cells: of more, so many are drawn,
# and the others are in the group of the one next to them.
_MOST = 20_000
_STEP = re.compile(r"(\d+)/(\d+)")
_CRASHED = "The map could not be made: {}."
_SHOWN = 200


def run_apart(
    what: str,
    values: NDArray[np.float32],
    options: Mapping[str, Any],
    *,
    progress: Callable[[int, int], None],
) -> NDArray[Any]:
    """Do `UMAP` or `GROUPS` of values (N, D) in another process; raising stops it."""
    progress(0, 0)
    with TemporaryDirectory(prefix="napari-iaunet-", ignore_cleanup_errors=True) as at:
        folder = Path(at)
        np.save(folder / _GIVEN, values)
        (folder / _OPTIONS).write_text(json.dumps(dict(options)), encoding="utf-8")
        with (folder / "errors").open("w+b") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, what, at],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows
            )
            assert process.stdin is not None
            try:
                _follow(process, progress)
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
            if process.returncode != 0:
                errors.seek(0)
                raise ImageError(_CRASHED.format(_last_words(errors.read())))
        found: NDArray[Any] = np.load(folder / _FOUND)
    return found


def _follow(
    process: subprocess.Popen[bytes], progress: Callable[[int, int], None]
) -> None:
    """Tell how far a process is until it ends."""
    assert process.stdout is not None
    told = [(0, 0)]
    reader = threading.Thread(target=_read, args=(process.stdout, told), daemon=True)
    reader.start()
    while True:
        try:
            process.wait(_OFTEN)
        except subprocess.TimeoutExpired:
            progress(*told[-1])
        else:
            break
    reader.join()


def _read(lines: IO[bytes], told: list[tuple[int, int]]) -> None:
    with lines:
        for line in lines:
            step = _STEP.search(line.decode("utf-8", "replace"))
            if step:
                told.append((int(step[1]), int(step[2])))


def _last_words(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:_SHOWN].rstrip(".") if lines else "the process ended"


# -- in the process ------------------------------------------------------------------


class _Lines:
    """What tqdm writes to: how far it is becomes a line of its own."""

    def write(self, text: str) -> None:
        step = _STEP.search(text)
        if step:
            sys.stdout.write(f"{step[0]}\n")

    def flush(self) -> None:
        sys.stdout.flush()


def _umap(values: NDArray[np.float32]) -> NDArray[np.float32]:
    from umap import UMAP as Umap

    bar = {"file": _Lines(), "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.3}
    model = Umap(
        n_neighbors=min(_NEIGHBOURS, len(values) - 1),
        random_state=0,  # so that the same cells are in the same places again
        n_jobs=1,
        verbose=True,
        tqdm_kwds={**bar, "disable": False},
    )
    found: NDArray[np.float32] = model.fit_transform(values)
    return found


def _groups(values: NDArray[np.float32], smallest: int) -> NDArray[np.int64]:
    from sklearn.cluster import HDBSCAN

    count = len(values)
    drawn = np.arange(count)
    if count > _MOST:
        drawn = np.sort(np.random.default_rng(0).permutation(count)[:_MOST])
        smallest = max(2, round(smallest * _MOST / count))
    found: NDArray[np.int64] = HDBSCAN(
        min_cluster_size=smallest, copy=True
    ).fit_predict(values[drawn])
    if count > _MOST:
        from scipy.spatial import cKDTree

        _, nearest = cKDTree(values[drawn]).query(values)
        found = found[nearest]
    return found


def _end_with_program() -> None:
    """Wait for the end of the program that started this one, and end."""
    # Not by sys.stdin, whose lock Python wants to have when it ends.
    while os.read(0, 1):
        pass
    os._exit(1)


def _main(what: str, folder: Path) -> None:
    threading.Thread(target=_end_with_program, daemon=True).start()
    values = np.load(folder / _GIVEN)
    options = json.loads((folder / _OPTIONS).read_text(encoding="utf-8"))
    found = _umap(values) if what == UMAP else _groups(values, **options)
    np.save(folder / _FOUND, found)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
