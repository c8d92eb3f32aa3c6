"""A PyTorch that cannot be imported is told with what to do about it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from skimage.io import imsave

BROKEN = {
    "ImportError: DLL load failed": "raise ImportError('DLL load failed')",
    "OSError: libtorch.so: cannot open": "raise OSError('libtorch.so: cannot open')",
    "ImportError: libcudart.so.12": "import torch.lib",
}


@pytest.fixture(params=BROKEN)
def broken(request, tmp_path):
    """Environment with a torch of this kind before the real one, and its reason."""
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text(BROKEN[request.param])
    (package / "lib.py").write_text("raise ImportError('libcudart.so.12')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}, request.param


def lines_of(code, environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("command", ["segment", "train", "lookalikes"])
def test_the_command_line(broken, tmp_path, command):
    environment, reason = broken
    for name in ("a_img.png", "a_mask.png"):
        labels = np.zeros((40, 40), np.uint8)
        labels[5:20, 5:20] = 1
        imsave(tmp_path / name, labels, check_contrast=False)
    image, mask = tmp_path / "a_img.png", tmp_path / "a_mask.png"
    arguments = {
        "segment": [image, "--out", tmp_path / "out"],
        "train": [tmp_path, "--out", tmp_path / "model", "--steps", "1"],
        "lookalikes": [image, mask, "--like", "1", "--out", tmp_path / "a.csv"],
    }[command]
    code = (
        "import sys; from napari_iaunet.cli import main;"
        f"sys.exit(main({[command, *map(str, arguments)]!r}))"
    )
    status, lines = lines_of(code, environment)
    assert status == 2
    (line,) = lines
    assert reason in line
    assert "pip install --force-reinstall torch" in line


def test_the_window(broken):
    environment, reason = broken
    code = (
        "from napari_iaunet.plugin.core.jobs import explain\n"
        "from napari_iaunet.plugin.core.segmenters import Segmenters\n"
        "import sys\n"
        "for _ in range(2):\n"
        "    try: Segmenters().get('default', 'cpu')\n"
        "    except Exception as error: print(explain(error), file=sys.stderr)\n"
    )
    _, lines = lines_of(code, environment)
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert reason in lines[0]
    assert "pip install --force-reinstall torch" in lines[0]


def test_none_at_all():
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from napari_iaunet.errors import InstallationError, import_explained\n"
        "try:\n"
        "    with import_explained(): import torch\n"
        "except InstallationError as error: print(error, file=sys.stderr)\n"
    )
    _, (line,) = lines_of(code, dict(os.environ))
    assert "python -m pip install torch" in line


def test_other_errors_stay_what_they_are():
    from napari_iaunet.errors import import_explained

    with pytest.raises(ModuleNotFoundError, match="no_such"), import_explained():
        import no_such  # noqa: F401
