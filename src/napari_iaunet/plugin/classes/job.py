"""What runs in the worker thread when classes are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from napari_iaunet.identity.classifier import Classifier
    from napari_iaunet.identity.confusion import Confusion
    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.plugin.classes.examples import ClassExamples
    from napari_iaunet.segmentation.cell_map import CellMap


class Learnt(NamedTuple):
    """What was learnt from examples, and the classes of all cells.

    Attributes
    ----------
    ranking : Ranking
        The cells, whose rows all arrays have.
    classifier : Classifier
    classes : (N,) str
    chances : (N, K) float32
        Of each class of the classifier.
    confusion : Confusion
    examples : (N,) bool
        Which cells are examples.
    """

    ranking: Ranking[CellMap]
    classifier: Classifier
    classes: NDArray[np.object_]
    chances: NDArray[np.float32]
    confusion: Confusion
    examples: NDArray[np.bool_]

    def table(self, key: str) -> Mapping[str, NDArray[np.generic]]:
        """Return what is said of the cells of one layer, as columns (n,)."""
        rows = self.ranking.rows[key]
        each = zip(self.classifier.names, self.chances[rows].T, strict=True)
        return {
            "class": self.classes[rows],
            "class_probability": self.chances[rows].max(axis=1),
            **{f"probability_{name}": column for name, column in each},
        }


def learn(
    ranking: Ranking[CellMap],
    examples: ClassExamples,
    *,
    progress: Callable[[int, int], None],
) -> Learnt:
    """Learn the classes of examples, and give all cells theirs.

    An example has the class that the user gave it.
    """
    from napari_iaunet.identity.classifier import Classifier

    progress(0, 3)
    cells = ranking.cells
    given = np.full(len(cells), "", object)
    for cell, name in examples.cells.items():
        row = ranking.row(cell)
        if row is not None:
            given[row] = name
    is_example = given != ""
    if examples.known is None:
        classifier = Classifier.fit(cells, given, notes=examples.notes)
    else:
        known = examples.known
        classifier = known.with_examples(cells, given) if is_example.any() else known
    progress(1, 3)
    classes, chances = classifier.predict(cells)
    progress(2, 3)
    return Learnt(
        ranking,
        classifier,
        np.where(is_example, given, classes),
        chances,
        classifier.cross_validate(),
        is_example,
    )
