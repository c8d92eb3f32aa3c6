"""Embeddings of cells: any labels, any size, tiles, stacks."""

import dask.array as da
import numpy as np
import pytest
import torch
from skimage.data import immunohistochemistry
from skimage.measure import label
from skimage.segmentation import slic
from stained import among_four

from napari_iaunet import Segmenter
from napari_iaunet.errors import Cancelled, ImageError, ModelError
from napari_iaunet.identity.properties import measure_properties
from napari_iaunet.inference.resizing import ResizedPlane
from napari_iaunet.model.network import IAUNet, IAUNetConfig


def network(fitted: bool) -> IAUNet:
    torch.manual_seed(0)
    net = IAUNet(IAUNetConfig(widths=(8, 12, 16), descriptor=24)).eval()
    if fitted:
        net.descriptor_mean += 0.1
        net.descriptor_basis += torch.randn(net.descriptor_basis.shape)
    return net


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_network(network(fitted=True), torch.device("cpu"))


@pytest.fixture(scope="module")
def tissue():
    """Stained tissue, and patches of like colour as its cells."""
    image = immunohistochemistry()[:200, :240]
    return image, slic(image, 150, start_label=1) * (np.indices((200, 240)).sum(0) > 20)


def test_one_unit_vector_for_each_label_in_their_order(segmenter, tissue):
    image, labels = tissue
    names = np.unique(labels[labels > 0])
    found = segmenter.embed(image, labels)
    assert found.shape == (len(names), 24)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-4)
    gaps = np.where(labels == names[5], 10_000, labels)
    moved = segmenter.embed(image, gaps)
    np.testing.assert_allclose(moved[-1], found[5], atol=1e-4)
    np.testing.assert_allclose(moved[5], found[6], atol=1e-4)


def test_tiles_do_not_matter(segmenter, tissue):
    image, labels = tissue
    small = Segmenter.from_network(
        network(fitted=True), torch.device("cpu"), tile=144
    ).embed(image, labels)
    cosine = (small * segmenter.embed(image, labels)).sum(1)
    assert cosine.min() > 0.98


def test_tiny_cells_and_cells_at_the_border(segmenter):
    image = immunohistochemistry()[:200, :240]
    labels = np.zeros(image.shape[:2], np.uint8)
    labels[0, 0], labels[-1, -1], labels[50:130, 60:160] = 1, 2, 3
    labels[70, 90:92] = 4
    found = segmenter.embed(image, labels, diameter=90)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-4)


def test_stacks_and_dask(segmenter, tissue):
    image, labels = tissue
    gray = image.mean(-1).astype(np.uint8)
    stack = np.stack([gray, gray[::-1], gray])
    ids = np.stack([labels, np.zeros_like(labels), labels])
    one = segmenter.embed(gray, labels)
    np.testing.assert_allclose(segmenter.embed(stack, ids), one, atol=1e-4)
    ids[2][ids[2] > 0] += 1000
    both = segmenter.embed(da.from_array(stack), da.from_array(ids))
    np.testing.assert_allclose(both, np.concatenate([one, one]), atol=1e-4)


def test_no_cells(segmenter, tissue):
    assert segmenter.embed(tissue[0], np.zeros((200, 240), int)).shape == (0, 24)


def test_a_result_brings_its_embeddings(segmenter):
    image = immunohistochemistry()[:96, :96]
    found = segmenter.segment(image, diameter=20)
    again = segmenter.embed(image, found.labels, diameter=20)
    np.testing.assert_array_equal(found.embeddings, again)
    assert len(again) == found.labels.max()


def test_the_bundled_model_finds_cells_again_in_a_turned_image():
    image = immunohistochemistry()[256:, 256:]
    bundled = Segmenter(device="cpu")
    found = bundled.segment(image, diameter=14)
    turned = bundled.embed(
        np.rot90(image)[:, ::-1], np.rot90(found.labels)[:, ::-1], diameter=14
    )
    nearest = (turned @ found.embeddings.T).argmax(1)
    assert len(nearest) > 20
    assert (nearest == np.arange(len(nearest))).mean() >= 0.95


def test_it_can_be_stopped(segmenter, tissue):
    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.embed(*tissue, progress=stop)


