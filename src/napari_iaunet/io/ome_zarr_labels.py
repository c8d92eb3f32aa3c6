"""Write labels as OME-Zarr, of version 0.4 or 0.5."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing, sync
from napari_iaunet.errors import ImageError
from napari_iaunet.io.consolidated import consolidate_again
from napari_iaunet.io.label_pyramid import CHUNK, LabelPyramid
from napari_iaunet.io.ours import OURS, are_our_labels, check_labels, signed
from napari_iaunet.io.pixels import AxisPlace
from napari_iaunet.lock import alone_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import DTypeLike

# Rows and columns of the last level at most: it fits on any screen.
_SMALLEST = 512
# Side of the parts that are written at a time, in pixels: 26 MB of int32, so that
# labels larger than memory can be written, and whole chunks of all levels.
_PART = 4 * CHUNK
_ZARR_FORMATS = {"0.4": 2, "0.5": 3}
# Seconds that another run may take to list its labels; of a large store, several.
_PATIENCE = 60.0
_NOWHERE = AxisPlace(1.0)


@dataclass(frozen=True)
class LabelImage:
    """How OME-Zarr describes a label image.

    Attributes
    ----------
    name : str
    axes : str
        One letter for each axis, as in `napari_iaunet.io.read.ImageFile`.
    places : mapping of str to AxisPlace
        Where the pixels lie along T, Z, Y and X.
    version : str
        Of OME-Zarr: "0.4" or "0.5".
    label_details, about : mapping of str to Any
        What "image-label" holds, such as "properties", and what we note for ourselves;
        what JSON can say.
    """

    name: str
    axes: str
    places: Mapping[str, AxisPlace] = field(default_factory=dict)
    version: str = "0.4"
    label_details: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def write_labels_ome_zarr(
    path: Path,
    labels: Any,
    *,
    axes: str | None = None,
    places: Mapping[str, AxisPlace] | None = None,
    version: str = "0.4",
    label_details: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a label image as OME-Zarr with a pyramid.

    Parameters
    ----------
    path : Path
        Folder to write; labels that this program wrote there are replaced.
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        A numpy, dask or zarr array; read part by part, and stored as uint16, or as
        uint32 above 65535 cells.
    axes : str, optional
        One letter for each axis.
    places : mapping of str to AxisPlace, optional
        Where the pixels lie along T, Z, Y and X.
    version : str
        Of OME-Zarr: "0.4" or "0.5".
    label_details, about : mapping of str to Any, optional
        As for `LabelImage`.

    Raises
    ------
    ImageError
        If ``path`` is something else than labels of ours, or cannot be written, or
        labels are below 0 or above 4,294,967,295.
    """
    path = Path(path)
    check_labels(path)
    letters = axes or ["YX", "TYX", "TZYX"][labels.ndim - 2]
    image = LabelImage(
        path.stem, letters, places or {}, version, label_details or {}, about or {}
    )
    parts = list(_parts(labels.shape))
    dtype = _stored_as(labels, parts)
    with (
        replacing(path, ImageError, are_our_labels) as fresh,
        label_image(fresh, labels.shape, _PART, dtype, image) as pyramid,
    ):
        for part in parts:
            *plane, rows, columns = part
            pyramid.write(plane, rows, columns, np.asarray(labels[part]).astype(dtype))
    consolidate_again(path)


