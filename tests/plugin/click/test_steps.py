"""Steps are taken, taken back and taken again."""

from napari_iaunet.plugin.click.steps import NOTHING, Begun, Steps

FIRST, SECOND = Begun(parts=()), Begun(joining=("", (), 1))


def test_back_and_again():
    steps = Steps()
    assert not steps.can_undo
    assert not steps.can_redo
    steps.take(FIRST)
    steps.take(SECOND)
    steps.undo()
    assert steps.now == FIRST
    steps.undo()
    assert steps.now == NOTHING
    assert not steps.can_undo
    steps.redo()
    steps.redo()
    assert steps.now == SECOND
    assert not steps.can_redo


def test_another_step_ends_what_was_taken_back():
    steps = Steps()
    steps.take(FIRST)
    steps.undo()
    steps.take(SECOND)
    assert not steps.can_redo
    steps.undo()
    assert steps.now == NOTHING


def test_all_is_forgotten():
    steps = Steps()
    steps.take(FIRST)
    steps.undo()
    steps.take(SECOND)
    steps.forget()
    assert steps.now == NOTHING
    assert not steps.can_undo
    assert not steps.can_redo
