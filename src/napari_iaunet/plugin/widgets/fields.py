"""Fields of a dataclass that a form shows; needs neither Qt nor napari."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def shown(default: Any, label: str, tooltip: str = "", **options: Any) -> Any:
    """Make a field of a dataclass that `Form` shows; the label may be "".

    ``choices`` are key and text of each, for a combo box; empty if `Form.offer` tells
    later what there is. ``beside`` is the field in whose row it stands, and ``stretch``
    how much of that row it takes beside one of the field itself. Numbers may have
    ``suffix`` and ``decimals``. All others go to magicgui's widget: ``min``, ``max``,
    ``step``, and ``text`` of a check box.
    """
    return field(
        default=default, metadata={"label": label, "tooltip": tooltip, **options}
    )
