"""What runs in the worker thread when the user presses Segment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.plugin.layers.features import features_of, move_places
from napari_iaunet.segmentation.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.segment.part import Part

# napari converts labels of more than 16 bits when it draws them: 10 ms for a megapixel,
# in which the window stands still. Planes of more pixels than the first get 16 bits if
# they have no more cells than the second, so that as many can be added by hand.
_WIDE_PLANE, _FEW_CELLS = 1 << 22, 1 << 15


@dataclass(frozen=True)
class Cells:
    """Cells of an image, ready to become a layer."""

    # (Y, X), (T or Z, Y, X) or (T, Z, Y, X), int32 or uint16.
    labels: NDArray[np.integer[Any]]
    # As `features_of` makes them of a table of `measure_cells`.
    features: DataFrame
    diameter: float  # in pixels, as given or as estimated
    seconds: float
    device: str  # what the network ran on
    diameter_is_sure: bool = True
    # Label ids of the cells of a layer that these give way to, if only a part of a
    # plane was segmented.
    replaced: tuple[int, ...] = ()
    why_blank: str = ""  # a sentence, if there is nothing to see in the image


def find_cells(
    segmenters: Segmenters,
    image: LayerImage,
    *,
    model: str,
    device: str,
    diameter: float | None,
    progress: Callable[[int, int], None],
    columns: Sequence[str] = COLUMNS,
    part: Part | None = None,
) -> Cells:
    """Segment and measure an image.

    The diameter is in pixels, and estimated if None; the columns are groups, as
    `measure_cells` takes them. Of a part of a plane, ``image`` is what is seen of it,
    and so are the labels.
    """
    from napari_iaunet.segmentation.region import cells_in_region

    segmenter = segmenters.get(model, device)
    progress(0, 1)
    begin = time.perf_counter()
    result = segmenter.segment(
        image.array, diameter=diameter, progress=progress, **image.seen_as
    )
    labels, scores = result.labels, np.asarray(result.scores)
    embeddings, replaced = result.embeddings, ()
    if part is not None:
        kept = cells_in_region(labels, part.mask, part.before)
        labels, replaced = kept.labels, tuple(kept.replaced.tolist())
        scores, embeddings = scores[kept.rows], embeddings[kept.rows]
    table = measure_layer(labels, image, columns, scores=scores, embeddings=embeddings)
    if part is not None:
        move_places(table, part.corner, image.pixel_size)
    return Cells(
        labels=for_layer(labels, len(scores)),
        features=features_of(table),
        diameter=float(result.diameter),
        diameter_is_sure=result.diameter_is_sure,
        seconds=time.perf_counter() - begin,
        device=str(getattr(segmenter, "device", device)),
        why_blank=why_blank(image, len(scores)),
        replaced=replaced,
    )


def why_blank(image: LayerImage, cells: int) -> str:
    """Return a sentence if no cells were found since there is nothing to see."""
    from napari_iaunet.segmentation import blank
    from napari_iaunet.segmentation.image import as_planes

    if cells:
        return ""
    return blank.why_blank(as_planes(image.array, **image.seen_as))


def for_layer(labels: NDArray[np.int32], cells: int) -> NDArray[np.integer[Any]]:
    """Return labels in the type in which a layer is drawn without delay."""
    wide = labels.shape[-2] * labels.shape[-1] > _WIDE_PLANE
    return labels.astype(np.uint16) if wide and cells <= _FEW_CELLS else labels


def measure_layer(
    labels: Any, image: LayerImage, columns: Sequence[str], **known: Any
) -> dict[str, NDArray[Any]]:
    """Measure cells by groups of columns; what is known is as for `measure_cells`."""
    from napari_iaunet.segmentation.cell_table import measure_cells

    return measure_cells(
        labels,
        image.array,
        channel_axis=image.channel_axis,
        columns=columns,
        pixel_size=image.pixel_size,
        channel_names=image.channel_names,
        **known,
    )
