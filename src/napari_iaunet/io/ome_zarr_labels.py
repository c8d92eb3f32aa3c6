"""Write labels as OME-Zarr, of version 0.4 or 0.5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.ome_zarr import AxisPlace
from napari_iaunet.large.work_folder import check_replaceable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK, _SMALLEST = 1024, 512
# Pixels of one side that are shrunk at a time, so that levels never are in memory.
_PIECE = 4096
_ZARR_FORMATS = {"0.4": 2, "0.5": 3}
_NOWHERE = AxisPlace(1.0)


def write_labels_ome_zarr(
    path: Path,
    labels: Any,
    *,
    axes: str | None = None,
    places: Mapping[str, AxisPlace] | None = None,
    version: str = "0.4",
) -> None:
    """Write a label image as OME-Zarr with a pyramid.

    Parameters
    ----------
    path : Path
        Folder to write; an existing label image is replaced.
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        A numpy, dask or zarr array; read piece by piece.
    axes : str, optional
        One letter for each axis.
    places : mapping of str to AxisPlace, optional
        Where the pixels lie along T, Z, Y and X.
    version : str
        Of OME-Zarr: "0.4" or "0.5".

    Raises
    ------
    ImageError
        If ``path`` is something else than a label image, or cannot be written.
    """
    import zarr

    path = Path(path)
    check_replaceable(path)
    with replacing(path, ImageError) as fresh:
        options = array_options(_letters(axes, labels.ndim), version)
        group = zarr.open_group(
            str(fresh), mode="w", zarr_format=options.pop("zarr_format")
        )
        _write_full(group, labels, options)
        complete_labels(fresh, path.stem, axes=axes, places=places, version=version)


def array_options(axes: str, version: str) -> dict[str, Any]:
    """Arguments of ``zarr.create_array`` for labels with such axes.

    Parameters
    ----------
    axes : str
        One letter for each axis.
    version : str
        Of OME-Zarr: "0.4" or "0.5".
    """
    options: dict[str, Any] = {"zarr_format": _ZARR_FORMATS[version]}
    if version == "0.4":
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    else:
        options["dimension_names"] = [a["name"] for a in _describe_axes(axes, {})]
    return options


def complete_labels(
    path: Path,
    name: str,
    *,
    axes: str | None = None,
    places: Mapping[str, AxisPlace] | None = None,
    version: str = "0.4",
) -> None:
    """Make an OME-Zarr label image of a folder that holds its array ``0``.

    Every level of the pyramid holds every second row and column of the one before,
    until an image fits on a screen. The description comes last: a folder without it
    is not finished.

    Parameters
    ----------
    path : Path
    name : str
        Of the image.
    axes, places
        As for `write_labels_ome_zarr`.
    version : str
        "0.4" or "0.5"; the array must have the zarr format that goes with it.
    """
    import zarr

    group = zarr.open_group(str(path), mode="a", zarr_format=_ZARR_FORMATS[version])
    levels = [group["0"]]
    ndim = levels[0].ndim
    letters = _letters(axes, ndim)
    options = array_options(letters, version)
    # Groups know the format of their arrays.
    del options["zarr_format"]
    while max(levels[-1].shape[-2:]) > _SMALLEST:
        levels.append(_shrink(group, str(len(levels)), levels[-1], options))
    multiscale = {
        "name": name,
        "axes": _describe_axes(letters, places or {}),
        "datasets": _describe_levels(len(levels), letters, places or {}),
    }
    if version == "0.4":
        group.attrs["image-label"] = {"version": version}
        group.attrs["multiscales"] = [{"version": version, **multiscale}]
    else:
        ome = {"version": version, "image-label": {}, "multiscales": [multiscale]}
        group.attrs["ome"] = ome


def register_labels(store: Path, name: str, version: str) -> None:
    """Tell readers of an image's store about the labels ``labels/<name>`` in it."""
    import zarr

    group = zarr.open_group(
        str(store / "labels"), mode="a", zarr_format=_ZARR_FORMATS[version]
    )
    ome = dict(group.attrs.get("ome", {})) if version == "0.5" else {}
    known = (ome if version == "0.5" else group.attrs).get("labels", [])
    names = [*(n for n in known if n != name), name]
    if version == "0.5":
        group.attrs["ome"] = {**ome, "version": version, "labels": names}
    else:
        group.attrs["labels"] = names


def _letters(axes: str | None, ndim: int) -> str:
    return axes or ["YX", "TYX", "TZYX"][ndim - 2]


def _create(
    group: Any, name: str, like: Any, sides: tuple[int, ...], options: dict[str, Any]
) -> Any:
    shape = like.shape
    planes = (1,) * (len(shape) - 2)
    chunks = tuple(min(n, side) for n, side in zip(shape[-2:], sides, strict=True))
    return group.create_array(
        name,
        shape=shape,
        dtype=like.dtype,
        chunks=planes + chunks,
        overwrite=True,
        **options,
    )


def _write_full(group: Any, labels: Any, options: dict[str, Any]) -> None:
    """Write the full resolution, in as few bytes as the labels need."""
    pieces = list(_pieces(labels.shape))
    last = max(int(np.asarray(labels[where]).max(initial=0)) for where in pieces)
    dtype = np.dtype(np.uint16 if last < 1 << 16 else np.uint32)
    like = np.broadcast_to(np.zeros((), dtype), labels.shape)
    full = _create(group, "0", like, (_CHUNK, _CHUNK), options)
    for where in pieces:
        full[where] = np.asarray(labels[where]).astype(dtype)


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """Parts of planes that fit into memory and end where chunks do."""
    for plane in np.ndindex(*shape[:-2]):
        for y in range(0, shape[-2], _PIECE):
            for x in range(0, shape[-1], _PIECE):
                yield (*plane, slice(y, y + _PIECE), slice(x, x + _PIECE))


def _shrink(group: Any, name: str, level: Any, options: dict[str, Any]) -> Any:
    """Write the next level of a pyramid, piece by piece."""
    height, width = (-(-n // 2) for n in level.shape[-2:])
    shape = (*level.shape[:-2], height, width)
    like = np.broadcast_to(np.zeros((), level.dtype), shape)
    smaller = _create(group, name, like, level.chunks[-2:], options)
    half = _PIECE // 2
    for where in np.ndindex(*shape[:-2]):
        for y in range(0, height, half):
            for x in range(0, width, half):
                rows, columns = (
                    slice(2 * y, 2 * y + _PIECE),
                    slice(2 * x, 2 * x + _PIECE),
                )
                piece = level[(*where, rows, columns)][::2, ::2]
                smaller[(*where, slice(y, y + half), slice(x, x + half))] = piece
    return smaller


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
    # Every second pixel is kept, the first one, too: all levels begin at one place.
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
