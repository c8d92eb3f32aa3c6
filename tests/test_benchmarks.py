"""The benchmarks can be started; what they measure is not asserted."""

import ast
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmarks import drawn, harness
from benchmarks.__main__ import NAMES, about, main
from benchmarks.common import Sample, cell_diameters
from benchmarks.decoding import errors_of
from benchmarks.diameter import at_sizes
from benchmarks.pairs import right_pairs

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "benchmarks" / name for name in ("README.md", "RESULTS.md")]


MODULES = sorted((ROOT / "benchmarks").glob("[a-z]*.py"))


def test_without_a_name_they_are_listed(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed and about(name) in printed for name in NAMES)


def test_an_unknown_name_is_told():
    with pytest.raises(SystemExit, match="no benchmark 'sped'"):
        main(["sped"])


@pytest.mark.parametrize("name", NAMES)
def test_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert about(name) in capsys.readouterr().out


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_is_imported_late_exists(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("napari_iaunet"):
            module = import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):  # a module of its own
                    import_module(f"{node.module}.{name.name}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_the_pages_are_understood(page):
    commands = re.findall(r"`python -m benchmarks ([a-z]+)([^`]*)`", page.read_text())
    assert len(commands) > 9
    for name, options in commands:
        assert name in NAMES
        with pytest.raises(SystemExit) as end:
            main([name, *options.split(), "--help"])
        assert end.value.code == 0


def test_every_section_of_the_results_has_marks():
    text = PAGES[1].read_text()
    begun = re.findall(r"<!-- ([\w-]+):begin -->", text)
    assert begun == re.findall(r"<!-- ([\w-]+):end -->", text)
    assert {name.partition("-")[0] for name in begun} <= {*NAMES, "precision", "tiles"}


def test_a_worker_answers_with_json_whatever_is_printed():
    with harness.Worker() as worker:
        assert worker.call(harness.summary, [1.0, 2.0, 9.0]) == {
            "best": 1.0,
            "median": 2.0,
        }
        assert worker.call(harness.longest_wait) >= 0


def test_a_worker_that_fails_ends_the_benchmark():
    with harness.Worker() as worker, pytest.raises(SystemExit, match="summary failed"):
        worker.call(harness.summary, [])


def test_merged_split_and_touching_cells_are_told():
    true = np.zeros((20, 60), int)
    true[2:8, 2:8], true[2:8, 9:15] = 3, 5  # one pixel lies between them
    true[2:8, 25:37] = 9
    true[12:18, 40:46], true[12:18, 50:56] = 11, 12
    pred = np.zeros_like(true)
    pred[2:8, 2:15] = 1
    pred[2:8, 25:31], pred[2:8, 31:37] = 2, 3
    pred[12:18, 40:46], pred[10, 56] = 4, 5
    errors = errors_of(true, pred)
    assert errors.merged.tolist() == [True, True, False, False, False]
    assert errors.split.tolist() == [False, False, True, False, False]
    assert errors.touching.tolist() == [True, True, False, False, False]
    # Half of the third cell is found by each of its halves, the fifth by none.
    assert errors.found[0].tolist() == [False, False, True, True, False]
    assert errors.found[2].tolist() == [False, False, False, True, False]


def test_where_there_is_no_cell_nothing_is_merged():
    empty = np.zeros((8, 8), int)
    errors = errors_of(empty, np.eye(8, dtype=int))
    assert errors.found.shape == (3, 0)
    assert errors.merged.size == errors.split.size == errors.touching.size == 0


def test_images_are_rescaled_to_cells_of_every_size():
    labels = np.zeros((200, 300), np.int32)
    for number in range(24):
        y, x = (20 + 40 * n for n in divmod(number, 6))
        labels[y : y + 20, x : x + 20] = number + 1
    sample = Sample((labels > 0) * 1000, labels)
    for size, scaled in at_sizes(sample, (5.0, 50.0)):
        assert np.median(cell_diameters(scaled.labels)) == pytest.approx(size, rel=0.1)
        assert scaled.image.shape == scaled.labels.shape
        assert scaled.image[scaled.labels > 0].mean() > 700


def test_drawn_cells_that_cross_are_brighter_where_both_are():
    (sample,) = drawn.draw("drawn, crossing: spindles", 1)
    (again,) = drawn.draw("drawn, crossing: spindles", 1)
    assert np.array_equal(sample.image, again.image)
    bright = sample.image > 1.5
    assert 0 < bright.mean() < 0.2
    assert (sample.labels[bright] > 0).mean() > 0.95


def test_drawn_nuclei_lie_in_cells_that_are_known():
    (one,) = drawn.draw_pairs(1)
    (again,) = drawn.draw_pairs(1)
    assert np.array_equal(one.image, again.image)
    assert one.nuclei.max() == len(one.cell_of)
    counts = np.bincount(one.cell_of)[1:]
    present = np.bincount(one.cells.ravel())[1:] > 0
    kinds = {0, 1, 2}
    assert set(counts[present[: len(counts)]].tolist()) == kinds
    assert (one.cell_of == 0).sum() > 1
    # Two channels never lie quite above one another.
    aside = np.roll(one.nuclei, 2, axis=1)
    rights = right_pairs(one, aside, one.cells)
    assert (rights >= 0).all()
    assert rights.mean() >= 0.98


def test_pairs_of_what_was_not_found_tell_nothing_and_wrong_ones_are_told():
    (one,) = drawn.draw_pairs(1)
    nucleus, cell = next((n, c) for n, c in enumerate(one.cell_of, 1) if c)
    fewer = np.where(one.nuclei == nucleus, 0, one.nuclei)
    assert right_pairs(one, fewer, one.cells)[nucleus - 1] == -1
    fewer = np.where(one.cells == cell, 0, one.cells)
    assert right_pairs(one, one.nuclei, fewer)[nucleus - 1] == -1
    alone = int(np.flatnonzero(one.cell_of == 0)[0]) + 1
    invented = np.where(one.nuclei == alone, one.cells.max() + 1, one.cells)
    assert right_pairs(one, one.nuclei, invented)[alone - 1] == 0
