"""Read PNG and JPEG."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_picture
from napari_iaunet.io.damage import damaged
from napari_iaunet.io.pixels import Pixels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_PNG = b"\x89PNG\r\n\x1a\n"
# What PNG and JPEG begin with.
PICTURE_STARTS = (_PNG[:4], b"\xff\xd8\xff")


def read_picture(path: Path, *, as_stored: bool = False) -> Pixels:
    """Read a PNG or JPEG: gray, or red, green and blue, perhaps with transparency.

    With `as_stored`, for labels, the numbers of a palette are not replaced by its
    colours, and transparency is left out.

    Raises
    ------
    ImageError
        If it is neither, or damaged; with `as_stored` also if it is a JPEG.
    """
    data, notes = path.read_bytes(), tuple[str, ...]()
    check_picture(path, data)
    if data[:8] == _PNG and data[24:25] == b"\x10":
        # Pillow reduces 16 bits to 8 if there are colours.
        import imagecodecs

        try:
            array = np.asarray(imagecodecs.png_decode(data))
        except (RuntimeError, ValueError) as error:
            raise damaged(path, error) from error
    else:
        array, notes = _with_pillow(path, as_stored)
    alpha: tuple[int, ...] = ()
    if array.ndim == 3 and array.shape[-1] in (2, 4):
        alpha = (array.shape[-1] - 1,)
    if alpha and as_stored:
        array, alpha = array[..., :-1], ()
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return Pixels(array, "YXS"[: array.ndim], notes=notes, alpha=alpha)


def _with_pillow(path: Path, as_stored: bool) -> tuple[NDArray[Any], tuple[str, ...]]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                _check_kind(path, picture, as_stored)
                notes = _others_in(path, picture)
                coloured = picture.mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB")
                if coloured and not as_stored:
                    return np.asarray(picture.convert("RGB")), notes
                return np.asarray(picture), notes
    except UnidentifiedImageError as error:
        msg = (
            f"{path} is not an image in a format that can be read: PNG, JPEG, TIFF or "
            "OME-Zarr. Save it as one of these."
        )
        raise ImageError(msg) from error
    except Image.DecompressionBombError as error:
        msg = f"{path} is too large for its format; save it as TIFF or OME-Zarr."
        raise ImageError(msg) from error
    except ImageError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise damaged(path, error) from error


def _check_kind(path: Path, picture: Any, as_stored: bool) -> None:
    if as_stored and picture.format != "PNG":
        msg = (
            f"{path} is a JPEG, which does not keep numbers as they were; save labels "
            "as PNG or TIFF."
        )
        raise ImageError(msg)


def _others_in(path: Path, picture: Any) -> tuple[str, ...]:
    """Note of what an animation has beside its first picture."""
    frames = getattr(picture, "n_frames", 1)
    # A JPEG of several pictures is a photograph with a preview.
    if frames == 1 or picture.format != "PNG":
        return ()
    note = (
        f"{path} is an animation of {frames} pictures, and only the first one is read; "
        "save them as TIFF."
    )
    return (note,)
