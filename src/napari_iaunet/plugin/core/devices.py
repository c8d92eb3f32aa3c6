"""What the network can run on, in words."""

from __future__ import annotations

import importlib.util
import os
import platform
import runpy
import sys
from pathlib import Path
from typing import Any

# Files that are there if the driver of a graphics card is: of NVIDIA on Linux, in
# Windows' Linux and on Windows; of AMD.
_NVIDIA = ("/proc/driver/nvidia/version", "/dev/dxg", "System32/nvcuda.dll")
_AMD = ("/dev/kfd", "/dev/dxg")


def likely_devices() -> dict[str, str]:
    """Return devices that may exist, by name, without loading torch."""
    gpu: dict[str, str] = {}
    if sys.platform == "darwin" and platform.machine() == "arm64":
        gpu = {"mps": "GPU (Apple)"}
    build = _build()
    if build.get("cuda") and _is_there(_NVIDIA):
        gpu = {"cuda": "GPU (NVIDIA)"}
    elif build.get("hip") and _is_there(_AMD):
        gpu = {"cuda": "GPU (AMD)"}
    return {"auto": "Automatic", "cpu": "CPU", **gpu}


def _build() -> dict[str, Any]:
    """Return what torch was built for, as its ``version.py`` says."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return {}
    try:
        return runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    except Exception:  # noqa: BLE001 - a broken torch is told when it is used
        return {}


def _is_there(files: tuple[str, ...]) -> bool:
    windows = Path(os.environ.get("SYSTEMROOT", "/"))
    return any((windows / file).exists() for file in files)


def found_devices() -> dict[str, str]:
    """Return devices that exist; loads torch."""
    import torch

    devices = {"auto": "Automatic", "cpu": "CPU"}
    if torch.cuda.is_available():
        devices["cuda"] = f"GPU ({torch.cuda.get_device_name(0)})"
    if torch.backends.mps.is_available():
        devices["mps"] = "GPU (Apple)"
    return devices
