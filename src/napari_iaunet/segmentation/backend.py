"""Where the network runs."""

from __future__ import annotations

import torch

from napari_iaunet.errors import DeviceError


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
