"""What the colours of the cells on a map say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.plugin.classes.examples import GRAY, PALETTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# The colours of classes but for the gray, which says that there is nothing to tell;
# then the same ones lighter.
_PALETTE = (
    *(colour for colour in PALETTE if colour != GRAY),
    *("#f3cf80", "#aad9f4", "#80cfb9", "#f8f2a1", "#80b9d9"),
    *("#eaaf80", "#e6bcd3", "#bda7e8"),
)
PLAIN = "#8c9cb4"  # of cells of which nothing is said
# Names beyond these are joined: more colours cannot be told apart.
_MOST = len(_PALETTE)
_OTHERS, _NO_VALUE = "others", "no value"
# Of a scale; numbers of 8 bits go to the graphics card as they are.
STEPS = 250
# Stands for the gray of cells without a value.
_GRAY = STEPS + 1
# From dark to bright: viridis without its darkest part, which is lost on a dark theme.
_SCALE = np.array(
    [
        *((62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137)),
        *((53, 183, 121), (109, 205, 89), (180, 222, 44), (253, 231, 37)),
    ],
    np.float32,
)


@dataclass(frozen=True)
class Colouring:
    """The colours of cells, and their meaning.

    Attributes
    ----------
    title : str
        What is told, with its unit.
    numbers : (N,) int64
        Of each cell's colour, from 1.
    colours : tuple of str
        Like #e69f00; the first one has the number 1.
    names : tuple of str
        What the colours mean; empty on a scale.
    limits : (float, float), optional
        The values of the first and of the last step of a scale.
    values : (N,) float64, optional
        Of the cells on a scale.
    missing : str
        Why there is nothing to tell; "" if there is.
    """

    title: str
    numbers: NDArray[np.int64]
    colours: tuple[str, ...]
    names: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    values: NDArray[np.float64] | None = None
    missing: str = ""

    @property
    def counts(self) -> list[int]:
        """How many cells have each name."""
        found = np.bincount(self.numbers, minlength=len(self.names) + 1)
        return [int(n) for n in found[1 : len(self.names) + 1]]

    def rgba(self) -> NDArray[np.float32]:
        """Return the colour of each cell, (N, 4) in [0, 1]."""
        table = np.ones((len(self.colours) + 1, 4), np.float32)
        for i, colour in enumerate((PLAIN, *self.colours)):
            table[i, :3] = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        return table[self.numbers]

    def word(self, row: int) -> str:
        """Return what is told of one cell."""
        if self.values is not None:
            value = float(self.values[row])
            return f"{value:,.4g}" if np.isfinite(value) else _NO_VALUE
        number = int(self.numbers[row])
        return self.names[number - 1] if 0 < number <= len(self.names) else ""


def plain(count: int, missing: str) -> Colouring:
    """Return one colour for all cells, as there is nothing to tell."""
    return Colouring("", np.ones(count, np.int64), (PLAIN,), missing=missing)


def by_names(
    title: str,
    values: NDArray[Any],
    colours: Mapping[str, str] | None = None,
    nothing: str = _NO_VALUE,
) -> Colouring:
    """Colour cells by names (N,); those without, "", are gray.

    Names stand in the order of ``colours``, if these are given, else of their numbers
    of cells.
    """
    words = np.array([str(v) for v in values], object)
    if colours is None:
        found, counts = np.unique(words[words != ""].astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        kept = [str(found[i]) for i in order[:_MOST]]
        if len(found) > _MOST:
            kept = kept[:-1]
        colours = dict(zip(kept, _PALETTE, strict=False))
        if len(found) > _MOST:
            known = {"", *kept}
            words = np.array([w if w in known else _OTHERS for w in words], object)
            colours[_OTHERS] = _PALETTE[-1]
    names = list(colours)
    place = {name: i for i, name in enumerate(names, 1)}
    last = len(names) + 1
    numbers = np.array([place.get(w, last) for w in words], np.int64)
    shown, used = tuple(colours.values()), tuple(names)
    if (numbers == last).any():
        shown, used = (*shown, PLAIN), (*used, nothing)
    return Colouring(title, numbers, shown, used)


def by_values(title: str, values: NDArray[np.float64]) -> Colouring:
    """Colour cells by numbers (N,) on a scale; those without one are gray.

    One cell in fifty may lie beyond each end, so that a few odd ones do not take all
    the colours; they have that of the end.
    """
    known = np.isfinite(values)
    if not known.any():
        return plain(len(values), f"No cell has a value of “{title}”.")
    low, high = (float(v) for v in np.percentile(values[known], (2, 98)))
    if not high > low:
        low, high = float(values[known].min()), float(values[known].max())
    share = (np.where(known, values, low) - low) / (high - low if high > low else 1.0)
    numbers = 1 + np.rint(np.clip(share, 0, 1) * (STEPS - 1)).astype(np.int64)
    numbers[~known] = _GRAY
    return Colouring(title, numbers, (*scale(STEPS), PLAIN), (), (low, high), values)


def by_groups(numbers: NDArray[np.int64], names: Sequence[str]) -> Colouring:
    """Colour cells by the numbers of their groups (N,), 0 for none."""
    words = np.array(["", *names], object)[numbers]
    colours = {name: _PALETTE[i % _MOST] for i, name in enumerate(names)}
    return by_names("group", words, colours, "in no group")


def scale(count: int) -> tuple[str, ...]:
    """Return so many colours from the lowest to the highest."""
    at = np.linspace(0, len(_SCALE) - 1, count)
    parts = [np.interp(at, range(len(_SCALE)), part) for part in _SCALE.T]
    return tuple(
        f"#{r:02x}{g:02x}{b:02x}"
        for r, g, b in np.rint(np.stack(parts, 1)).astype(int).tolist()
    )
