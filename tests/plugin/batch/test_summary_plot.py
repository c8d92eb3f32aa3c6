"""What the plot of a summary shows, tells and becomes as a file."""

import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from narrow import assert_fits
from PIL import Image
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QFontMetrics, QImage, QPainter, QPalette

from napari_iaunet.io.ours import PROGRAM, writer_of
from napari_iaunet.plugin.batch.summary_drawing import Look, lay_out
from napari_iaunet.plugin.batch.summary_panel import PLATE, SummaryPanel
from napari_iaunet.plugin.batch.summary_plot import (
    SummaryPlot,
    can_draw_svg,
    picture_of,
)
from napari_iaunet.segmentation.summary import (
    COUNT,
    EACH_IMAGE,
    ImageCells,
    groupings_of,
    measures_of,
    summarise,
)

LONG = "a condition whose name does not end " * 4
DARK, LIGHT = ("#262930", "#f0f1f2"), ("#f0f0f0", "#3b3a39")
# Blue and orange: on dark, on light.
COLOURS = {DARK: ("#56b4e9", "#f0a020"), LIGHT: ("#0072b2", "#c04a00")}


def images(count=24):
    """Images of three conditions and of all rows of a plate."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(count):
        well = f"{'ABCDEFGH'[i % 8]}{i % 12 + 1:02}"
        about = {"condition": ("dmso", "drug", LONG)[i % 3], "well": well}
        areas = rng.gamma(5, 30 + 100 * (i % 3), 50 + i)
        found.append(ImageCells(f"{well}_{i}.tif", about, 50 + i, {"area": areas}))
    return found


@pytest.fixture
def panel(qtbot):
    panel = SummaryPanel()
    qtbot.addWidget(panel)
    panel.button.setChecked(True)
    return panel


def show(panel, theme, measure, by, on_plate=False, count=24):
    """Show a summary in a theme; what is drawn as an image."""
    palette = panel.palette()
    for role, colour in zip(
        (QPalette.ColorRole.Window, QPalette.ColorRole.WindowText), theme, strict=True
    ):
        palette.setColor(role, QColor(colour))
    panel.setPalette(palette)
    of = images(count)
    panel.offer(measures_of(of), groupings_of(of), has_wells=True)
    panel.choice.kind = PLATE if on_plate else panel.choice.kind
    panel.choice.measure, panel.choice.by = measure, by
    panel.set_summary(summarise(of, measure, by), on_plate)
    return panel.plot.grab().toImage()


def colours(image):
    return {
        QColor(image.pixel(x, y)).name()
        for x in range(image.width())
        for y in range(image.height())
    }


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("measure", [COUNT, "area"])
def test_dots_and_medians_have_their_colours_in_each_theme(panel, theme, measure):
    seen = colours(show(panel, theme, measure, "condition"))
    assert set(COLOURS[theme]) <= seen
    assert theme[1] in seen, "axes have the colour of text"


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_colours_stand_out_from_the_background(theme):
    def luminance(name):
        parts = [c / 255 for c in QColor(name).getRgb()[:3]]
        linear = [
            p / 12.92 if p < 0.04 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for colour in COLOURS[theme]:
        one, other = sorted((luminance(colour), luminance(theme[0])))
        assert (other + 0.05) / (one + 0.05) > 3, "as WCAG asks of what is drawn"


@pytest.mark.parametrize(
    ("measure", "by", "on_plate", "count"),
    [
        (COUNT, "condition", False, 24),
        ("area", "condition", False, 24),
        ("area", EACH_IMAGE, False, 200),
        (COUNT, EACH_IMAGE, False, 1),
        (COUNT, "well", True, 24),
    ],
)
def test_it_fits_a_narrow_dock(panel, measure, by, on_plate, count):
    show(panel, DARK, measure, by, on_plate, count)
    panel.tell("a name without an end " * 5)
    assert_fits(panel)
    assert panel.plot.height() == panel.plot.plot.height < 1000


def texts(plot, width):
    """Draw a plot; what is written where, and all of its area."""
    written = []

    class Painter(QPainter):
        def drawText(self, place, flags, text):
            found = self.boundingRect(place, int(getattr(flags, "value", flags)), text)
            written.append((text, found))
            super().drawText(place, flags, text)

    image = QImage(width, plot.height, QImage.Format.Format_RGB32)
    painter = Painter(image)
    plot.draw(painter, Look.beside(QColor("white")))
    painter.end()
    return written, image.rect()


@pytest.mark.parametrize("width", [280, 470, 900])
@pytest.mark.parametrize("count", [1, 8, 60, 200])
@pytest.mark.parametrize("by", [EACH_IMAGE, "condition", "well"])
def test_no_text_is_cut_and_none_lies_on_another(qapp, width, count, by):
    metrics = QFontMetrics(qapp.font(), QImage(4, 4, QImage.Format.Format_RGB32))
    summary = summarise(images(count), "area", by)
    plot = lay_out(summary, by == "well", width, metrics)
    written, whole = texts(plot, width)
    assert len(written) > 4
    for i, (text, place) in enumerate(written):
        assert place.left() >= -1, text
        assert place.right() <= whole.width() + 1, text
        assert place.bottom() <= whole.height() + 1, text
        for other, elsewhere in written[:i]:
            shared = place.intersected(elsewhere)
            # Lines of a text are higher than its letters.
            meet = shared.width() > 1 and shared.height() > metrics.height() / 3
            assert not meet, (text, other)


def test_it_tells_what_it_shows(panel):
    show(panel, DARK, COUNT, "condition")
    assert panel.plot.accessibleName()
    told = panel.plot.accessibleDescription()
    assert told.startswith("Number of cells by condition: 24 images, ")
    assert "dmso: 8 images, " in told
    assert panel.plot.plot.told_at(QPointF(5, 30)).startswith(LONG)
    assert panel.plot.plot.told_at(QPointF(5, 5)) == ""


def test_a_plate_tells_of_the_well_below_the_mouse(panel):
    show(panel, DARK, COUNT, "well", on_plate=True)
    panel.resize(300, 600)
    plot = panel.plot.plot
    corner = plot._areas[0].topLeft()
    b02 = corner + QPointF(1.5 * plot.well, 1.5 * plot.well)
    assert plot.told_at(b02).startswith("B02: 1 image, 51 cells")
    assert plot.told_at(b02 + QPointF(plot.well, 0)) == ""


def test_each_of_several_plates_has_a_map(panel):
    several = [
        replace(cells, about=cells.about | {"plate": f"p{i % 3}"})
        for i, cells in enumerate(images())
    ]
    panel.resize(300, 900)
    panel.set_summary(summarise(several, COUNT, "well"), on_plate=True)
    plot = panel.plot.plot
    inside = QPointF(1.5 * plot.well, 1.5 * plot.well)
    told = [plot.told_at(area.topLeft() + inside) for area in plot._areas]
    assert told[0] == ""
    assert told[1].startswith("p1 B02: 1 image, 51 cells")
    panel.set_summary(summarise(several, COUNT, "well"), on_plate=False)
    assert panel.plot.plot.told_at(QPointF(5, 30)).startswith("p0 A01: ")


def test_without_cells_there_is_nothing_to_save(panel):
    assert not panel.picture_button.isEnabled()
    show(panel, DARK, COUNT, "condition")
    assert panel.picture_button.isEnabled()
    assert panel.plot.height() > 50
    panel.set_summary(summarise([], COUNT), False)
    assert not panel.numbers_button.isEnabled()
    assert panel.plot.plot is None


def test_each_width_has_its_plot(qtbot):
    plot = SummaryPlot()
    qtbot.addWidget(plot)
    plot.set_summary(summarise(images(), "area", "condition"))
    plot.resize(280, 100)
    plot.show()
    narrow, ticks = plot.height(), plot.plot.axis.ticks
    plot.resize(700, 100)
    assert plot.height() < narrow, "the sentences have fewer lines"
    assert len(plot.plot.axis.ticks) > len(ticks)


@pytest.mark.parametrize("on_plate", [False, True])
def test_a_picture_is_sharp_and_black_on_white(qapp, tmp_path, on_plate):
    summary = summarise(images(), "area", "well" if on_plate else "condition")
    content = picture_of(summary, on_plate, ".png", qapp.font().family())
    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
        assert picture.info["Description"].startswith("Area (px) by ")
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=1)
    assert pixels.shape[1] == 1920
    edge = [pixels[:20], pixels[-20:], pixels[:, :20], pixels[:, -20:]]
    assert all((part == 255).all() for part in edge), "margins on all sides"
    assert (pixels.min(axis=(0, 1)) < 60).all()
    file = tmp_path / "a.png"
    file.write_bytes(content)
    assert writer_of(file) == PROGRAM, "no image of a folder that is added later"


@pytest.mark.skipif(not can_draw_svg(), reason="Qt without SVG")
@pytest.mark.parametrize("on_plate", [False, True])
def test_a_drawing_has_texts_and_a_description(qapp, on_plate):
    summary = summarise(images(), COUNT, "well" if on_plate else "condition")
    content = picture_of(summary, on_plate, ".svg", qapp.font().family())
    root = ElementTree.fromstring(content)
    space = {"s": "http://www.w3.org/2000/svg"}
    told = root.find("s:desc", space).text
    assert told.startswith("Number of cells by ")
    written = {text.text.strip() for text in root.iterfind(".//s:text", space)}
    assert ("A" if on_plate else "dmso") in written
    assert root.get("width").startswith("162.")  # mm


def test_names_of_groups_are_no_markup(panel, qtbot):
    marked = [ImageCells("a", {"by": "<b>x</b>"}, 3, {})]
    panel.offer((COUNT,), ("", "by"), has_wells=False)
    panel.set_summary(summarise(marked, COUNT, "by"), False)
    assert panel.plot.plot.told_at(QPointF(5, 30)).startswith("<b>x</b>")
    assert panel.message.textFormat() == Qt.TextFormat.PlainText
