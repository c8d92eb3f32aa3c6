"""The tab, Python and the command line rank cells by the same thing."""

import csv

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2hed
from skimage.data import immunohistochemistry
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label
from skimage.morphology import remove_small_objects

from napari_iaunet import similarity
from napari_iaunet.cli import main
from napari_iaunet.identity.search import CellRef


@pytest.fixture(scope="module")
def tissue():
    """Stained tissue, and its nuclei by a threshold."""
    image = immunohistochemistry()[:240, :240]
    dark = gaussian(rgb2hed(image)[..., 0], 2)
    nuclei = label(remove_small_objects(dark > threshold_otsu(dark), max_size=40))
    assert nuclei.max() > 10
    return image, 3 * nuclei.astype(np.int32)


@pytest.fixture(scope="module")
def files(tissue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tissue")
    image, labels = tissue
    Image.fromarray(image).save(folder / "tissue.png")
    Image.fromarray(labels.astype(np.uint16)).save(folder / "labels.png")
    return folder


def by_command(folder, *options):
    """Similarities of the table that the command writes, by label."""
    table = folder / "table.csv"
    images = [str(folder / "tissue.png"), str(folder / "labels.png")]
    code = main(
        ["lookalikes", *images, "--out", str(table), "--device", "cpu", *options]
    )
    assert code == 0
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    values = [float(row["similarity"]) for row in rows]
    assert values == sorted(values, reverse=True)
    return {int(row["label"]): float(row["similarity"]) for row in rows}


def by_tab(qtbot, viewer, dock, likes, unlikes):
    """Similarities of the layer that the tab adds, by label."""
    controller, panel = dock.lookalike_controller, dock.lookalike_panel
    dock.tabs.setCurrentWidget(panel)
    layer = viewer.layers["cells"]
    refs = {i: CellRef(str(layer.unique_id), i) for i in (*likes, *unlikes)}
    for number, kind in [
        (likes[0], "target"),
        *((i, "like") for i in likes[1:]),
        *((i, "unlike") for i in unlikes),
    ]:
        controller._pick(refs[number], kind)
        qtbot.waitUntil(lambda: panel.found.extract_button.isEnabled())
    shown = np.asarray(viewer.layers["cells similarity"].data)
    labels = layer.data
    return {int(i): float(shown[labels == i][0]) for i in np.unique(labels[labels > 0])}


@pytest.mark.parametrize(("likes", "unlikes"), [([6], []), ([6, 12], [30])])
def test_all_three_rank_alike(
    qtbot, viewer, real_dock, segmenter, tissue, files, likes, unlikes
):
    image, labels = tissue
    cells = segmenter.describe(image, labels)
    in_python = similarity(cells, cells.rows(likes), cells.rows(unlikes))
    assert not np.allclose(
        in_python, similarity(cells.embeddings, cells.rows(likes), cells.rows(unlikes))
    )
    expected = dict(zip(cells.label_ids.tolist(), in_python.tolist(), strict=True))

    options = ["--like", *map(str, likes)]
    if unlikes:
        options += ["--unlike", *map(str, unlikes)]
    assert by_command(files, *options) == pytest.approx(expected, abs=1e-5)

    viewer.add_image(image, name="tissue")
    viewer.add_labels(labels, name="cells")
    found = by_tab(qtbot, viewer, real_dock, likes, unlikes)
    assert found == pytest.approx(expected, abs=1e-6)


def test_other_weights(qtbot, viewer, real_dock, segmenter, tissue, files):
    image, labels = tissue
    weights = {"appearance": 0.5, "size": 1.0}
    cells = segmenter.describe(image, labels)
    in_python = similarity(cells, cells.rows([6]), weights=weights)
    expected = dict(zip(cells.label_ids.tolist(), in_python.tolist(), strict=True))
    options = ["--like", "6", "--weights", "appearance=0.5", "size=1"]
    assert by_command(files, *options) == pytest.approx(expected, abs=1e-5)

    viewer.add_image(image, name="tissue")
    viewer.add_labels(labels, name="cells")
    for name, slider in real_dock.lookalike_panel.weights.sliders.items():
        slider.setValue(round(100 * weights.get(name, 0)))
    found = by_tab(qtbot, viewer, real_dock, [6], [])
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--like", "5"], "no cell 5"),
        (["--like", "6", "--weights", "taste=1"], "no weight “taste”"),
        (["--like", "6", "--weights", "size=-1"], "zero upwards"),
        (["--like", "6", "--weights", "size=0"], "Nothing counts"),
    ],
)
def test_what_the_command_cannot_use(files, capsys, options, says):
    images = [str(files / "tissue.png"), str(files / "labels.png")]
    table = files / "none.csv"
    command = ["lookalikes", *images, "--out", str(table), "--device", "cpu", *options]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not table.exists()


def test_a_table_of_something_else_is_not_replaced(files, capsys):
    images = [str(files / "tissue.png"), str(files / "labels.png")]
    table = files / "patients.csv"
    table.write_text("label,patient\n7,8\n")
    command = ["lookalikes", *images, "--out", str(table), "--device", "cpu"]
    assert main([*command, "--like", "6"]) == 2
    assert f"{table} is not a table of cells" in capsys.readouterr().err
    assert table.read_text() == "label,patient\n7,8\n"
    table.unlink()
    for _ in range(2):  # our own is replaced
        assert main([*command, "--like", "6"]) == 0


def test_a_weight_without_a_number(files, capsys):
    images = [str(files / "tissue.png"), str(files / "labels.png")]
    with pytest.raises(SystemExit) as stopped:
        main(["lookalikes", *images, "--out", "t", "--like", "6", "--weights", "size"])
    assert stopped.value.code == 2
    assert "not a weight such as size=0.5" in capsys.readouterr().err
