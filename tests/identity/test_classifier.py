"""Classes are learnt from examples, kept in a file, and given to other cells."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from napari_iaunet import Classifier
from napari_iaunet.errors import ImageError, ModelError
from napari_iaunet.identity.confusion import doubt
from napari_iaunet.identity.describe import DescribedCells

KINDS = ("burr", "normal", "target")


def described(seed=0, count=20, channels=3, model="a"):
    """Cells of three kinds: two differ in appearance, the third in size only."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), count)
    seen = np.eye(3, 8)[np.minimum(kind, 1)] + rng.normal(0, 0.15, (kind.size, 8))
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    size = np.where(kind == 2, 6.0, 4.0)[:, None] + rng.normal(0, 0.1, (kind.size, 3))
    colour = (
        rng.uniform(size=(kind.size, channels))
        if channels > 1
        else np.zeros((kind.size, 0))
    )
    properties = {
        "size": size,
        "shape": rng.normal(size=(kind.size, 4)),
        "colour": colour,
        "intensity": 1000 * rng.uniform(size=(kind.size, 4)),
    }
    cells = DescribedCells(
        np.arange(1, kind.size + 1),
        seen.astype(np.float32),
        {key: values.astype(np.float32) for key, values in properties.items()},
        model=model,
    )
    return cells, np.array(KINDS)[kind]


def few(truth, each=3):
    """Classes of the first cells of each kind; the others are no examples."""
    chosen = np.full(len(truth), "", object)
    for kind in KINDS:
        rows = np.flatnonzero(truth == kind)[:each]
        chosen[rows] = kind
    return chosen


def test_few_examples_tell_the_cells_of_another_image():
    cells, truth = described()
    classifier = Classifier.fit(cells, few(truth))
    assert classifier.names == KINDS
    others, expected = described(seed=1)
    found, chances = classifier.predict(others)
    assert (found == expected).mean() > 0.95
    assert chances.shape == (60, 3)
    assert chances.dtype == np.float32
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    assert (np.array(KINDS)[chances.argmax(axis=1)] == found).all()


def test_takes_any_table_and_whole_numbers():
    cells, truth = described()
    number = np.searchsorted(KINDS, truth) + 4
    classifier = Classifier.fit(cells.properties["size"], number)
    found, _ = classifier.predict(cells.properties["size"])
    assert classifier.names == (4, 5, 6)
    assert found.dtype.kind == "i"
    assert (found[truth == "target"] == 6).all()
    with pytest.raises(ImageError, match="takes 3 features of a cell, and these are 4"):
        classifier.predict(cells.properties["shape"])


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    cells, truth = described()
    chosen = np.where(truth == "target", "", truth)
    chosen[np.flatnonzero(truth == "burr")[2:]] = ""
    found, _ = Classifier.fit(cells, chosen).predict(cells)
    assert (found[truth == "burr"] == "burr").mean() > 0.9


def test_one_odd_measurement_does_not_decide():
    cells, truth = described()
    classifier = Classifier.fit(cells, few(truth))
    cells.properties["intensity"][0] = 1e9
    assert classifier.predict(cells)[0][0] == "burr"


def test_colour_does_not_count_where_the_channels_differ():
    cells, truth = described()
    classifier = Classifier.fit(cells, few(truth))
    gray, expected = described(seed=1, channels=1)
    assert (classifier.predict(gray)[0] == expected).mean() > 0.95


def test_cells_of_another_model_are_refused():
    cells, truth = described()
    classifier = Classifier.fit(cells, few(truth))
    with pytest.raises(ModelError, match="another model"):
        classifier.predict(described(model="b")[0])


def test_confusion_is_that_of_examples_left_out():
    cells, truth = described()
    swapped = few(truth, 10)
    swapped[0] = "normal"  # a mistake of the user
    confusion = Classifier.fit(cells, swapped).cross_validate()
    assert confusion.names == KINDS
    assert confusion.counts.sum() == 30
    assert confusion.counts[1, 0] >= 1
    assert 0.8 < confusion.accuracy < 1


def test_a_class_of_one_example_cannot_be_checked():
    cells, truth = described()
    chosen = few(truth, 4)
    chosen[np.flatnonzero(truth == "target")[1:]] = ""
    confusion = Classifier.fit(cells, chosen).cross_validate()
    assert confusion.counts[2].sum() == 0
    assert np.isnan(confusion.recall[2])
    assert confusion.accuracy == pytest.approx(confusion.recall[:2].mean())


def test_more_examples_and_a_new_class():
    cells, truth = described()
    two = np.where(truth == "target", "", few(truth))
    classifier = Classifier.fit(cells, two, notes={"colours": {"burr": "#e69f00"}})
    assert classifier.names == KINDS[:2]
    more = classifier.with_examples(cells, np.where(truth == "target", few(truth), ""))
    assert more.names == KINDS
    assert more.notes == {"colours": {"burr": "#e69f00"}}
    assert len(more.features) == 9
    assert (more.predict(described(seed=1)[0])[0] == truth).mean() > 0.95


