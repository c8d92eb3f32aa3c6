"""Small pictures of cells that are drawn for a test."""

import numpy as np

from napari_iaunet.plugin.lookalikes.gallery import Thumbnail


def thumbnails(count, shape=(20, 20)):
    """Return gray squares; all but the first have a red frame."""
    pixels = np.full(shape, 90, np.uint8)
    return [Thumbnail(i, pixels, f"cell {i}", "red" if i else "") for i in range(count)]