def test_progress_counts_tiles_over_planes(tissue):
    image, labels = tissue
    gray = image.mean(-1).astype(np.uint8)
    tiled = Segmenter.from_network(network(fitted=True), torch.device("cpu"), tile=144)
    calls = []
    tiled.embed(
        np.stack([gray, gray]),
        np.stack([labels, labels]),
        progress=lambda done, total: calls.append((done, total)),
    )
    shares = [done / total for done, total in calls]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(set(shares)) > 4, "more than the planes"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:-1], "differ in size"),
        (lambda labels: labels * 0.5, "whole numbers"),
        (lambda labels: label(labels)[None], "differ in size"),
    ],
)
def test_labels_that_cannot_be(segmenter, tissue, change, message):
    with pytest.raises(ImageError, match=message):
        segmenter.embed(tissue[0], change(tissue[1]))


def test_a_model_that_was_never_fitted(tissue):
    empty = Segmenter.from_network(network(fitted=False), torch.device("cpu"))
    with pytest.raises(ModelError, match="look alike"):
        empty.embed(*tissue)


def test_described_cells_are_embedded_and_measured(segmenter, tissue):
    image, labels = tissue
    cells = segmenter.describe(image, labels)
    label_ids = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(cells.label_ids, label_ids)
    np.testing.assert_array_equal(cells.embeddings, segmenter.embed(image, labels))
    measured = measure_properties([(labels, np.moveaxis(image, -1, 0))], label_ids)
    assert set(cells.properties) == {"colour", "size", "shape", "intensity"}
    for key, values in measured.items():
        np.testing.assert_array_equal(cells.properties[key], values)
    nothing = segmenter.describe(image, np.zeros_like(labels))
    assert len(nothing) == 0


@pytest.mark.parametrize("what", ["embed", "identify"])
def test_channels_are_seen_by_what_they_show(segmenter, tissue, what):
    image, labels = (part[:100, :120] for part in tissue)
    four, two = among_four(image[..., 0])
    see = getattr(segmenter, what)
    found = see(four, labels, channel_axis=-1, nuclei=2, cells=0)
    np.testing.assert_array_equal(found, see(two, labels, channel_axis=-1))
    assert not np.allclose(found, see(four, labels, channel_axis=-1), atol=1e-3)
    with pytest.raises(ImageError, match="no channel 4"):
        see(four, labels, channel_axis=-1, nuclei=4)


def test_all_channels_are_measured_whatever_they_show(segmenter, tissue):
    image, labels = (part[:100, :120] for part in tissue)
    four, two = among_four(image[..., 0])
    found = segmenter.describe(four, labels, channel_axis=-1, nuclei=2, cells=0)
    seen = segmenter.embed(two, labels, channel_axis=-1)
    np.testing.assert_array_equal(found.embeddings, seen)
    untold = segmenter.describe(four, labels, channel_axis=-1)
    for key, values in untold.properties.items():
        np.testing.assert_array_equal(found.properties[key], values)


def test_labels_below_zero_are_background(segmenter, tissue):
    image, labels = tissue
    negative = segmenter.describe(image, np.where(labels > 0, labels, -4))
    usual = segmenter.describe(image, labels)
    np.testing.assert_array_equal(negative.embeddings, usual.embeddings)
    for key, values in usual.properties.items():
        np.testing.assert_array_equal(negative.properties[key], values)


@pytest.mark.parametrize("diameter", [13, 40])
@pytest.mark.parametrize("what", ["embed", "identify"])
def test_a_plane_is_rescaled_part_by_part(tissue, monkeypatch, diameter, what):
    image, labels = (part[:100, :120] for part in tissue)
    parts: list[tuple[int, ...]] = []
    part_of = ResizedPlane.part

    def by_parts(self, rows, columns):
        found = part_of(self, rows, columns)
        parts.append(found.shape)
        return found

    def of_the_whole(self, rows, columns):
        height, width = self.shape[1:]
        whole = part_of(self, slice(0, height), slice(0, width))
        return whole[:, rows, columns]

    results = []
    for part in (by_parts, of_the_whole):
        monkeypatch.setattr(ResizedPlane, "part", part)
        small = Segmenter.from_network(network(True), torch.device("cpu"), tile=192)
        results.append(getattr(small, what)(image, labels, diameter=diameter))
    np.testing.assert_allclose(*results, atol=1e-4)
    assert max(max(shape[1:]) for shape in parts) <= 192
