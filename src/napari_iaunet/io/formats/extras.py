"""Packages that only some formats need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from napari_iaunet.errors import InstallationError


def needed(package: str, extra: str, what: str) -> Any:
    """Return a package that an extra of ours brings.

    Raises
    ------
    InstallationError
        If it is not installed, or cannot be loaded.
    """
    try:
        return import_module(package)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and str(error.name) in package
        state = "is not installed" if missing else f"cannot be loaded ({error})"
        raise InstallationError(
            f"{what} needs the package {package}, which {state}. This installs it: "
            f'python -m pip install "napari-iaunet[{extra}]"'
        ) from error
