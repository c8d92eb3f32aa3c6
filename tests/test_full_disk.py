"""A disk that is full leaves what was there before, and nothing else."""

import numpy as np
import pytest
import torch

from napari_iaunet.errors import IAUNetError
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.write import write_labels, write_table
from napari_iaunet.model.checkpoint import save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig

resource = pytest.importorskip("resource", reason="limits of Unix")
NETWORK = IAUNet(IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6))
NOISE = np.random.default_rng(0).integers(0, 60000, (900, 900)).astype(np.int32)
WRITES = {
    "a.tif": lambda path: write_labels(path, NOISE),
    "a04.zarr": lambda path: write_labels_ome_zarr(path, NOISE),
    "a05.zarr": lambda path: write_labels_ome_zarr(path, NOISE, version="0.5"),
    "a.csv": lambda path: write_table(path, {"a": np.arange(9999)}),
    "model": lambda path: save_model(path, NETWORK, {}),
}


@pytest.fixture
def full_disk():
    """No file can be larger than 9,000 bytes."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, most))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def content(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", WRITES)
def test_nothing_half_written_is_left(tmp_path, full_disk, name):
    with pytest.raises(IAUNetError, match="cannot be written: File too large"):
        WRITES[name](tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITES)
def test_what_was_there_stays(tmp_path, request, name):
    WRITES[name](tmp_path / name)
    before = content(tmp_path)
    with torch.no_grad():
        NETWORK.stem[0].weight.add_(1)
    request.getfixturevalue("full_disk")
    with pytest.raises(IAUNetError, match="cannot be written"):
        WRITES[name](tmp_path / name)
    assert content(tmp_path) == before
