"""Consolidated metadata: a store's copy of what all its groups and arrays say."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

from napari_iaunet.atomic import sync

if TYPE_CHECKING:
    from pathlib import Path


def consolidate_again(path: Path) -> None:
    """Have every store around `path` that has consolidated metadata know what is there.

    Readers of such a store see nothing that was written into it since.
    """
    import zarr

    for folder in path.absolute().parents:
        if not any((folder / name).is_file() for name in (".zgroup", "zarr.json")):
            return
        copy = _copy_in(folder)
        if copy is not None:
            with warnings.catch_warnings():
                # That version 3 of zarr does not specify it yet.
                warnings.simplefilter("ignore")
                zarr.consolidate_metadata(
                    str(folder), zarr_format=2 if copy.name == ".zmetadata" else 3
                )
            sync(copy)


def _copy_in(folder: Path) -> Path | None:
    """File with the consolidated metadata of a group, if it has any."""
    if (folder / ".zmetadata").is_file():
        return folder / ".zmetadata"
    try:
        text = (folder / "zarr.json").read_text(encoding="utf-8")
        consolidated = json.loads(text).get("consolidated_metadata")
    except (OSError, ValueError, AttributeError):
        return None
    return folder / "zarr.json" if consolidated else None
