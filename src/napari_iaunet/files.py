"""The former home of two public names, which the docs showed; kept for one release."""

import warnings

from napari_iaunet.io.read import read_image
from napari_iaunet.io.write import write_labels

__all__ = ["read_image", "write_labels"]

warnings.warn(
    "napari_iaunet.files goes with the next release: import read_image and "
    "write_labels from napari_iaunet.",
    DeprecationWarning,
    stacklevel=2,
)
