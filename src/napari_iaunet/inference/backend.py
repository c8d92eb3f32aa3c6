"""A network on a device: planes in, blended fields out."""

from __future__ import annotations

import copy
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch
from torch.nn.functional import interpolate

from napari_iaunet.errors import DeviceError, is_lack_of_memory
from napari_iaunet.identity.descriptor import PooledMaps
from napari_iaunet.inference.devices import autocast_dtype, release_memory
from napari_iaunet.inference.engines import choose_engine
from napari_iaunet.inference.fields import FieldImage
from napari_iaunet.inference.tiles import pad_to_stride, plan_blocks, rescale, run_tiled
from napari_iaunet.model.forks import check_not_forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.identity.descriptor import CellPixels
    from napari_iaunet.inference.progress import PlaneProgress, Progress
    from napari_iaunet.inference.resizing import ResizedLabels, ResizedPlane
    from napari_iaunet.inference.tiles import Block
    from napari_iaunet.model.network import IAUNet

_Made = TypeVar("_Made")
# Sides of a tile in pixels. Larger tiles waste less on their halos and take more
# memory; in smaller ones than the last, hardly anything lies between the halos.
_TILE_CUDA, _TILE, _SMALLEST_TILE = 2048, 1536, 192
# Where the maps of all levels are kept, a tile of 1536 px takes .5 GB more than one of
# 1024 px, and is no faster.
_TILE_OF_ALL_MAPS = 1024
# What is said if even that one does not fit: on other devices, and on a CPU.
_NO_MEMORY = (
    'The device has too little memory for this model; choose the device "cpu".',
    "There is too little memory for this model. Close other programs.",
)
# Pixels that are compared with queries at a time: their vectors and what the head makes
# of them then stay in a processor's cache of a few MB.
_PIECE = 65536
# Stands for an infinite offset, in diameters: farther than any image is wide.
_EXTREME = 1e6


class Augmentation(NamedTuple):
    """One version of a plane that the network sees, too: test-time augmentation.

    Attributes
    ----------
    mirrored : bool
        Whether left and right are exchanged. Up and down never are: in some
        microscopes light comes from one of these sides, and some annotators draw one
        of them unlike the other.
    scale : float
        Factor by which the plane is rescaled.
    """

    mirrored: bool = False
    scale: float = 1.0


