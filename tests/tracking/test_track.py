"""Real cells that move keep their id; their identity tells them apart."""

import numpy as np
import pytest
from stained import among_four

from napari_iaunet import Segmenter, track
from napari_iaunet.errors import Cancelled, ImageError
from napari_iaunet.tracking.track import TrackedCells, follow, measure_tracks


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(device="cpu")


@pytest.fixture(scope="module")
def stack(
    crowded_nuclei: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A real image that drifts and brightens, its labels, and the true cells."""
    image, labels = crowded_nuclei
    drift = [(0, 0), (4, 3), (8, 6), (12, 9)]
    images = [np.roll(image, d, (0, 1)) * (1 + 0.1 * i) for i, d in enumerate(drift)]
    cells = np.stack([np.roll(labels, d, (0, 1)) for d in drift])
    cells[:, :12] = cells[:, :, :9] = 0
    offset = labels.max() * np.arange(len(drift))[:, None, None]
    # Ids that are unique over the stack, and leave gaps.
    unique = np.where(cells > 0, 3 * (cells + offset), 0)
    return np.stack(images), unique, cells


def test_cells_keep_their_id(segmenter, stack):
    images, unique, cells = stack
    tracked = track(segmenter, images, unique)
    assert tracked.labels.shape == cells.shape
    assert tracked.labels.dtype == np.int32
    ids = set(np.unique(tracked.labels)) - {0}
    assert ids == set(range(1, max(ids) + 1))
    np.testing.assert_array_equal(tracked.labels > 0, unique > 0)
    kept = [
        len(np.unique(tracked.labels[cells == cell])) == 1
        for cell in np.unique(cells)[1:]
    ]
    assert np.mean(kept) > 0.95
    assert len(tracked.tracks) == len(np.unique(unique)) - 1
    assert set(tracked.tracks[:, 0]) == ids


def test_identity_finds_the_same_cell_again(segmenter, stack):
    images, unique, cells = stack
    vectors = segmenter.identify(images[:2], unique[:2])
    names = np.unique(unique[:2])[1:]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-3)
    true = np.array([cells[:2][unique[:2] == name][0] for name in names])
    plane = np.array([np.argwhere(unique[:2] == name)[0, 0] for name in names])
    first, second = (np.flatnonzero(plane == p) for p in (0, 1))
    nearest = second[(vectors[first] @ vectors[second].T).argmax(1)]
    both = np.isin(true[first], true[second])
    found = (true[nearest] == true[first])[both].mean()
    # Among several dozen nuclei that look much alike; by chance it would be 0.03.
    assert found > 0.6


def test_planes_of_large_images_are_identified_in_tiles(stack):
    images, unique, _ = stack
    whole = Segmenter(device="cpu").identify(images[0], unique[0], diameter=14)
    tiled = Segmenter(device="cpu", tile=256).identify(
        images[0], unique[0], diameter=14
    )
    assert (whole * tiled).sum(1).min() > 0.9


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda i, u: (i[0], u[0], {}), "Only a stack"),
        (lambda i, u: (i, np.repeat(u[:1], 4, 0), {}), "several planes"),
        (lambda i, u: (i, u, {"mode": "space"}), '"time" or in "depth"'),
        (lambda i, u: (i[:, :9], u, {}), "differ in size"),
        (lambda i, u: (i, u, {"diameter": -1}), "diameter"),
    ],
)
def test_what_cannot_be_tracked_is_told(segmenter, stack, change, says):
    image, labels, options = change(*stack[:2])
    with pytest.raises(ImageError, match=says):
        track(segmenter, image, labels, **options)


def test_channels_are_seen_by_what_they_show(segmenter, stack):
    images, unique = (part[:2] for part in stack[:2])
    four, two = among_four(images)
    found = track(segmenter, four, unique, channel_axis=-1, nuclei=2, cells=0)
    seen = track(segmenter, two, unique, channel_axis=-1)
    np.testing.assert_array_equal(found.links, seen.links)
    untold = track(segmenter, four, unique, channel_axis=-1)
    assert not np.array_equal(found.links, untold.links)


def test_tracking_can_be_cancelled(segmenter, stack):
    def cancel(_done: int, _total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        track(segmenter, *stack[:2], progress=cancel)


def test_the_former_name_works_and_warns(segmenter, stack):
    images, unique, _ = stack
    now = track(segmenter, images[:2], unique[:2], mode="depth")
    with pytest.warns(DeprecationWarning, match=r"track\(mode="):
        before = follow(segmenter, images[:2], unique[:2], way="depth", diameter=None)
    np.testing.assert_array_equal(before.labels, now.labels)


def divided():
    """A cell of two planes whose daughters are seen in the third, and a lone one."""
    labels = np.zeros((3, 30, 30), np.int32)
    labels[:2, 5:11, 5:11] = 1
    labels[2, 5:11, 4:7], labels[2, 5:11, 10:13] = 2, 3
    labels[1, 20:24, 20:24] = 4
    tracked = TrackedCells(
        labels, np.arange(5, dtype=np.int32), np.zeros((0, 4)), {2: 1, 3: 1}
    )
    return tracked, np.stack([np.full((30, 30), v, np.uint8) for v in (10, 40, 90)])


def test_tracks_are_measured_in_time():
    table = measure_tracks(*divided(), mode="time")
    assert list(table) == [
        *("index", "label", "first", "last", "planes", "area", "mean_intensity"),
        "mother",
    ]
    assert table["label"].tolist() == table["index"].tolist() == [1, 2, 3, 4]
    assert table["first"].tolist() == [0, 2, 2, 1]
    assert table["last"].tolist() == [1, 2, 2, 1]
    assert table["planes"].tolist() == [2, 1, 1, 1]
    assert table["area"].tolist() == [36, 18, 18, 16]
    assert table["mean_intensity"].tolist() == [25, 90, 90, 40]
    assert table["mother"].tolist() == [0, 1, 1, 0]


def test_tracks_are_measured_in_depth():
    table = measure_tracks(*divided(), mode="depth")
    assert "mother" not in table
    assert "area" not in table
    assert table["volume"].tolist() == [72, 18, 18, 16]


def test_no_tracks():
    nothing = TrackedCells(np.zeros((2, 9, 9), np.int32), np.zeros(1), np.zeros(0), {})
    table = measure_tracks(nothing, np.zeros((2, 9, 9), np.uint8), mode="time")
    assert len(table) == 0
    assert "mother" in table
