"""A classifier is one file: safetensors, with names and notes as JSON in its header.

Never a pickle: a file from a stranger cannot run code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as deserialise
from safetensors.numpy import save as serialise

from napari_iaunet.atomic import write_bytes
from napari_iaunet.errors import ModelError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

SUFFIX = ".safetensors"
FORMAT = "napari-iaunet classifier 1"
_HEADER = "napari_iaunet"
# Far more than a classifier has: some hundred columns and a thousand examples.
_LARGEST = 64 * 1024**2
_MOST_CLASSES = 1000
_ARRAYS = ("centre", "spread", "share", "weights", "features")
# Bytes that say how long the header of a file of safetensors is.
_LENGTH = 8


def write(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Write the fields of a classifier.

    Raises ModelError if something else is there, or it cannot be written.
    """
    path = Path(path)
    if path.exists() and not is_classifier(path):
        raise ModelError(f"{path} is no classifier, so it is not replaced.")
    arrays = {n: np.ascontiguousarray(values[n], np.float32) for n in _ARRAYS}
    arrays["examples"] = np.ascontiguousarray(values["examples"], np.int64)
    head = {
        "format": FORMAT,
        "names": list(values["names"]),
        "columns": [list(column) for column in values["columns"]],
        "model": values["model"],
        "notes": values["notes"],
    }
    content = serialise(arrays, {_HEADER: json.dumps(head, ensure_ascii=True)})
    write_bytes(path, content, ModelError)


def is_classifier(path: Path) -> bool:
    """Whether a file is a classifier, as far as its header says."""
    try:
        _head(path, _header(path))
    except ModelError:
        return False
    return True


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the fields of a classifier.

    Raises ModelError if the file is missing, damaged or something else.
    """
    path = Path(path)
    head = _head(path, _header(path))
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"The file {path} is too large for a classifier.")
        arrays = deserialise(path.read_bytes())
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _damaged(path) from error
    if not _fit(arrays, head):
        raise _damaged(path)
    return {
        "names": tuple(head["names"]),
        "columns": tuple((name, width) for name, width in head["columns"]),
        "model": head["model"],
        "notes": head["notes"],
        **arrays,
    }


def _header(path: Path) -> Any:
    """Read what the header of a file of safetensors says of the file; None if none."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH), "little")
            if length > _LARGEST:
                return None
            said = json.loads(file.read(length))
        return json.loads(said["__metadata__"][_HEADER])
    except FileNotFoundError as error:
        raise ModelError(f"There is no classifier {path}.") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _head(path: Path, head: Any) -> dict[str, Any]:
    """Return the header if it is that of a classifier."""
    said = head.get("format") if isinstance(head, dict) else None
    if not isinstance(said, str) or not said.startswith(FORMAT.rstrip("1 ")):
        raise ModelError(f"{path} is no classifier of napari-iaunet.")
    if said != FORMAT:
        raise ModelError(f"{path} was written by another version of napari-iaunet.")
    return dict(head)


def _fit(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> bool:
    """Whether names, columns and arrays are such as `write` writes, of one size."""
    try:
        names, columns, notes = head["names"], head["columns"], head["notes"]
        count, width = len(names), len(arrays["centre"])
        kinds = {type(name) for name in names}
        is_named = kinds in ({str}, {int}) and len(set(names)) == count
        groups = [(n, w) for n, w in columns if type(n) is str and type(w) is int]
        is_laid_out = not columns or (
            len(groups) == len(columns)
            and len(dict(groups)) == len(columns)
            and all(w >= 0 for _, w in groups)
            and sum(w for _, w in groups) == width
        )
        shapes = {
            **dict.fromkeys(("centre", "spread", "share"), (width,)),
            "weights": (width + 1, count),
            "features": (len(arrays["examples"]), width),
            "examples": (len(arrays["examples"]),),
        }
        examples = arrays["examples"]
        return (
            is_named
            and names == sorted(names)
            and 2 <= count <= _MOST_CLASSES
            and is_laid_out
            and isinstance(head["model"], str)
            and isinstance(notes, dict)
            and set(arrays) == set(shapes)
            and all(arrays[n].shape == shape for n, shape in shapes.items())
            and all(arrays[n].dtype == np.float32 for n in _ARRAYS)
            and all(np.isfinite(arrays[n]).all() for n in _ARRAYS)
            and bool((arrays["spread"] > 0).all())
            and examples.dtype == np.int64
            and set(examples.tolist()) <= set(range(count))
        )
    except (KeyError, TypeError, ValueError):
        return False


def _damaged(path: Path) -> ModelError:
    return ModelError(f"The classifier {path} is damaged.")
