"""A network on a device: what happens where memory is full."""

import numpy as np
import pytest
import torch

from napari_iaunet.errors import DeviceError
from napari_iaunet.inference.backend import Backend
from napari_iaunet.model.network import IAUNet, IAUNetConfig

FULL = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("Exception from infer_request.cpp: std::bad_alloc"),
]


class SmallMemory:
    """An engine on a machine where larger tiles than these do not fit."""

    name = "small"

    def __init__(self, engine, side, error):
        self._engine, self.side, self._error = engine, side, error
        self.asked = []

    def __call__(self, image):
        self.asked.append(image.shape[2])
        if image.shape[2] > self.side:
            raise self._error
        return self._engine(image)


def backend_with(side, error):
    torch.manual_seed(0)
    network = IAUNet(IAUNetConfig(widths=(4, 8, 8)))
    backend = Backend(network, torch.device("cpu"), tile=900, engine="pytorch")
    backend.engine = SmallMemory(backend.engine, side, error)
    return backend


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:20])
def test_smaller_tiles_are_tried_where_memory_is_full(error):
    backend = backend_with(300, error)
    plane = np.zeros((3, 500, 500), np.float32)
    assert backend.fields(plane).foreground.shape == (500, 500)
    assert backend.tile == 225
    assert min(backend.engine.asked) <= 300


def test_a_model_that_never_fits_is_one_sentence():
    backend = backend_with(0, MemoryError())
    with pytest.raises(DeviceError, match=r"^There is too little memory .*s\.$"):
        backend.fields(np.zeros((3, 500, 500), np.float32))


@pytest.mark.parametrize("side", [200, 1100])
def test_maps_of_a_network_gone_wrong_are_numbers(side):
    """Some processors would warn of each that is none, and nobody can use it."""
    torch.manual_seed(0)
    network = IAUNet(IAUNetConfig(widths=(4, 8, 8)))
    for parameter in network.parameters():
        parameter.data.fill_(torch.nan if parameter.ndim == 1 else torch.inf)
    backend = Backend(network, torch.device("cpu"), tile=500, engine="pytorch")
    found = backend.fields(np.zeros((3, side, 300), np.float32))
    assert all(bool(torch.isfinite(maps).all()) for maps in found[:3])


def test_other_errors_of_the_network_pass():
    backend = backend_with(0, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        backend.fields(np.zeros((3, 500, 500), np.float32))
