"""Cells of several layers are described with one progress, without a viewer."""

from types import SimpleNamespace

import numpy as np
from drawn import discs
from stained import beside_brighter

from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.plugin.layers.cells_on_image import CellSource
from napari_iaunet.plugin.layers.geometry import LayerImage
from napari_iaunet.plugin.lookalikes.job import describe_cells


def describe(image, labels, *, progress, **_seen_as):
    progress(0, 3)
    progress(2, 3)
    sizes = np.zeros((1, 3), np.float32)
    return DescribedCells(np.array([4]), np.ones((1, 1), np.float32), {"size": sizes})


def test_progress_counts_all_images_alike():
    labels, image = np.zeros((8, 8), np.int32), np.zeros((8, 8), np.uint8)
    labels[2:5, 2:5] = 4
    progress = []
    found = describe_cells(
        SimpleNamespace(get=lambda *names: SimpleNamespace(describe=describe)),
        [CellSource(labels, LayerImage(image, None))] * 2,
        model="m",
        device="cpu",
        progress=lambda done, total: progress.append((done, total)),
    )
    assert [cells.label_ids.tolist() for cells in found] == [[4], [4]]
    assert progress[0] == (0, 2000)
    assert progress == sorted(progress)
    assert progress[-1] == (2000, 2000)


def test_channels_are_seen_as_the_segment_tab_sees_them(segmenter):
    labels, picture = discs(2, 40)
    channels = beside_brighter(picture.astype(np.uint8))[::-1]
    image = LayerImage(channels, 0, nuclei_first=True)
    (found,) = describe_cells(
        SimpleNamespace(get=lambda *_: segmenter),
        [CellSource(labels, image)],
        model="m",
        device="cpu",
        progress=lambda *_: None,
    )
    seen = segmenter.embed(channels, labels, **image.seen_as)
    np.testing.assert_array_equal(found.embeddings, seen)
