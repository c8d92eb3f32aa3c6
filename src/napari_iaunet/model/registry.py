"""Models by name: those that come with the package and the user's own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_dir

from napari_iaunet.atomic import settled
from napari_iaunet.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLED = Path(__file__).parent / "weights"
# Files of a model's folder.
CONFIG, WEIGHTS, CARD = "config.json", "weights.safetensors", "card.json"

# Bytes of a JSON file and characters of a description, at most; the bundled model's
# have 4,000 and 70.
_LARGEST_JSON, _LONGEST_DESCRIPTION = 1_000_000, 200


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be picked.

    Attributes
    ----------
    name : str
    path : Path
        Its folder.
    description : str
        One line from its card.
    figures : mapping
        What its card says of its accuracy; empty if nothing.
    """

    name: str
    path: Path
    description: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def read_json(path: Path) -> dict[str, Any]:
    """Read one of a model's JSON files.

    Raises
    ------
    ModelError
        If it cannot be read, is no JSON object, or is far too large for one.
    """
    if path.is_file() and path.stat().st_size > _LARGEST_JSON:
        raise ModelError(f"The model's {path.name} is far too large: {path}.")
    try:
        # A pipe would never end.
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The model's {path.name} cannot be read: {path}.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The model's {path.name} is not what it should be: {path}.")
    return values


def user_models_folder() -> Path:
    """Folder of the user's models; NAPARI_IAUNET_HOME moves it."""
    home = os.environ.get("NAPARI_IAUNET_HOME") or user_data_dir("napari-iaunet", False)
    return Path(home) / "models"


def _models_in(folder: Path) -> list[ModelInfo]:
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        # A hidden folder is a model that is being written or deleted.
        if path.name[0] == "." or not settled(path, CONFIG).is_file():
            continue
        try:
            card = read_json(settled(path, CARD))
        except ModelError:
            card = {}
        figures = card.get("figures")
        found_figures = figures if isinstance(figures, dict) else {}
        description = " ".join(str(card.get("description", "")).split())
        description = description[:_LONGEST_DESCRIPTION]
        found.append(ModelInfo(path.name, path, description, found_figures))
    return found


def list_models() -> list[ModelInfo]:
    """Return all models: the bundled ones first, then the user's own.

    A user's model of the same name as a bundled one is left out.
    """
    models = _models_in(BUNDLED)
    models.sort(key=lambda model: model.name != "default")
    names = {model.name for model in models}
    return models + [m for m in _models_in(user_models_folder()) if m.name not in names]


def find_model(name: str | os.PathLike[str]) -> Path:
    """Return the folder of a model given by name or by folder.

    Raises
    ------
    ModelError
        If there is neither a model nor a folder of that name.
    """
    models = list_models()
    for model in models:
        if model.name == str(name):
            return model.path
    if Path(name).is_dir():
        return Path(name)
    known = ", ".join(model.name for model in models) or "none"
    raise ModelError(f'There is no model "{name}"; known models: {known}.')
