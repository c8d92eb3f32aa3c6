"""Groups of columns of the table of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

POSITION, SIZE, SHAPE = "position", "size", "shape"
INTENSITY, EMBEDDING = "intensity", "embedding"
# In the order in which they stand in a table.
COLUMNS = (POSITION, SIZE, SHAPE, INTENSITY, EMBEDDING)


def check_columns(columns: Sequence[str]) -> frozenset[str]:
    """Return groups of columns as a set; ImageError if there is none of a name."""
    chosen = [columns] if isinstance(columns, str) else list(columns)
    for name in chosen:
        if name not in COLUMNS:
            known = ", ".join(COLUMNS[:-1])
            msg = f"There are no columns “{name}”, only {known} and {COLUMNS[-1]}."
            raise ImageError(msg)
    return frozenset(chosen)
