"""What docs/python.md shows runs as it stands there."""

import re
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.ndimage import gaussian_filter
from tifffile import imwrite

import napari_iaunet

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
)
# Ten minutes are nothing for a test.
SHORTER = ("minutes=10", "steps=1")


def nuclei():
    """Nine discs as bright as nuclei."""
    y, x = np.mgrid[:96, :96]
    cells = (y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 120
    labels = ((y // 32) * 3 + x // 32 + 1) * cells
    noise = np.random.default_rng(0).normal(0, 4, labels.shape)
    pixels = gaussian_filter(cells.astype(float), 1) * 150 + 30 + noise
    return pixels.astype(np.uint8), labels.astype(np.uint16)


@pytest.mark.slow
def test_examples_run(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image, labels = nuclei()
    for name in ("cells.ome.tif", "a_img.tif"):
        imwrite(name, image)
    imwrite("a_mask.tif", labels)
    given = {
        "image": image,
        "channels": np.stack([image] * 2),
        "labels": labels,
        "nuclei": labels,
        "true_labels": labels,
        "lazy_image": da.from_array(np.stack([image] * 2), chunks=(1, 96, 96)),
        "stack": np.stack([image] * 2),
        "viewer": ViewerModel(),
    }
    for block in BLOCKS:
        exec(compile(block.replace(*SHORTER), str(PAGE), "exec"), given)
    assert given["mask"][30, 30]
    assert not given["mask"][30, 41]
    assert given["alike"].shape == (9,)
    assert given["embeddings"].shape[0] == 9
    assert len(given["viewer"].layers) == 1


@pytest.mark.parametrize("name", sorted(set(napari_iaunet.__all__) - {"__version__"}))
def test_every_public_name_is_described(name):
    assert name in PAGE.read_text()


@pytest.mark.parametrize("name", ["segment", "set_image", "click", "embed", "describe"])
def test_every_method_of_the_contract_is_shown(name):
    assert any(f"segmenter.{name}(" in block for block in BLOCKS)
