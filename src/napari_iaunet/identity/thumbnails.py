"""Small pictures of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Sides of a picture in pixels: as large as the gallery shows them, and the least in
# which a cell can be recognised. Pictures of all cells together take no more bytes than
# this: above some 50,000 gray cells they become smaller.
_SIDE, _SMALLEST = 48, 12
_MOST = 128_000_000
# How much of the surroundings is seen, in diameters of a typical cell and, of a
# large one, of the cell itself: its neighbours are seen, and none of them whole.
_AROUND, _AROUND_LARGE = 1.8, 1.3
# Brightness of what is around the cell: it stands out, and what is around can be seen.
_DIM = 0.45
# Pictures that are cut together: some 30 MB at work, and few calls.
_AT_ONCE = 500


class Thumbnails:
    """Pictures of cells, at one scale so that sizes can be compared.

    What is around a cell is darkened. A cell that is too large is shown smaller.

    Parameters
    ----------
    y, x : (N,) float
        Middle of each cell, in pixels of its plane.
    diameter : (N,) float
        Length of each cell in pixels.
    coloured : bool

    Attributes
    ----------
    pixels : (N, S, S) or (N, S, S, 3) uint8
    """

    def __init__(
        self,
        y: NDArray[np.float64],
        x: NDArray[np.float64],
        diameter: NDArray[np.floating[Any]],
        coloured: bool,
    ) -> None:
        count, channels = len(y), 3 if coloured else 1
        room = (_MOST / max(count * channels, 1)) ** 0.5
        side = int(np.clip(room, _SMALLEST, _SIDE))
        self.pixels = np.zeros((count, side, side, channels), np.uint8)
        if not coloured:
            self.pixels = self.pixels[..., 0]
        typical = float(np.median(diameter)) if count else 1.0
        window = np.maximum(_AROUND * typical, _AROUND_LARGE * diameter)
        steps = (np.arange(side) + 0.5) / side - 0.5
        self._y = np.rint(y[:, None] + steps * window[:, None]).astype(np.int64)
        self._x = np.rint(x[:, None] + steps * window[:, None]).astype(np.int64)

    def cut(
        self,
        rows: NDArray[np.integer],
        plane: NDArray[np.float32],
        index: NDArray[np.int32],
    ) -> None:
        """Cut the pictures of the cells of a plane.

        Parameters
        ----------
        rows : (n,) int
        plane : (3, Y, X) float32
            Normalised: most values are in [0, 1].
        index : (Y, X) int32
            0 for background, else a cell's row + 1.
        """
        height, width = index.shape
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            y, x = self._y[some][:, :, None], self._x[some][:, None, :]
            seen = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
            own = index[y, x] == some[:, None, None] + 1
            shade = np.where(own, 255.0, 255.0 * _DIM) * seen
            if self.pixels.ndim == 4:
                shade = shade[..., None]
                values = np.moveaxis(plane[:, y, x], 0, -1)
            else:
                values = plane[0][y, x]
            self.pixels[some] = np.clip(values, 0, 1) * shade
