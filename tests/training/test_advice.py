"""What is said of an annotation before it is trained on."""

import drawn
import numpy as np
import pytest
from stained import beside_brighter

from napari_iaunet.errors import TrainingError
from napari_iaunet.segmentation.segmenter import Segmenter
from napari_iaunet.training.advice import about_held_out, about_unlabelled, advise
from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.holdout import hold_out


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter(device="cpu", engine="pytorch")


def test_nothing_is_loaded_where_there_is_nothing_to_look_at():
    labels, picture = drawn.discs(4, 36)
    edges = np.zeros(labels.shape, np.bool_)
    edges[:2] = True

    def refuse():
        raise AssertionError

    assert about_unlabelled([Annotation(picture, labels, edges)], refuse) == []


def test_cells_that_have_no_label_are_told(segmenter):
    labels, picture = drawn.discs(4, 36)
    some = np.where(labels % 2, labels, 0)
    (line,) = about_unlabelled(
        [Annotation(picture, some, name="plate 7")], lambda: segmenter
    )
    assert "“plate 7”: the model finds 8 cells that have no label" in line
    nowhere = np.zeros(labels.shape, np.bool_)
    upper = nowhere.copy()
    upper[:72] = True
    assert (
        about_unlabelled([Annotation(picture, some, nowhere)], lambda: segmenter) == []
    )
    (line,) = about_unlabelled([Annotation(picture, some, upper)], lambda: segmenter)
    assert "finds 4 cells" in line
    assert about_unlabelled([Annotation(picture, labels)], lambda: segmenter) == []


def test_cells_without_a_label_are_looked_for_in_the_channels_that_show_them(segmenter):
    labels, picture = drawn.discs(4, 36)
    channels = beside_brighter(picture.astype(np.uint8))
    some = np.where(labels % 2, labels, 0)
    told = Annotation(channels, some, channel_axis=0, nuclei=2)
    (line,) = about_unlabelled([told], lambda: segmenter)
    assert "finds 8 cells" in line


def squares(count, side, gap=4, first=1):
    step = side + gap
    labels = np.zeros((step * count, step * count), int)
    for number, (y, x) in enumerate(np.ndindex(count, count), first):
        labels[y * step : y * step + side, x * step : x * step + side] = number
    return labels


def annotation(labels, **more):
    return Annotation(np.ones(labels.shape), labels, name="plate 7", **more)


def test_good_annotations_need_no_advice():
    assert advise([annotation(squares(4, 20))], 28.0) == []
    colours = Annotation(np.ones((96, 96, 3)), squares(4, 20))
    channels = Annotation(np.ones((2, 96, 96)), squares(4, 20), channel_axis=0)
    assert advise([colours, channels], 28.0) == []


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([], "at least one image"),
        ([annotation(np.zeros((50, 50), int))], "“plate 7” has no labelled cell"),
        ([annotation(squares(1, 20))], "at least 4 cells"),
        ([annotation((squares(4, 20) > 0).astype(int))], "1 label for 16 separate"),
        ([annotation(squares(5, 20) % 2 + 1 * (squares(5, 20) > 0))], "like classes"),
        ([Annotation(np.ones((9, 9)), squares(4, 20))], "differ in size"),
    ],
)
def test_what_cannot_be_trained(annotations, message):
    with pytest.raises(TrainingError, match=message):
        advise(annotations, 28.0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (squares(6, 3), "Enlarge the image"),
        (squares(4, 330), "Shrink the image"),
    ],
)
def test_advice(labels, message):
    assert any(message in line for line in advise([annotation(labels)], 28.0))


def test_stray_pixels_are_told():
    labels = squares(4, 30)
    for number in range(3):
        labels[33, 10 * number] = 100 + number
    assert "stray pixels" in advise([annotation(labels)], 28.0)[0]


def test_an_image_without_cells_beside_others_is_told():
    blank = annotation(np.zeros((96, 96), int))._replace(name="empty")
    (line,) = advise([annotation(squares(4, 20)), blank], 28.0)
    assert line == "“empty” has no labelled cell: all of it is background."


def test_cells_that_cannot_be_divided_are_refused():
    (line,) = about_held_out(hold_out([annotation(squares(2, 20))])[1])
    assert "2 will be held out: too few" in line
    assert "100 labelled cells" in line
    assert about_held_out(hold_out([annotation(squares(10, 20))])[1]) == []
    # Rings around each other: every strip cuts them all.
    y, x = np.mgrid[:90, :90]
    rings = np.maximum(abs(y - 45), abs(x - 45)) // 10 + 1
    _, held_out = hold_out([annotation(np.where(rings < 5, rings, 0))])
    with pytest.raises(TrainingError, match="cannot be divided"):
        about_held_out(held_out)