class Backend:
    """A network on a device: images in, blended fields out.

    A tile has this side in pixels, or one that suits the device; `engine` is as for
    `choose_engine`.
    """

    def __init__(
        self,
        network: IAUNet,
        device: torch.device,
        tile: int | None = None,
        engine: str | None = None,
    ) -> None:
        check_not_forked()
        self.config = network.config
        self.device = device
        self.tile = tile or (_TILE_CUDA if device.type == "cuda" else _TILE)
        self.dtype = autocast_dtype(device)
        self.network = fuse_batch_norm(copy.deepcopy(network).eval())
        self.network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.engine = choose_engine(self.network, device, engine)
        self._turn = Lock()

    def fields(
        self,
        plane: NDArray[np.float32],
        progress: Progress | None = None,
    ) -> FieldImage:
        """Run the network over a plane; out of memory halves the tile and goes on.

        Parameters
        ----------
        plane : (3, Y, X) float32
            Normalised and at the network's scale.
        progress : callable, optional
            Called with the tiles done and the number of tiles.

        Raises
        ------
        DeviceError
            If not even the smallest tile fits.
        """
        masks, embedding = self._run_tiled(plane, self.engine, progress)
        foreground, centre = (masks[i].contiguous() for i in range(2))
        return FieldImage(foreground, centre, masks[2:], embedding)

    def _run_tiled(
        self,
        plane: NDArray[np.float32],
        predict: Callable[[Tensor], Sequence[Tensor]],
        progress: Progress | None,
    ) -> list[Tensor]:
        """Call `run_tiled`; of several threads, one runs the network at a time.

        One call uses all cores already: two at once would take twice the memory.
        """

        def in_turn(tile: Tensor) -> Sequence[Tensor]:
            with self._turn, torch.inference_mode():
                found = predict(tile)
                # Maps of a network gone wrong, by damaged weights or training
                # that diverged, are numbers at least: they lead to no cells.
                found[0].nan_to_num_(0.0, _EXTREME, -_EXTREME)
                return found

        stride = self.config.stride
        return self._with_memory(
            lambda: run_tiled(
                plane, in_turn, tile=self.tile, stride=stride, progress=progress
            )
        )

    def average_augmented(
        self,
        plane: NDArray[np.float32],
        fields: FieldImage,
        augmentations: Sequence[Augmentation],
        steps: PlaneProgress,
    ) -> FieldImage:
        """Average the fields of a plane and of augmented versions of it.

        Parameters
        ----------
        plane, fields
            What `fields` took and returned.

        Returns
        -------
        FieldImage
            Foreground and centre map are means over all versions; offset and
            embedding are those of the plane itself.
        """
        maps = [torch.stack(fields[:2])]
        for number, augmentation in enumerate(augmentations, start=1):
            progress = steps.part(number, len(augmentations) + 1)
            maps.append(self._augmented_maps(plane, augmentation, progress))
        foreground, centre = torch.stack(maps).mean(0)
        return fields._replace(foreground=foreground, centre=centre)

    def _augmented_maps(
        self, plane: NDArray[np.float32], augmentation: Augmentation, progress: Progress
    ) -> Tensor:
        """Foreground and centre map (2, Y, X), found in an augmented plane."""
        mirrored, scale = augmentation
        augmented = rescale(plane[:, :, ::-1].copy() if mirrored else plane, scale)
        (masks,) = self._run_tiled(
            augmented, lambda tile: [self.engine.masks(tile)], progress
        )
        masks = masks.flip(2) if mirrored else masks
        return interpolate(
            masks[None], plane.shape[1:], mode="bilinear", antialias=True
        )[0]

    def describe(
        self,
        plane: ResizedPlane,
        pixels: CellPixels,
        count: int,
        progress: Progress | None = None,
    ) -> Tensor:
        """Run the network over a plane and pool its maps over `count` cells.

        Returns (count, P) float32, as `IAUNet.describe` takes it. The plane is at the
        network's scale; progress and errors are as for `fields`.
        """
        return self._with_memory(lambda: self._pool(plane, pixels, count, progress))

    def identify(
        self, plane: ResizedPlane, labels: ResizedLabels, count: int
    ) -> Tensor:
        """Project every cell of a plane to a vector that tells it from its look-alikes.

        Of labels (Y, X) 1..count, returns (count, P) float32, rows of unit length, row
        i of label i + 1; the plane is as for `describe`.
        """
        return self._with_memory(lambda: self._identify(plane, labels, count))

    @torch.inference_mode()
    def _identify(
        self, plane: ResizedPlane, labels: ResizedLabels, count: int
    ) -> Tensor:
        vectors = torch.zeros(count, self.config.projection)
        for block, image in self._blocks(plane, None):
            cells = _filled(labels.part(block.rows, block.columns), image)
            with self._autocast():
                maps = self.network.features(image)
            here = cells[None].to(self.device)
            found = self.network.cell_vectors(maps, here, count).cpu()
            # Of a cell in several blocks, the one with most of its pixels counts most.
            inner = cells[block.within]
            area = torch.bincount(inner.flatten(), minlength=count + 1)[1:]
            vectors += found * area[:, None]
        return torch.nn.functional.normalize(vectors, dim=1)

    @torch.inference_mode()
    def _pool(
        self,
        plane: ResizedPlane,
        pixels: CellPixels,
        count: int,
        progress: Progress | None,
    ) -> Tensor:
        pooled = PooledMaps(count)
        for block, image in self._blocks(plane, progress):
            with self._autocast():
                maps = self.network.levels(image)
            corner = (block.rows.start, block.columns.start)
            here = pixels.within(block.inner_rows, block.inner_columns, corner)
            pooled.add([values[0].cpu() for values in maps], here)
        return pooled.result()

    def _blocks(
        self, plane: ResizedPlane, progress: Progress | None
    ) -> Iterator[tuple[Block, Tensor]]:
        """Blocks of a plane, and their images on the device."""
        stride = self.config.stride
        height, width = (-(-n // stride) * stride for n in plane.shape[1:])
        tile = min(self.tile, _TILE_OF_ALL_MAPS)
        blocks = plan_blocks((height, width), tile, stride)
        for done, block in enumerate(blocks, 1):
            # The last rows and columns, which the plane lacks, are mirrored.
            part = pad_to_stride(plane.part(block.rows, block.columns), stride)
            image = torch.from_numpy(np.ascontiguousarray(part))[None]
            yield block, image.to(self.device, memory_format=torch.channels_last)
            if progress:
                progress(done, len(blocks))

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, self.dtype or torch.bfloat16, enabled=bool(self.dtype)
        )

    def _with_memory(self, work: Callable[[], _Made]) -> _Made:
        """Do some work; out of memory halves the tile and begins again."""
        check_not_forked()
        while True:
            try:
                return work()
            except (MemoryError, RuntimeError) as error:
                if not is_lack_of_memory(error):
                    raise
                if self.tile <= _SMALLEST_TILE:
                    raise DeviceError(_NO_MEMORY[self.device.type == "cpu"]) from error
            # Not within the handler: only now is the failed tile's memory free.
            self.tile //= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            elif self.device.type == "mps":
                torch.mps.empty_cache()
            release_memory()

    @torch.inference_mode()
    def same_cell(self, difference: Tensor, votes: Tensor) -> Tensor:
        """`IAUNet.same_cell_logit` in pieces that stay in the processor's cache."""
        check_not_forked()
        head = self._head
        pieces = [
            head.same_cell_logit(d, v)
            for d, v in zip(
                torch.split(difference, _PIECE),
                torch.split(votes.float(), _PIECE),
                strict=True,
            )
        ]
        return torch.cat(pieces) if pieces else difference.new_zeros(0)

    @cached_property
    def _head(self) -> IAUNet:
        """The pixel-to-cell head on the CPU, where the decoding is."""
        cpu = self.device.type == "cpu"
        return self.network if cpu else copy.deepcopy(self.network).cpu()


def _filled(cells: NDArray[np.int64], image: Tensor) -> Tensor:
    """Fill labels (y, x) up with background to the size of a padded image."""
    missing = [(0, n - m) for n, m in zip(image.shape[2:], cells.shape, strict=True)]
    return torch.from_numpy(np.pad(cells, missing))


def fuse_batch_norm(network: IAUNet) -> IAUNet:
    """Fold each batch normalisation into the convolution before it, in place."""
    for module in network.modules():
        if not isinstance(module, torch.nn.Sequential):
            continue
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, torch.nn.Conv2d) and isinstance(
                norm, torch.nn.BatchNorm2d
            ):
                module[index] = torch.nn.utils.fuse_conv_bn_eval(conv, norm)
                module[index + 1] = torch.nn.Identity()
    return network
