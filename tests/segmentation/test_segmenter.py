"""Segmenter with the bundled model on real images."""

import pickle
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch
from remembering import remembering
from skimage.data import immunohistochemistry

from napari_iaunet import Segmenter, average_precision
from napari_iaunet.errors import Cancelled, DeviceError, ImageError, ModelError
from napari_iaunet.inference.engines import TileFields
from napari_iaunet.io.read import read_image
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.segmentation.segmenter import _load_once

NUCLEI = "nuclei-fluorescence/train"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return remembering(Segmenter(device="cpu"))


@pytest.fixture(scope="module")
def nuclei(data_folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """A small real image and its true labels."""
    path = sorted((data_folder / NUCLEI).glob("*_img.png"))[3]
    mask = path.with_name(path.name.replace("_img", "_mask"))
    return np.asarray(read_image(path).array), np.asarray(read_image(mask).array)


@pytest.fixture(scope="module")
def mosaic(data_folder: Path) -> np.ndarray:
    paths = sorted((data_folder / NUCLEI).glob("*_img.png"))
    images = (np.asarray(read_image(path).array) for path in paths)
    small = [image for image in images if image.shape == (256, 256)][:9]
    rows = [np.concatenate(small[i : i + 3], 1) for i in (0, 3, 6)]
    return np.concatenate(rows)


def test_result_is_what_the_docs_say(segmenter, nuclei):
    image, true = nuclei
    found = segmenter.segment(image)
    count = found.labels.max()
    assert found.labels.dtype == np.int32
    assert found.labels.shape == image.shape
    assert set(np.unique(found.labels)) == set(range(count + 1))
    assert found.scores.shape == (count,)
    assert found.scores.dtype == np.float32
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, rtol=1e-4)
    assert len(found.embeddings) == count
    assert average_precision(true, found.labels, thresholds=(0.5,)).pooled[0] > 0.6


@pytest.mark.parametrize("zoom", [2, 3])
def test_diameter_is_estimated(segmenter, nuclei, zoom: int):
    image, _ = nuclei
    once = segmenter.estimate_diameter(image)
    large = segmenter.estimate_diameter(np.kron(image, np.ones((zoom, zoom))))
    assert large == pytest.approx(zoom * once, rel=0.3)


def test_small_cells_that_are_missed_at_first_are_estimated_too(segmenter):
    """Most nuclei of the tissue are about 14 px wide, the glands' cells far larger."""
    assert 11 < segmenter.estimate_diameter(immunohistochemistry()) < 18


def test_labels_do_not_depend_on_the_tile(mosaic):
    small, large = (
        Segmenter(device="cpu", tile=tile).segment(mosaic, diameter=28).labels
        for tile in (256, 1024)
    )
    assert large.max() > 50
    precision = average_precision(large, small, thresholds=(0.9,))
    assert precision.pooled[0] >= 0.99


def test_stack_has_unique_numbers(segmenter, nuclei):
    image, _ = nuclei
    stack = np.stack([image, image[::-1], np.zeros_like(image)])
    found = segmenter.segment(stack)
    assert found.labels.shape == stack.shape
    first, second, third = (set(np.unique(plane)) - {0} for plane in found.labels)
    assert first
    assert second
    assert not first & second
    assert not third
    assert first | second == set(range(1, len(found.scores) + 1))
    lazy = segmenter.segment(da.from_array(stack, chunks=(1, 100, 100)))
    np.testing.assert_array_equal(lazy.labels, found.labels)


def test_only_cells_of_a_region_are_found(segmenter, mosaic):
    region = np.zeros(mosaic.shape, bool)
    region[60:300, 200:500] = True
    found = segmenter.segment(mosaic, diameter=20, region=region)
    whole = segmenter.segment(mosaic, diameter=20)
    inside = np.unique(whole.labels[region])[1:]
    mostly = [n for n in inside if region[whole.labels == n].mean() > 0.6]
    wanted = np.where(np.isin(whole.labels, mostly), whole.labels, 0)
    assert len(mostly) > 3
    assert average_precision(wanted, found.labels, thresholds=(0.7,)).pooled[0] > 0.7
    assert len(found.scores) == len(found.embeddings) == found.labels.max()
    assert found.labels.shape == mosaic.shape


@pytest.mark.parametrize("region", [np.zeros((64, 64), bool), np.ones((9, 9), bool)])
def test_a_region_that_is_none(segmenter, region):
    with pytest.raises(ImageError, match="region"):
        segmenter.segment(np.zeros((64, 64)), region=region)
    with pytest.raises(ImageError, match="stack"):
        segmenter.segment(np.zeros((2, 64, 64)), region=np.ones((64, 64), bool))


