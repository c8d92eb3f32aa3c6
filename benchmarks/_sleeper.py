"""Sleep 2 ms again and again; for each line on stdin, print the longest time it took.

It shows for how long the machine itself kept a program waiting that wants next to
nothing of it. Times are in ms, since the line before.
"""

from __future__ import annotations

import os
import sys
import threading
import time

SECONDS = 0.002


class _Longest:
    value = 0.0


def _answer() -> None:
    for _ in sys.stdin:
        longest, _Longest.value = _Longest.value, 0.0
        print(1000 * longest, flush=True)
    os._exit(0)


def main() -> None:
    threading.Thread(target=_answer, daemon=True).start()
    last = time.perf_counter()
    while True:
        time.sleep(SECONDS)
        now = time.perf_counter()
        _Longest.value = max(_Longest.value, now - last)
        last = now


if __name__ == "__main__":
    main()
