"""Names of files as people write them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_iaunet.cli import main
from napari_iaunet.errors import ImageError
from napari_iaunet.io.paths import local_path
from napari_iaunet.io.read import read_image

ADDRESSES = [
    "https://example.org/image.zarr",
    "http://localhost:8000/a.tif",
    "s3://bucket/a.zarr",
    "gs://bucket/a.zarr",
    "abfs://container@account.dfs.core.windows.net/a.zarr",
    "ftp://example.org/a.tif",
]


def run(arguments):
    try:
        return main(arguments)
    except SystemExit as stopped:
        return stopped.code


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_elsewhere_is_refused_as_it_was_given(address, capsys, tmp_path):
    for given in (address, Path(address)):
        with pytest.raises(ImageError, match="Only files on this computer") as caught:
            read_image(given)
        assert address in str(caught.value)
    for arguments in (
        ["segment", address, "--out", str(tmp_path / "out")],
        ["segment", str(tmp_path), "--out", address],
        ["evaluate", address, str(tmp_path)],
        ["lookalikes", "a.tif", address, "--like", "1", "--out", "a.csv"],
        ["train", address, "--out", str(tmp_path / "model")],
        ["demo", "--headless", "--out", address],
    ):
        assert run(arguments) == 2
        told = capsys.readouterr().err
        assert address in told
        assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())
    assert not Path(address.partition("//")[0]).exists()


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_name_is_not_the_current_folder(empty, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.eye(40, dtype=np.uint8) * 255).save("a.png")
    for arguments in (
        ["segment", empty, "--out", "out"],
        ["segment", "a.png", "--out", empty],
        ["evaluate", empty, "a.png"],
        ["lookalikes", "a.png", "a.png", "--like", "1", "--out", empty],
        ["train", empty, "--out", "model"],
        ["demo", "--headless", "--out", empty],
        ["export", empty, "--to", "geojson", "--out", "a.geojson"],
    ):
        assert run(arguments) == 2
        told = capsys.readouterr().err
        assert "is empty" in told
        assert told.count("\n") == 1
    with pytest.raises(ImageError, match="is empty"):
        read_image(empty)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_names_of_this_computer():
    assert local_path("a.tif") == Path("a.tif")
    assert local_path("C:/data/a.tif") == Path("C:/data/a.tif")
    assert local_path("stained: a/b.tif") == Path("stained: a/b.tif")
    assert local_path("~/a.tif") == Path.home() / "a.tif"
    assert local_path("file:///data/my%20cells.tif") == Path("/data/my cells.tif")


def test_a_folder_may_be_called_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    assert local_path("s3:/bucket") == Path("s3:/bucket")
