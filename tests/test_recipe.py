"""The recipe of docs/figure.md, from a folder to a figure, works as it stands there."""

import re
import shlex
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from PIL import Image

from napari_iaunet.cli import main

PAGE = Path(__file__).resolve().parents[1] / "docs" / "figure.md"


@pytest.mark.slow
def test_a_folder_becomes_a_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    names = {}
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(), re.S | re.M)
    for language, block in blocks:
        if language == "python":
            exec(compile(block, str(PAGE), "exec"), names)
        else:
            program, *arguments = shlex.split(block)
            assert program == "napari-iaunet"
            assert main(arguments) == 0
    cells = pd.read_csv("cells/cells.csv")
    assert set(cells["condition"]) == {"control", "treated"}
    assert set(cells["well"]) == {"A01", "B01"}
    assert cells.groupby("file").size().between(4, 90).all()
    assert len(list(Path("cells").glob("*_overlay.png"))) == 4
    assert names["counts"].sum() == (cells["score"] > 0.5).sum()
    assert Image.open("figure.png").size == (1400, 600)
