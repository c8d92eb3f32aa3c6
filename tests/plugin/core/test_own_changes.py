"""Own changes are told from those of the user."""

import pytest

from napari_iaunet.plugin.core.own_changes import OwnChanges


def test_it_is_true_inside_only():
    own_changes = OwnChanges()
    assert not own_changes
    with own_changes():
        assert own_changes
        with own_changes():
            assert own_changes
        assert own_changes
    assert not own_changes


def test_an_error_ends_it_too():
    own_changes = OwnChanges()
    with pytest.raises(ValueError, match="wrong"), own_changes():
        raise ValueError("wrong")
    assert not own_changes
