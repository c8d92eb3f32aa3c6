"""./run makes its environment by the Python that is there now, and by no other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Stands for a Python and for all that it installs, so that nothing is downloaded. Like
# the real one it leaves programs of an environment that is there as they are.
PYTHON = """#!/bin/sh
[ "$1" = demo ] && echo "demo of NAME" && exit
[ "$1" = -c ] && { case $2 in *print*) echo "/opt NAME" ;; esac; exit; }
[ "$2" = venv ] || exit 0
[ "$3" = --clear ] && { shift; rm -rf "$3"; }
mkdir -p "$3/bin" && touch "$3/pyvenv.cfg"
for program in python napari-iaunet; do
  [ -e "$3/bin/$program" ] || cp "$0" "$3/bin/$program"
done
"""
ANEW = "making it anew"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script for bash")


class Folder:
    """A copy of what ./run needs, and Pythons to run it with."""

    def __init__(self, path):
        self.path, self.venv = path, path / ".venv"
        for name in ("run", "pyproject.toml", "constraints/ci.txt"):
            (path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, path / name)

    def demo(self, name):
        """Run the demo by a Python; return what it prints, and what is said."""
        python = self.path / name
        python.write_text(PYTHON.replace("NAME", name))
        python.chmod(0o755)
        left = {"DISPLAY", "WAYLAND_DISPLAY", "NAPARI_IAUNET_VENV"}
        kept = {key: value for key, value in os.environ.items() if key not in left}
        done = subprocess.run(
            ["bash", self.path / "run", "demo"],
            env=kept | {"PYTHON": str(python)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_an_environment_of_the_same_python_is_kept(folder):
    assert ANEW not in folder.demo("3.11.7")[1]
    assert folder.demo("3.11.7") == ("demo of 3.11.7", "")


def test_an_environment_of_another_python_is_made_anew(folder):
    folder.demo("3.11.2")
    shown, said = folder.demo("3.11.7")
    assert shown == "demo of 3.11.7"
    assert f"{folder.venv} was made by another Python: {ANEW}" in said
    assert folder.demo("3.11.7") == ("demo of 3.11.7", "")


def test_an_environment_whose_python_is_gone_is_made_anew(folder):
    folder.demo("3.11.7")
    (folder.venv / "bin/python").unlink()
    (folder.venv / "bin/python").symlink_to("/gone/python")
    assert ANEW in folder.demo("3.11.7")[1]


def test_a_folder_that_is_no_environment_is_not_emptied(folder):
    folder.venv.mkdir()
    (folder.venv / "mine.txt").touch()
    assert ANEW not in folder.demo("3.11.7")[1]
    assert (folder.venv / "mine.txt").exists()
