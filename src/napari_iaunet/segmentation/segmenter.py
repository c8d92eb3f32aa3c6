"""Segmenter: the one object that users and panels call."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import DeviceError, ImageError, ModelError
from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.properties import measure_properties
from napari_iaunet.inference.backend import Backend
from napari_iaunet.inference.devices import choose_device, use_large_pages
from napari_iaunet.inference.engines import PYTORCH, digest_of
from napari_iaunet.inference.fields import DecodeSettings
from napari_iaunet.inference.progress import PlaneProgress
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.segmentation.click import (
    ClickedCell,
    EncodedImage,
    segment_prompts,
)
from napari_iaunet.segmentation.embedding import (
    LabelPlanes,
    embed_cells,
    identify_cells,
)
from napari_iaunet.segmentation.finder import CellFinder
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.measure import disc_diameters
from napari_iaunet.segmentation.prompts import Prompts
from napari_iaunet.segmentation.region import (
    cells_in_region,
    check_region,
    seen_around,
)
from napari_iaunet.segmentation.rest import find_rest
from napari_iaunet.segmentation.scale import scale_for
from napari_iaunet.segmentation.through import CellFollower, check_cell, ways_from

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.segmentation.decode import Instances
    from napari_iaunet.segmentation.diameter import Estimate
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.rest import RestCells
    from napari_iaunet.segmentation.through import FollowedCell

    _Origin = tuple[str, str, int | None, DecodeSettings | None, str]


_ONE_PLANE = (
    "Clicks work on one plane, but this is a stack of {}: pick one of its planes."
)


class Segmenter:
    """A model on a device, ready to segment images.

    Parameters
    ----------
    model : str or path
        A name from `list_models`, or a model's folder.
    device : str
        "auto" picks CUDA, else MPS, else the CPU.
    tile : int, optional
        Side of a tile in pixels; changes speed and memory, not labels.
    settings : DecodeSettings, optional
        How cells are made of what the network says; best left as it is.
    engine : str, optional
        What computes on a CPU: "pytorch", "openvino", or "ready", the one that is known
        to be faster by now; if left out, that is found out first.

    Raises
    ------
    ModelError
        If there is no such model or it cannot be loaded.
    DeviceError
        If there is no such device or engine.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        device: str = "auto",
        *,
        tile: int | None = None,
        settings: DecodeSettings | None = None,
        engine: str | None = None,
    ) -> None:
        use_large_pages()
        target = choose_device(device)
        folder = find_model(model)
        network, self.card = load_model(folder)
        self._use(network, target, tile, settings, engine)
        # Another process must use the same engine: labels differ in single pixels else.
        used = self.engine
        self._origin: _Origin | None = (str(folder), device, tile, settings, used)

    @classmethod
    def from_network(
        cls,
        network: IAUNet,
        device: torch.device,
        *,
        tile: int | None = None,
        settings: DecodeSettings | None = None,
    ) -> Segmenter:
        """Wrap a network that is in memory; it is copied, and runs in PyTorch.

        Such a network is on trial: to convert it would take longer than to use it, and
        small planes are not upscaled.
        """
        segmenter = cls.__new__(cls)
        segmenter.card = {}
        segmenter._origin = None
        segmenter._use(network, device, tile, settings, PYTORCH, on_trial=True)
        return segmenter

    def _use(
        self,
        network: IAUNet,
        device: torch.device,
        tile: int | None,
        settings: DecodeSettings | None,
        engine: str | None = None,
        *,
        on_trial: bool = False,
    ) -> None:
        if tile is not None and tile < 64:
            raise DeviceError("A tile must measure 64 pixels or more.")
        self.config = network.config
        self.settings = settings or DecodeSettings()
        self._digest = digest_of(network)
        self._backend = Backend(network, device, tile, engine)
        self._finder = CellFinder(self._backend, self.settings, upscales=not on_trial)
        self._clicked: EncodedImage | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model's place, not its weights: every process loads it once."""
        if self._origin is None:
            msg = "A segmenter of a network that is in memory only cannot be pickled."
            raise TypeError(msg)
        return _load_once, (*self._origin, self._digest)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the network and of the thresholds: what decides on the labels."""
        return self.fingerprint_with(self.engine)

    def fingerprint_with(self, engine: str) -> str:
        """Return what `fingerprint` would be with another engine."""
        parts = (self._digest, self.settings, engine)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def device(self) -> str:
        """Name of the device that the network runs on."""
        return str(self._backend.device)

    @property
    def engine(self) -> str:
        """What computes the fields: "pytorch", or "openvino" where that is faster."""
        return self._backend.engine.name

    @property
    def engine_is_final(self) -> bool:
        """False if OpenVINO may be faster, which is not known yet."""
        return self._backend.engine.is_final

    def segment(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        region: Any = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> Segmentation:
        """Find the cells of an image or of every plane of a stack.

        Parameters
        ----------
        image : array_like
            (Y, X), (Y, X, 3 or 4) or a stack (T|Z, Y, X), of any boolean,
            integer or real dtype; dask arrays are read plane by plane.
        channel_axis : int, optional
            Axis of the channels where it is not a last axis of 3 or 4.
        diameter : float, optional
            Typical cell diameter in pixels; estimated if None.
        progress : callable, optional
            Called as ``progress(done, total)``; raising in it stops the work.
        region : (Y, X) array of bool, optional
            Only cells of which at least half lies where this is true are wanted, and
            only what is around them is looked at. Not for stacks.
        nuclei : int, optional
            The channel that shows nuclei, counted from 0. Alone, nuclei are found;
            beside `cells` it helps to tell these from one another.
        cells : int or sequence of int, optional
            The channel or channels that show whole cells: membranes, cytoplasm.

        Raises
        ------
        ImageError
            If the image, a channel, the diameter or the region cannot be used.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        if region is None:
            return self._segment(planes, diameter, progress)
        return self._segment_region(planes, diameter, progress, region)

    def _segment_region(
        self,
        planes: Planes,
        diameter: float | None,
        progress: Progress | None,
        region: Any,
    ) -> Segmentation:
        wanted = check_region(region, (*planes.shape, *planes.plane_shape))
        rows, columns = (np.flatnonzero(wanted.any(axis)) for axis in (1, 0))
        low, high = np.array([(a[0], a[-1] + 1) for a in (rows, columns)]).T
        seen = seen_around(low, high, planes.plane_shape, diameter)
        assert seen is not None
        found = self._segment(planes.part(*seen), diameter, progress)
        kept = cells_in_region(found.labels, wanted[seen])
        labels = np.zeros(wanted.shape, np.int32)
        labels[seen] = kept.labels
        return replace(
            found,
            labels=labels,
            scores=found.scores[kept.rows],
            _embed=lambda: found.embeddings[kept.rows],
        )

    def _segment(
        self, planes: Planes, diameter: float | None, progress: Progress | None
    ) -> Segmentation:
        steps = PlaneProgress(progress, len(planes))
        labels = np.empty((len(planes), *planes.plane_shape), np.int32)
        scores: list[NDArray[np.float32]] = []
        found = 0
        (diameter, is_sure), cells = self._find(planes, diameter, steps)
        for plane, (native, scores_here) in zip(labels, cells, strict=True):
            np.add(native, found, out=plane, where=native > 0)
            np.copyto(plane, 0, where=native == 0)
            found += len(scores_here)
            scores.append(scores_here)
        stacked = labels.reshape(*planes.shape, *planes.plane_shape)
        return Segmentation(
            stacked,
            np.concatenate(scores),
            float(diameter),
            is_sure,
            lambda: embed_cells(
                self._backend, planes, LabelPlanes(stacked, planes), diameter
            ),
        )

    def _find(
        self, planes: Planes, diameter: float | None, steps: PlaneProgress
    ) -> tuple[tuple[float, bool], Iterable[Instances]]:
        """Return the diameter, estimated if it is None, and the cells of all planes.

        With the diameter goes whether it is sure.
        """
        if len(planes) == 1:
            planes = planes.loaded()
        is_sure = True
        if diameter is None:
            diameter, is_sure, ready = self._finder.estimate(planes, steps.wait)
            if ready:
                shape = planes.plane_shape
                cells = self._finder.ready_cells(ready, shape, steps)
                return (diameter, is_sure), [cells]
        return (diameter, is_sure), self._finder.all_cells(planes, diameter, steps)

    def cells_of(
        self,
        plane: NDArray[np.float32],
        diameter: float | None = None,
        progress: Progress | None = None,
        *,
        whole: tuple[int, int] | None = None,
    ) -> Instances:
        """Find the cells of one plane (3, Y, X) that is normalised already.

        Parameters
        ----------
        plane, progress
            As `Planes` gives it; as for `segment`.
        diameter : float, optional
            Typical cell diameter in pixels; that of the network if None.
        whole : (Y, X), optional
            Shape of the image that the plane is a part of; its cells are found as in
            the whole.
        """
        steps = PlaneProgress(progress, 1)
        size = diameter or self.config.diameter
        return self._finder.cells(plane, size, steps, whole)

    def embed(
        self,
        image: Any,
        labels: Any,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> NDArray[np.float32]:
        """Describe the appearance of every cell of any label image.

        Parameters
        ----------
        image, channel_axis, progress, nuclei, cells
            As for `segment`.
        labels : (Y, X) or (T|Z, Y, X) int
            0 is background; of this or any other tool, or drawn by hand.
        diameter : float, optional
            Typical cell diameter in pixels; that of the labels if None.

        Returns
        -------
        (N, D) float32
            Rows of unit length, in the order of the sorted labels.

        Raises
        ------
        ImageError
            If image, labels or diameter cannot be used, or do not fit together.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        drawn = LabelPlanes(labels, planes)
        return embed_cells(self._backend, planes, drawn, diameter, progress)

    def describe(
        self,
        image: Any,
        labels: Any,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> DescribedCells:
        """Describe every cell by its embedding and by colour, size, shape, intensity.

        That is what `similarity` ranks best by. Colour and intensity are of all
        channels, whatever these show. Parameters, the order of the rows and errors are
        as for `embed`.
        """
        planes = _planes_of(image, channel_axis, diameter)
        seen = as_planes(image, channel_axis, nuclei=nuclei, cells=cells)
        drawn = LabelPlanes(labels, seen)
        embeddings = embed_cells(self._backend, seen, drawn, diameter, progress)
        pixels = ((drawn[i], planes.raw(i)) for i in drawn.with_cells or [0])
        properties = measure_properties(pixels, drawn.label_ids)
        return DescribedCells(
            drawn.label_ids, embeddings, properties, model=self._digest
        )

    def identify(
        self,
        image: Any,
        labels: Any,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> NDArray[np.float32]:
        """Tell every cell from its look-alikes, to find it again in another plane.

        Parameters, result and errors are as for `embed`; every label should lie in one
        plane only.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        drawn = LabelPlanes(labels, planes)
        return identify_cells(self._backend, planes, drawn, diameter, progress)

    def estimate_diameter(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> float:
        """Estimate the typical cell diameter of an image, in pixels.

        Parameters and errors are as for `segment`.
        """
        planes = as_planes(image, channel_axis, nuclei=nuclei, cells=cells)
        return self.estimate_of(planes).diameter

    def estimate_of(self, planes: Planes) -> Estimate:
        """Estimate the typical cell diameter of planes, and say whether it is sure."""
        return self._finder.estimate(planes, None)

    def scale_of(self, diameter: float, shape: tuple[int, int]) -> float:
        """Factor by which planes (Y, X) with such cells are rescaled."""
        return scale_for(diameter, self.config.diameter, shape)

    def encode(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> EncodedImage:
        """Run the network once over one plane, for any number of clicks.

        Parameters and errors are as for `segment`; a stack is an ImageError, too.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        if len(planes) != 1:
            raise ImageError(_ONE_PLANE.format(len(planes)))
        steps = PlaneProgress(progress, 1)
        planes, ready = planes.loaded(), None
        if diameter is None:
            diameter, _, ready = self._finder.estimate(planes, steps.wait)
        if ready and ready.fields:
            fields = self._finder.ready_fields(ready, planes.plane_shape, steps)
        else:
            fields = self._finder.fields(planes[0], diameter, steps, kept=True)
        return EncodedImage(fields, planes.plane_shape, diameter)

    def set_image(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> None:
        """Run the network once over one plane, for which `click` answers then.

        Parameters and errors are as for `segment`; a stack is an ImageError, too.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        self._clicked = self.encode(planes, diameter=diameter, progress=progress)

    def click(
        self,
        points: Sequence[Sequence[float]] | None = None,
        labels: Sequence[int] | None = None,
        *,
        box: Sequence[float] | None = None,
        lasso: Sequence[Sequence[float]] | None = None,
        scribbles: Sequence[tuple[Sequence[Sequence[float]], int]] | None = None,
    ) -> NDArray[np.bool_]:
        """Segment the cell under the cursor, or what else shows where it is.

        Parameters
        ----------
        points : sequence of (y, x), optional
            Clicks, in pixels of the image; (0, 0) is the middle of the first pixel.
        labels : sequence of int, optional
            1 for points inside of the cell, 0 for points outside; all inside if
            left out.
        box : (y0, x0, y1, x1), optional
            Around the cell, which fills it: pixels with their middle in it, edges
            included. What lies off the image is cut off.
        lasso : sequence of (y, x), optional
            A line around the cell, closed by its ends; it need not be close to it.
        scribbles : sequence of (places, label), optional
            Lines through places (y, x), on the cell (1) or on the background (0).

        Returns
        -------
        (Y, X) bool
            Holds every point and line that is inside and none that is outside.
            Nothing lies outside of box or lasso, unless a point inside of the cell
            does.

        Raises
        ------
        ImageError
            If there is no image yet, nothing that shows the cell, something off the
            image, or a contradiction.
        """
        if self._clicked is None:
            raise ImageError("There is no image to click on yet: call set_image first.")
        cell = self.click_on(
            self._clicked, points, labels, box=box, lasso=lasso, scribbles=scribbles
        )
        return cell.in_image(self._clicked.shape)

    def click_on(
        self,
        image: EncodedImage,
        points: Sequence[Sequence[float]] | None = None,
        labels: Sequence[int] | None = None,
        *,
        box: Sequence[float] | None = None,
        lasso: Sequence[Sequence[float]] | None = None,
        scribbles: Sequence[tuple[Sequence[Sequence[float]], int]] | None = None,
    ) -> ClickedCell:
        """Do what `click` does, on any encoded image; returns a small mask."""
        prompts = Prompts(
            () if points is None else points,
            labels,
            box,
            lasso,
            () if scribbles is None else scribbles,
        )
        same_cell, known = self._backend.same_cell, self.config.diameter
        hints = prompts.hints(image.shape)
        return segment_prompts(image, hints, same_cell, known, self.settings)

    def follow(
        self,
        image: Any,
        mask: Any,
        plane: int,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> NDArray[np.bool_]:
        """Find a cell of one plane of a stack on the planes before and behind.

        Parameters
        ----------
        image, channel_axis, progress, nuclei, cells
            As for `segment`; one stack axis.
        mask : (Y, X) bool
            The cell on the plane, as of `click` or drawn by hand.
        plane : int
            Which one, counted from 0.
        diameter : float, optional
            Typical cell diameter in pixels; estimated on the plane if None.

        Returns
        -------
        (T|Z, Y, X) bool
            The mask on its plane, and on others as far as the cell is found.

        Raises
        ------
        ImageError
            If the image is no stack, or a channel, the mask, the plane or the diameter
            cannot be used.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        cell = check_cell(mask, planes.plane_shape)
        found = np.zeros((*planes.shape, *planes.plane_shape), bool)
        for index, other in self.follow_on(
            planes, cell, plane, diameter=diameter, progress=progress
        ):
            found[index] = other.in_image(planes.plane_shape)
        found[plane] = cell.in_image(planes.plane_shape)
        return found

    def follow_on(
        self,
        image: Any,
        cell: ClickedCell,
        plane: int,
        *,
        channel_axis: int | None = None,
        diameter: float | None = None,
        progress: Progress | None = None,
        between: tuple[int, int] | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> Iterator[FollowedCell]:
        """Do what `follow` does, plane by plane: to the last one, then to the first.

        Only the planes between two, both included, are looked at; all if left out.
        """
        planes = _planes_of(image, channel_axis, diameter, nuclei, cells)
        ways = ways_from(plane, planes.shape, between)
        steps = PlaneProgress(progress, sum(map(len, ways)))
        if diameter is None:
            diameter, *_ = self._finder.estimate(planes.plane(plane), steps.wait)
        follower = CellFollower(
            planes,
            diameter,
            self.config.diameter,
            self._backend.fields,
            self.click_on,
            self._backend.same_cell,
        )
        return follower.follow(cell, plane, ways, steps)

    def find_rest(
        self,
        image: Any,
        mask: Any,
        labels: Any = None,
        *,
        channel_axis: int | None = None,
        part: tuple[slice, slice] | None = None,
        progress: Progress | None = None,
        nuclei: int | None = None,
        cells: int | Sequence[int] | None = None,
    ) -> RestCells:
        """Find other cells about as large as one, where the automatic way finds none.

        Parameters
        ----------
        image, channel_axis, progress, nuclei, cells
            As for `segment`; one plane.
        mask : (Y, X) bool
            The one, as of `click`, or drawn by hand.
        labels : (Y, X) int, optional
            Cells that are there: nothing is found where they are. 0 is background.
        part : (slice, slice), optional
            Rows and columns of the image that mask and labels cover, and that are
            looked at; the whole if left out.

        Raises
        ------
        ImageError
            If image, a channel, mask or labels cannot be used, or do not fit together.
        """
        planes = as_planes(image, channel_axis, nuclei=nuclei, cells=cells)
        if len(planes) != 1:
            raise ImageError(_ONE_PLANE.format(len(planes)))
        planes = planes.plane(0) if part is None else planes.plane(0).part(*part)
        cell = check_cell(mask, planes.plane_shape)
        example = cell.in_image(planes.plane_shape)
        taken = example if labels is None else np.asarray(labels) > 0
        if taken.shape != example.shape:
            raise ImageError("Mask and labels differ in size.")
        diameter = float(disc_diameters(np.array([example.sum()]))[0])
        scale = self.scale_of(diameter, planes.plane_shape)
        steps = PlaneProgress(progress, 1)
        fields = self._backend.fields(rescale(planes[0], scale), steps.wait)
        encoded = EncodedImage(fields, planes.plane_shape, diameter)
        return find_rest(encoded, example, taken, self.click_on, progress)


@lru_cache(maxsize=2)
def _load_once(
    model: str,
    device: str,
    tile: int | None,
    settings: DecodeSettings | None,
    engine: str,
    digest: str,
) -> Segmenter:
    """Load a model for a task that was sent here; the digest is that of its network.

    The folder may hold another model by now: nothing is to be done by two of them.
    """
    segmenter = Segmenter(model, device, tile=tile, settings=settings, engine=engine)
    if segmenter._digest != digest:
        raise ModelError(
            f"The model in {model} is not the one that the work was begun with: it has "
            "been trained since, or differs on this computer."
        )
    return segmenter


def _planes_of(
    image: Any,
    channel_axis: int | None,
    diameter: float | None,
    nuclei: int | None = None,
    cells: int | Sequence[int] | None = None,
) -> Planes:
    """Check the diameter and prepare the image."""
    check_diameter(diameter)
    return as_planes(image, channel_axis, nuclei=nuclei, cells=cells)


def check_diameter(diameter: float | None) -> None:
    """Raise ImageError unless a diameter is a number above zero, or None."""
    try:
        usable = diameter is None or (math.isfinite(diameter) and diameter > 0)
    except TypeError:
        usable = False
    if not usable:
        raise ImageError("The diameter must be a number of pixels above zero.")


@dataclass(frozen=True)
class Segmentation:
    """The cells of an image.

    Attributes
    ----------
    labels : (Y, X) or (T|Z, Y, X) int32
        0 background, 1..N consecutive, unique over the whole stack.
    scores : (N,) float32
        In [0, 1]; item i belongs to label i + 1.
    diameter : float
        Cell diameter, in pixels, that the image was rescaled by.
    diameter_is_sure : bool
        False if the diameter was estimated and may be wrong: few cells were found, or
        none, they are doubtful, of very different sizes, or of another size at every
        scale.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]
    diameter: float
    diameter_is_sure: bool
    _embed: Callable[[], NDArray[np.float32]] = field(repr=False, compare=False)

    @cached_property
    def embeddings(self) -> NDArray[np.float32]:
        """Embeddings (N, D) float32: rows of unit length, row i of label i + 1.

        The network runs over the image once more when they are first asked for.
        """
        return self._embed()
