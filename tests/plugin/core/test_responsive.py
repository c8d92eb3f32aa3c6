"""Loading torch leaves everything else as it was."""

import subprocess
import sys


def test_loads_torch_and_leaves_the_switches_of_the_process_alone():
    code = (
        "import gc, sys\n"
        "from napari_iaunet.plugin.core.responsive import load_torch\n"
        "assert 'torch' not in sys.modules\n"
        "switches = gc.isenabled(), gc.get_threshold(), sys.getswitchinterval()\n"
        "load_torch(); load_torch()\n"
        "assert 'torch' in sys.modules and gc.isenabled()\n"
        "assert gc.get_freeze_count() == 0\n"
        "assert switches == (True, gc.get_threshold(), sys.getswitchinterval())\n"
        "assert 'pandas' in sys.modules\n"
        "import torch; assert torch.ones(2).sum() == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_old_is_looked_through_while_torch_loads_nor_soon_after():
    code = (
        "import gc\n"
        "from napari_iaunet.plugin.core.responsive import load_torch\n"
        "full = []\n"
        "gc.callbacks.append(lambda phase, info: full.append(1) if "
        "(phase, info['generation']) == ('start', 2) else None)\n"
        "load_torch()\n"
        # As many objects as a first prediction makes.
        "kept = [[] for _ in range(20_000)]\n"
        "assert not full\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_broken_torch_fails_with_its_own_error():
    code = (
        "import gc, sys\n"
        "from napari_iaunet.plugin.core import responsive\n"
        "sys.meta_path.insert(0, type('Broken', (), {'find_spec': staticmethod("
        "lambda name, *_: None)}))\n"
        "sys.path[:] = []; sys.path_importer_cache.clear()\n"
        "try: responsive.load_torch()\n"
        "except ImportError: assert gc.isenabled()\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
