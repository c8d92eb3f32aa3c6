"""Look at an annotation before it is trained on, and say what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.errors import TrainingError
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.masks import seem_classes
from napari_iaunet.segmentation.measure import disc_diameters
from napari_iaunet.training.dataset import check_labels, consecutive
from napari_iaunet.training.holdout import FEWEST_CELLS
from napari_iaunet.training.paired import FEW_CELLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.segmenter import Segmenter
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut

# Of so many, enough are held out to tell whether training helps: about a quarter, and
# a strip may hold less.
_GOOD_CELLS = 5 * FEW_CELLS
# Factors between the cells' diameter and the network's that rescaling covers: `prepare`
# goes as far.
_SMALLEST, _LARGEST = 0.25, 10.0
# The widths of cells of one image, from the tenth to the ninetieth of a hundred, seldom
# differ by such a factor.
_VARIED = 4.0
# Cells of such a score that lie by this share on background are told, if there are so
# many, and so many for each labelled one.
_SURE, _ON_BACKGROUND, _FEW, _MANY = 0.7, 0.9, 3, 0.1
# They are looked for in so many planes of at most so many pixels: that takes seconds.
_LOOKED_AT, _LARGE = 3, 4_000_000
# Where less of an image is known, that is not much more than the edges of cells.
_LEAST = 0.1


def advise(annotations: Sequence[Annotation], diameter: float) -> list[str]:
    """Look for what makes a training fail or of little use.

    Parameters
    ----------
    annotations : sequence of Annotation
    diameter : float
        The cell diameter that the model knows, in pixels.

    Returns
    -------
    list of str
        What the user may want to change, a sentence or two each.

    Raises
    ------
    TrainingError
        If nothing can be trained.
    """
    if not annotations:
        raise TrainingError("Add at least one image and its labelled cells.")
    cells = [_checked(annotation) for annotation in annotations]
    total = sum(int(labels.max()) for labels in cells)
    if total == 0:
        raise TrainingError(f"{_title(annotations[0])} has no labelled cell.")
    if total < FEWEST_CELLS:
        raise TrainingError(
            f"Label at least {FEWEST_CELLS} cells: a quarter of them is held out to "
            f"see whether training helps, which {_GOOD_CELLS} or more can prove."
        )
    advice = []
    for annotation, labels in zip(annotations, cells, strict=True):
        title = _title(annotation)
        if labels.any():
            advice += _about_sizes(title, labels, diameter)
        elif annotation.region is None:
            advice.append(f"{title} has no labelled cell: all of it is background.")
    return advice


def about_unlabelled(
    annotations: Sequence[Annotation], make_segmenter: Callable[[], Segmenter]
) -> list[str]:
    """Look for cells in what is said to be background.

    Only the first few planes are looked at, unless they are large or little is known
    of them.

    Parameters
    ----------
    annotations : sequence of Annotation
        As `advise` has passed them.
    make_segmenter : callable
        Returns that of the model to start from; only called if there is something to
        look at.

    Returns
    -------
    list of str
        As of `advise`.
    """
    looked_at = [
        annotation
        for annotation in annotations[:_LOOKED_AT]
        if annotation.labels.size <= _LARGE and _has_background(annotation)
    ]
    if not looked_at:
        return []
    segmenter, advice = make_segmenter(), []
    for annotation in looked_at:
        count = _unlabelled(annotation, segmenter)
        labelled = len(np.unique(annotation.labels)) - 1
        if count >= max(_FEW, _MANY * labelled):
            advice.append(
                f"{_title(annotation)}: the model finds {count} cells that have no "
                "label. If they are cells, let only the labelled cells count, or label "
                "them; else training teaches that they are background."
            )
    return advice


def _has_background(annotation: Annotation) -> bool:
    region = annotation.region
    return region is None or float(region.mean()) >= _LEAST


def _unlabelled(annotation: Annotation, segmenter: Segmenter) -> int:
    """Count sure cells that lie on background by the annotation."""
    found = segmenter.segment(annotation.image, **annotation.seen_as)
    background = annotation.labels == 0
    if annotation.region is not None:
        background &= annotation.region
    area = np.bincount(found.labels.ravel(), minlength=len(found.scores) + 1)[1:]
    there = np.bincount(found.labels[background], minlength=len(area) + 1)[1:]
    sure = found.scores >= _SURE
    return int((sure & (there > _ON_BACKGROUND * np.maximum(area, 1))).sum())


def about_held_out(held_out: Sequence[HeldOut]) -> list[str]:
    """Say what cannot be known of a training where few cells are held out.

    Parameters
    ----------
    held_out : sequence of HeldOut

    Returns
    -------
    list of str
        As of `advise`.

    Raises
    ------
    TrainingError
        If nothing shows whether a training helps.
    """
    if not held_out:
        raise TrainingError(
            "The labelled cells cannot be divided into a part to train on and one to "
            "check. Label cells in other places of the image, or add another image."
        )
    count = sum(int(np.count_nonzero(part.counts)) for part in held_out)
    if count >= FEW_CELLS:
        return []
    line = (
        f"Of the labelled cells, {count} will be held out: too few to prove "
        "that training helps. What is trained is kept all the same, to be looked at; "
        f"with about {_GOOD_CELLS} labelled cells it can be proven."
    )
    return [line]


def _title(annotation: Annotation) -> str:
    return f"“{annotation.name}”" if annotation.name else "The annotation"


def _checked(annotation: Annotation) -> NDArray[np.int32]:
    """Refuse what cannot be meant; return the labels, consecutive."""
    check_labels(annotation)
    title = _title(annotation)
    planes = as_planes(annotation.image, **annotation.seen_as)
    if planes.plane_shape != annotation.labels.shape:
        raise TrainingError(f"{title}: image and labels differ in size.")
    labels = consecutive(annotation.labels)
    hint = seem_classes(labels)
    if hint:
        raise TrainingError(f"{title}: {hint}")
    return labels


def _about_sizes(title: str, labels: NDArray[np.int32], diameter: float) -> list[str]:
    advice = []
    sizes = disc_diameters(np.bincount(labels.ravel())[1:])
    typical = float(np.median(sizes))
    if not _SMALLEST < typical / diameter < _LARGEST:
        small = typical < diameter
        advice.append(
            f"{title}: the cells are about {typical:.0f} px wide, which is "
            f"{'less' if small else 'more'} than the model can make out. "
            f"{'Enlarge' if small else 'Shrink'} the image first."
        )
    low, high = np.percentile(sizes, (10, 90))
    if high > _VARIED * low:
        advice.append(
            f"{title}: some cells are {low:.0f} px wide, others {high:.0f} px. Are "
            "there stray pixels, or cells that share a number?"
        )
    return advice
