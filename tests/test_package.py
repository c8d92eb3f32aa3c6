"""The package as others get it: import, manifest, wheel, rings."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import metadata, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import napari_iaunet

ROOT = Path(__file__).resolve().parents[1]
WHEEL_LIMIT = 25 * 2**20


def run(*args):
    done = subprocess.run(
        [sys.executable, *args], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_import_loads_neither_torch_nor_qt():
    heavy = {"torch", "qtpy", "PyQt6", "PySide6", "napari", "numpy"}
    run(
        "-c",
        "import sys, napari_iaunet; dir(napari_iaunet)\n"
        f"assert not {heavy!r} & set(sys.modules)",
    )


def test_computing_loads_no_qt():
    heavy = {"qtpy", "PyQt6", "PySide6", "napari", "magicgui", "superqt"}
    run(
        "-c",
        "import sys, napari_iaunet as n; n.Segmenter; n.average_precision\n"
        "n.list_models; n.train; import napari_iaunet.io.read\n"
        f"assert not {heavy!r} & set(sys.modules)",
    )


def test_import_changes_no_environment():
    run(
        "-c",
        "import os, numpy, torch; before = dict(os.environ)\n"
        "import napari_iaunet.cli, napari_iaunet.segmentation.segmenter\n"
        "import napari_iaunet.training.loop\n"
        "assert dict(os.environ) == before",
    )


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_large_pages_unless_somebody_decided(before, after, monkeypatch):
    if before is None:
        monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    else:
        monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", before)
    code = (
        "import os; from napari_iaunet import Segmenter; Segmenter(device='cpu')\n"
        "print(os.environ['THP_MEM_ALLOC_ENABLE'])"
    )
    assert run("-c", code).strip() == after


@pytest.mark.parametrize("name", napari_iaunet.__all__)
def test_public_names_exist(name):
    assert getattr(napari_iaunet, name) is not None
    assert name in dir(napari_iaunet)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = napari_iaunet.nonsense


def test_manifest_is_valid_and_at_the_top():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-iaunet")
    assert manifest.name == "napari-iaunet"
    for command in manifest.contributions.commands or ():
        assert command.python_name
    link = ROOT / "napari.yaml"
    if not link.is_symlink():
        pytest.skip("links are text files in this checkout")
    assert link.resolve() == ROOT / "src/napari_iaunet/napari.yaml"


def test_the_hub_finds_what_it_asks_for():
    about = metadata("napari-iaunet")
    assert "Framework :: napari" in about.get_all("Classifier")
    assert about["License-Expression"] == "BSD-3-Clause"
    requirements = [r for r in about.get_all("Requires-Dist") if "extra ==" not in r]
    for binding in ("pyqt", "pyside", "napari["):
        assert not any(r.lower().startswith(binding) for r in requirements)


@pytest.mark.parametrize(
    ("name", "too_old"),
    [("scikit-image", "0.25.2"), ("torch", "2.4.1")],
    ids=["remove_small_holes(max_size=)", "torch.OutOfMemoryError"],
)
def test_versions_without_what_is_used_are_not_accepted(name, too_old):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {r.name: r for r in map(Requirement, project["dependencies"])}
    assert too_old not in wanted[name].specifier
    assert version(name) in wanted[name].specifier


def test_lower_rings_do_not_import_higher_ones():
    code = "import sys; from importlinter.cli import lint_imports_command as c; c()"
    run("-c", code, "--no-cache")


@pytest.mark.slow
def test_wheel_holds_weights_manifest_and_types(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "src", source / "src")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--wheel", "--no-isolation", "--outdir", str(tmp_path))
    run("-m", "build", *options, str(source))
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < WHEEL_LIMIT
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "napari_iaunet/napari.yaml",
        "napari_iaunet/py.typed",
        "napari_iaunet/icon.png",
    } <= names
    weights = ROOT / "src/napari_iaunet/model/weights"
    bundled = [p.relative_to(ROOT / "src") for p in weights.rglob("*") if p.is_file()]
    assert any(p.name == "weights.safetensors" for p in bundled)
    assert {p.as_posix() for p in bundled} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_conda_asks_for_what_pip_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    recipe = yaml.safe_load((ROOT / "tools/conda/recipe.yaml").read_text("utf-8"))
    there = {"dask": "dask-core", "torch": "pytorch"}
    asked = {
        there.get(r.name, r.name): str(r.specifier)
        for r in map(Requirement, project["dependencies"])
    }
    python, *others = recipe["requirements"]["run"]
    assert dict(line.split() for line in others) == asked
    assert python == "python >=${{ python_min }}"
    least = recipe["context"]["python_min"]
    assert project["requires-python"] == f">={least}"


def test_the_former_home_of_two_public_names_still_works_and_says_so():
    code = (
        "import warnings, napari_iaunet\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    from napari_iaunet.files import read_image, write_labels\n"
        "assert read_image is napari_iaunet.read_image\n"
        "assert write_labels is napari_iaunet.write_labels\n"
        "assert [w.category for w in told if 'files' in str(w.message)]"
        " == [DeprecationWarning]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
