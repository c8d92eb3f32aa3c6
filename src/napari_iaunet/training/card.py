"""What the card of a fine-tuned model says of where it comes from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence


def origin(
    start: str | os.PathLike[str] | None,
    pairs: Sequence[Mapping[str, str]],
    *,
    rehearsal: bool,
) -> dict[str, Any]:
    """Tell when a model was made, and of what.

    Parameters
    ----------
    start : str, path or None
        The model that training began with.
    pairs : sequence of mapping
        Names of each image and its labels; `image` is needed.
    rehearsal : bool
        Whether images that the start does well on were rehearsed.
    """
    values: dict[str, Any] = {"date": time.strftime("%Y-%m-%d")}
    if start is None:  # the card of a model for everybody is written by hand
        return values
    name, images = Path(start).name, [pair["image"] for pair in pairs]
    more = f" and {len(images) - 1} more" if len(images) > 1 else ""
    return {
        "description": f"{name}, trained on {images[0]}{more}",
        "start": str(start),
        **values,
        "pairs": [dict(pair) for pair in pairs],
        "rehearsal": rehearsal,
    }
