"""What the network may run on."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from napari_iaunet.plugin.core import devices

CPU, CUDA = ["auto", "cpu"], ["auto", "cpu", "cuda"]


@pytest.fixture
def torch_of(tmp_path, monkeypatch):
    """Make a torch whose ``version.py`` says something, and a computer for it."""

    def make(version, *drivers):
        (tmp_path / "version.py").write_text(version)
        spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        there = (*devices._NVIDIA, *devices._AMD)
        for name in ("_NVIDIA", "_AMD"):
            kept = tuple(
                str(tmp_path if file in drivers else tmp_path / "none")
                for file in getattr(devices, name)
            )
            monkeypatch.setattr(devices, name, kept)
        assert set(drivers) <= set(there)
        return devices.likely_devices()

    monkeypatch.setattr(sys, "platform", "linux")
    return make


def test_a_card_is_offered_where_torch_and_its_driver_are(torch_of):
    found = torch_of("cuda = '12.8'\nhip = None\n", "/proc/driver/nvidia/version")
    assert list(found) == CUDA
    assert found["cuda"] == "GPU (NVIDIA)"


@pytest.mark.parametrize(
    ("version", "drivers"),
    [
        ("cuda = None\nhip = None\n", ["/proc/driver/nvidia/version"]),
        ("cuda = '12.8'\n", []),
        ("cuda = '12.8'\n", ["/dev/kfd"]),
        ("this is broken", ["/proc/driver/nvidia/version"]),
    ],
)
def test_no_card_is_offered_that_cannot_be_used(torch_of, version, drivers):
    assert list(torch_of(version, *drivers)) == CPU


def test_a_card_of_amd_is_called_so(torch_of):
    found = torch_of("cuda = None\nhip = '6.4'\n", "/dev/kfd")
    assert found["cuda"] == "GPU (AMD)"


def test_without_torch_there_is_the_processor(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(devices.likely_devices()) == CPU


def test_what_is_offered_here_is_what_torch_finds():
    assert list(devices.likely_devices()) == list(devices.found_devices())
