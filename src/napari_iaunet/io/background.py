"""Which label of a label image is the background: 0, or what some programs write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import label as label_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Part of the pixels at the edges of the planes that background covers, at least: where
# there is another sign of it, and where there is none.
_OF_EDGE, _OF_EDGE_ALONE = 0.2, 0.6
# Part of the pixels beside each other that have different labels: of tightly packed
# cells of three pixels it is a third.
_DIFFERING = 0.5
# A label of so many separate pieces is no cell.
_PIECES = 5


def with_background(labels: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Make the background 0 if it is -1, or the highest number that the type can hold.

    Parameters
    ----------
    labels : (..., Y, X) integer array
        As a file stores it.

    Returns
    -------
    labels : array
        Those of inverted numbers are 1 again where they were one less than highest.
    note : str
        What was assumed, or may be wrong, in a sentence; "" if nothing is strange.
    """
    if labels.min(initial=0) == -1 and not (labels == 0).any():
        note = "no pixel is 0, and -1 is taken for the background."
        return labels.clip(0, None), note
    found, covered = _of_the_edge(labels)
    if found and covered > _OF_EDGE:
        others = labels[(labels != found) & (labels != 0)]
        if not others.size:
            return labels, ""
        if found == np.iinfo(labels.dtype).max and labels.min() > 0:
            return _cleared(labels, found, others)
        if covered > _OF_EDGE_ALONE:
            what = f"label {found} covers {covered:.0%} of the edge"
            if (labels == 0).any():
                return labels, (
                    f"{what}, and 0 is taken for the background. If {found} is, save "
                    "it as 0, and what is 0 as another number."
                )
            return labels, f"{what}. If it is the background, save it as 0."
    return labels, _about_marks(labels) or _about_image(labels)


def _of_the_edge(labels: NDArray[Any]) -> tuple[int, float]:
    """Label that has most pixels at the edges of the planes, and its part of them."""
    rows, columns = labels[..., [0, -1], :], labels[..., :, [0, -1]]
    numbers, counts = np.unique(
        np.concatenate([rows.ravel(), columns.ravel()]), return_counts=True
    )
    if not counts.size:
        return 0, 0.0
    most = int(counts.argmax())
    return int(numbers[most]), float(counts[most] / counts.sum())


def _cleared(
    labels: NDArray[Any], highest: int, others: NDArray[Any]
) -> tuple[NDArray[Any], str]:
    """Return labels whose background is 0, of numbers that are inverted or not."""
    note = (
        f"no pixel is 0, and {highest} is taken for the background. If it is a cell, "
        "save the labels with more bits."
    )
    if highest - int(others.max()) < int(others.min()):
        return labels.dtype.type(highest) - labels, f"its numbers are inverted: {note}"
    return np.where(labels == highest, labels.dtype.type(0), labels), note


def _about_image(labels: NDArray[Any]) -> str:
    """Tell of an image that is given for labels: its pixels differ from each other."""
    pairs = differing = 0
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        one, other = plane[:, :-1], plane[:, 1:]
        beside = (one != 0) & (other != 0)
        pairs += int(np.count_nonzero(beside))
        differing += int(np.count_nonzero(beside & (one != other)))
    if differing <= _DIFFERING * pairs:
        return ""
    return (
        "most neighbouring pixels have different numbers, as in an image: label images "
        "have one number for all pixels of a cell."
    )


def _about_marks(labels: NDArray[Any]) -> str:
    """Tell of a highest number that marks borders, or what nobody has labelled."""
    highest = np.iinfo(labels.dtype).max
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        marked = plane == highest
        if not marked.any() or not ((plane > 0) & ~marked).any():
            continue
        pieces = int(label_components(marked, connectivity=2).max())
        if pieces >= _PIECES:
            return (
                f"label {highest} lies in {pieces} separate pieces. If it marks "
                "borders, or what is not labelled, save it as 0."
            )
    return ""
