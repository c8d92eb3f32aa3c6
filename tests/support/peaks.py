"""Peak memory of a piece of code, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

_REPORT = """
from pathlib import Path

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(s for s in lines if s.startswith("VmHWM")).split()[1]) / 1024
"""


def peak_of(code, *arguments):
    """Run code with ``sys.argv[1:]``; the MB that it prints, calling ``peak()``.

    Such memory is what the process holds at most so far. Other systems than Linux
    cannot tell it of a process alone.
    """
    if not Path("/proc/self/status").is_file():
        pytest.skip("the peak of a single process is known on Linux only")
    done = subprocess.run(
        [sys.executable, "-c", _REPORT + code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(value) for value in done.stdout.split()]
