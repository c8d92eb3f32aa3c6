"""A scale bar in the corner of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import ImageDraw, ImageFont

# A bar is the longest round length that takes at most this share of the width.
_SHARE = 0.25
# Of the shorter side: the bar's height, its distance to the border, and the height of
# its letters; and the fewest pixels of each at which they can still be read.
_HEIGHT, _MARGIN, _LETTERS = 0.012, 0.03, 0.045
_FEWEST = (2, 4, 10)
# How far letters reach below the line, as a share of the font's size and of an u's
# height; width of the stem of an u, as a share of its own.
_BELOW, _BELOW_U, _STEM = 0.22, 0.4, 0.17
# Narrower pictures have no room for a bar and its length.
_NARROWEST = 64
_UNITS = ((1e3, "mm"), (1.0, "µm"), (1e-3, "nm"))


def round_length(most: float) -> float:
    """Longest of 1, 2, 5 and their tenfolds, of any power, that is not above `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    # 5 times .1 is no more than .5, whatever rounding makes of both.
    return max(n for n in (1, 2, 5) if n * power <= most * (1 + 1e-9)) * power


def draw_scale_bar(picture: NDArray[np.uint8], pixel_width: float) -> str:
    """Draw a white bar with a black rim, and its length, into the lower right corner.

    Parameters
    ----------
    picture : (Y, X, 3) uint8
        Drawn into. One that is too small for a bar stays as it is.
    pixel_width : float
        Of the picture, in micrometres.

    Returns
    -------
    str
        The length as it is written, like "50 µm"; empty without a bar.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    if min(height, width) < _NARROWEST or not 0 < pixel_width < math.inf:
        return ""
    thick, margin, letters = (
        max(round(share * min(height, width)), least)
        for share, least in zip((_HEIGHT, _MARGIN, _LETTERS), _FEWEST, strict=True)
    )
    length = round_length(_SHARE * width * pixel_width)
    pixels = round(length / pixel_width)
    factor, unit = next((u for u in _UNITS if length >= u[0]), _UNITS[-1])
    text = f"{length / factor:g} {unit}"
    rim = max(1, thick // 3)
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    right, bottom = width - margin, height - margin
    left, top = right - pixels, bottom - thick
    box = (left - rim, top - rim, right + rim - 1, bottom + rim - 1)
    pen.rectangle(box, fill="black")
    pen.rectangle((left, top, right - 1, bottom - 1), fill="white")
    font = ImageFont.load_default(letters)
    # Above the bar's middle, but no further to the right than the bar.
    half = math.ceil(font.getlength(text.replace("µ", "u")) / 2)
    start = min((left + right) // 2, right - half) - half
    _write(pen, (start, top - 4 * rim - round(_BELOW * letters)), text, font, rim)
    picture[:] = np.asarray(drawn)
    return text


def _write(
    pen: ImageDraw.ImageDraw,
    start: tuple[int, int],
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    rim: int,
) -> None:
    """Write in white with a black rim, from a place (x, y) on the base line.

    Pillow's own font lacks µ: it is an u here, whose left stem goes on below the line.
    """
    x, y = start
    micro, plain = text.find("µ"), text.replace("µ", "u")
    before = x + font.getlength(plain[: max(micro, 0)])
    left, top, right, bottom = font.getbbox("u", anchor="ls")
    stem = round(before + left), round(before + left + _STEM * (right - left))
    ends = round(y + top), round(y + _BELOW_U * (bottom - top))
    if micro >= 0:
        box = (stem[0] - rim, ends[0], stem[1] + rim, ends[1] + rim)
        pen.rectangle(box, fill="black")
    pen.text(start, plain, "white", font, "ls", stroke_width=rim, stroke_fill="black")
    if micro >= 0:
        pen.rectangle((stem[0], ends[0], stem[1], ends[1]), fill="white")
