"""What every benchmark needs: options, processes, times, memory and tables.

Needs the standard library only, as a peer's environment has none of ours. Run as a
program it is the process that a `Worker` speaks to.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"

# -- options -----------------------------------------------------------------

_DATA = os.environ.get("NAPARI_IAUNET_DATA", ROOT.parent / "shared" / "data")
_OPTIONS: dict[str, dict[str, Any]] = {
    "data": {
        "type": Path,
        "default": Path(_DATA),
        "help": "folder of the images (default: $NAPARI_IAUNET_DATA or ../shared/data)",
    },
    "runs": {
        "type": Path,
        "default": ROOT / "runs",
        "help": "folder for what is made (default: runs)",
    },
    "model": {
        "default": "default",
        "help": "name or folder of a model (default: the bundled one)",
    },
    "device": {"default": "auto", "help": "auto, cpu, cuda or mps (default: auto)"},
    "threads": {"type": int, "help": "of torch (default: its own choice)"},
    "images": {"type": int, "help": "use so many images of a kind only"},
    "write": {"action": "store_true", "help": "put the tables into RESULTS.md"},
}


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add options that several benchmarks have, by their names without dashes."""
    for name in names:
        parser.add_argument(f"--{name}", **_OPTIONS[name])


def add_only(
    parser: argparse.ArgumentParser,
    parts: Mapping[str, str | Callable[..., Any]],
    usual: Sequence[str] = (),
) -> None:
    """Add the option ``--only``, which chooses parts of a benchmark.

    Parameters
    ----------
    parser : ArgumentParser
    parts : mapping of str to str or function
        What each part measures, or the function that measures it, by its name.
    usual : sequence of str
        Parts that are chosen if the option is not given; all if there are none.
    """
    about = {
        name: what if isinstance(what, str) else (what.__doc__ or "").rstrip(".")
        for name, what in parts.items()
    }
    parser.add_argument(
        "--only",
        nargs="+",
        choices=parts,
        metavar="PART",
        default=list(usual or parts),
        help="; ".join(f"{name}: {what}" for name, what in about.items()),
    )


# -- processes ---------------------------------------------------------------

_POOLS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")


class Worker:
    """A Python process that calls functions of the benchmarks, one after the other.

    Parameters
    ----------
    python : Path or str
        The interpreter; it needs nothing installed beyond what the functions import.
    environment : mapping of str to str, optional
        Variables beside those of this process.
    """

    def __init__(
        self,
        python: Path | str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.harness"],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Call a function of a module there; JSON carries arguments and result."""
        assert self._process.stdin
        assert self._process.stdout
        request = [function.__module__, function.__name__, *arguments]
        print(json.dumps(request, default=str), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"{function.__name__} failed in its process; see above.")
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    """Answer the requests of a `Worker`."""
    # Whatever libraries print belongs elsewhere than the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        module, name, *arguments = json.loads(line)
        found = getattr(import_module(module), name)(*arguments)
        print(json.dumps(found), file=answers, flush=True)


def thread_environment(threads: int) -> dict[str, str]:
    """Return the variables of a process whose libraries use so many threads."""
    limits = {f"{pool}_NUM_THREADS": str(threads) for pool in _POOLS}
    limits["TF_NUM_INTRAOP_THREADS"] = str(threads)
    return {**limits, "TF_NUM_INTEROP_THREADS": "1"}


def pin(threads: int) -> None:
    """Keep this process to so many cores, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


# -- times and memory --------------------------------------------------------

TICK = 0.002  # seconds; a tenth of what an eye would notice
_longest = 0.0


def longest_wait() -> float:
    """Return how long a thread that only sleeps was kept waiting, in ms.

    It sleeps for a tick, again and again, from the first call on; the longest time that
    one took since the last call shows for how long the machine itself kept a program
    waiting that wants next to nothing of it.
    """
    global _longest
    if not any(thread.name == "sleeper" for thread in threading.enumerate()):
        threading.Thread(target=_sleep, name="sleeper", daemon=True).start()
    longest, _longest = _longest, 0.0
    return 1000 * longest


def _sleep() -> None:
    global _longest
    last = time.perf_counter()
    while True:
        time.sleep(TICK)
        now = time.perf_counter()
        _longest, last = max(_longest, now - last), now


def seconds(function: Callable[[], Any], repeats: int) -> list[float]:
    """Time a function so many times, after one call that warms it up."""
    function()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begin)
    return taken


def summary(taken: Sequence[float]) -> dict[str, float]:
    """Return "best" and "median" of some times, in seconds."""
    return {"best": min(taken), "median": statistics.median(taken)}


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


# -- tables ------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a markdown table; all columns but the first are numbers."""
    lines = [list(head), ["---"] + ["---:"] * (len(head) - 1), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(device: str = "cpu") -> str:
    """Name of the processor, or of the graphics card that does the work."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def where(device: str, threads: int) -> str:
    """Say what a benchmark of torch ran on."""
    return f"{machine(device)}, torch threads: {threads}, device: {device}"


def command() -> str:
    """Return the command that was typed, with the names of absolute paths only."""
    words = [Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:]]
    return f"python -m benchmarks {shlex.join(words)}".strip()


def publish(section: str, text: str, *, machine: str, write: bool) -> None:
    """Print tables and, if asked, put them between the marks in RESULTS.md."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    text = f"{text}\n\n{today}, `{command()}`, {machine}.\n"
    print(text, flush=True)
    if not write:
        return
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    before, found, rest = RESULTS.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"{RESULTS.name} has no marks {begin} and {end}.")
    RESULTS.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    _serve()
