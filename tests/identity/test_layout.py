"""Cells that look alike lie close to each other on a map."""

import numpy as np
import pytest

from napari_iaunet.errors import Cancelled, ImageError, InstallationError
from napari_iaunet.identity import layout, layout_task
from napari_iaunet.identity.axes import leading_axes
from napari_iaunet.identity.layout_task import GROUPS, UMAP


@pytest.fixture
def clouds():
    """Two clouds of 60 and 90 cells far from each other, and one cell in neither."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 0.1, (151, 12)).astype(np.float32)
    vectors[:60, 3] += 4
    vectors[-1, 5] += 50
    return vectors


def test_leading_axes_are_the_principal_ones():
    rng = np.random.default_rng(0)
    spread = np.array([1, 9, 3, 0.1])
    cells = rng.normal(size=(500, 4)) * spread + 7
    axes = leading_axes(cells, 2)
    np.testing.assert_allclose(axes.std(axis=0), [9, 3], rtol=0.1)
    assert np.corrcoef(axes[:, 0], cells[:, 1])[0, 1] > 0.99
    assert leading_axes(cells[:1]).shape == (1, 4)
    assert leading_axes(cells[:0]).shape == (0, 4)


def test_axes_tell_how_much_they_hold(clouds):
    places, names = layout.axes_layout(clouds[:-1])
    assert places.shape == (150, 2)
    assert places.dtype == np.float32
    assert names[0].startswith("principal axis 1 (9")
    assert np.ptp(places[:60, 0]) < 1
    assert abs(places[:60, 0].mean() - places[60:, 0].mean()) > 3
    assert layout.axes_layout(clouds[:1]).places.tolist() == [[0, 0]]
    assert layout.axes_layout(clouds[:0]).places.shape == (0, 2)


@pytest.mark.parametrize("what", [UMAP, GROUPS])
def test_a_missing_package_is_told_with_how_to_install_it(clouds, monkeypatch, what):
    monkeypatch.setitem(layout._PACKAGES, what, "no-such-package")
    work = {
        UMAP: lambda: layout.umap_layout(clouds, progress=print),
        GROUPS: lambda: layout.find_groups(clouds, 5, progress=print),
    }
    with pytest.raises(InstallationError, match=r"no-such-package.*iaunet\[umap"):
        work[what]()


def test_groups_are_found(clouds):
    pytest.importorskip("sklearn")
    found = layout.find_groups(clouds, 20, progress=lambda done, total: None)
    assert set(found[60:150]) == {1}, "the largest comes first"
    assert set(found[:60]) == {2}
    assert found[-1] == 0
    few = layout.find_groups(clouds[:3], 20, progress=lambda done, total: None)
    assert few.tolist() == [0, 0, 0]


@pytest.mark.slow
def test_umap_tells_how_far_it_is_and_brings_like_to_like(clouds):
    pytest.importorskip("umap")
    told = []
    places, names = layout.umap_layout(clouds, progress=lambda *step: told.append(step))
    assert names == ("UMAP 1", "UMAP 2")
    assert any(0 < done <= total for done, total in told)
    middles = places[:60].mean(axis=0), places[60:150].mean(axis=0)
    apart = np.linalg.norm(middles[0] - middles[1])
    assert apart > 2 * max(np.std(places[:60]), np.std(places[60:150]))
    with pytest.raises(ImageError, match="at least"):
        layout.umap_layout(clouds[:3], progress=lambda done, total: None)


def test_what_runs_apart_ends_when_the_user_cancels(clouds):
    def cancel(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        layout_task.run_apart(GROUPS, clouds, {"smallest": 5}, progress=cancel)


def test_a_crash_apart_is_told_in_a_sentence(clouds):
    with pytest.raises(ImageError, match=r"could not be made: .*unexpected"):
        layout_task.run_apart(
            GROUPS, clouds, {"unexpected": 5}, progress=lambda done, total: None
        )
