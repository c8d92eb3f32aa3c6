"""Tables, and where they are written."""

from __future__ import annotations

import datetime
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


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
    return f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(words)}".strip()


def publish(section: str, text: str, *, machine: str, write: bool) -> None:
    """Print tables and, if asked, put them between the marks in RESULTS.md."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    text = f"{text}\n\n{today}, `{command()}`, {machine}.\n"
    print(text)
    if not write:
        return
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    before, found, rest = RESULTS.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"{RESULTS.name} has no marks {begin} and {end}.")
    RESULTS.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