def _stored_as(labels: Any, parts: Sequence[tuple[Any, ...]]) -> DTypeLike:
    """Return the least type that is wide enough for labels."""
    first = last = 0
    for part in parts:
        pixels = np.asarray(labels[part])
        first = min(first, int(pixels.min(initial=0)))
        last = max(last, int(pixels.max(initial=0)))
    if first < 0 or last > np.iinfo(np.uint32).max:
        msg = (
            f"The labels go from {first:,} to {last:,}. Those of cells are 1 to "
            "4,294,967,295, and the background is 0."
        )
        raise ImageError(msg)
    return np.uint16 if last <= np.iinfo(np.uint16).max else np.uint32


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Cut planes into parts that fit into memory; indices (..., rows, columns)."""
    for plane in np.ndindex(*shape[:-2]):
        for y in range(0, shape[-2], _PART):
            for x in range(0, shape[-1], _PART):
                rows, columns = (
                    slice(start, min(start + _PART, n))
                    for start, n in zip((y, x), shape[-2:], strict=True)
                )
                yield (*plane, rows, columns)


@contextmanager
def label_image(
    path: Path, shape: Sequence[int], side: int, dtype: DTypeLike, image: LabelImage
) -> Iterator[LabelPyramid]:
    """Give a pyramid to write labels into, which is described as OME-Zarr at the end.

    A folder without the description is no label image: it was not finished. `path`,
    `shape`, `side` and `dtype` are as for `LabelPyramid`.
    """
    import zarr

    version, zarr_format = image.version, _ZARR_FORMATS[image.version]
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    options: dict[str, Any] = {"zarr_format": zarr_format}
    if version == "0.4":
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    else:
        options["dimension_names"] = [a["name"] for a in _describe_axes(image.axes, {})]
    pyramid = LabelPyramid(
        path, shape, side, dtype=dtype, smallest=_SMALLEST, options=options
    )
    yield pyramid
    group.attrs[OURS] = signed(image.about)
    multiscale = {
        "name": image.name,
        "axes": _describe_axes(image.axes, image.places),
        "datasets": _describe_levels(len(pyramid.levels), image.axes, image.places),
    }
    if version == "0.4":
        group.attrs["image-label"] = {"version": version, **image.label_details}
        group.attrs["multiscales"] = [{"version": version, **multiscale}]
    else:
        group.attrs["ome"] = {
            "version": version,
            "image-label": dict(image.label_details),
            "multiscales": [multiscale],
        }


def register_labels(store: Path, name: str, version: str) -> None:
    """List the labels ``labels/<name>`` in the store of their image.

    Raises ImageError if the store cannot be written to.
    """
    folder = store / "labels"
    # Two runs may list labels of theirs at the same time.
    with alone_at(folder, ImageError, wait=_PATIENCE):
        try:
            _list_in(folder, name, version)
            sync(folder, deep=False)
            consolidate_again(folder / name)
        except OSError as error:
            reason = error.strerror or error
            raise ImageError(f"{folder} cannot be written: {reason}.") from error


def _list_in(folder: Path, name: str, version: str) -> None:
    import zarr

    group = zarr.open_group(
        str(folder),
        mode="a",
        zarr_format=_ZARR_FORMATS[version],
        use_consolidated=False,
    )
    ome = dict(group.attrs.get("ome", {})) if version == "0.5" else {}
    known = (ome if version == "0.5" else group.attrs).get("labels", [])
    names = [*(n for n in known if n != name), name]
    if version == "0.5":
        group.attrs["ome"] = {**ome, "version": version, "labels": names}
    else:
        group.attrs["labels"] = names


def _describe_axes(axes: str, places: Mapping[str, AxisPlace]) -> list[dict[str, str]]:
    """Axes as OME-Zarr names them; what is neither space nor time becomes time."""
    letters = ["t" if a == "Q" else a.lower() for a in axes]
    if letters.count("t") > 1:
        letters[:2] = ["t", "z"]
    described = []
    for axis, letter in zip(axes, letters, strict=True):
        kind = "time" if letter == "t" else "space"
        described.append({"name": letter, "type": kind})
        if unit := places.get(axis, _NOWHERE).unit:
            described[-1]["unit"] = unit
    return described


def _describe_levels(
    n: int, axes: str, places: Mapping[str, AxisPlace]
) -> list[dict[str, Any]]:
    along = [places.get(axis, _NOWHERE) for axis in axes]
    # Every second pixel is kept, beginning with the first: all levels begin at one
    # place.
    begin = [place.translation for place in along]
    datasets = []
    for i in range(n):
        factors = [2.0**i if axis in "YX" else 1.0 for axis in axes]
        scale = [f * place.scale for f, place in zip(factors, along, strict=True)]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if any(begin):
            steps.append({"type": "translation", "translation": begin})
        datasets.append({"path": str(i), "coordinateTransformations": steps})
    return datasets
