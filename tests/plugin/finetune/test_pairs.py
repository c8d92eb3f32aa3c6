"""The list of annotated images follows the viewer's layers."""

import numpy as np
import pytest
from trainer import discs, messages

from napari_iaunet.plugin.finetune.job import annotations_of
from napari_iaunet.plugin.layers.camera import camera_of, size_of_canvas
from napari_iaunet.plugin.layers.features import LOOKED_AT, set_flag
from napari_iaunet.plugin.layers.find import OURS


def annotations(trainer):
    """What the list gives to train on."""
    sources = trainer.controller.pairs.read()
    return [annotation for source in sources for annotation in annotations_of(source)]


def test_layers_that_go(trainer):
    trainer.add()
    trainer.viewer.layers.remove("plate")
    assert not trainer.panel.pairs.rows
    assert not trainer.panel.train_button.isEnabled()
    assert any("taken off the list" in message for message in messages())
    on_nothing = "drawn  lies on no open image: size or place differ"
    assert trainer.proposals() == [(on_nothing, False)]
    trainer.viewer.layers.remove("drawn")
    ((text, can_be_chosen),) = trainer.proposals()
    assert "No other layer" in text
    assert not can_be_chosen


def test_rows_follow_names_and_can_be_removed(trainer):
    trainer.add()
    trainer.viewer.layers["plate"].name = "A & <b>"
    (row,) = trainer.panel.pairs.rows.values()
    assert "A &amp; &lt;b>" in row.title.text()
    trainer.press(row.remove_button)
    assert not trainer.panel.pairs.rows


@pytest.mark.viewer
def test_regions_are_read_where_they_lie(trainer):
    viewer = trainer.viewer
    for name in ("plate", "drawn"):
        viewer.layers[name].scale = (0.5, 0.5)
        viewer.layers[name].translate = (10, 20)
    corners = np.array([[0, 0], [0, 90], [30, 90], [30, 0]]) * 0.5 + [10, 20]
    shapes = viewer.add_shapes([corners], shape_type="rectangle", name="done")
    ellipse = np.array([[100, 100], [100, 160], [160, 160], [160, 100]]) * 0.5 + [
        10,
        20,
    ]
    shapes.add(ellipse, shape_type="ellipse")
    trainer.add()
    (row,) = trainer.panel.pairs.rows.values()
    assert row.region.itemText(4) == "every cell in done is labelled"
    # Only what is painted counts, unless the user says more.
    assert annotations(trainer)[0].region.mean() < 0.5  # the edges of the cells
    trainer.pick(row.region, "every cell is labelled")
    assert annotations(trainer)[0].region is None
    trainer.pick(row.region, "every cell in done is labelled")
    (source,) = trainer.controller.pairs.read()
    region = source.region.mask(0, viewer.layers["drawn"].data.shape)
    (annotation,) = annotations(trainer)
    assert annotation.region[region].all()
    assert region[1:29, 1:89].all()
    assert not region[33:95].any()
    assert region[130, 130]
    assert not region[103, 103]
    assert abs(region[95:].sum() - np.pi * 30**2) < 150
    shapes.data = []
    trainer.train()
    assert "no rectangle" in messages()[-1]


@pytest.mark.viewer
def test_the_part_on_view_is_the_one_when_it_was_picked(trainer):
    viewer = trainer.viewer
    trainer.add()
    camera_of(viewer).center = (30, 60)
    camera_of(viewer).zoom = 10
    trainer.qtbot.wait(50)
    trainer.pick(trainer.row().region, "every cell on view is labelled")
    viewer.reset_view()
    (source,) = trainer.controller.pairs.read()
    region = source.region.mask(0, viewer.layers["drawn"].data.shape)
    y, x = np.nonzero(region)
    height, width = np.array(size_of_canvas(viewer)) / 10
    assert abs(np.ptp(x) + 1 - min(width, 60 + width / 2)) <= 2
    assert abs(np.ptp(y) + 1 - min(height, 30 + height / 2)) <= 2
    assert region[30, 60]
    assert trainer.row().region.currentText() == "every cell on view is labelled"


def test_where_every_cell_is_labelled_is_known_of_what_was_segmented(trainer):
    labels = trainer.viewer.layers["drawn"]
    labels.metadata = {OURS: {"diameter": 30.0, "part": False}}
    trainer.add()
    assert trainer.row().region.currentText() == "every cell is labelled"
    assert annotations(trainer)[0].region is None
    trainer.press(trainer.row().remove_button)
    # Of what clicks or a part of the image gave, nobody knows.
    trainer.controller.pairs._places.clear()
    labels.metadata = {OURS: {"diameter": 30.0, "part": True}}
    trainer.add()
    assert trainer.row().region.currentText() == "only the labelled cells count"


def test_only_cells_that_were_looked_at_count(trainer):
    labels = trainer.viewer.layers["drawn"]
    trainer.add()
    trainer.pick(trainer.row().region, "only cells that were looked at count")
    trainer.train()
    assert messages()[-1] == "No cell of “drawn” was looked at or corrected."
    set_flag(labels, LOOKED_AT, [2, 5, 9], True, np.arange(1, 26))
    (annotation,) = annotations(trainer)
    assert set(np.unique(annotation.labels)) == {0, 2, 5, 9}
    assert annotation.region.mean() < 0.1
    assert labels.data.max() == 25, "the layer stays as it is"


