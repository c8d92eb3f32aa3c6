"""The Identity-Aware U-Net: one encoder, a mask branch, an identity branch.

The idea of a mask branch beside an embedding branch that tells an object from
its look-alikes is that of "Identity-Aware U-Net", arXiv:2604.09702; the layers
and the pixel-to-cell head here are this project's own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_iaunet.model.ops import double, halve

if TYPE_CHECKING:
    from collections.abc import Iterator

# Descriptors pool the maps over so many rings of a cell, from its rim to its core.
RINGS = 3
# How many pixels far the finest level of the decoder sees, and what follows it: the
# identity branch two at half the size, and an interpolation one. Even.
REACH = 6
# Fields of the configuration that a JSON file holds as lists.
_TUPLES = ("widths", "calibration")


@dataclass(frozen=True)
class IAUNetConfig:
    """Everything that fixes the network's shape and its units.

    Attributes
    ----------
    widths : tuple of int
        Channels of the levels, from full resolution downwards.
    blocks : int
        Residual blocks of each level from a quarter of the resolution downwards, in
        the encoder and in the decoder; finer levels, which cost the most time per
        block, have one.
    context_blocks : int
        Further residual blocks of the encoder's two coarsest levels: there a block
        costs the least and sees the farthest.
    embedding : int
        Channels E of the per-pixel embedding.
    hidden : int
        Width of the pixel-to-cell head.
    projection : int
        Length of the projected cell vector that the cell triplets train.
    descriptor : int
        Length of the vector that describes a cell's appearance, at most.
    diameter : float
        Cell diameter, in pixels, that the network was trained around: images are
        rescaled to it.
    usual_diameter : float or None
        Median cell diameter, in their own pixels, of the images of a model for one
        kind of image; None if the images differed much.
    identity : bool
        False gives a plain U-Net: foreground and centre map only.
    calibration : (float, float)
        Offset and slope of the line that makes a score the probability that a cell is
        right, on the scale of log odds (Platt 1999); 0 and 1 leave scores as they are.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    blocks: int = 2
    context_blocks: int = 0
    embedding: int = 16
    hidden: int = 32
    projection: int = 32
    descriptor: int = 128
    diameter: float = 28.0
    usual_diameter: float | None = None
    identity: bool = True
    calibration: tuple[float, float] = (0.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        values = {"widths": list(self.widths), "calibration": list(self.calibration)}
        return {**asdict(self), **values}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> IAUNetConfig:
        """Read what `to_dict` wrote; unknown names raise TypeError."""
        lists = {k: tuple(v) for k, v in values.items() if k in _TUPLES}
        return cls(**{**values, **lists})

    @property
    def stride(self) -> int:
        """Height and width of the input must be multiples of this, in pixels."""
        return int(2 ** (len(self.widths) - 1))


class Fields(NamedTuple):
    """What the network says of every pixel; H and W are those of the input.

    Attributes
    ----------
    foreground : Tensor, (B, 1, H, W)
        Logit of "inside some cell".
    centre : Tensor, (B, 1, H, W)
        Logit of the centre map: 0 at a cell's edge, 1 at its middle.
    offset : Tensor, (B, 2, H, W)
        Vector (dy, dx) to the cell's centre, in units of `config.diameter`.
    embedding : Tensor, (B, E, H, W)
        Identity of the cell that the pixel belongs to.
    """

    foreground: Tensor
    centre: Tensor
    offset: Tensor
    embedding: Tensor


def _conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: (B, C, H, W) -> (B, D, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs)
        self.second = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = (
            nn.Conv2d(inputs, outputs, 1, bias=False)
            if inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, H, W)."""
        out = self.second(self.first(x))
        # In place, here and elsewhere: fresh memory costs more than the sum.
        out += self.shortcut(x)
        return F.relu_(out)


def _level(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """Residual blocks in a row, all but the first of which begin as identities."""
    more = [ResidualBlock(outputs, outputs) for _ in range(blocks - 1)]
    for block in more:
        nn.init.zeros_(next(block.second[1].parameters()))
    return nn.Sequential(ResidualBlock(inputs, outputs), *more)


class Merge(nn.Module):
    """Bring the coarser level up and join it to the skip connection.

    (B, C, H/2, W/2) and (B, D, H, W) -> (B, D, H, W)
    """

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(coarse, fine, 1, bias=False)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(B, C, H/2, W/2) and (B, D, H, W) -> (B, D, H, W)."""
        up = double(self.reduce(coarse))
        up += skip
        return up


class IAUNet(nn.Module):
    """Identity-Aware U-Net.

    Parameters
    ----------
    config : IAUNetConfig
        Shape and units of the network.
    """

    descriptor_mean: Tensor
    descriptor_basis: Tensor

    def __init__(self, config: IAUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or IAUNetConfig()
        widths = self.config.widths
        self.stem = _conv(3, widths[0])
        pairs = list(pairwise(widths))
        blocks = [1, 1, *[self.config.blocks] * len(widths)]
        further = [0] * (len(widths) - 2) + [self.config.context_blocks] * 2
        self.encoder = nn.ModuleList(
            _level(a, b, blocks[level] + further[level])
            for level, (a, b) in enumerate(pairs, start=1)
        )
        self.merges = nn.ModuleList(Merge(b, a) for a, b in pairs)
        self.decoder = nn.ModuleList(
            _level(a, a, blocks[level]) if level else _conv(a, a)
            for level, (a, _) in enumerate(pairs)
        )
        self.mask_head = nn.Sequential(
            _conv(widths[0], widths[0]), nn.Conv2d(widths[0], 4, 1)
        )
        if self.config.identity:
            self._add_identity_branch()
        pooled = (RINGS + 1) * sum(widths)
        size = min(self.config.descriptor, pooled)
        self.register_buffer("descriptor_mean", torch.zeros(pooled))
        self.register_buffer("descriptor_basis", torch.zeros(pooled, size))

    def grown(self, context_blocks: int) -> IAUNet:
        """Copy with so many context blocks; new ones change nothing until trained."""
        grown = IAUNet(replace(self.config, context_blocks=context_blocks))
        weights = self.state_dict()
        grown.load_state_dict({**grown.state_dict(), **weights})
        return grown

    def _add_identity_branch(self) -> None:
        full, half, quarter = self.config.widths[:3]
        size = self.config.embedding
        self.identity = ResidualBlock(half, half)
        self.embed_half = nn.Conv2d(half, size, 1)
        self.embed_full = nn.Conv2d(full, size, 1, bias=False)
        self.same_cell = nn.Sequential(
            nn.Linear(size + 2, self.config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(self.config.hidden, 1),
        )
        self.standardise = nn.BatchNorm1d(half + quarter, affine=False)
        self.project = nn.Linear(half + quarter, self.config.projection, bias=False)

    def features(self, image: Tensor) -> list[Tensor]:
        """Return the decoder's maps, finest first.

        Parameters
        ----------
        image : Tensor, (B, 3, H, W)
            Normalised; H and W are multiples of ``config.stride``.

        Returns
        -------
        list of Tensor
            Level i has shape (B, widths[i], H / 2**i, W / 2**i).
        """
        return self._decode(self._encode(image))

    def levels(self, image: Tensor) -> list[Tensor]:
        """Return the maps that descriptors are pooled from.

        Parameters
        ----------
        image : Tensor, (B, 3, H, W)
            As for `features`.

        Returns
        -------
        list of Tensor
            The encoder's maps, finest first, float32; shapes as for `features`.
            Means over the eight ways to turn the image by quarters and to mirror it:
            which way a cell lies says nothing about its kind.
        """
        turns = list(product(range(4), (False, True)))
        total = list(self._encode_turned(image, *turns[0]))
        for turn in turns[1:]:
            maps = self._encode_turned(image, *turn)
            # In place, and one by one: several views at once take much memory.
            for values, more in zip(total, maps, strict=True):
                values += more
        return [values.div_(len(turns)) for values in total]

    def _encode_turned(
        self, image: Tensor, quarters: int, mirrored: bool
    ) -> Iterator[Tensor]:
        """Encode the turned and mirrored image, and turn its maps back one by one."""
        view = torch.rot90(image, quarters, (2, 3))
        view = view.flip(3) if mirrored else view
        maps = self._encode(view.contiguous(memory_format=torch.channels_last))
        while maps:
            turned = maps.pop(0)
            turned = turned.flip(3) if mirrored else turned
            yield torch.rot90(turned, -quarters, (2, 3)).float()

    def _encode(self, image: Tensor) -> list[Tensor]:
        skips = [self.stem(image)]
        for block in self.encoder:
            skips.append(block(halve(skips[-1])))
        return skips

    def _decode(self, skips: list[Tensor], finest: int = 0) -> list[Tensor]:
        """Return the decoder's maps from a level on; uses up the encoder's."""
        maps = [skips.pop()]
        while skips:
            level = finest + len(skips) - 1
            maps.insert(0, self._join(level, maps[0], skips.pop()))
        return maps

    def _join(self, level: int, coarse: Tensor, skip: Tensor) -> Tensor:
        merged = self.merges[level](coarse, skip)
        del skip  # no longer needed, and large
        joined: Tensor = self.decoder[level](merged)
        return joined

    def before_finest(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the decoder's finest level is made of.

        That level takes most of the memory, and sees `REACH` pixels far only: from here
        on, an image may be computed band by band.

        Parameters
        ----------
        image : Tensor, (B, 3, H, W)
            As for `features`.

        Returns
        -------
        skip : Tensor, (B, widths[0], H, W)
        coarse : Tensor, (B, widths[1], H / 2, W / 2)
        """
        skips = self._encode(image)
        return skips.pop(0), self._decode(skips, 1)[0]

    def finest(self, skip: Tensor, coarse: Tensor) -> Fields:
        """Turn what `before_finest` returned, or a band of it, into fields."""
        return self.heads([self._join(0, coarse, skip), coarse])

    def finest_masks(self, skip: Tensor, coarse: Tensor) -> list[Tensor]:
        """Foreground and centre map in one, (B, 2, H, W), as of `finest`.

        Without the identity branch, which takes a fifth of the time.
        """
        return [self.mask_head(self._join(0, coarse, skip))[:, :2]]

    def heads(self, maps: list[Tensor]) -> Fields:
        """Turn the decoder's maps into fields."""
        mask = self.mask_head(maps[0])
        if self.config.identity:
            embedding = self.embed_full(maps[0])
            embedding += double(self.embed_half(self.identity(maps[1])))
        else:
            embedding = mask[:, :0]
        return Fields(mask[:, :1], mask[:, 1:2], mask[:, 2:4], embedding)

    def forward(self, image: Tensor) -> Fields:
        """(B, 3, H, W) -> Fields of the same height and width."""
        return self.finest(*self.before_finest(image))

    def masks(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> foreground and centre map (B, 2, H, W), as in `Fields`."""
        (masks,) = self.finest_masks(*self.before_finest(image))
        return masks

    def same_cell_logit(self, difference: Tensor, votes: Tensor) -> Tensor:
        """Logit of "pixel p belongs to the cell of query q".

        Parameters
        ----------
        difference : Tensor, (..., E)
            Embedding of p minus embedding of q.
        votes : Tensor, (..., 2)
            Where p votes its centre minus where q does, in units of
            ``config.diameter``.

        Returns
        -------
        Tensor, (...)
            The same for (p, q) as for (q, p): only magnitudes enter.
        """
        pair = torch.cat([difference, votes], dim=-1).abs()
        logit: Tensor = self.same_cell(pair).squeeze(-1)
        return logit

    def cell_vectors(self, maps: list[Tensor], cells: Tensor, count: int) -> Tensor:
        """Project every cell to a unit vector for the cell triplets.

        Parameters
        ----------
        maps : list of Tensor
            Result of `features`.
        cells : Tensor, (B, H, W) int64
            0 background, 1..count: numbers that are unique over the batch.
        count : int
            The largest number in `cells`.

        Returns
        -------
        Tensor, (count, projection)
            Row i belongs to number i + 1; a number without pixels gives NaN-free
            but meaningless values.
        """
        pooled = []
        for level in (1, 2):
            feature = maps[level].float()
            step = 2**level
            index = cells[:, step // 2 :: step, step // 2 :: step].reshape(-1)
            flat = feature.permute(0, 2, 3, 1).reshape(index.numel(), -1)
            total = flat.new_zeros(count + 1, flat.shape[1]).index_add(0, index, flat)
            area = flat.new_zeros(count + 1).index_add(
                0, index, flat.new_ones(index.numel())
            )
            pooled.append(total / area.clamp(min=1.0)[:, None])
        standard = self.standardise(torch.cat(pooled, dim=1)[1:])
        return F.normalize(self.project(standard), dim=1)

    def describe(self, pooled: Tensor) -> Tensor:
        """Turn pooled maps into descriptors.

        Parameters
        ----------
        pooled : Tensor, (N, P)
            Of every channel of `levels`: its mean in each ring of the cell, then
            its standard deviation over the cell.

        Returns
        -------
        Tensor, (N, D)
            Not yet of unit length; 0 stands for the average training cell.
        """
        return (pooled - self.descriptor_mean) @ self.descriptor_basis
