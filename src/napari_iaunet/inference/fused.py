"""A network whose convolutions do on the way what follows them, for processors.

At the finest levels memory is what takes time: a map that is written, read again to
be cut off below zero, and once more to be added to another one.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_iaunet.model.network import ResidualBlock

if TYPE_CHECKING:
    from torch import Tensor

    from napari_iaunet.model.network import IAUNet


class _Convolution(nn.Module):
    """A convolution by oneDNN that cuts off below zero before it writes."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d)
        self.conv = conv

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """Convolve, add the other map if there is one, cut off."""
        conv, convolve = self.conv, torch.ops.mkldnn._convolution_pointwise
        maps = (conv.weight, conv.bias)
        shape = (conv.padding, conv.stride, conv.dilation, conv.groups)
        out: Tensor
        if other is None:
            out = convolve(x, *maps, *shape, "relu", [], "")
        else:
            sum_of = ("add", 1.0)
            out = convolve.binary(x, other, *maps, *shape, *sum_of, "relu", [], "")
        return out


class _Block(nn.Module):
    """`ResidualBlock`, whose sum is made by its second convolution."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.first = _fuse(block.first)
        self.second = _Convolution(block.second[0])
        self.shortcut = block.shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, H, W)."""
        out: Tensor = self.second(self.first(x), self.shortcut(x))
        return out


def _fuse(module: nn.Module) -> nn.Module:
    """Replace what can be fused below a module, in place."""
    for name, child in module.named_children():
        fused = _Block(child) if isinstance(child, ResidualBlock) else _fuse(child)
        setattr(module, name, fused)
    if isinstance(module, nn.Sequential) and isinstance(module[-1], nn.ReLU):
        return _Convolution(module[0])
    return module


def fused_network(network: IAUNet, dtype: torch.dtype) -> IAUNet | None:
    """Copy a network for a processor; None where PyTorch cannot fuse.

    Parameters
    ----------
    network : IAUNet
        On the CPU, its batch normalisations folded into the convolutions.
    dtype : torch.dtype
        In which the copy computes, and which it wants its images in. These must be
        channels last, and of more than ``stride`` rows or columns.
    """
    fused = copy.deepcopy(network).to(dtype)
    _fuse(fused)
    side = 2 * network.config.stride
    trial = torch.zeros(1, 3, side, side, dtype=dtype)
    try:
        with torch.inference_mode():
            fused(trial.to(memory_format=torch.channels_last))
    except (AttributeError, RuntimeError, TypeError):
        # The operation is not public: other builds of PyTorch may lack it.
        return None
    return fused
