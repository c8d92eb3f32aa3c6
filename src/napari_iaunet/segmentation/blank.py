"""Tell an image in which there is nothing to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_iaunet.segmentation.image import Planes

BLANK = "The image is blank: all pixels have one value."
NO_NUMBERS = "The image holds no numbers: all pixels are NaN or infinite."
# Rows that are read at a time: those of a large image do not fit into memory at once.
_ROWS = 1024


def why_blank(planes: Planes) -> str:
    """Return a sentence about an image in which there is nothing to see, else "".

    All pixels of every plane have one value, or none; in each channel.
    """
    has_numbers = False
    height, _ = planes.plane_shape
    for i in range(len(planes)):
        first = planes.raw(i, slice(0, 1), slice(0, 1))
        has_numbers |= bool(np.isfinite(first).any())
        for top in range(0, height, _ROWS):
            rows = planes.raw(i, slice(top, top + _ROWS))
            same = rows == first
            if rows.dtype.kind == "f":
                same |= ~np.isfinite(rows) & ~np.isfinite(first)
            if not same.all():
                return ""
    return BLANK if has_numbers else NO_NUMBERS
