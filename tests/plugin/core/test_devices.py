"""Preferences and sample data, as the manifest declares them."""

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_iaunet.plugin.contributions import stained_tissue
from napari_iaunet.plugin.core import devices


def test_without_a_manifest_there_are_defaults(plugin_settings):
    assert devices.device() == "auto"
    devices.remember_device("cpu")


def test_the_device_is_remembered(plugin_settings, npe2pm, tmp_path):
    npe2pm.register(PluginManifest.from_distribution("napari-iaunet"))
    assert devices.device() == "auto"
    devices.remember_device("cpu")
    assert devices.device() == "cpu"
    saved = list(tmp_path.glob("*.yaml"))
    assert any("cpu" in path.read_text() for path in saved)


def test_an_unknown_device_is_refused(plugin_settings, npe2pm):
    npe2pm.register(PluginManifest.from_distribution("napari-iaunet"))
    with pytest.raises(ValueError, match="abacus"):
        devices.remember_device("abacus")


def test_sample_image():
    ((image, options, kind),) = stained_tissue()
    assert kind == "image"
    assert options["rgb"]
    assert image.shape == (512, 512, 3)
    assert image.dtype == np.uint8
