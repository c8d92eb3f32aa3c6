"""Forks of a process that has computed, in which PyTorch would wait for ever."""

from __future__ import annotations

import os

import torch

from napari_iaunet.errors import DeviceError

# The process that computed first: a fork has its number, too.
_computing: dict[str, int] = {}


def check_not_forked() -> None:
    """Refuse to compute in a fork of a process that has computed: it would never end.

    PyTorch's threads are not copied by ``os.fork``, as which `multiprocessing` starts
    processes on Linux before Python 3.14, but those who wait for them are. One thread
    waits for no other.

    Raises
    ------
    DeviceError
    """
    computing = _computing.setdefault("process", os.getpid())
    if computing != os.getpid() and torch.get_num_threads() > 1:
        raise DeviceError(
            "This process was forked from one that has segmented or trained before, so "
            'PyTorch would wait for ever in it: start it by "spawn" '
            '(multiprocessing.get_context("spawn")), or call torch.set_num_threads(1) '
            "in it."
        )
