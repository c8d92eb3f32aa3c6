"""Files and folders are written wholly or not at all."""

from pathlib import Path

import pytest

from napari_iaunet.atomic import (
    finish_replacing,
    move_into_place,
    replacing,
    replacing_files,
    write_bytes,
    write_json,
)
from napari_iaunet.errors import ModelError


def content(folder: Path) -> dict[str, bytes]:
    """Files below a folder, hidden ones too."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_a_file_appears_when_it_is_finished(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one", "two"):
        with replacing(path, ModelError) as fresh:
            fresh.write_text(text)
            assert not path.exists() or path.read_text() == "one"
        assert content(tmp_path) == {"a.txt": text.encode()}


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "a.zarr"
    for name in ("one", "two"):
        with replacing(path, ModelError) as fresh:
            fresh.mkdir()
            (fresh / name).write_text("x")
        assert content(tmp_path) == {f"a.zarr/{name}": b"x"}


def fail_halfway(path: Path, error: BaseException) -> None:
    with replacing(path, ModelError) as fresh:
        fresh.write_text("half")
        raise error


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(28, "No space left"), ModelError), (KeyboardInterrupt(), None)],
)
def test_what_was_there_stays_if_the_body_fails(tmp_path, error, raised):
    path = tmp_path / "a"
    write_bytes(path, b"old", ModelError)
    with pytest.raises(raised or type(error)) as caught:
        fail_halfway(path, error)
    assert content(tmp_path) == {"a": b"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    if raised:
        assert str(caught.value) == f"{path} cannot be written: No space left."


def test_an_old_folder_comes_back_if_the_new_one_cannot_be_moved(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "x").write_text("old")
    with pytest.raises(ModelError, match="cannot be written"):
        move_into_place(tmp_path / "missing", tmp_path / "old", ModelError)
    assert content(tmp_path) == {"old/x": b"old"}


def test_a_place_that_is_none_is_told(tmp_path):
    with pytest.raises(ModelError, match="cannot be written"):
        write_json(tmp_path / "none" / "a.json", {}, ModelError)


def test_json_is_readable_text(tmp_path):
    write_json(tmp_path / "a.json", {"a": "\u00b5m", "b": [1]}, ModelError)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text == '{\n  "a": "\u00b5m",\n  "b": [\n    1\n  ]\n}\n'


def write_both(folder: Path, text: str) -> None:
    with replacing_files(folder, ModelError) as fresh:
        for name in "ab":
            (fresh / name).write_text(text)


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_of_several_files_all_are_old_or_all_new(tmp_path, monkeypatch, moves):
    write_both(tmp_path, "old")
    (tmp_path / "other").write_text("stays")
    really, left = Path.replace, [None] * moves

    def cut_short(path, target):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return really(path, target)

    monkeypatch.setattr(Path, "replace", cut_short)
    with pytest.raises(KeyboardInterrupt):
        write_both(tmp_path, "new")
    monkeypatch.undo()
    finish_replacing(tmp_path)
    text = b"new" if moves else b"old"
    assert content(tmp_path) == {"a": text, "b": text, "other": b"stays"}
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "other"}


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        write_both(tmp_path / "file" / "folder", "new")
