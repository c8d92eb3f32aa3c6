"""The finest level of the network band by band: the same fields, in less memory."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from napari_iaunet.inference.devices import release_memory
from napari_iaunet.model.network import REACH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from napari_iaunet.model.network import IAUNet


def in_bands(
    network: IAUNet,
    finest: Callable[[Tensor, Tensor], Sequence[Tensor]],
    image: Tensor,
    height: int | None,
) -> Iterator[tuple[slice, list[Tensor]]]:
    """Run a network over an image, its finest level over some rows at a time.

    Parameters
    ----------
    network : IAUNet
    finest : callable
        What to do with what `IAUNet.before_finest` returns, or with a band of it.
    image : Tensor, (B, 3, H, W)
    height : int or None
        Rows of a band, at most, without what it sees beyond itself; None takes the
        image as one band.

    Yields
    ------
    rows : slice
    found : list of Tensor
        What `finest` returned, of these rows.
    """
    skip, coarse = network.before_finest(image)
    total = skip.shape[2]
    if height and total > height:
        release_memory()
    count = -(-total // height) if height else 1
    # Borders of bands lie between the pixels of the coarser map, too.
    borders = [total * i // count // 2 * 2 for i in range(count + 1)]
    for start, stop in pairwise(borders):
        low, high = max(0, start - REACH), min(total, stop + REACH)
        found = finest(skip[:, :, low:high], coarse[:, :, low // 2 : high // 2])
        yield (
            slice(start, stop),
            [part.narrow(2, start - low, stop - start) for part in found],
        )
