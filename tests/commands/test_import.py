"""``napari-iaunet import``: outlines become a label image that fits an image."""

import json

import numpy as np
import pytest
import tifffile

from napari_iaunet import read_image
from napari_iaunet.cli import main
from napari_iaunet.io.labels import read_labels


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "i.tif"
    pixels = np.zeros((40, 60, 3), np.uint8)
    options = {"resolution": (4, 4), "metadata": {"unit": "um"}}
    tifffile.imwrite(path, pixels, photometric="rgb", imagej=True, **options)
    return path


def drawn(path, right):
    """One cell of another program, which does not say how large its image is."""
    ring = [[5, 5], [right, 5], [right, 15], [5, 15], [5, 5]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "geometry": shape, "properties": {"name": "3"}}
    document = {"type": "FeatureCollection", "features": [feature]}
    path.write_text(json.dumps(document))
    return path


def test_labels_get_the_size_of_the_image(image, tmp_path, capsys):
    outlines, out = drawn(tmp_path / "a.geojson", 25), tmp_path / "a_mask.tif"
    given = ["import", str(outlines), "--like", str(image), "--out", str(out)]
    assert main(given) == 0
    assert "1 cell" in capsys.readouterr().out
    labels = read_labels(out)
    assert labels.shape == (40, 60)
    assert np.count_nonzero(labels == 3) == np.count_nonzero(labels) == 200
    assert read_image(out).pixel_size == (0.25, 0.25)
    assert main(given) == 0  # its own is replaced


def test_cells_of_a_larger_image_are_refused(image, tmp_path, capsys):
    outlines, out = drawn(tmp_path / "a.geojson", 80), tmp_path / "a_mask.tif"
    assert main(["import", str(outlines), "--like", str(image), "--out", str(out)]) == 2
    assert "they are of another image" in capsys.readouterr().err
    assert not out.exists()
