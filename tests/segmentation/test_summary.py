"""Cells of many images in short, beside what numpy says of the same values."""

import numpy as np
import pytest

from napari_iaunet.segmentation.summary import (
    COUNT,
    EACH_IMAGE,
    NO_GROUP,
    ImageCells,
    as_table,
    describe,
    groupings_of,
    label_of,
    measures_of,
    numbers_in,
    plates_of,
    summarise,
    tell,
    well_column,
    well_of,
    with_well,
)


def image(name, *, areas=(), count=None, **about):
    areas = np.asarray(areas, float)
    return ImageCells(
        name, about, len(areas) if count is None else count, {"area": areas}
    )


@pytest.fixture
def screen():
    """Two conditions in four wells, of which one image shows nothing."""
    rng = np.random.default_rng(3)
    wells = [("dmso", "B2"), ("dmso", "B03"), ("drug", "B10"), ("drug", "C11")]
    return [
        image(
            f"{condition}_{well}_{field}",
            areas=rng.gamma(4, 30, 0 if (well, field) == ("C11", 2) else 40 + 9 * i),
            condition=condition,
            well=well,
        )
        for i, (condition, well) in enumerate(wells)
        for field in (1, 2)
    ]


def test_numbers_are_those_of_numpy(screen):
    summary = summarise(screen, "area", "condition")
    assert [group.name for group in summary.groups] == ["dmso", "drug"]
    for group in summary.groups:
        members = [i for i in screen if i.about["condition"] == group.name and i.count]
        values = np.concatenate([i.measures["area"] for i in members])
        assert group.images == tuple(i.name for i in members)
        assert group.cells == values.size
        expected = [np.quantile(values, q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
        assert group.spread == pytest.approx([*expected, values.mean()])
        medians = [np.median(i.measures["area"]) for i in members]
        assert group.medians == pytest.approx(medians)
    assert summary.notes == ("1 image has no area (px).",)


def test_numbers_of_cells_are_those_of_the_images(screen):
    summary = summarise(screen, COUNT, "condition")
    dmso, drug = summary.groups
    assert dmso.counts.tolist() == [40, 40, 49, 49]
    assert drug.counts.tolist() == [58, 58, 67, 0], "an image without cells counts"
    assert drug.medians.tolist() == [58, 58, 67, 0]
    assert drug.spread.median == np.median([58, 58, 67, 0])
    assert drug.spread.mean == np.mean([58, 58, 67, 0])
    assert (summary.images, summary.cells) == (8, 361)
    assert summary.notes == ()


@pytest.mark.parametrize("measure", [COUNT, "area"])
def test_each_image_is_a_group_in_the_order_of_the_list(screen, measure):
    backwards = screen[::-1]
    summary = summarise(backwards, measure, EACH_IMAGE)
    known = [i.name for i in backwards if i.count or measure == COUNT]
    assert [group.name for group in summary.groups] == known
    assert all(group.images == (group.name,) for group in summary.groups)


def test_groups_are_sorted_as_people_count_and_those_without_a_name_come_last():
    images = [
        image(str(i), areas=[1], day=day) for i, day in enumerate(["d10", "", "d2"])
    ]
    images.append(image("3", areas=[1]))
    groups = summarise(images, COUNT, "day").groups
    assert [(g.name, len(g.images)) for g in groups] == [
        ("d2", 1),
        ("d10", 1),
        (NO_GROUP, 2),
    ]


def test_what_is_no_number_is_left_out():
    images = [image("a", areas=[1, np.nan, 3, np.inf]), image("b", areas=[np.nan])]
    (group,) = summarise(images, "area").groups
    assert group.cells == 2
    assert group.spread.median == 2
    assert summarise(images, "unknown").groups == ()
    assert summarise([], COUNT).groups == ()


def test_tables_become_counts_and_measures():
    texts = {
        "label": ["1", "2", "2"],
        "plane": ["0", "0", "1"],
        "x": ["1.5", "2", "3"],
        "area": ["10", "20", ""],
        "mean_x": ["0.5", "1", "inf"],
        "embedding_1": ["1", "2", "3"],
        "class": ["", "gland", ""],
        "looked_at": ["True", "False", "False"],
        "score": ["", "", ""],
    }
    table = {name: np.array(column, object) for name, column in texts.items()}
    count, measures = numbers_in(table)
    assert count == 2, "a cell in two planes is one"
    assert measures["area"] == pytest.approx([10, 20, np.nan], nan_ok=True)
    known = ImageCells("a", {}, count, measures)
    assert measures_of([known, image("b")]) == (COUNT, "area", "mean_x")
    empty = {name: column[:0] for name, column in table.items()}
    assert numbers_in(empty)[0] == 0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A01", (0, 0)),
        ("h12", (7, 11)),
        ("P24", (15, 23)),
        ("B3", (1, 2)),
        ("B003", (1, 2)),
        ("Q01", None),
        ("A00", None),
        ("A25", None),
        ("A1b", None),
        ("", None),
    ],
)
def test_wells_are_known_by_their_names(text, place):
    assert well_of(text) == place


