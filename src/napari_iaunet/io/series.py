"""Which of the images of a file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def pick_image(
    path: Path, sizes: Sequence[int], series: int | None, *, of_labels: bool = False
) -> tuple[int, tuple[str, ...]]:
    """Pick an image, and say so if others are left out.

    Parameters
    ----------
    path : Path
        What holds the images.
    sizes : sequence of int
        How large each image is.
    series : int, optional
        Number of the wanted one, from 1; the largest, or the first of those, if left
        out.
    of_labels : bool
        Whether they are label images, of which only one can be read.

    Returns
    -------
    number : int
        From 1.
    notes : tuple of str
        As for `Pixels`.

    Raises
    ------
    ImageError
        If there is no such image.
    """
    count = len(sizes)
    if series is not None:
        if not 1 <= series <= count:
            held = "1 image" if count == 1 else f"{count} images"
            raise ImageError(f"There is no image {series} in {path}: it has {held}.")
        return series, ()
    if count == 1:
        return 1, ()
    number = sizes.index(max(sizes)) + 1
    which = "the first one" if number == 1 else f"number {number}, the largest,"
    other = 2 if number == 1 else 1
    note = f"{path} holds {count} images, and only {which} is read"
    if of_labels:
        return number, (f"{note}; save the labels that are meant as a file of one.",)
    note += (
        f": --series {other} (in Python series={other}) reads number {other}, and "
        "`segment --series all` segments each."
    )
    return number, (note,)
