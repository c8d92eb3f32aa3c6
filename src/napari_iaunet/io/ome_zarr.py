"""Read OME-Zarr images and labels, of versions 0.1 to 0.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.damage import damaged_store
from napari_iaunet.io.ours import OURS, PROGRAM, WRITER
from napari_iaunet.io.pixels import AxisPlace, Pixels
from napari_iaunet.io.series import pick_image
from napari_iaunet.io.zarr_bounds import check_zarr_metadata, checked_zarr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_METADATA = (".zattrs", ".zgroup", ".zarray", "zarr.json")
# Attributes of a store that say that it has an image.
_IMAGES = {"multiscales", "bioformats2raw.layout"}


def is_zarr(path: Path) -> bool:
    """Whether the folder holds a zarr group or array."""
    return any((path / name).is_file() for name in _METADATA)


def may_be_read(path: Path) -> bool:
    """Whether a folder is a zarr store of an image or of labels, by its metadata.

    A damaged one may be, too: `read` tells what is wrong with it.
    """
    import zarr

    if not is_zarr(path):
        return False
    try:
        check_zarr_metadata(path, _METADATA)
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            return bool(node.ndim > 1)
        known = _attributes(node).keys() & _IMAGES
        arrays = len(list(node.array_keys()))
        return bool(known) or arrays == 1 or holds_only_labels(path)
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return True


def holds_labels(path: Path) -> bool:
    """Whether a folder is a zarr store of labels, anybody's, or a result of ours."""
    import zarr

    try:
        check_zarr_metadata(path, _METADATA)
        node = zarr.open(str(path), mode="r")
        ours = dict(node.attrs).get(OURS) or {}
        return "image-label" in _attributes(node) or ours.get(WRITER) == PROGRAM
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return False


def holds_only_labels(path: Path) -> bool:
    """Whether a store lists labels beside an image that is not there."""
    import zarr

    beside = path / "labels"
    if not is_zarr(beside):
        return False
    try:
        check_zarr_metadata(path, _METADATA)
        check_zarr_metadata(beside, _METADATA)
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array) or list(node.array_keys()):
            return False
        listed = _attributes(zarr.open(str(beside), mode="r"))
        return "labels" in listed and not _attributes(node).keys() & _IMAGES
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return False


def count_images(path: Path) -> int:
    """Count the images of a store, as `read` numbers them; a damaged one has one."""
    import zarr

    try:
        check_zarr_metadata(path, _METADATA)
        attributes = _attributes(zarr.open(str(path), mode="r"))
        inside = _converted(path, attributes) or attributes.get("multiscales", ())
        return max(1, len(inside))
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return 1


def fields_of(path: Path) -> list[Path]:
    """Folders of the images of a plate, or of a well of one; none of anything else.

    They come in the order in which the plate lists them.
    """
    import zarr

    try:
        check_zarr_metadata(path, _METADATA)
        attributes = _attributes(zarr.open(str(path), mode="r"))
        wells = attributes["plate"]["wells"] if "plate" in attributes else ()
        images = attributes["well"]["images"] if "well" in attributes else ()
        inside = [path / str(image["path"]) for image in images]
        for well in wells:
            inside += fields_of(path / str(well["path"]))
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return []
    return inside


def image_folder(path: Path, series: int | None = None) -> Path:
    """Folder of the image itself: bioformats2raw puts several into one store.

    ``series`` is the number of the image, from 1; the first one if left out.
    """
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
        inside = _converted(path, _attributes(node))
    except Exception:  # noqa: BLE001 - whatever is wrong, `read` tells
        return path
    return inside[(series or 1) - 1] if len(inside) >= (series or 1) else path


def _converted(path: Path, attributes: dict[str, Any]) -> list[Path]:
    """Folders of the images that bioformats2raw put into a store."""
    if "bioformats2raw.layout" not in attributes or "multiscales" in attributes:
        return []
    names = map(str, range(sum(1 for _ in path.iterdir())))
    return [path / name for name in names if is_zarr(path / name)]


def labels_within(path: Path) -> list[Path]:
    """Folders of the label images that an OME-Zarr image lists."""
    import zarr

    folder = image_folder(path) / "labels"
    try:
        names = _attributes(zarr.open_group(str(folder), mode="r")).get("labels", [])
    except Exception:  # noqa: BLE001 - no group, or whatever is wrong: none are listed
        return []
    return [folder / str(name) for name in names]