def test_planes_of_stacks_and_channels(trainer):
    viewer = trainer.viewer
    labels, image = discs()
    viewer.layers.clear()
    viewer.add_image(np.stack([image] * 3), name="film")
    film = np.zeros((3, *labels.shape), int)
    film[1] = labels
    viewer.add_labels(film, name="drawn")
    trainer.add()
    (annotation,) = annotations(trainer)
    assert annotation.name == "drawn [1]"
    assert annotation.stack == "drawn"
    np.testing.assert_array_equal(annotation.labels, labels)
    np.testing.assert_array_equal(annotation.image, image[None])
    assert annotation.channel_axis == 0
    viewer.layers.clear()
    viewer.add_image(np.stack([image] * 3, -1).astype(np.uint8), rgb=True, name="stain")
    viewer.add_labels(labels, name="drawn")
    trainer.add()
    (annotation,) = annotations(trainer)
    assert annotation.image.shape == (*labels.shape, 3)
    assert annotation.channel_axis == 2


@pytest.fixture
def film(trainer):
    """A stack of planes that differ, with cells drawn in one plane only."""
    image = discs()[1]
    trainer.viewer.layers.clear()
    planes = np.stack([image + 10 * plane for plane in range(4)])
    trainer.viewer.add_image(planes, name="film")
    return planes


def test_cells_of_one_plane_stay_on_it_when_another_is_on_view(trainer, film):
    trainer.viewer.add_labels(discs()[0], name="drawn")
    trainer.viewer.dims.set_current_step(0, 2)
    trainer.add()
    assert "drawn</b> on film [2]" in trainer.row().title.text()
    trainer.viewer.dims.set_current_step(0, 0)
    (annotation,) = annotations(trainer)
    np.testing.assert_array_equal(annotation.image, film[2][None])
    assert trainer.controller.pairs.names() == [
        {"image": "film [2]", "labels": "drawn"}
    ]


def test_a_flat_region_takes_no_plane_without_cells(trainer, film):
    stack = np.zeros(film.shape, int)
    stack[1] = discs()[0]
    trainer.viewer.add_labels(stack, name="drawn")
    corners = np.array([[0, 0], [0, 90], [90, 90], [90, 0]])
    trainer.viewer.add_shapes([corners], shape_type="rectangle", name="flat")
    deep = np.pad(corners, ((0, 0), (1, 0)), constant_values=3)
    trainer.viewer.add_shapes([deep], shape_type="rectangle", name="deep")
    trainer.add()
    trainer.pick(trainer.row().region, "every cell in flat is labelled")
    assert [a.name for a in annotations(trainer)] == ["drawn [1]"]
    # Drawn on a plane without cells, it says that there are none.
    trainer.pick(trainer.row().region, "every cell in deep is labelled")
    assert [a.name for a in annotations(trainer)] == ["drawn [1]", "drawn [3]"]


def test_one_of_several_images_under_the_cells_is_chosen(trainer):
    image = discs()[1]
    trainer.viewer.add_image(image * 2, name="other channel")
    trainer.add()
    row = trainer.row()
    assert "on other channel" in row.title.text()
    trainer.qtbot.waitUntil(row.image.isVisible)
    trainer.pick(row.image, "plate")
    assert "on plate" in trainer.row().title.text()
    assert trainer.row().image.currentText() == "plate"
    np.testing.assert_array_equal(np.squeeze(annotations(trainer)[0].image), image)
    trainer.viewer.layers.remove("other channel")
    trainer.qtbot.waitUntil(trainer.row().isVisible)
    assert not trainer.row().image.isVisible()


def test_rehearsal_leaves_other_channels_of_the_same_cells_out(trainer):
    image = discs()[1]
    trainer.viewer.add_image(image * 2, name="other channel")
    trainer.viewer.add_image(image[:90], name="elsewhere")
    trainer.viewer.add_image(np.zeros((2, 3, 4, 5, 90, 90)), name="too many axes")
    trainer.add()
    others = trainer.controller.pairs.read_others()
    assert [o.array.shape for o in others if o.array.ndim < 4] == [(90, 180)]


def test_extracted_cells_are_not_among_all(trainer):
    labels = discs()[0]
    trainer.viewer.add_labels(labels, name="a & b")
    trainer.viewer.add_labels(
        np.where(labels > 20, labels, 0),
        name="some",
        metadata={OURS: {"found_in": "drawn"}},
    )
    texts = [text for text, _ in trainer.proposals()]
    on_plate = [f"{name}  on  plate" for name in ("some", "a && b", "drawn")]
    assert texts == [*on_plate, "All of these"]
    trainer.add(3)
    shown = [row.title.text() for row in trainer.panel.pairs.rows.values()]
    assert len(shown) == 2
    assert not any("some" in text for text in shown)
    trainer.add(0)
    assert "some" in trainer.row(2).title.text()
