"""Whose a folder is."""

import os
import subprocess
import sys

from napari_iaunet.plugin.core import folder_lock


def test_a_folder_belongs_to_who_takes_it_until_it_is_released(tmp_path):
    assert not folder_lock.is_owned(tmp_path)
    folder_lock.take(tmp_path)
    assert folder_lock.is_owned(tmp_path)
    assert not folder_lock.is_others(tmp_path)
    folder_lock.release(tmp_path)
    assert not folder_lock.is_owned(tmp_path)
    folder_lock.release(tmp_path)


def test_a_folder_of_another_program_is_free_when_that_has_ended(tmp_path):
    script = (
        "import sys; from pathlib import Path; from napari_iaunet.plugin import owners;"
        "owners.take(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script, tmp_path], **pipes) as other:
        other.stdout.readline()
        assert folder_lock.is_others(tmp_path)
    assert not folder_lock.is_owned(tmp_path)


def test_a_number_that_is_used_again_is_another_program(tmp_path):
    folder_lock.take(tmp_path)
    (tmp_path / "owner").write_text(f"{os.getpid()} 1000000.0")
    assert not folder_lock.is_owned(tmp_path)
