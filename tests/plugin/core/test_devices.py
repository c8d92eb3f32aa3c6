"""What the network may run on."""

import sys

from napari_iaunet.plugin.core.devices import likely_devices


def test_devices_are_likely_before_torch_is_loaded():
    gpu = "mps" if sys.platform == "darwin" else "cuda"
    assert list(likely_devices()) == ["auto", "cpu", gpu]
