"""A program that dies at each of its file operations in turn.

``python crashes.py SAVE FOLDER`` makes the old state in FOLDER/0 and then, for n = 1, 2
and so on, saves the new state over a copy of it in FOLDER/n, by a process that dies at
its n-th file operation; the last one gets through. `saves.py` has the saves by name.
"""

import builtins
import io
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

# What changes the disk, as Python's audit events call it: `open` is counted apart.
_CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink")


def folders_after_death(save, folder):
    """Return the folder after each death, and last the one of a save that lived."""
    command = [sys.executable, __file__, save, folder]
    subprocess.run(command, check=True, timeout=600)
    count = len(list(folder.iterdir()))
    return [folder / str(n) for n in range(1, count)]


def _die_at(n, folder):
    """Let this process die at the n-th operation on files in a folder."""
    left, lock = [n], threading.Lock()

    def count(path):
        inside = isinstance(path, str | bytes | os.PathLike)
        if not (inside and os.fsdecode(path).startswith(str(folder))):
            return
        with lock:
            left[0] -= 1
            if left[0] == 0:
                os._exit(1)

    def on_event(event, arguments):
        if event in _CHANGES:
            count(arguments[0])

    def counted(really):
        def opens(path, mode="r", *args, **kwargs):
            writes = set("wax+") & set(mode)
            if writes:
                count(path)
            file = really(path, mode, *args, **kwargs)
            if writes:  # opened, and nothing written yet
                count(path)
            return file

        return opens

    sys.addaudithook(on_event)
    builtins.open = io.open = counted(open)


def _in_child(work):
    """Do something in a forked process; returns its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
    except BaseException:  # noqa: BLE001 - of whatever kind, told by the status
        sys.excepthook(*sys.exc_info())
        os._exit(3)
    os._exit(0)


def main(name, folder):
    import torch
    from saves import SAVES

    torch.set_num_threads(1)
    save = SAVES[name]
    first = folder / "0"
    first.mkdir(parents=True)
    assert _in_child(lambda: save(first, "old")) == 0
    for n in range(1, 1000):
        here = folder / str(n)
        shutil.copytree(first, here)

        def die(here=here, n=n):
            _die_at(n, here)
            save(here, "new")

        status = _in_child(die)
        if status == 0:
            return
        assert status == 1, f"file operation {n} of {name}"
    raise AssertionError("it never ends")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
