"""The process that trains, of a model so small that it is better within seconds.

It measures as often as a machine would that is as much faster.
"""

import sys
from dataclasses import replace
from pathlib import Path

from napari_iaunet.training import loop, selection, worker

loop.FINE_TUNING = replace(loop.FINE_TUNING, size=64, ema_decay=0.8, validate_every=0.5)
selection._SHARE = 1.0

if __name__ == "__main__":
    worker.give_way()
    sys.exit(worker.main(Path(sys.argv[1]), sys.stdin, sys.stdout))