def test_wells_stand_on_their_plate(screen):
    assert well_column(screen) == "well"
    summary = summarise(screen, COUNT, "well")
    assert [group.name for group in summary.groups] == ["B02", "B03", "B10", "C11"]
    (plate,) = plates_of(summary)
    assert plate.values.shape == (8, 12)
    assert plate.values[1, 1] == 40
    assert plate.values[2, 10] == 33.5, "the mean of 67 cells and none"
    assert np.isfinite(plate.values).sum() == 4
    (areas,) = plates_of(summarise(screen, "area", "well"))
    assert areas.values[2, 10] == np.median(screen[6].measures["area"])
    assert plates_of(summarise(screen, COUNT, "condition")) == ()
    larger = [image("a", areas=[1], well="P01"), image("b", areas=[1], well="A24")]
    assert plates_of(summarise(larger, COUNT, "well"))[0].values.shape == (16, 24)


def test_each_plate_has_wells_of_its_own():
    images = [
        image("a", areas=[7], plate="p10", well="P24"),
        image("b", areas=[1, 3], plate="p2", well="B3"),
        image("c", areas=[5], plate="p10", well="B03"),
        image("d", areas=[9], well="B03"),
    ]
    summary = summarise(images, "area", "well")
    titles = ["p2 B03", "p10 B03", "p10 P24", "(none) B03"]
    assert [group.title for group in summary.groups] == titles
    assert summary.notes == ()
    plates = plates_of(summary)
    assert [plate.name for plate in plates] == ["p2", "p10", "(none)"]
    assert [plate.values[1, 2] for plate in plates] == [2, 5, 9]
    assert {plate.values.shape for plate in plates} == {(16, 24)}
    assert "p10 P24: 1 image, 1 cell; median 7" in describe(summary)
    table = as_table(summary)
    assert list(table)[:3] == ["plate", "well", "image"]
    rows = zip(*(table[n].tolist() for n in ("plate", "well", "image")), strict=True)
    assert [*rows][2:4] == [("p10", "B03", ""), ("p10", "B03", "c")]
    by_plate = summarise(images, COUNT, "plate").groups
    assert [group.title for group in by_plate] == ["p2", "p10", "(none)"]
    (only,) = plates_of(summarise(images[:1], COUNT, "well"))
    assert only.name == ""


def test_rows_and_columns_of_a_name_make_a_well():
    assert with_well({"row": "B", "column": "03"})["well"] == "B03"
    assert "well" not in with_well({"row": "top", "column": "left"})
    assert with_well({"row": "B", "column": "03", "well": "x"})["well"] == "x"


def test_a_column_with_another_name_than_a_well_is_no_plate():
    images = [image("a", well="B03", day="1"), image("b", well="control", day="2")]
    assert well_column(images) is None
    assert groupings_of(images) == (EACH_IMAGE, "well", "day")


@pytest.mark.parametrize(
    ("measure", "label"),
    [
        (COUNT, "number of cells"),
        ("area", "area (px)"),
        ("area_um2", "area (µm²)"),
        ("axis_major_length_um", "axis major length (µm)"),
        ("mean_intensity", "mean intensity"),
        ("std_GFP_2", "standard deviation of GFP_2"),
        ("nucleus_mean_DAPI", "nucleus: mean of DAPI"),
        ("nucleus_area_um2", "nucleus: area (µm²)"),
        ("score", "score"),
        ("minutes_open", "minutes open"),
    ],
)
def test_columns_have_names_with_units(measure, label):
    assert label_of(measure) == label


def test_a_summary_is_told_in_words(screen):
    text = describe(summarise(screen, "area", "condition"))
    assert text.startswith(
        "Area (px) by condition: 7 images, 361 cells. dmso: 4 images, "
    )
    assert text.endswith("1 image has no area (px).")
    many = [image(str(i), areas=[1]) for i in range(200)]
    assert "and 170 more." in describe(summarise(many))
    summary = summarise(many[:1])
    assert tell(summary, summary.groups[0]) == "0: 1 cell"


def test_a_summary_is_a_table(screen):
    table = as_table(summarise(screen, "area", "condition"))
    assert list(table) == [
        *("condition", "image", "images", "cells", "area_p5", "area_p25"),
        *("area_median", "area_p75", "area_p95", "area_mean"),
    ]
    groups = table["image"] == ""
    assert table["condition"][groups].tolist() == ["dmso", "drug"]
    assert table["images"][groups].tolist() == [4, 3]
    own = float(table["area_median"][~groups][0])
    assert own == pytest.approx(np.median(screen[0].measures["area"]), rel=1e-5)


def test_a_table_of_images_has_a_row_for_each(screen):
    assert list(as_table(summarise(screen))) == ["image", "cells"]
    table = as_table(summarise(screen, "area"))
    assert len(table["image"]) == 7
    assert "group" not in table
    named = [image("a", areas=[1], image="x", cells="y")]
    assert list(as_table(summarise(named, COUNT, "cells")))[:2] == ["cells_", "image"]
