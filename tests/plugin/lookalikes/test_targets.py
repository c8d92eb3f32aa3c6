"""What was looked for can be gone back to."""

from napari_iaunet.identity.search import CellRef, Query
from napari_iaunet.plugin.lookalikes.targets import Targets

A, B, C = (CellRef("layer", i) for i in (1, 2, 3))


def test_back_and_forward():
    targets = Targets()
    assert not targets.can_go_back
    for cell in (A, B, C):
        targets.add(Query((cell,)))
    targets.back()
    targets.change(targets.current.with_like(A))
    assert targets.current == Query((B, A))
    targets.back()
    targets.back()
    assert targets.current == Query((A,))
    targets.forward()
    targets.add(Query((C, A)))
    assert not targets.can_go_forward
    targets.back()
    assert targets.current == Query((B, A))
