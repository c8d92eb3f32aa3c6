"""Read OME-Zarr images and labels, of versions 0.1 to 0.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

_METADATA = (".zattrs", ".zgroup", ".zarray", "zarr.json")
_MICROMETRES = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3}


class AxisPlace(NamedTuple):
    """Where the pixels of an image lie along one axis.

    Attributes
    ----------
    scale : float
        Distance of two pixels.
    translation : float
        Position of the first one.
    unit : str or None
        Of both, as OME-Zarr names it, like "micrometer".
    """

    scale: float
    translation: float = 0.0
    unit: str | None = None


class ZarrImage(NamedTuple):
    """The full resolution of an image.

    Attributes
    ----------
    array : dask array
    axes : str
        One letter for each axis, as in `napari_iaunet.io.read.ImageFile`.
    places : dict of str -> AxisPlace
        Of the axes T, Z, Y and X, as far as the image says.
    """

    array: Any
    axes: str
    places: dict[str, AxisPlace]

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Height and width of a pixel in micrometres."""
        sizes = [
            place.scale * _MICROMETRES.get(str(place.unit), 0.0)
            for place in (self.places.get(letter, AxisPlace(0.0)) for letter in "YX")
        ]
        y, x = sizes
        return (y, x) if y > 0 and x > 0 else None


def in_micrometres(pixel_size: tuple[float, float]) -> dict[str, AxisPlace]:
    """Places of pixels whose height and width are known, and nothing else."""
    return {
        letter: AxisPlace(size, unit="micrometer")
        for letter, size in zip("YX", pixel_size, strict=True)
    }


def is_zarr(path: Path) -> bool:
    """Whether the folder holds a zarr group or array."""
    return any((path / name).is_file() for name in _METADATA)


def image_folder(path: Path) -> Path:
    """Folder of the image itself: bioformats2raw puts it, as ``0``, into another."""
    import zarr

    try:
        attributes = _attributes(zarr.open(str(path), mode="r"))
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return path
    layout = "bioformats2raw.layout" in attributes and "multiscales" not in attributes
    return path / "0" if layout and is_zarr(path / "0") else path


def read(path: Path) -> ZarrImage:
    """Open the full resolution of an OME-Zarr image, or a zarr array, lazily."""
    import dask.array as da
    import zarr

    folder = image_folder(path)
    try:
        node = zarr.open(str(folder), mode="r")
        array, axes, places = _find_image(path, node)
        lazy = da.from_array(array, chunks=array.chunks)
    except ImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ImageError(f"The zarr folder {path} is damaged: {reason}.") from error
    if lazy.ndim < 2:
        raise ImageError(f"The zarr array {path} has no rows and columns.")
    return ZarrImage(lazy, axes, places)


def _attributes(node: Any) -> dict[str, Any]:
    attributes = dict(node.attrs)
    return dict(attributes.get("ome", attributes))


def _find_image(path: Path, node: Any) -> tuple[Any, str, dict[str, AxisPlace]]:
    import zarr

    if isinstance(node, zarr.Array):
        return node, _default_axes(node.shape), {}
    attributes = _attributes(node)
    if "plate" in attributes or "well" in attributes:
        msg = f"{path} is a plate of many images; give one of them, like A/1/0 in it."
        raise ImageError(msg)
    if "multiscales" in attributes:
        return _first_level(path, node, attributes["multiscales"][0])
    arrays = [item for _, item in node.arrays()]
    if len(arrays) != 1:
        raise ImageError(f"The zarr folder {path} holds no OME-Zarr image.")
    return arrays[0], _default_axes(arrays[0].shape), {}


def _first_level(
    path: Path, node: Any, multiscale: dict[str, Any]
) -> tuple[Any, str, dict[str, AxisPlace]]:
    """Array, axes and places of the first entry of "multiscales"."""
    dataset = multiscale["datasets"][0]
    array = node[dataset["path"]]
    described = [
        a if isinstance(a, dict) else {"name": a}
        for a in multiscale.get("axes", "tczyx"[-array.ndim :])
    ]
    axes = "".join(_letter(axis) for axis in described)
    if len(axes) != array.ndim or "Y" not in axes or "X" not in axes:
        return array, _default_axes(array.shape), {}
    if not axes.replace("C", "").endswith("YX"):
        raise ImageError(
            f"{path} has its axes in the order {axes.lower()}; "
            "save it with y and x as the last ones."
        )
    scale, translation = [1.0] * array.ndim, [0.0] * array.ndim
    for step in (
        *dataset.get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ):
        if step.get("type") == "scale":
            factors = [float(factor) for factor in step["scale"]]
            scale = [a * b for a, b in zip(scale, factors, strict=True)]
            translation = [a * b for a, b in zip(translation, factors, strict=True)]
        elif step.get("type") == "translation":
            shifts = map(float, step["translation"])
            translation = [a + b for a, b in zip(translation, shifts, strict=True)]
    places = {
        letter: AxisPlace(scale[i], translation[i], described[i].get("unit"))
        for i, letter in enumerate(axes)
        if letter in "TZYX"
    }
    return array, axes, places


def _letter(axis: dict[str, Any]) -> str:
    kind, name = axis.get("type"), str(axis.get("name", "")).upper()
    if kind == "channel":
        return "C"
    return name if name in ("T", "C", "Z", "Y", "X") else "Q"


def _default_axes(shape: tuple[int, ...]) -> str:
    """Axes of an array that does not name them; colours may come last."""
    if len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > shape[-1]:
        return "Q" * (len(shape) - 3) + "YXS"
    return "Q" * (len(shape) - 2) + "YX"[-len(shape) :]


def version_of(path: Path) -> str:
    """OME-Zarr version in which labels go well with an image: "0.4" or "0.5"."""
    return "0.5" if (image_folder(path) / "zarr.json").is_file() else "0.4"
