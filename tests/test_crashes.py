"""Death at any file operation of a save leaves the old or the new state."""

import os

import pytest
from crashes import folders_after_death
from saves import READERS, SAVES

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(what, marks=[pytest.mark.slow] if "Zarr" in what else [])
        for what in SAVES
    ],
)
def test_death_leaves_the_old_or_the_new_state(tmp_path, what):
    folders = folders_after_death(what, tmp_path / "crashes")
    found = [READERS[what](folder) for folder in folders]
    # It dies before and after the new state is in place, and once not at all.
    assert set(found) == {"old", "new"}
    assert len(found) > 3
    assert found[0] == "old"
    assert found[-1] == "new"
    if "Zarr" not in what:  # whose chunks are written by threads, in any order
        assert found == sorted(found, reverse=True), "a later death brings none back"
    for folder in folders[::5]:
        SAVES[what](folder, "new")
        assert READERS[what](folder) == "new", "the next save gets through"
