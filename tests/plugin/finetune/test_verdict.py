"""What is said of a model that was trained."""

from dataclasses import replace

from napari_iaunet.plugin.finetune.runs import Outcome
from napari_iaunet.plugin.finetune.verdict import Measured, tell

PROVEN = Outcome(
    improved=True,
    proven=True,
    ap=0.9,
    start_ap=0.5,
    held_out=44,
    difference=(0.1, 0.62),
    steps=90,
)


def test_a_proven_model_is_better_by_so_much():
    text = tell(PROVEN)
    assert text.startswith("The model got better.")
    assert "on the 44 held-out cells: 0.50 before, 0.90 now" in text
    assert "may be +0.10 to +0.62" in text
    assert "outlines" not in text


def test_better_outlines_are_said_to_be_what_counts():
    text = tell(replace(PROVEN, ap=0.5, difference=(-0.02, 0.05)))
    assert text.startswith("The model got better.")
    assert "outlines" in text


def test_of_few_cells_it_says_what_cannot_be_known():
    text = tell(replace(PROVEN, proven=False, held_out=1, difference=(-0.2, 0.9)))
    assert text.startswith("Not proven")
    assert "on the 1 held-out cell was 0.50, and is 0.90 now" in text
    assert "may be -0.20 to +0.90" in text
    assert "So few cannot tell" in text
    assert "100 labelled cells" in text


def test_with_many_cells_it_says_what_helps():
    reached = replace(PROVEN, improved=False, proven=False, ap=0.5, difference=None)
    text = tell(reached, Measured(0.45, (-0.15, 0.05)))
    assert "was 0.50, and is 0.45 now" in text
    assert "may be -0.15 to +0.05" in text
    assert "Label cells that it gets wrong" in text
    assert "So few" not in text


def test_an_interrupted_training_may_know_less():
    text = tell(replace(PROVEN, improved=False, proven=False, held_out=None))
    assert "on the held-out cells was 0.50." in text
