"""What is kept over a restart, in napari's settings of this plugin.

The manifest declares the preferences, and napari shows them among its own.
"""

from __future__ import annotations

import contextlib
from typing import Any

from napari.settings import get_plugin_settings

from napari_iaunet.segmentation.columns import COLUMNS

_KEPT = (
    *("model", "device", "diameter", "estimate", "whole_stack"),
    *(f"table_{name}" for name in COLUMNS),
)


def restore(settings: Any) -> None:
    """Set what was kept; a value that cannot be used leaves a setting as it is."""
    for name in _KEPT:
        value = recall(name)
        if value is not None:
            with contextlib.suppress(ValueError):
                setattr(settings, name, value)


def recall(name: str) -> Any | None:
    """Return a preference; None where there is none."""
    return getattr(_stored(), name, None)


def keep(name: str, value: object) -> None:
    """Keep a preference for the next start, if it is one."""
    stored = _stored()
    if hasattr(stored, name):
        with contextlib.suppress(ValueError):
            setattr(stored, name, value)


def _stored() -> Any | None:
    """Return napari's settings of this plugin; None if it is not registered."""
    try:
        return get_plugin_settings("napari-iaunet").segment
    except KeyError:
        return None
