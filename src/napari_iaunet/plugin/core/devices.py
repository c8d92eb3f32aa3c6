"""What the network can run on, in words."""

from __future__ import annotations

import sys
from typing import Any

from napari.settings import get_plugin_settings


def likely_devices() -> dict[str, str]:
    """Return devices that may exist, by name, without loading torch."""
    gpu = {"mps": "GPU (Apple)"} if sys.platform == "darwin" else {}
    gpu = gpu or {"cuda": "GPU (NVIDIA)"}
    return {"auto": "Automatic", "cpu": "CPU", **gpu}


def found_devices() -> dict[str, str]:
    """Return devices that exist; loads torch."""
    import torch

    devices = {"auto": "Automatic", "cpu": "CPU"}
    if torch.cuda.is_available():
        devices["cuda"] = f"GPU ({torch.cuda.get_device_name(0)})"
    if torch.backends.mps.is_available():
        devices["mps"] = "GPU (Apple)"
    return devices


def _segment() -> Any | None:
    """Return the Segment settings; None where the manifest is not registered."""
    try:
        return get_plugin_settings("napari-iaunet").segment
    except KeyError:
        return None


def device() -> str:
    """Return the device to start with."""
    segment = _segment()
    return "auto" if segment is None else str(segment.device)


def remember_device(name: str) -> None:
    """Start with this device the next time."""
    segment = _segment()
    if segment is not None:
        segment.device = name
