"""One cell for clicks: with the bundled model on real and on odd images."""

import numpy as np
import pytest
from remembering import remembering
from skimage.data import immunohistochemistry

from napari_iaunet import Segmenter
from napari_iaunet.errors import ImageError
from napari_iaunet.io.read import read_image
from napari_iaunet.segmentation.correction import correction, obey


@pytest.fixture(scope="module")
def segmenter():
    return remembering(Segmenter(device="cpu"))


@pytest.fixture(scope="module")
def nuclei(data_folder):
    """A real image of fluorescent nuclei and its annotation."""
    folder = data_folder / "nuclei-fluorescence" / "train"
    mask = next(
        path
        for path in sorted(folder.glob("*_mask.*"))
        if 15 < read_image(path).array.max() < 60
    )
    stem = mask.name.split("_mask")[0]
    image = next(folder.glob(f"{stem}_img.*"))
    return read_image(image).array, np.asarray(read_image(mask).array)


@pytest.fixture(scope="module")
def encoded(segmenter, nuclei):
    """The real image after the network."""
    return segmenter.encode(nuclei[0])


def box_of(cell):
    """Edges of a cell's box."""
    y, x = np.nonzero(cell)
    return y.min() - 0.5, x.min() - 0.5, y.max() + 0.5, x.max() + 0.5


def middle_of(labels, number):
    """The pixel of a cell that is nearest to its centre of mass."""
    inside = np.argwhere(labels == number)
    return inside[np.abs(inside - inside.mean(0)).sum(1).argmin()]


def overlap(one, two):
    return (one & two).sum() / (one | two).sum()


def test_a_click_finds_what_the_automatic_segmentation_finds(segmenter, nuclei):
    image, _ = nuclei
    labels = segmenter.segment(image).labels
    segmenter.set_image(image)
    numbers = range(1, labels.max() + 1)
    clicked = [segmenter.click([middle_of(labels, n)]) for n in numbers]
    found = [overlap(c, labels == n) for c, n in zip(clicked, numbers, strict=True)]
    assert clicked[0].shape == image.shape
    assert clicked[0].dtype == bool
    assert np.median(found) > 0.9
    assert np.mean(found) > 0.8


def test_clicks_find_annotated_cells(segmenter, nuclei):
    image, truth = nuclei
    segmenter.set_image(image)
    numbers = np.unique(truth)[1:]
    found = [
        overlap(segmenter.click([middle_of(truth, n)]), truth == n) for n in numbers
    ]
    assert np.mean(np.array(found) > 0.5) > 0.7


@pytest.mark.parametrize("diameter", [None, 8.0, 28.0, 90.0])
def test_every_click_is_obeyed(segmenter, nuclei, diameter):
    image, _ = nuclei
    segmenter.set_image(image, diameter=diameter)
    rng = np.random.default_rng(0)
    for _ in range(25):
        count = rng.integers(1, 7)
        points = rng.uniform(-0.49, np.array(image.shape) - 0.51, (count, 2))
        if rng.random() < 0.5:  # all close together
            points = np.clip(points[:1] + rng.normal(0, 4, (count, 2)), 0, 200)
        points = np.unique(np.rint(points), axis=0)
        labels = (rng.random(len(points)) < 0.6).astype(int)
        labels[0] = 1
        mask = segmenter.click(points, labels)
        at = mask[tuple(np.rint(points).astype(int).T)]
        np.testing.assert_array_equal(at, labels == 1)


def test_a_negative_click_parts_two_cells(segmenter, nuclei):
    image, _ = nuclei
    labels = segmenter.segment(image).labels
    segmenter.set_image(image)
    first, second = middle_of(labels, 1), middle_of(labels, 2)
    both = segmenter.click([first, second])
    assert both[tuple(first)]
    assert both[tuple(second)]
    one = segmenter.click([first, second], [1, 0])
    assert one[tuple(first)]
    assert not one[tuple(second)]
    assert overlap(one, labels == 1) > 0.7


def test_colour_and_channels_first(segmenter):
    image = immunohistochemistry()[100:260, 300:500]
    segmenter.set_image(image)
    last = segmenter.click([(80, 90)])
    assert last.shape == (160, 200)
    assert last[80, 90]
    segmenter.set_image(np.moveaxis(image, -1, 0), channel_axis=0)
    np.testing.assert_array_equal(segmenter.click([(80, 90)]), last)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (17, 5)])
@pytest.mark.parametrize("value", [0, 255])
def test_constant_and_tiny_images_give_the_clicked_pixel(segmenter, shape, value):
    segmenter.set_image(np.full(shape, value, np.uint8))
    mask = segmenter.click([(0, 0)])
    assert mask.shape == shape
    assert mask[0, 0]


def test_a_cell_may_be_larger_than_the_first_neighbourhood(segmenter):
    image = np.zeros((700, 700), np.float32)
    y, x = np.ogrid[:700, :700]
    disc = (y - 350) ** 2 + (x - 350) ** 2 < 100**2
    image[disc] = 1
    segmenter.set_image(image, diameter=28)
    points = [(350, 350), (350, 255), (350, 445), (255, 350), (445, 350)]
    mask = segmenter.click(points)
    assert all(mask[p] for p in points)


def test_clicks_on_an_image_that_was_encoded_before(segmenter, nuclei):
    image, _ = nuclei
    encoded = segmenter.encode(image)
    segmenter.set_image(255 - image[:100, :100])
    cell = segmenter.click_on(encoded, [(60, 70)])
    segmenter.set_image(image)
    np.testing.assert_array_equal(
        cell.in_image(encoded.shape), segmenter.click([(60, 70)])
    )


