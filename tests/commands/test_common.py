"""What several commands share."""

import json

import pytest

from napari_iaunet.cli import main
from napari_iaunet.commands.common import printable

# Rings, sets the title, clears the screen, writes from right to left, is no text.
ODD = "a\x07\x1b]0;title\x07\x1b[2J\u202e\x9b31m\udcff"


@pytest.mark.parametrize(
    "name",
    [
        "plain.tif",
        "größe µm.tif",
        "細胞.tif",
        "Bild um 9.41\u202fAM.tif",
        "👩\u200d🔬.png",
    ],
)
def test_names_are_shown_as_they_are(name):
    assert printable(name) == name


def test_what_a_terminal_obeys_is_shown_as_an_escape():
    shown = printable(ODD + "\n\r")
    assert shown.isprintable()
    assert shown.startswith(r"a\x07\x1b]0;title")


@pytest.mark.parametrize("command", [["segment", "--out", "x"], ["lookalikes"]])
def test_names_of_files_do_nothing_to_a_terminal(tmp_path, capsys, command):
    options = ["--like", "1", "--out", "x"] if command == ["lookalikes"] else []
    inputs = [str(tmp_path / f"{ODD}.tif")] * (1 + len(options) // 4)
    try:
        status = main([*command, *inputs, *options])
    except SystemExit as error:
        status = error.code
    assert status == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert (told.out + told.err).replace("\n", "").isprintable()


def test_cards_do_nothing_to_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    folder = tmp_path / "models" / "odd\x1b[31m"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    figures = {"validation \x1b[31m": 1, "held-out images": {ODD: {"AP50": 0.5}}}
    card = {"description": f"good{ODD}", "figures": figures}
    (folder / "card.json").write_text(json.dumps(card))
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    assert "good" in told
    assert told.replace("\n", "").isprintable()


def test_an_empty_address_is_no_cluster(tmp_path, capsys):
    for address in ("", "  "):
        with pytest.raises(SystemExit):
            main(["segment", "a.tif", "--out", str(tmp_path), "--scheduler", address])
        assert "the address is empty" in capsys.readouterr().err
