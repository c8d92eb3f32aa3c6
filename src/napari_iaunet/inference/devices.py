"""Devices that the network can run on, and what they compute in."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_iaunet.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable


def choose_device(name: str = "auto") -> torch.device:
    """Turn a name into a device that exists.

    Parameters
    ----------
    name : str
        "auto" (CUDA, else MPS, else CPU), "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    DeviceError
        If the device is unknown or not there.
    """
    mps = torch.backends.mps.is_available()
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(
            f'There is no device "{name}": choose auto, cpu, cuda or mps.'
        ) from error
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available()
        and (device.index or 0) < torch.cuda.device_count(),
        "mps": mps,
    }
    if not here.get(device.type, False):
        raise DeviceError(f'This computer has no device "{name}"; "auto" picks one.')
    return device


def use_large_pages() -> None:
    """Have PyTorch take its memory in large pages, where Linux offers them.

    A network's maps lie in fresh memory all the time, which comes much faster in large
    pages. PyTorch asks once, when it first takes memory: called later, this changes
    nothing. THP_MEM_ALLOC_ENABLE=0 in the environment keeps to small pages.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def release_memory() -> None:
    """Give freed memory back to the system, where the C library keeps it: on Linux.

    What one thread has freed is of no use to another: without this, threads that take
    turns hold twice as much.
    """
    trim = _trim_function()
    if trim:
        trim(0)


@cache
def _trim_function() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``, None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def autocast_dtype(device: torch.device) -> torch.dtype | None:
    """Return the lower precision that pays on a device, or None for float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.bfloat16
    return None


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere it is slow."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
