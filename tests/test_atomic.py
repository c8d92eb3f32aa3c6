"""Files and folders are written wholly or not at all."""

import os
from pathlib import Path

import pytest

from napari_iaunet import atomic
from napari_iaunet.atomic import (
    finish_replacing,
    hidden,
    move_into_place,
    replacing,
    replacing_files,
    settled,
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


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes").write_text("months of work")
    with pytest.raises(ModelError, match="there is a folder of this name"):
        write_bytes(tmp_path / "a", b"new", ModelError)
    assert content(tmp_path) == {"a/notes": b"months of work"}


def test_a_folder_never_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "a").write_text("months of work")
    with (
        pytest.raises(ModelError, match="there is a file of this name"),
        replacing(tmp_path / "a", ModelError) as fresh,
    ):
        fresh.mkdir()
    assert content(tmp_path) == {"a": b"months of work"}


def test_a_folder_that_is_not_ours_is_not_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes").write_text("months of work")
    with (
        pytest.raises(ModelError, match="there is a folder of this name"),
        replacing(tmp_path / "a", ModelError, lambda path: False) as fresh,
    ):
        fresh.mkdir()
    assert content(tmp_path) == {"a/notes": b"months of work"}


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="has no links")
def test_what_a_link_leads_to_stays(tmp_path):
    (tmp_path / "raw").write_text("measured")
    (tmp_path / "a").symlink_to(tmp_path / "raw")
    write_bytes(tmp_path / "a", b"new", ModelError)
    assert content(tmp_path) == {"a": b"new", "raw": b"measured"}


def replace_folder(path, text):
    with replacing(path, ModelError) as fresh:
        fresh.mkdir()
        (fresh / "x").write_text(text)


def test_folders_are_replaced_where_they_cannot_be_exchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    for text in ("old", "new"):
        replace_folder(tmp_path / "a", text)
    assert content(tmp_path) == {"a/x": b"new"}
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_was_put_aside_comes_back(tmp_path, monkeypatch):
    replace_folder(tmp_path / "a", "old")
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "replace", cut_short)
    with pytest.raises(KeyboardInterrupt):
        replace_folder(tmp_path / "a", "new")
    monkeypatch.undo()
    assert not (tmp_path / "a").exists()
    with (
        pytest.raises(ModelError, match="full"),
        replacing(tmp_path / "a", ModelError),
    ):
        raise OSError(28, "full")
    assert content(tmp_path) == {"a/x": b"old"}


def cut_short(path, target):
    raise KeyboardInterrupt


def test_where_a_file_is_that_was_not_moved_yet(tmp_path, monkeypatch):
    write_both(tmp_path, "old")
    monkeypatch.setattr(os, "rmdir", cut_short)
    really = Path.replace
    moved = []

    def once(path, target):
        moved.append(path)
        if len(moved) > 1:
            raise KeyboardInterrupt
        return really(path, target)

    monkeypatch.setattr(Path, "replace", once)
    with pytest.raises(KeyboardInterrupt):
        write_both(tmp_path, "new")
    assert [settled(tmp_path, name).read_text() for name in "ab"] == ["new", "new"]


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """Else, should power fail, a name might stand for nothing."""
    told = []
    monkeypatch.setattr(os, "fsync", lambda handle: told.append(os.fstat(handle)))
    with replacing(tmp_path / "a", ModelError) as fresh:
        (fresh / "deep").mkdir(parents=True)
        (fresh / "deep" / "x").write_text("x")
        inside = [p.stat() for p in (fresh / "deep" / "x", fresh / "deep", fresh)]
    parts = [(s.st_ino, s.st_dev) for s in [*inside, tmp_path.stat()]]
    synced = [(s.st_ino, s.st_dev) for s in told]
    assert set(synced) == set(parts)
    assert synced[-1] == parts[-1]


def test_long_names_that_begin_alike_have_hidden_files_of_their_own(tmp_path):
    for end in ("", "\U0001f52c" * 20):  # letters of one byte and of four
        names = {f"{'x' * 150}{end}{i}.zarr" for i in range(9)}
        files = {hidden(tmp_path / name, "lock") for name in names}
        assert len(files) == 9
        for file in files:
            file.touch()
