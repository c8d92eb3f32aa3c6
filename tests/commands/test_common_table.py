"""Tables of cells are read back."""

import gc

import pytest

from napari_iaunet.commands.common_table import read_table
from napari_iaunet.errors import ImageError


def test_a_table_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "a_cells.csv"
    path.write_text('label,score,class\n1,0.50,"a, b"\n7,,é\n', encoding="utf-8")
    table = {name: list(column) for name, column in read_table(path).items()}
    assert table == {"label": ["1", "7"], "score": ["0.50", ""], "class": ["a, b", "é"]}
    path.write_text("label,score\n")
    assert {name: len(c) for name, c in read_table(path).items()} == {
        "label": 0,
        "score": 0,
    }


@pytest.mark.parametrize(
    "text", ["", "patient,result\n1,2\n", "label,score\n1\n", "label\n1,2\n"]
)
def test_what_is_no_table_of_cells_is_named(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ImageError, match=r"a\.csv is not a table of cells\."):
        read_table(tmp_path / "a.csv")


def test_a_large_table_has_no_garbage_collected(tmp_path):
    """That takes half a second with torch in memory, in which a window stands still."""
    path, seen = tmp_path / "a.csv", []
    rows = "\n".join(f"{i},{i / 7},{i % 3}" for i in range(300_000))
    path.write_text(f"label,x,y\n{rows}\n")

    def watch(phase, info):
        seen.append(info["generation"])

    gc.collect()
    gc.callbacks.append(watch)
    try:
        read_table(path)
    finally:
        gc.callbacks.remove(watch)
    assert len(seen) < 20