def test_a_box_and_a_lasso_find_annotated_cells(segmenter, nuclei, encoded):
    found = []
    for number in np.unique(nuclei[1])[1:9]:
        cell = nuclei[1] == number
        y0, x0, y1, x1 = box_of(cell)
        lasso = [(y0 - 1, x0), (y0, x1 + 1), (y1 + 1, x1), (y1, x0 - 1)]
        for prompts in ({"box": box_of(cell)}, {"lasso": lasso}):
            mask = segmenter.click_on(encoded, **prompts).in_image(cell.shape)
            outside = np.ones_like(cell)
            rows, columns = np.nonzero(cell)
            outside[
                rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2
            ] = False
            assert not mask[outside].any()
            found.append(overlap(mask, cell))
    assert np.mean(found[::2]) > 0.8
    assert np.mean(found[1::2]) > 0.8


def test_all_prompts_of_a_cell_are_obeyed_together(segmenter, nuclei, encoded):
    cell = nuclei[1] == np.unique(nuclei[1])[3]
    y, x = middle_of(cell, True)
    y0, x0, y1, x1 = box_of(cell)
    off = (round(y0) + 1, round(x0) + 1)
    mask = segmenter.click_on(
        encoded,
        [off],
        [0],
        box=(y0, x0, y1, x1),
        lasso=[(y0 - 3, x0 - 3), (y0 - 3, x1 + 3), (y1 + 3, x1 + 3), (y1 + 3, x0 - 3)],
        scribbles=[([(y, x - 2), (y, x + 2)], 1), ([(y + 3, x - 2), (y + 3, x)], 0)],
    ).in_image(cell.shape)
    assert mask[y, x - 2 : x + 3].all()
    assert not mask[y + 3, x - 2 : x + 1].any()
    assert not mask[off]
    inside = np.zeros_like(mask)
    inside[int(y0 + 0.5) : int(y1 + 0.5), int(x0 + 0.5) : int(x1 + 0.5)] = True
    assert not mask[~inside].any()


def test_a_click_outside_of_the_box_wins_over_the_box(segmenter, nuclei, encoded):
    y, x = middle_of(nuclei[1], np.unique(nuclei[1])[3])
    box = (y - 3, x - 3, y + 3, x + 3)
    mask = segmenter.click_on(encoded, [(y, x + 6)], box=box).in_image(encoded.shape)
    assert mask[y, x + 6]
    assert mask[y, x]


def test_boxes_and_strokes_where_there_is_nothing(segmenter):
    segmenter.set_image(np.zeros((60, 70), np.uint8), diameter=90)
    mask = segmenter.click(box=(10, 20, 29, 49))
    assert mask[10:30, 20:50].mean() > 0.5
    assert mask.sum() == mask[10:30, 20:50].sum()
    assert segmenter.click(box=(10, 20, 10.5, 20.5)).sum() == 1
    stroke = segmenter.click(scribbles=[([(5, 5), (30, 40)], 1)])
    assert stroke[5, 5]
    assert stroke[30, 40]
    with pytest.raises(ImageError, match="Nothing is left"):
        segmenter.click(box=(10, 20, 11, 20.5), scribbles=[([(9, 20), (12, 20)], 0)])


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ([(500, 10)], None, "off the image"),
        ([(-1, 10)], None, "off the image"),
        ([(np.nan, 10)], None, "off the image"),
        ([(5, 5)], [0], "inside of the cell"),
        ([], None, "inside of the cell"),
        ([(5, 5)], [1, 0], "one label"),
        ([(5, 5)], [2], "one label"),
        ([(5, 5), (5.2, 4.8)], [1, 0], "contradict"),
        ([("a", "b")], None, "pair of numbers"),
        ([(1, 2, 3)], None, "pair of numbers"),
    ],
)
def test_clicks_that_make_no_sense(segmenter, points, labels, message):
    segmenter.set_image(np.zeros((40, 50), np.uint8))
    with pytest.raises(ImageError, match=message):
        segmenter.click(points, labels)


def test_a_click_needs_one_plane():
    segmenter = Segmenter(device="cpu")
    with pytest.raises(ImageError, match="set_image first"):
        segmenter.click([(1, 1)])
    with pytest.raises(ImageError, match="stack of 5"):
        segmenter.set_image(np.zeros((5, 20, 20), np.uint8))


def test_a_click_beside_a_small_cell_leaves_the_cell():
    y, x = np.mgrid[:41, :41]
    cell = (y - 20) ** 2 + (x - 20) ** 2 <= 3**2
    taken_for_it = cell | ((y - 20) ** 2 + (x - 24) ** 2 <= 2**2)
    height = np.where(taken_for_it, 2, -2).astype(np.float32)
    points, positive = np.array([[20, 20], [20, 25]]), np.array([True, False])
    height += correction(height, points, positive, spread=21.0)
    assert height[20, 25] < 0
    assert (height > 0)[cell].mean() > 0.9


def test_discs_settle_what_the_network_does_not():
    mask = np.zeros((30, 30), bool)
    mask[5:15, 5:15] = True
    points = np.array([[8.0, 8.0], [8.0, 20.0], [13.0, 13.0]])
    obeyed = obey(mask, points, np.array([True, True, False]))
    assert obeyed[8, 8]
    assert obeyed[8, 20]
    assert not obeyed[13, 13]
    assert obeyed[8:12, 6:11].all()
