"""Seconds and memory of a function; needs nothing beyond the standard library.

It is imported by workers in different environments, before numpy and friends.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_POOLS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA", "TF_NUM_INTRAOP")


def thread_environment(threads: int) -> dict[str, str]:
    """Return the environment of a process whose libraries use so many threads."""
    limits = {
        name if name.startswith("TF") else f"{name}_NUM": str(threads)
        for name in _POOLS
    }
    limits = {f"{name}_THREADS": value for name, value in limits.items()}
    return {**os.environ, **limits, "TF_NUM_INTEROP_THREADS": "1"}


def pin(threads: int) -> None:
    """Keep this process to so many cores, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def peak_memory() -> float:
    """Largest resident memory of this process so far, in MB.

    Linux carries the parent's peak over into ``getrusage`` of a child, so its own
    record of the address space is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def seconds(function: Callable[[], Any], repeats: int) -> list[float]:
    """Time a function so many times, after one call that warms it up."""
    function()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begin)
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    """Return "best" and "median" of some times, in seconds."""
    return {"best": min(taken), "median": statistics.median(taken)}
