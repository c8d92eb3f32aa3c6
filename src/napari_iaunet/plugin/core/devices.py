"""What the network can run on, in words."""

from __future__ import annotations

import sys


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
