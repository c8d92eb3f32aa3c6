import numpy as np
import pytest
from peaks import peak_of

from napari_iaunet.segmentation.measure import measure, row_image


def test_equals_regionprops():
    from skimage.measure import regionprops_table

    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 9, (6, 7)), np.ones((4, 5), int))
    image = rng.random(labels.shape).astype(np.float32)
    properties = ("label", "centroid", "area", "intensity_mean")
    expected = regionprops_table(labels, image, properties)
    table = measure(labels, image)
    assert list(table) == ["label", "y", "x", "area", "mean_intensity"]
    for column, other in zip(
        table.values(),
        [expected[k] for k in ("label", "centroid-0", "centroid-1", "area")]
        + [expected["intensity_mean"]],
        strict=True,
    ):
        np.testing.assert_allclose(column, other, rtol=1e-5)


def test_stacks_channels_and_nan():
    labels = np.zeros((2, 5, 6), int)
    labels[0, 1, 1:3] = 4
    labels[1, 2:4, 3] = 7
    image = np.zeros((2, 2, 5, 6))
    image[0, :, 1, 1], image[0, :, 1, 2] = 3, 5
    image[1, 0], image[1, 1] = 1, np.nan
    table = measure(labels, image, channel_axis=1)
    assert table["label"].tolist() == [4, 7]
    assert table["plane"].tolist() == [0, 1]
    assert table["area"].tolist() == [2, 2]
    assert table["y"].tolist() == [1, 2.5]
    assert table["mean_intensity"].tolist() == pytest.approx([4, 1])


def test_no_cells():
    table = measure(np.zeros((4, 4), int), np.zeros((4, 4)))
    assert {k: len(v) for k, v in table.items()} == dict.fromkeys(table, 0)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "<i8", "u8"])
def test_labels_become_rows(dtype):
    labels = np.array([[0, 7, 5], [5, 200, 0]], dtype)
    labels.flags.writeable = False
    label_ids = np.array([5, 7])
    rows = row_image(labels, label_ids)
    assert rows.dtype == np.int32
    assert rows.tolist() == [[0, 2, 1], [1, 0, 0]]


def test_large_planes_take_little_memory():
    code = """
import numpy as np
from napari_iaunet.segmentation.measure import measure

y, x = np.indices((4000, 3000), np.int32) // 20
labels = y * 150 + x + 1
image = np.ones(labels.shape, np.uint8)
before = peak()
table = measure(labels, image)
print(before, peak(), *np.unique(table["area"]), *table["y"][[0, -1]], len(table["x"]))
"""
    before, after, *measured = peak_of(code)
    # Looked at as a whole, the plane would take 700 MB.
    assert after - before < 400
    assert measured == [400, 9.5, 3989.5, 30_000]
