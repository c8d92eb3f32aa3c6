"""Images under File > Open Sample; they come with scikit-image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.types import LayerDataTuple


def stained_tissue() -> list[LayerDataTuple]:
    """Tissue stained for a protein (brown), its nuclei counterstained (blue)."""
    from skimage.data import immunohistochemistry

    options = {"name": "stained tissue", "rgb": True}
    return [(immunohistochemistry(), options, "image")]