def test_classes_are_renamed_merged_and_left_out():
    cells, truth = described()
    classifier = Classifier.fit(cells, few(truth))
    renamed = classifier.renamed({"burr": "spiky"})
    assert renamed.names == ("normal", "spiky", "target")
    assert (renamed.predict(cells)[0][truth == "burr"] == "spiky").all()
    merged = classifier.renamed({"burr": "normal"})
    assert merged.names == ("normal", "target")
    assert np.bincount(merged.examples).tolist() == [6, 3]
    left = classifier.without("burr")
    assert left.names == ("normal", "target")
    assert len(left.features) == 6
    assert left.without("normal") is None


def test_doubt():
    found = doubt(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.6, 0.1, 0.3]]))
    np.testing.assert_allclose(found, [1.0, 0.0, 0.7])


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (["a", "a", "", None], "at least two classes"),
        (["a", "b"], "4 cells and 2 classes"),
        (["a", 1, "", ""], "names, or whole numbers"),
        ([0.5, 1.5, None, None], "names, or whole numbers"),
    ],
)
def test_classes_that_cannot_be_used(classes, says):
    with pytest.raises(ImageError, match=says):
        Classifier.fit(np.eye(4), classes)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (np.full((2, 3), np.nan), "NaN or infinity"),
        (np.zeros(2), "one row for each cell"),
    ],
)
def test_features_that_cannot_be_used(features, says):
    with pytest.raises(ImageError, match=says):
        Classifier.fit(features, ["a", "b"])


# -- the file ----------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    cells, truth = described()
    notes = {"colours": {"burr": "#e69f00"}, "name": "Blut \N{SNOWMAN}"}
    classifier = Classifier.fit(cells, few(truth), notes=notes)
    path = tmp_path / "blood.safetensors"
    classifier.save(path)
    return classifier, path


def test_comes_back_from_its_file(kept):
    classifier, path = kept
    again = Classifier.load(path)
    assert (again.names, again.notes) == (classifier.names, classifier.notes)
    cells, _ = described(seed=1)
    np.testing.assert_array_equal(again.predict(cells)[1], classifier.predict(cells)[1])
    more, truth = described(seed=2)
    assert len(again.with_examples(more, few(truth)).features) == 18
    assert path.stat().st_size < 20_000
    classifier.save(path)  # its own file may be replaced


def test_whole_numbers_come_back_from_a_file(tmp_path):
    classifier = Classifier.fit(np.eye(4), [3, 7, 3, 7])
    classifier.save(tmp_path / "a.safetensors")
    assert Classifier.load(tmp_path / "a.safetensors").names == (3, 7)


def test_replaces_nothing_else(kept, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    with pytest.raises(ModelError, match=r"notes\.txt is no classifier"):
        kept[0].save(other)
    assert other.read_text() == "mine"


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ModelError, match="There is no classifier"):
        Classifier.load(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x" * 100,
        b"\x80\x04K\x01.",  # a pickle
        save({"a": np.zeros(3)}),
        save({"a": np.zeros(3)}, {"napari_iaunet": "[1]"}),
        save({"a": np.zeros(3)}, {"napari_iaunet": '{"format": 3}'}),
        save({"a": np.zeros(3)}, {"napari_iaunet": "[" * 100_000}),
    ],
)
def test_other_files_are_no_classifiers(content, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is no classifier of napari-iaunet"):
        Classifier.load(path)


def changed(path, arrays=(), **head):
    """Write a classifier's file with other values."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    said = json.loads(content[8 : 8 + length])["__metadata__"]["napari_iaunet"]
    said = json.dumps({**json.loads(said), **head})
    path.write_bytes(save({**load(content), **dict(arrays)}, {"napari_iaunet": said}))


@pytest.mark.parametrize(
    ("arrays", "head"),
    [
        ({}, {"names": ["burr", "normal"]}),
        ({}, {"names": ["burr", "burr", "target"]}),
        ({}, {"names": ["burr", ["a"], "target"]}),
        ({}, {"names": 3}),
        ({}, {"columns": [["size", 3]]}),
        ({}, {"columns": [["size", "3"]]}),
        ({}, {"notes": "red"}),
        ({}, {"model": None}),
        ({"spread": np.zeros(22, np.float32)}, {}),
        ({"centre": np.full(22, np.nan, np.float32)}, {}),
        ({"centre": np.zeros(22)}, {}),
        ({"examples": np.full(9, 7)}, {}),
        ({"more": np.zeros(1)}, {}),
    ],
)
def test_damaged_files_are_said_to_be_damaged(kept, arrays, head):
    changed(kept[1], arrays, **head)
    with pytest.raises(ModelError, match="is damaged"):
        Classifier.load(kept[1])


def test_a_file_of_a_later_version(kept):
    changed(kept[1], format="napari-iaunet classifier 2")
    with pytest.raises(ModelError, match="another version of napari-iaunet"):
        Classifier.load(kept[1])


def test_a_file_that_was_cut_off_is_damaged(kept):
    kept[1].write_bytes(kept[1].read_bytes()[:-50])
    with pytest.raises(ModelError, match="is damaged"):
        Classifier.load(kept[1])
