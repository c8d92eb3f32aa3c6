"""How large cells usually are, and whether a model can tell."""

import numpy as np
import pytest
import torch

from napari_iaunet.files import read_image
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.training.dataset import Annotation, prepare
from napari_iaunet.training.sizes import estimates_well, usual_diameter


def disc(diameter):
    y, x = np.ogrid[:200, :200]
    cells = (np.hypot(y - 100, x - 100) < diameter / 2).astype(np.int32)
    return prepare(Annotation(cells.astype(float), cells), 28.0)


def test_a_usual_diameter_only_where_images_are_alike():
    empty = np.zeros((50, 50), np.int32)
    nothing = prepare(Annotation(empty.astype(float), empty), 28.0)
    # The largest is stored shrunk, and its diameter is that of the image as it was.
    alike = [disc(60), nothing, disc(80), disc(110)]
    assert usual_diameter(alike, 28.0) == pytest.approx(80, rel=0.03)
    assert usual_diameter([*alike, disc(30)], 28.0) is None


def test_the_bundled_model_can_tell_the_size_of_nuclei(data_folder):
    path = sorted((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))[0]
    mask = path.with_name(path.name.replace("_img", "_mask"))
    image, labels = (np.asarray(read_image(p).array) for p in (path, mask))
    labels = labels.astype(np.int32)
    network = load_model(find_model("default"))[0]

    def asked(labels):
        annotation = Annotation(image, labels)
        images = [prepare(annotation, network.config.diameter)]
        return estimates_well(network, [annotation], images, torch.device("cpu"))

    assert asked(labels)
    # Somebody for whom groups of nuclei are one thing means another size.
    y, x = np.indices(labels.shape)
    assert not asked((y // 100 * 10 + x // 100 + 1).astype(np.int32))
