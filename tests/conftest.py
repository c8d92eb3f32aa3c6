"""Fixtures that tests of several modules share."""

import os
from pathlib import Path

import pytest

# Which engine is faster would be found out again and again.
os.environ["NAPARI_IAUNET_ENGINE"] = "pytorch"


@pytest.fixture(scope="session")
def data_folder():
    """Folder of real images; see its README for what is in it."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("NAPARI_IAUNET_DATA") or root.parent / "shared/data")
    if not folder.is_dir():
        reason = f"no real images at {folder}: set NAPARI_IAUNET_DATA"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
