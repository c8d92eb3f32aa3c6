"""The user's own models."""

import shutil
import zipfile
from pathlib import Path

import pytest

from napari_iaunet.errors import ModelError
from napari_iaunet.model import collection
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import find_model, list_models


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def names():
    return [model.name for model in list_models()]


def left_overs(home: Path):
    return [path for path in (home / "models").rglob("*") if path.name[0] == "."]


def test_keep_rename_delete(home):
    folder = collection.keep(find_model("default"), "  my cells ")
    assert folder == find_model("my cells")
    assert load_model(folder)[1] == load_model(find_model("default"))[1]
    collection.rename("my cells", "Yeast, 2026")
    assert names() == ["default", "Yeast, 2026"]
    collection.delete("Yeast, 2026")
    assert names() == ["default"]
    assert not left_overs(home)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a/b",
        "..",
        "a\\b",
        "x" * 61,
        ".hidden",
        "CON",
        "nul.txt",
        "a\nb",
        "c.",
    ],
)
def test_impossible_names(name):
    with pytest.raises(ModelError):
        collection.keep(find_model("default"), name)
    assert names() == ["default"]


def test_taken_names():
    collection.keep(find_model("default"), "mine")
    for name in ("mine", "Mine", "default"):
        with pytest.raises(ModelError, match="already"):
            collection.keep(find_model("default"), name)
    collection.keep(find_model("default"), "other")
    with pytest.raises(ModelError, match="already"):
        collection.rename("other", "mine")


def test_bundled_models_stay():
    for change in (collection.delete, lambda name: collection.rename(name, "new")):
        with pytest.raises(ModelError, match="came with the plugin"):
            change("default")
        with pytest.raises(ModelError, match="no model"):
            change("moon")


def test_what_is_no_model_is_not_kept(tmp_path, home):
    (tmp_path / "foreign").mkdir()
    with pytest.raises(ModelError, match="not a model"):
        collection.keep(tmp_path / "foreign", "mine")
    assert names() == ["default"]


def test_zip_and_back(tmp_path, home):
    collection.keep(find_model("default"), "mine")
    collection.export("mine", tmp_path / "mine.zip")
    with pytest.raises(ModelError, match="already"):
        collection.import_zip(tmp_path / "mine.zip")
    collection.delete("mine")
    folder = collection.import_zip(tmp_path / "mine.zip")
    assert names() == ["default", "mine"]
    assert load_model(folder)[1] == load_model(find_model("default"))[1]
    collection.import_zip(tmp_path / "mine.zip", "again")
    assert names() == ["default", "again", "mine"]
    assert not left_overs(home)


def flat(archive: zipfile.ZipFile):
    for file in find_model("default").iterdir():
        archive.write(file, file.name)


def climbing(archive: zipfile.ZipFile):
    for file in find_model("default").iterdir():
        archive.write(file, f"../../{file.name}")
    archive.writestr("../../../evil.txt", "boo")


def test_files_without_a_folder_are_named_by_the_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as archive:
        flat(archive)
    collection.import_zip(tmp_path / "flat.zip")
    assert names() == ["default", "flat"]


def test_nothing_is_unpacked_elsewhere(tmp_path, home):
    with zipfile.ZipFile(tmp_path / "climber.zip", "w") as archive:
        climbing(archive)
    with pytest.raises(ModelError):
        collection.import_zip(tmp_path / "climber.zip")
    collection.import_zip(tmp_path / "climber.zip", "tamed")
    assert names() == ["default", "tamed"]
    assert not list(tmp_path.rglob("evil.txt"))
    assert not list(tmp_path.parent.glob("evil.txt"))


def pickled(archive):
    archive.writestr("m/model.pt", b"\x80\x04")


def two(archive):
    archive.writestr("a/config.json", "{}")
    archive.writestr("b/config.json", "{}")


def damaged(archive):
    folder = find_model("default")
    archive.write(folder / "config.json", "m/config.json")
    archive.writestr("m/weights.safetensors", b"no weights")


@pytest.mark.parametrize(
    ("fill", "message"),
    [(pickled, "no model"), (two, "more than one"), (damaged, "damaged")],
)
def test_foreign_zips(tmp_path, home, fill, message):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        fill(archive)
    with pytest.raises(ModelError, match=message):
        collection.import_zip(tmp_path / "m.zip")
    assert names() == ["default"]
    assert not left_overs(home)


def test_files_that_are_no_zip(tmp_path):
    (tmp_path / "m.zip").write_bytes(b"PK not really")
    for path in (tmp_path / "m.zip", tmp_path / "none.zip"):
        with pytest.raises(ModelError, match="not a readable zip"):
            collection.import_zip(path)


def test_unwritable_places(tmp_path, home):
    collection.keep(find_model("default"), "mine")
    with pytest.raises(ModelError, match="cannot be written"):
        collection.export("mine", tmp_path / "none" / "m.zip")
    shutil.rmtree(home)
    home.write_text("a file in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        collection.keep(find_model("default"), "mine")


def test_a_name_can_change_its_capitals_only():
    collection.keep(find_model("default"), "mine")
    collection.rename("mine", "Mine")
    assert names() == ["default", "Mine"]


def test_what_a_deleted_model_left_behind_is_not_in_the_way(home, monkeypatch):
    with monkeypatch.context() as patch:
        # A program keeps a file of the model open, as can be on Windows.
        patch.setattr(shutil, "rmtree", lambda *a, **k: None)
        collection.keep(find_model("default"), "mine")
        collection.delete("mine")
    assert names() == ["default"]
    collection.keep(find_model("default"), "mine")
    collection.delete("mine")
    assert names() == ["default"]


def test_a_damaged_download(tmp_path, home):
    collection.keep(find_model("default"), "mine")
    collection.export("mine", tmp_path / "mine.zip")
    collection.delete("mine")
    whole = (tmp_path / "mine.zip").read_bytes()
    middle = len(whole) // 2
    broken = whole[:middle] + bytes(1000) + whole[middle + 1000 :]
    (tmp_path / "mine.zip").write_bytes(broken)
    with pytest.raises(ModelError, match="not a readable zip"):
        collection.import_zip(tmp_path / "mine.zip")
    assert names() == ["default"]
    assert not left_overs(home)


def test_a_full_disk_is_told(tmp_path, home, monkeypatch):
    collection.keep(find_model("default"), "mine")
    collection.export("mine", tmp_path / "mine.zip")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ModelError, match="No space left"):
        collection.keep(find_model("default"), "more")
    with pytest.raises(ModelError, match="No space left"):
        collection.import_zip(tmp_path / "mine.zip", "more")
    assert names() == ["default", "mine"]
    assert not left_overs(home)
