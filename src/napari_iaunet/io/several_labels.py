"""Several label images in one OME-Zarr store, without an image."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.ome_zarr_labels import register_labels
from napari_iaunet.io.ours import OURS, are_our_labels, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION = "0.4"
_LABELS = "labels"


class LabelsFolder:
    """Where label images are written to, one after the other.

    Attributes
    ----------
    path : Path
        Folder that holds the label images.
    """

    def __init__(self, store: Path) -> None:
        self._store, self.path = store, store / _LABELS
        self._names: set[str] = set()

    def name_for(self, name: str) -> str:
        """Return the name of a folder that no label image has yet, much like a name."""
        plain = re.sub(r"[^\w-]+", "_", name).strip("_") or "cells"
        free, number = plain, 1
        while free.lower() in self._names:
            number += 1
            free = f"{plain}_{number}"
        self._names.add(free.lower())
        return free

    def register(self, name: str) -> None:
        """List a label image that has been written."""
        register_labels(self._store, name, _VERSION)


@contextmanager
def several_labels(path: Path) -> Iterator[LabelsFolder]:
    """Give a folder for label images; the store appears when all are written.

    Raises `ImageError` if ``path`` is anything but such a store of ours, or cannot be
    written.
    """
    import zarr

    if path.exists() and not _are_ours(path):
        raise ImageError(
            f"{path} exists and holds something else than several layers of cells, so "
            "it is not replaced. Choose another name."
        )
    with replacing(path, ImageError, _are_ours) as fresh:
        group = zarr.open_group(str(fresh), mode="w", zarr_format=2)
        group.attrs[OURS] = signed({})
        (fresh / _LABELS).mkdir()
        yield LabelsFolder(fresh)


def _are_ours(path: Path) -> bool:
    """Whether nothing but label images of ours is in a store."""
    folder = path / _LABELS
    if not folder.is_dir():
        return False
    others = {item.name for item in path.iterdir() if item != folder}
    if not others <= {".zgroup", ".zattrs", ".zmetadata"}:
        return False
    parts = [item for item in folder.iterdir() if item.is_dir()]
    return bool(parts) and all(map(are_our_labels, parts))