def test_progress_and_cancel(segmenter, mosaic):
    calls: list[tuple[int, int]] = []
    stack = np.stack([mosaic] * 2)
    segmenter.segment(stack, diameter=28, progress=lambda *call: calls.append(call))
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)

    def stop(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.segment(stack, progress=stop)


def test_out_of_memory_halves_the_tile(mosaic, monkeypatch: pytest.MonkeyPatch):
    segmenter = Segmenter(device="cpu", tile=768)
    expected = segmenter.segment(mosaic, diameter=28).labels
    predict = segmenter._backend.engine

    def small_memory(image: torch.Tensor) -> TileFields:
        if image.shape[-1] > 400:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(image)

    monkeypatch.setattr(segmenter._backend, "engine", small_memory)
    found = segmenter.segment(mosaic, diameter=28).labels
    assert segmenter._backend.tile == 384
    assert average_precision(expected, found, thresholds=(0.9,)).pooled[0] >= 0.99

    monkeypatch.setattr(
        segmenter._backend, "engine", lambda _: small_memory(torch.zeros(1, 500))
    )
    with pytest.raises(DeviceError, match="too little memory"):
        segmenter.segment(mosaic, diameter=28)


@pytest.mark.parametrize("diameter", [0, -3, float("nan"), float("inf"), "wide"])
def test_bad_diameter(segmenter, diameter):
    with pytest.raises(ImageError, match="diameter"):
        segmenter.segment(np.zeros((9, 9)), diameter=diameter)


def test_bad_model_and_device(tmp_path: Path):
    with pytest.raises(ModelError):
        Segmenter("moon")
    with pytest.raises(ModelError):
        Segmenter(tmp_path)
    for name in ("toaster", "cuda:99"):
        with pytest.raises(DeviceError):
            Segmenter(device=name)
    with pytest.raises(DeviceError):
        Segmenter(tile=3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (1, 300)])
def test_tiny_images(segmenter, shape):
    found = segmenter.segment(np.random.default_rng(0).random(shape))
    assert found.labels.shape == shape
    assert len(found.scores) == found.labels.max()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_cells(nuclei):
    image, _ = nuclei
    cpu, cuda = (Segmenter(device=d).segment(image).labels for d in ("cpu", "cuda"))
    assert average_precision(cpu, cuda, thresholds=(0.75,)).pooled[0] > 0.95


@pytest.mark.parametrize(("diameter", "count", "apart"), [(14, 2, 0.02), (28, 4, 0.3)])
def test_small_planes_are_augmented(segmenter, monkeypatch, diameter, count, apart):
    image, seen = immunohistochemistry()[:160, :192], []

    def foreground(image, progress=None):
        encoded = segmenter.encode(image, diameter=diameter, progress=progress)
        return encoded.fields.foreground

    def differs_in_a_mirror():
        mirrored = foreground(image[:, ::-1]).flip(1)
        return (foreground(image) - mirrored).abs().max()

    often = foreground(image, lambda *call: seen.append(call))
    assert seen == [(n, count) for n in range(1, count + 1)]
    assert differs_in_a_mirror() < apart
    monkeypatch.setattr("napari_iaunet.segmentation.finder.SMALL", 0)
    assert differs_in_a_mirror() > apart
    both = torch.stack([often.flatten(), foreground(image).flatten()])
    assert 0.8 < torch.corrcoef(both)[0, 1] < 0.9999


def test_a_retrained_folder_is_never_used_for_work_begun_before(tmp_path):
    """Processes keep models; a folder may hold another one by now."""
    folder = tmp_path / "mine"
    shutil.copytree(find_model("default"), folder)
    before = Segmenter(folder, device="cpu")
    task = pickle.dumps(before)
    assert pickle.loads(task) is pickle.loads(task)
    network, card = load_model(folder)
    with torch.no_grad():
        network.stem[0].weight.mul_(1.5)
    save_model(folder, network, card)
    after = pickle.loads(pickle.dumps(Segmenter(folder, device="cpu")))
    assert after.fingerprint != before.fingerprint
    assert pickle.loads(task).fingerprint == before.fingerprint, "it is in memory still"
    _load_once.cache_clear()
    with pytest.raises(ModelError, match="is not the one that the work was begun with"):
        pickle.loads(task)
