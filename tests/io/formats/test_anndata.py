"""Tables of cells, as anndata reads them."""

import dataclasses
import sys

import anndata
import h5py
import numpy as np
import pytest
from cells import IMAGES, with_classes

from napari_iaunet.errors import ImageError, InstallationError
from napari_iaunet.io.formats.anndata import write_anndata


def test_measures_places_classes_and_files(tmp_path):
    one = with_classes(IMAGES["time"])
    two = with_classes(IMAGES["unusual letters"])
    write_anndata(tmp_path / "ä.h5ad", [one, two])
    found = anndata.read_h5ad(tmp_path / "ä.h5ad")
    n = len(one.table["label"])
    assert found.shape == (n + 9, 2)
    assert list(found.var_names) == ["area (µm²)", "mean of “DAPI”"]
    assert found.obs_names.is_unique
    assert found.obs["file"].tolist() == [one.name] * n + [two.name] * 9
    for column in ("label", "plane"):
        np.testing.assert_array_equal(found.obs[column][:n], one.table[column])
    assert found.obs["class"].tolist()[:2] == ["große Zelle", ""]
    np.testing.assert_array_equal(found.X[:n, 0], one.table["area (µm²)"])
    np.testing.assert_array_equal(found.X[n:, 1], two.table["mean of “DAPI”"])
    y, x = np.nonzero(two.labels == 8)
    np.testing.assert_allclose(found.obsm["spatial"][-2], [x.mean(), y.mean()])
    assert "embedding" not in found.obsm


def test_embeddings_follow_the_labels(tmp_path):
    cells = IMAGES["depth, one number"]
    vectors = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    cells = dataclasses.replace(cells, embeddings=vectors)
    write_anndata(tmp_path / "a.h5ad", [cells])
    found = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert found.shape == (27, 0)
    np.testing.assert_array_equal(found.obsm["embedding"], np.tile(vectors, (3, 1)))


@pytest.mark.parametrize("name", ["empty", "high numbers", "very high numbers"])
def test_labels_are_kept(tmp_path, name):
    write_anndata(tmp_path / "a.h5ad", [IMAGES[name]])
    found = anndata.read_h5ad(tmp_path / "a.h5ad")
    labels = np.unique(IMAGES[name].labels)
    np.testing.assert_array_equal(found.obs["label"], labels[labels > 0])


def test_only_our_own_files_are_replaced(tmp_path):
    path = tmp_path / "a.h5ad"
    write_anndata(path, [IMAGES["plane"]])
    write_anndata(path, [IMAGES["empty"]])
    with h5py.File(path, "w") as file:
        file["mine"] = 1
    with pytest.raises(ImageError, match="not written by this program"):
        write_anndata(path, [IMAGES["plane"]])


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(
        InstallationError, match=r"anndata, which is not .*napari-iaunet\[anndata\]"
    ):
        write_anndata(tmp_path / "a.h5ad", [IMAGES["plane"]])
