"""What napari's preferences keep for this plugin."""

from __future__ import annotations

from typing import Any

from napari.settings import get_plugin_settings


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
