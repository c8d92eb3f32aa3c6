"""What a training does, in numbers: for the bundled model and for fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_iaunet.model.losses import LossWeights

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Recipe:
    """What a training run does; the defaults are those of the bundled model.

    Attributes
    ----------
    batch, size : int
        Crops per step and process, and their height and width in pixels.
    second_views : int
        Crops of a batch that show cells of other crops again.
    learning_rate, weight_decay : float
        Of AdamW; the rate warms up and falls along a cosine.
    warm_up : int
        Steps.
    ema_decay : float
        Of the exponential moving average of the weights.
    frozen_statistics : float
        Share of the run, at its end, in which batch norm uses the statistics
        that the finished model will use, not those of the batch.
    validate_every, checkpoint_every : float
        Seconds; validation comes at the end, too.
    sampling_weights : mapping of str to float
        How often crops of a domain are drawn, relative to the domains named here;
        others are drawn by their number of images. A domain is the name of the folder
        that an image lies in.
    synthetic : float
        Share of synthetic crops. With .3 in a trial, domains never seen gained .09 to
        .24 of AP50 and known ones lost .01 to .04, so it should be less.
    rehearsal : float
        Share of crops of what the model is not to forget, if there is any.
    teaching : float
        Weight of what the start says of the rehearsed images; 0 leaves it out.
    guessing : float
        Weight, beside that, of what it says of pixels of which nothing is known. After
        100 steps on 25 painted axons of some 400, the AP at IoU 0.5 on other images
        was .37 with .3, .06 without, and .32 before.
    keeps_descriptor : bool
        Whether the descriptor of the model to start from stays: few cells of one
        domain do not tell how cells differ.
    interpolates : bool
        Whether, of a start that finds the cells, the model is the interpolation half
        way between its weights and the trained ones, which forgets less of what the
        start knows of other images (WiSE-FT: Wortsman et al., CVPR 2022).
    weights : LossWeights
    """

    batch: int = 8
    size: int = 192
    second_views: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    ema_decay: float = 0.998
    frozen_statistics: float = 0.4
    validate_every: float = 600.0
    checkpoint_every: float = 120.0
    sampling_weights: Mapping[str, float] = field(default_factory=dict)
    synthetic: float = 0.2
    rehearsal: float = 0.25
    teaching: float = 1.0
    guessing: float = 0.3
    keeps_descriptor: bool = False
    interpolates: bool = False
    weights: LossWeights = field(default_factory=LossWeights)


# Few images of one domain, and a minute or two: many small steps away from a model that
# knows much already, measured often.
FINE_TUNING = Recipe(
    batch=4,
    second_views=1,
    warm_up=20,
    ema_decay=0.98,
    frozen_statistics=1.0,
    validate_every=10.0,
    checkpoint_every=30.0,
    synthetic=0.0,
    keeps_descriptor=True,
    interpolates=True,
)
