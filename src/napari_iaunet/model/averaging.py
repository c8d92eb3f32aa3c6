"""Means of the weights of several networks."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.model.network import IAUNet


@torch.no_grad()
def mean_of(networks: Sequence[IAUNet]) -> IAUNet:
    """Return a network whose weights are the means of those of others.

    Networks that began with the same weights may be joined in this way (Wortsman et
    al., ICML 2022).

    Parameters
    ----------
    networks : sequence of IAUNet
        Of the same shape. What is no weight, such as the configuration and what the
        descriptor keeps, is that of the first.
    """
    mean = copy.deepcopy(networks[0])
    others = [network.state_dict() for network in networks]
    for name, value in mean.state_dict().items():
        if value.is_floating_point() and not name.startswith("descriptor_"):
            value.copy_(sum(other[name].to(value) for other in others) / len(others))
    return mean