def read(path: Path, series: int | None = None, *, of_labels: bool = False) -> Pixels:
    """Open the full resolution of an OME-Zarr image, or a zarr array, lazily.

    ``series`` is the number of the image, from 1, where there are several; the first
    one if left out. Of labels, what is left out is told in other words.
    """
    import zarr

    check_zarr_metadata(path, _METADATA)
    try:
        node = zarr.open(str(path), mode="r")
        notes: tuple[str, ...] = ()
        if inside := _converted(path, _attributes(node)):
            sizes = [1] * len(inside)
            number, notes = pick_image(path, sizes, series, of_labels=of_labels)
            node, series = zarr.open(str(inside[number - 1]), mode="r"), None
        array, axes, places, more = _find_image(path, node, series, of_labels)
        lazy = checked_zarr(path, array)
        holds_labels = "image-label" in _attributes(node)
    except ImageError:
        raise
    except Exception as error:
        raise damaged_store(path, error) from error
    if lazy.ndim < 2:
        raise ImageError(f"The zarr array {path} has no rows and columns.")
    names = _channel_names(node)
    return Pixels(lazy, axes, places, notes + more, holds_labels, names)


def _attributes(node: Any) -> dict[str, Any]:
    attributes = dict(node.attrs)
    return dict(attributes.get("ome", attributes))


def _channel_names(node: Any) -> tuple[str, ...]:
    """Names of channels, as far as the image tells how it is to be shown."""
    shown = _attributes(node).get("omero")
    channels = shown.get("channels") if isinstance(shown, dict) else None
    if not isinstance(channels, list) or not all(isinstance(c, dict) for c in channels):
        return ()
    return tuple(str(channel.get("label") or "") for channel in channels)


def _find_image(
    path: Path, node: Any, series: int | None, of_labels: bool
) -> tuple[Any, str, dict[str, AxisPlace], tuple[str, ...]]:
    """Array, axes, places and notes of the image of a group, or of an array."""
    import zarr

    if isinstance(node, zarr.Array):
        _, notes = pick_image(path, [1], series)
        return node, _axes_of(node), {}, notes
    attributes = _attributes(node)
    if "plate" in attributes or "well" in attributes:
        msg = f"{path} is a plate of many images; give one of them, like A/1/0 in it."
        raise ImageError(msg)
    if described := attributes.get("multiscales"):
        sizes = [1] * len(described)
        number, notes = pick_image(path, sizes, series, of_labels=of_labels)
        return *_full_level(path, node, described[number - 1]), notes
    if "encoding-type" in attributes:  # as AnnData marks what it writes
        kind = attributes["encoding-type"]
        raise ImageError(f"The zarr folder {path} holds a table ({kind}), no image.")
    arrays = dict(node.arrays())
    # Beside an image may lie where its rows and columns are.
    planes = [name for name, array in sorted(arrays.items()) if array.ndim > 1]
    if len(planes or arrays) != 1:
        inside = next(_images_below(node), planes[0] if planes else None)
        hint = f"; give one of those in it, like {path / inside}" if inside else ""
        raise ImageError(f"The zarr folder {path} holds no OME-Zarr image{hint}.")
    array = arrays[next(iter(planes or arrays))]
    _, notes = pick_image(path, [1], series)
    return array, _axes_of(array), {}, notes


def _images_below(group: Any, depth: int = 3) -> Iterator[str]:
    """Paths of images within a group that is none itself."""
    for name, inside in sorted(group.groups()):
        attributes = _attributes(inside)
        if "multiscales" in attributes and "image-label" not in attributes:
            yield name
        elif depth > 1:
            yield from (f"{name}/{path}" for path in _images_below(inside, depth - 1))


def _full_level(
    path: Path, node: Any, multiscale: dict[str, Any]
) -> tuple[Any, str, dict[str, AxisPlace]]:
    """Array, axes and places of the largest level of an entry of "multiscales"."""
    # The largest one comes first, or should.
    levels = [(node[dataset["path"]], dataset) for dataset in multiscale["datasets"]]
    array, dataset = max(levels, key=lambda level: level[0].size)
    described = [
        a if isinstance(a, dict) else {"name": a}
        for a in multiscale.get("axes", "tczyx"[-array.ndim :])
    ]
    axes = "".join(_letter(axis) for axis in described)
    if len(axes) != array.ndim or "Y" not in axes or "X" not in axes:
        return array, _default_axes(array.shape), {}
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


def _axes_of(array: Any) -> str:
    """Axes of an array that is no OME-Zarr, by the names that zarr or xarray give."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    letters = "".join(_letter({"name": name}) for name in names)
    known = len(letters) == array.ndim and all(letters.count(a) == 1 for a in "YX")
    return letters if known else _default_axes(array.shape)


def _letter(axis: dict[str, Any]) -> str:
    kind, name = axis.get("type"), str(axis.get("name", "")).lower()
    if kind == "channel" or name in ("channel", "channels", "ch"):
        return "C"
    if name == "time":
        return "T"
    return name.upper() if name in ("t", "c", "z", "y", "x") else "Q"


def _default_axes(shape: tuple[int, ...]) -> str:
    """Axes of an array that does not name them."""
    return "Q" * (len(shape) - 2) + "YX"[-len(shape) :]


def version_of(path: Path) -> str:
    """OME-Zarr version in which labels go well with an image: "0.4" or "0.5"."""
    return "0.5" if (image_folder(path) / "zarr.json").is_file() else "0.4"
