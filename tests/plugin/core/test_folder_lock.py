"""Whose a folder is."""

import subprocess
import sys

import pytest

from napari_iaunet.plugin.core import folder_lock

OTHER_PROGRAM = """
import sys
from pathlib import Path
from napari_iaunet.plugin.core import folder_lock

folder = Path(sys.argv[1])
print(folder_lock.is_owned(folder), folder_lock.take(folder), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_program(tmp_path):
    """Another program that tried to take the folder, and runs on."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", OTHER_PROGRAM, tmp_path]
    with subprocess.Popen(command, **pipes, text=True) as process:
        process.said = process.stdout.readline().split()
        yield process
        process.kill()


@pytest.fixture
def taken(tmp_path):
    """A folder that is this program's."""
    assert folder_lock.take(tmp_path)
    yield tmp_path
    folder_lock.release(tmp_path)


def test_a_folder_belongs_to_who_takes_it_until_it_is_released(tmp_path):
    assert not folder_lock.is_owned(tmp_path)
    assert folder_lock.take(tmp_path)
    assert folder_lock.take(tmp_path), "it is ours already"
    assert folder_lock.is_owned(tmp_path)
    folder_lock.release(tmp_path)
    assert not folder_lock.is_owned(tmp_path)
    folder_lock.release(tmp_path)
    assert folder_lock.take(tmp_path)
    folder_lock.release(tmp_path)


@pytest.mark.parametrize("ends", ["properly", "by a crash"])
def test_another_programs_folder_is_free_when_that_has_ended(
    tmp_path, other_program, ends
):
    assert other_program.said == ["False", "True"]
    assert folder_lock.is_owned(tmp_path)
    assert not folder_lock.take(tmp_path)
    if ends == "properly":
        other_program.stdin.close()
    else:
        other_program.kill()
    other_program.wait(60)
    assert not folder_lock.is_owned(tmp_path)
    assert folder_lock.take(tmp_path)
    folder_lock.release(tmp_path)


def test_another_program_cannot_take_ours(taken, other_program):
    assert other_program.said == ["True", "False"]


def test_asking_does_not_make_a_folder_look_younger(tmp_path):
    """Folders that are old and nobody's are deleted."""
    folder_lock.take(tmp_path)
    folder_lock.release(tmp_path)
    before = tmp_path.stat().st_mtime_ns
    assert not folder_lock.is_owned(tmp_path)
    assert tmp_path.stat().st_mtime_ns == before


def test_a_folder_that_is_gone_is_nobodys(tmp_path):
    assert not folder_lock.is_owned(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
