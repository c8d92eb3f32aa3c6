"""Fixtures that tests of several modules share."""

import os
from pathlib import Path

import numpy as np
import pytest

# Which engine is faster would be found out again and again.
os.environ["NAPARI_IAUNET_ENGINE"] = "pytorch"
# Files that take a minute or more, begun first: at the end of a run of two processes,
# one of them would wait for the other.
_LONG = (
    "plugin/finetune/test_finetune.py",
    "plugin/segment/test_large.py",
    "training/test_worker.py",
    "training/test_loop.py",
    "test_crashes.py",
    "plugin/finetune/test_process.py",
    "plugin/batch/test_whole_path.py",
)


def pytest_collection_modifyitems(items):
    """Begin with the files that take long; the others stay in their order."""
    here = Path(__file__).parent

    def place(item):
        name = item.path.relative_to(here).as_posix()
        return _LONG.index(name) if name in _LONG else len(_LONG)

    items.sort(key=place)


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


@pytest.fixture(scope="session")
def crowded_nuclei(data_folder):
    """A real image of more than 20 nuclei, 256 x 256, and their annotation."""
    from napari_iaunet.io.read import read_image

    folder = data_folder / "nuclei-fluorescence/train"
    for path in sorted(folder.glob("*_img.png")):
        mask = path.with_name(path.name.replace("_img", "_mask"))
        labels = np.asarray(read_image(mask).array).astype(np.int32)
        if labels.shape == (256, 256) and labels.max() > 20:
            return np.asarray(read_image(path).array), labels
    raise FileNotFoundError(folder)
