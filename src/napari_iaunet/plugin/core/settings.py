"""The model of the dock: what the user wants segmented, and how.

Panels show it, and controllers read and change it. It needs neither Qt nor napari.
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import Signal, SignalGroupDescriptor

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.segmentation.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_iaunet.model.registry import ModelInfo

# In pixels. The least is a cell of a single pixel; the largest is wider than any cell,
# and keeps a slip of the keyboard from enlarging an image beyond all memory.
SMALLEST_DIAMETER, LARGEST_DIAMETER = 1.0, 10_000.0
IN_VIEW = "view"  # the part on view, among places where to find cells
# What stands for the names of colours in the order of channels: before all words.
_COLOURS = {"r": " 0", "red": " 0", "g": " 1", "green": " 1", "b": " 2", "blue": " 2"}
# What images of nuclei are called: by dyes, and by histones that were made to shine.
_NUCLEAR = re.compile(r"dapi|hoechst|nucle|draq ?5|to-?pro|\bh2[ab]", re.IGNORECASE)


@dataclass(frozen=True)
class ImageInfo:
    """What a panel has to know about an Image layer."""

    key: str  # identifies the layer as long as it lives
    name: str
    shape: tuple[int, ...]  # without the colours of an RGB image
    rgb: bool
    axis_labels: tuple[str, ...]
    channel_axis: int | None  # the axis that is called a channel


@dataclass(frozen=True)
class SegmentChoice:
    """The settings at one moment; it stays as it is when they change."""

    image: str  # `ImageInfo.key` of the image
    together_with: tuple[str, ...]  # keys of the other images that are channels of it
    channel_axis: int | None  # axis of the channels in the image's layer
    # Channels to use along that axis, that of nuclei first.
    channels: tuple[int, ...] | None
    whole_stack: bool  # False: only the plane on view
    model: str  # name or folder; "" if there is none
    device: str
    diameter: float | None  # in pixels; None: to be estimated
    # As `Settings.where`. Elsewhere the cells stay, so they are no others there.
    where: str = field(default="", compare=False)
    # Groups of columns of the table; whatever they are, the cells are the same.
    columns: tuple[str, ...] = field(default=COLUMNS, compare=False)
    # Which channel shows nuclei: its place along the axis, or the key of its image.
    nuclei: int | str | None = None


@dataclass(eq=False)
class Settings:
    """What the user wants segmented, and how; it tells when that changes.

    ``settings.events.<field>`` is the signal of a field. ``settings.changed`` follows
    any change once all fields fit one another: those of the channels change with the
    image.
    """

    changed = Signal()
    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    images: tuple[ImageInfo, ...] = ()  # what can be picked, the topmost first
    # `ImageInfo.key` of the one that is picked; "" if there is none.
    image: str = shown(
        "", "Image", "The image whose cells are to be found.", choices=()
    )
    channel_axis: int | None = None  # axis of the channels in the image's layer
    # Channels to use along that axis; None without such an axis.
    channels: tuple[int, ...] | None = None
    # Keys of the other images that are channels of this one.
    together_with: tuple[str, ...] = ()
    # The channel, among those that are used, that shows nuclei while the others show
    # cells: its place along the axis, or the key of its image; None: not known.
    nuclei: int | str | None = None
    # False: only the plane on view.
    whole_stack: bool = shown(
        True,
        "Planes",
        "Find cells in every plane of a time series or volume, each "
        "plane on its own, or only in the one that you see.",
        choices=(),
    )
    # "": the whole plane; `IN_VIEW`; or the key of a Shapes layer.
    where: str = shown(
        "",
        "Where",
        "Find cells in the whole image, or only in a part of the plane that you see: "
        "what is on view, or what you have drawn in a Shapes layer. Cells elsewhere "
        "stay as they are.",
        choices=(),
    )
    drawn: tuple[tuple[str, str], ...] = ()  # key and name of the Shapes layers
    models: tuple[ModelInfo, ...] = ()  # what can be picked
    # Name, or the folder of a model that is not among them; "" if there is none.
    model: str = shown("", "Model", "What finds the cells.", choices=())
    # Names of what the network can run on, and how they are called in the window.
    devices: Mapping[str, str] = field(default_factory=dict)
    device: str = shown(
        "auto",
        "Device",
        "Automatic takes the graphics card (GPU) if there is one that "
        "can be used, else the processor (CPU).",
        choices=(),
    )
    # Of a typical cell, in pixels, 1 to 10,000.
    diameter: float = shown(
        30.0,
        "Cell diameter",
        "How wide a typical cell is, in pixels. If cells come out in "
        "pieces, make it larger; if several are taken for one, make it smaller.",
        min=SMALLEST_DIAMETER,
        max=LARGEST_DIAMETER,
        step=1.0,
        decimals=1,
        suffix=" px",
    )
    # Whether the model is to find out the diameter.
    estimate: bool = shown(
        True,
        "Estimate the cell diameter",
        "Let the model find out how wide the cells are.",
        text="estimate",
        beside="diameter",
    )
    # Which groups of columns the table of cells has.
    table_position: bool = shown(
        True,
        "Table",
        "Where each cell lies: its plane and the middle of its area.",
        text="position",
    )
    table_size: bool = shown(
        True,
        "Size in the table",
        "Area, perimeter, length and width; in micrometres, too, if the layer has such "
        "units.",
        text="size",
        beside="table_position",
        stretch=1,
    )
    table_shape: bool = shown(
        True,
        " ",
        "Eccentricity and solidity.",
        text="shape",
    )
    table_intensity: bool = shown(
        True,
        "Intensity in the table",
        "Mean, minimum, maximum and standard deviation of every channel.",
        text="intensity",
        beside="table_shape",
        stretch=1,
    )
    table_embedding: bool = shown(
        True,
        " ",
        "What the model sees of each cell, in eight numbers by which the cells of this "
        "image differ most. Not for images that are segmented in parts.",
        text="embedding",
    )

    def __post_init__(self) -> None:
        self.events.image.connect(self._use_all_channels)
        self.events.channel_axis.connect(self._use_all_of_axis)
        self.events.together_with.connect(self._find_nuclei)
        self.events.channels.connect(self._find_nuclei)
        self._depth, self._is_changed = 0, False
        self.events.connect(self._on_any)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "diameter" and not SMALLEST_DIAMETER <= value <= LARGEST_DIAMETER:
            msg = f"The diameter of a cell is 1 to 10,000 pixels, not {value:g}."
            raise ImageError(msg)
        super().__setattr__(name, value)

    @contextmanager
    def _as_one(self) -> Iterator[None]:
        """Let several changes be told as one."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._is_changed and not self._depth:
                self._is_changed = False
                self.changed.emit()

    def _on_any(self) -> None:
        with self._as_one():
            self._is_changed = True

    # -- what can be picked --------------------------------------------------------

    def offer_images(self, images: Sequence[ImageInfo]) -> None:
        """Offer images, the topmost last; the one that is picked stays if it can."""
        former = self.info
        with self._as_one():
            self.images = tuple(images)[::-1]
            keys = [info.key for info in self.images]
            if self.image not in keys:
                self.image = keys[0] if keys else ""
            elif former is None or _axes(self.info) != _axes(former):
                self._use_all_channels()
            else:
                open_ones = {info.key for info in self.companions}
                kept = tuple(key for key in self.together_with if key in open_ones)
                self.together_with = kept

    def pick_image(self, key: str) -> None:
        """Pick an image if it is offered."""
        if key in {info.key for info in self.images}:
            self.image = key

    def offer_models(self, models: Sequence[ModelInfo]) -> None:
        """Offer models; the one that is picked stays if it can, else the first."""
        names = [info.name for info in models]
        with self._as_one():
            self.models = tuple(models)
            is_folder = bool(self.model) and Path(self.model).is_dir()
            if self.model not in names and not is_folder:
                self.model = names[0] if names else ""

    def offer_devices(self, devices: Mapping[str, str]) -> None:
        """Offer devices, given as name: text; the picked one stays if it can."""
        with self._as_one():
            self.devices = dict(devices)
            if self.device not in devices:
                self.device = "auto"

    def offer_drawn(self, layers: Sequence[tuple[str, str]]) -> None:
        """Offer Shapes layers, by key and name; where to find cells stays if it can."""
        with self._as_one():
            self.drawn = tuple(layers)
            if self.where not in {"", IN_VIEW, *dict(layers)}:
                self.where = ""

    # -- what is picked --------------------------------------------------------------

    @property
    def info(self) -> ImageInfo | None:
        """The image that is picked."""
        return next((info for info in self.images if info.key == self.image), None)

    @property
    def companions(self) -> tuple[ImageInfo, ...]:
        """The other images that can be channels of the picked one, by their names."""
        image = self.info
        if image is None or image.rgb or self.channel_axis is not None:
            return ()
        found = [
            info
            for info in self.images
            if info.key != image.key and info.shape == image.shape and not info.rgb
        ]
        return tuple(sorted(found, key=lambda info: by_name(info.name, info.key)))

    @property
    def planes(self) -> int | None:
        """How many planes the image has; None if it is a single one."""
        image = self.info
        if image is None:
            return None
        stack, _ = split_axes(len(image.shape), self.channel_axis)
        return math.prod(image.shape[axis] for axis in stack) if stack else None

    @property
    def used_channels(self) -> tuple[int | str, ...]:
        """What can be named as the channel of nuclei; none where there is but one."""
        used: tuple[int | str, ...] = self.channels or ()
        if self.together_with:
            used = (self.image, *self.together_with)
        return used if len(used) > 1 else ()

    def choice(self) -> SegmentChoice | None:
        """Return the settings as they are now; None without an image."""
        if not self.image:
            return None
        nuclei = self.nuclei if self.nuclei in self.used_channels else None
        channels = self.channels
        if channels is not None:
            channels = tuple(sorted(channels, key=lambda i: (i != nuclei, i)))
        return SegmentChoice(
            image=self.image,
            together_with=self.together_with,
            channel_axis=self.channel_axis,
            channels=channels,
            whole_stack=not self.where and (self.whole_stack or self.planes is None),
            model=self.model,
            device=self.device,
            diameter=None if self.estimate else self.diameter,
            where=self.where,
            columns=self.columns,
            nuclei=nuclei,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Groups of columns of the table."""
        return tuple(name for name in COLUMNS if getattr(self, f"table_{name}"))

    def show_estimate(self, diameter: float) -> None:
        """Show what the model found out, as far as a diameter may be that."""
        self.diameter = min(max(diameter, SMALLEST_DIAMETER), LARGEST_DIAMETER)

    # -- channels of the image ---------------------------------------------------------

    def _use_all_channels(self) -> None:
        """Take the channels as the image names them."""
        image = self.info
        with self._as_one():
            self.together_with = ()
            self.channel_axis = None if image is None else image.channel_axis
            self._use_all_of_axis()

    def _use_all_of_axis(self) -> None:
        image, axis = self.info, self.channel_axis
        with self._as_one():
            if image is None or axis is None:
                self.channels = None
            else:
                self.together_with = ()
                self.channels = tuple(range(image.shape[axis]))

    def _find_nuclei(self) -> None:
        """Take the first channel in use whose name says so for that of nuclei."""
        if self.nuclei in self.used_channels:
            return
        named = (info.key for info in self._by_name() if _NUCLEAR.search(info.name))
        self.nuclei = next((key for key in named if key in self.used_channels), None)

    def _by_name(self) -> list[ImageInfo]:
        """Return the picked image and those that can be its channels, by name."""
        picked = [] if self.info is None else [self.info]
        together = [*picked, *self.companions]
        return sorted(together, key=lambda info: by_name(info.name, info.key))

    def channel_names(self) -> list[tuple[int | str, str, bool]]:
        """Return key, name and whether it is used, of all that can be channels."""
        image, axis = self.info, self.channel_axis
        if image is None:
            return []
        if axis is not None:
            used = self.channels or ()
            return [
                (i, f"channel {i + 1}", i in used) for i in range(image.shape[axis])
            ]
        if not self.companions:
            return []
        in_use = (image.key, *self.together_with)
        return [(i.key, i.name, i.key in in_use) for i in self._by_name()]


def split_axes(ndim: int, channel_axis: int | None) -> tuple[list[int], list[int]]:
    """Return the axes of the stack, and those of rows and columns.

    ``ndim`` is without the colours of an RGB image; the axis of the channels belongs to
    neither.
    """
    axes = [axis for axis in range(ndim) if axis != channel_axis]
    return axes[:-2], axes[-2:]


def by_name(name: str, key: str) -> tuple[object, ...]:
    """Return what puts layers into the order in which they are channels.

    That is the one of their names, with numbers counted, and red before green before
    blue; the order of the layer list is changed too easily.
    """
    parts = re.findall(r"\d+|[^\W\d_]+|[\W_]+", name.lower())
    words = [
        (0, int(p), "") if p.isdecimal() else (1, 0, _COLOURS.get(p, p)) for p in parts
    ]
    return words, key


def _axes(image: ImageInfo | None) -> tuple[object, ...]:
    """Return what the choice of channels depends on."""
    return () if image is None else (image.key, image.shape, image.channel_axis)
