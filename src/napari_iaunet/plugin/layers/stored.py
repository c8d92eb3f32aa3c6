"""Layers as OME-Zarr stores hold them: what is kept of one, and the layer again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_iaunet.io.ours import OURS as STORED
from napari_iaunet.io.pixels import AxisPlace
from napari_iaunet.plugin.layers.find import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.types import LayerDataTuple
    from pandas import DataFrame, Series

    from napari_iaunet.io.ome_zarr_store import StoredImage

# Where a layer lies, as its arguments say it; OME-Zarr knows scale and translation.
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
# Labels up to this many pixels (256 MB) are read at once, so that they can be painted
# and clicked in as before they were saved.
_READ_AT_ONCE = 1 << 26


# -- what is kept of a layer -----------------------------------------------------------


def label_details(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the features and colours of a Labels layer as "image-label" holds them.

    The attributes are those of `Labels.as_layer_data_tuple`.
    """
    features: DataFrame | None = attributes.get("features")
    details: dict[str, Any] = {}
    if features is not None and len(features):
        table = features.copy()
        if "index" not in table:  # then napari counts the rows
            table.insert(0, "index", np.arange(len(table)))
        columns = zip(*(_values(column) for _, column in table.items()), strict=True)
        rows = (dict(zip(table.columns, row, strict=True)) for row in columns)
        details["properties"] = [
            {"label-value": row.pop("index"), **_known(row)} for row in rows
        ]
    colormap = attributes.get("colormap")
    if isinstance(colormap, DirectLabelColormap):
        details["colors"] = [
            {"label-value": int(label), "rgba": _bytes(colour)}
            for label, colour in colormap.color_dict.items()
            if label
        ]
    return details


def about(attributes: Mapping[str, Any], dropped: Sequence[int]) -> dict[str, Any]:
    """Return what else is needed to make the same layer again.

    ``dropped`` are axes of length 1 that the store does not have.
    """
    place = {key: attributes[key] for key in _PLACE if key in attributes}
    found: dict[str, Any] = {"dropped_axes": list(dropped), "place": place}
    colormap = attributes.get("colormap")
    if isinstance(colormap, DirectLabelColormap):
        found["other_colour"] = _bytes(colormap.color_dict[None])
    if "name" in attributes:
        found["name"] = attributes["name"]
    made = attributes.get("metadata", {}).get(OURS)
    if made:
        found["metadata"] = made
    return dict(json.loads(json.dumps(found, default=_plain)))


def _values(column: Series) -> list[Any]:
    """Return the values of a column as JSON can say them; None where there is none.

    pandas rounds to decimals: an area in square metres would become 0.
    """
    if column.dtype.kind != "f":
        return list(json.loads(column.to_json(orient="values")))
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    return list(np.where(known, numbers.astype(object), None))


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def _bytes(colour: Any) -> list[int]:
    return [round(255 * float(part)) for part in colour]


def _plain(value: Any) -> Any:
    """Say in JSON what numpy and pint hold."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


# -- the layer again -------------------------------------------------------------------


def layers_of(stored: Sequence[StoredImage]) -> list[LayerDataTuple]:
    """Return layers for an image and its labels, the image first."""
    images = [_image(item) for item in stored if not item.is_labels]
    return images + [_labels(item) for item in stored if item.is_labels]


def _image(stored: StoredImage) -> LayerDataTuple:
    letters = [letter for letter in stored.axes if letter not in "CS"]
    options = {"name": stored.name, **_place_of(stored, letters)}
    if "C" in stored.axes:
        options["channel_axis"] = stored.axes.index("C")
    if stored.axes.endswith("S"):
        options["rgb"] = True
    return _several(stored.levels, options), options, "image"


def _labels(stored: StoredImage) -> LayerDataTuple:
    ours = stored.attributes.get(STORED, {})
    levels, letters = stored.levels, list(stored.axes)
    channel = stored.axes.find("C")
    if channel >= 0 and levels[0].shape[channel] == 1:
        levels = [np.squeeze(level, channel) for level in levels]
        del letters[channel]
    dropped = tuple(ours.get("dropped_axes", ()))
    levels = [np.expand_dims(level, dropped) for level in levels]
    options = {"name": ours.get("name", stored.name), **_place_of(stored, letters)}
    options |= ours.get("place", {})
    if "metadata" in ours:
        options["metadata"] = {OURS: ours["metadata"]}
    details = stored.attributes.get("image-label") or {}
    if details.get("properties"):
        options["features"] = _features(details["properties"])
    if "other_colour" in ours:
        options["colormap"] = _colours(details.get("colors", ()), ours["other_colour"])
    if levels[0].size > _READ_AT_ONCE:
        return _several(levels, options), options, "labels"
    labels = np.asarray(levels[0])
    if labels.max(initial=0) <= np.iinfo(np.int32).max:
        labels = labels.astype(np.int32)
    return labels, options, "labels"


def _several(levels: list[Any], options: dict[str, Any]) -> Any:
    """Return all resolutions, or the only one; the options say which."""
    options["multiscale"] = len(levels) > 1
    return levels if len(levels) > 1 else levels[0]


def _place_of(stored: StoredImage, letters: Sequence[str]) -> dict[str, Any]:
    """Where the pixels lie along some axes."""
    places = [stored.places.get(letter, AxisPlace(1.0)) for letter in letters]
    found: dict[str, Any] = {
        "scale": [place.scale for place in places],
        "translate": [place.translation for place in places],
        "units": [_unit(place.unit) for place in places],
    }
    if "Q" not in letters:
        found["axis_labels"] = [letter.lower() for letter in letters]
    return found


def _unit(name: str | None) -> str:
    """Return a unit that napari knows."""
    import pint

    try:
        pint.get_application_registry().Unit(str(name))
    except pint.PintError:
        return "pixel"
    return str(name)


def _features(properties: Sequence[Mapping[str, Any]]) -> DataFrame:
    from pandas import DataFrame

    table = DataFrame(list(properties))
    return table.rename(columns={"label-value": "index"})


def _colours(
    colours: Sequence[Mapping[str, Any]], other: Sequence[int]
) -> DirectLabelColormap:
    """Colour labels as before they were saved."""
    by_label: dict[int | None, Any] = {
        int(item["label-value"]): np.divide(item["rgba"], 255) for item in colours
    }
    by_label[None] = np.divide(other, 255)
    by_label[0] = "transparent"
    return DirectLabelColormap(color_dict=by_label)
