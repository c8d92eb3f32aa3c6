"""Cells are tracked with the bundled model, without a viewer."""

from types import SimpleNamespace

import numpy as np
from drawn import discs
from stained import beside_brighter

from napari_iaunet import track
from napari_iaunet.plugin.layers.cells_on_image import CellSource
from napari_iaunet.plugin.layers.geometry import LayerImage
from napari_iaunet.plugin.track.job import track_cells


def test_channels_are_seen_as_the_segment_tab_sees_them(segmenter):
    labels, picture = discs(2, 40)
    unique = np.stack([labels, np.where(labels, labels + 9, 0)])
    channels = beside_brighter(np.stack([picture, picture]).astype(np.uint8))[::-1]
    image = LayerImage(channels, 0, nuclei_first=True)
    found = track_cells(
        SimpleNamespace(get=lambda *_: segmenter),
        CellSource(unique, image),
        mode="time",
        model="m",
        device="cpu",
        progress=lambda *_: None,
    )
    seen = track(segmenter, channels, unique, **image.seen_as)
    np.testing.assert_array_equal(found.cells.links, seen.links)
    untold = track(segmenter, channels, unique, channel_axis=0)
    assert not np.array_equal(found.cells.links, untold.links)
