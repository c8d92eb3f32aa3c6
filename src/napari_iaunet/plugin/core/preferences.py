"""What is kept over a restart, in napari's settings of this plugin.

The manifest declares the preferences, and napari shows them among its own. Before 0.9
it keeps none for plugins: there they are a file of ours.
"""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import napari.settings
from platformdirs import user_config_path

from napari_iaunet.atomic import write_json
from napari_iaunet.errors import IAUNetError
from napari_iaunet.segmentation.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KEPT = (
    *("model", "device", "diameter", "estimate", "whole_stack"),
    *(f"table_{name}" for name in COLUMNS),
)
# The tab is set by the dock itself, the list of gestures by what they belong to.
_NAMES = (*_KEPT, "tab", "gestures")
_of_plugin: Callable[[str], Any] | None = getattr(
    napari.settings, "get_plugin_settings", None
)


def restore(settings: Any) -> None:
    """Set what was kept; a value that cannot be used leaves a setting as it is."""
    for name in _KEPT:
        value = recall(name)
        if value is not None:
            with contextlib.suppress(ValueError, TypeError):
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
    """Return the settings of this plugin; None if napari does not know it."""
    if _of_plugin is None:
        return _File(user_config_path("napari-iaunet") / "preferences.json")
    try:
        return _of_plugin("napari-iaunet").segment
    except KeyError:
        return None


class _File(SimpleNamespace):
    """Preferences in a file, which is written when one of them is set."""

    def __init__(self, path: Path) -> None:
        known: Any = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(path.read_text(encoding="utf-8"))
        given = known if isinstance(known, dict) else {}
        super().__init__(**{name: given.get(name) for name in _NAMES})
        object.__setattr__(self, "_path", path)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        values = {name: getattr(self, name) for name in _NAMES}
        # Where nothing can be kept, the dock works all the same.
        with contextlib.suppress(OSError, IAUNetError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, values, IAUNetError)
