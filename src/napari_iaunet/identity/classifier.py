"""Classes of cells, learnt from examples of all of them at once.

A logistic regression on what the network sees of a cell and on its measured properties.
Unlike a ranking, which is relative to the cells at hand, a classifier is kept and used
on other images, so everything is scaled once, by the cells that it was fitted among.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError, ModelError
from napari_iaunet.identity import classifier_file
from napari_iaunet.identity.confusion import Confusion
from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.logistic import fit_logistic, softmax
from napari_iaunet.identity.properties import APPEARANCE, DEFAULT_WEIGHTS

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Features = DescribedCells | NDArray[np.floating[Any]]

# Chosen on blood smears, of which 1 to 30 cells of each type were examples.
_PENALTY = 0.3
# A value further from the mean, in standard deviations, counts as so far: one odd
# measurement is not to decide alone.
_FAR = 4.0
_FOLDS = 5
# Cells whose probabilities are computed at once.
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Classifier:
    """Gives cells the class whose examples they resemble; made by `fit` or `load`.

    Attributes
    ----------
    names : tuple of str or int
        The classes, sorted.
    columns : tuple of (str, int)
        What the columns of the features are: groups of described cells, and how many
        columns each has; empty for a plain table.
    model : str
        Digest of the network that described the cells; "" if not known.
    centre, spread : (D,) float32
        Mean and standard deviation of each column over the cells it was fitted among.
    share : (D,) float32
        How much each column counts.
    weights : (D + 1, K) float32
        Of each column for each class; the last row is added.
    features : (n, D) float32
        The examples, so that more of them can be added later.
    examples : (n,) int64
        The class of each, by its place in `names`.
    notes : dict
        Plain JSON values that are kept in the file, such as the colours of the classes.
    """

    names: tuple[str | int, ...]
    columns: tuple[tuple[str, int], ...]
    model: str
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    share: NDArray[np.float32]
    weights: NDArray[np.float32]
    features: NDArray[np.float32]
    examples: NDArray[np.int64]
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        features: Features,
        classes: Sequence[Any] | NDArray[Any],
        *,
        notes: Mapping[str, Any] | None = None,
    ) -> Classifier:
        """Learn classes from examples.

        Parameters
        ----------
        features : DescribedCells or (N, D) float
            As `Segmenter.describe` gives them: appearance, colour, size, shape and
            intensity count. Or any table of numbers, such as embeddings.
        classes : sequence of N str or int
            The class of each cell. Cells of the class "" or None are no examples; they
            only show how much cells differ.
        notes : mapping, optional
            Plain JSON values to be kept with the classifier.

        Raises
        ------
        ImageError
            If there are not at least two classes, or the features cannot be used.
        """
        table, columns, model = _table_of(features)
        names, number = _numbered(classes, len(table))
        chosen = number >= 0
        return cls(
            names,
            columns,
            model,
            *_scaling(table, columns),
            np.zeros((table.shape[1] + 1, len(names)), np.float32),
            table[chosen],
            number[chosen],
            dict(notes or {}),
        )._fitted()

    def _fitted(self) -> Classifier:
        """Return the classifier with the weights that its examples ask for."""
        found = fit_logistic(
            self._scaled(self.features), self.examples, len(self.names), _PENALTY
        )
        return replace(self, weights=found.astype(np.float32))

    def with_examples(
        self, features: Features, classes: Sequence[Any] | NDArray[Any]
    ) -> Classifier:
        """Return a classifier that has learnt from more examples, of any classes.

        The scale stays as it is. Parameters and errors are as for `fit` and `predict`.
        """
        table = self._aligned(features)
        names, number = _numbered(classes, len(table), self.names)
        moved = np.array([names.index(name) for name in self.names], np.int64)
        chosen = number >= 0
        return replace(
            self,
            names=names,
            features=np.concatenate([self.features, table[chosen]]),
            examples=np.concatenate([moved[self.examples], number[chosen]]),
        )._fitted()

    def renamed(self, names: Mapping[Any, str | int]) -> Classifier:
        """Return a classifier whose classes have other names; equal ones become one."""
        now = [names.get(name, name) for name in self.names]
        return self._of_examples(now, np.ones(len(self.examples), bool))

    def without(self, name: str | int) -> Classifier | None:
        """Return a classifier without a class; None if fewer than two are left."""
        if len([other for other in self.names if other != name]) < 2:
            return None
        kept = np.array([self.names[number] != name for number in self.examples])
        return self._of_examples(list(self.names), kept)

    def _of_examples(
        self, now: Sequence[str | int], kept: NDArray[np.bool_]
    ) -> Classifier:
        """Learn anew from some examples, of classes that are called otherwise now."""
        classes = [now[number] for number in self.examples[kept]]
        names, number = _numbered(classes, len(classes))
        return replace(
            self, names=names, features=self.features[kept], examples=number
        )._fitted()

    def predict(self, features: Features) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Say which class each cell has, and how likely each class is.

        Parameters
        ----------
        features : DescribedCells or (N, D) float
            Of the same kind as those that it was fitted on. Where the images differ in
            their channels, colour does not count.

        Returns
        -------
        classes : (N,) str or int
        probabilities : (N, K) float32
            Of each class of `names`; rows sum to 1.

        Raises
        ------
        ImageError
            If the features are of another kind.
        ModelError
            If another model described the cells.
        """
        table = self._aligned(features)
        chances = np.zeros((len(table), len(self.names)), np.float32)
        for start in range(0, len(table), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            chances[some] = softmax(self._scores(table[some]))
        return _as_array(self.names)[chances.argmax(axis=1)], chances

    def table(self, features: Features) -> dict[str, NDArray[Any]]:
        """Return columns (N,) of what `predict` says, by their names.

        ``class``, ``class_probability``, and ``probability_NAME`` for each class.
        """
        classes, chances = self.predict(features)
        columns = {"class": classes, "class_probability": chances.max(axis=1)}
        each = zip(self.names, chances.T, strict=True)
        return columns | {f"probability_{name}": column for name, column in each}

    def cross_validate(self) -> Confusion:
        """Predict each example by a fit on others, five folds of each class.

        A class with one example cannot be left out, so that one is not counted.
        """
        place = np.zeros(len(self.examples), np.int64)
        for kind in range(len(self.names)):
            rows = np.flatnonzero(self.examples == kind)
            # Neighbours in the order of the user's clicks are in different folds.
            place[rows] = np.arange(len(rows)) % _FOLDS if len(rows) > 1 else -1
        table = np.zeros((len(self.names), len(self.names)), np.int64)
        for fold in range(_FOLDS):
            out = place == fold
            if not out.any():
                continue
            part = replace(
                self, features=self.features[~out], examples=self.examples[~out]
            )._fitted()
            found = part._scores(self.features[out]).argmax(axis=1)
            np.add.at(table, (self.examples[out], found), 1)
        return Confusion(self.names, table)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one small file: numbers as safetensors, names as JSON in its header.

        Raises
        ------
        ModelError
            If something else is there, or it cannot be written.
        """
        classifier_file.write(path, vars(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If the file is missing, damaged or something else.
        """
        return cls(**classifier_file.read(path))

    def _scaled(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        values = (table.astype(np.float64) - self.centre) / self.spread
        scaled: NDArray[np.float64] = np.clip(values, -_FAR, _FAR) * self.share
        return scaled

    def _scores(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each class (n, K) by features (n, D)."""
        scores = self._scaled(table) @ self.weights[:-1] + self.weights[-1]
        return np.asarray(scores, np.float64)

    def _aligned(self, features: Features) -> NDArray[np.float32]:
        """Return features (N, D) in the columns that it was fitted on."""
        table, columns, model = _table_of(features)
        if model and self.model and model != self.model:
            raise ModelError(
                "The classifier was made with another model. Choose the one that it "
                "was made with."
            )
        is_known = columns == self.columns or not (columns and self.columns)
        if is_known and table.shape[1] == len(self.centre):
            return table
        if not (columns and self.columns):
            msg = (
                f"The classifier takes {len(self.centre)} features of a cell, and "
                f"these are {table.shape[1]}."
            )
            raise ImageError(msg)
        given = dict(
            zip(_names(columns), np.hsplit(table, _ends(columns)), strict=True)
        )
        parts = []
        for (name, width), centre in zip(
            self.columns, np.split(self.centre, _ends(self.columns)), strict=True
        ):
            part = given.get(name, table[:, :0])
            if part.shape[1] != width and name == APPEARANCE:
                raise ModelError("The classifier was made with another model.")
            # A group that these images lack says nothing: it is as in the middle.
            fits = part.shape[1] == width
            parts.append(part if fits else np.tile(centre, (len(table), 1)))
        return np.hstack(parts)


def _table_of(
    features: Features,
) -> tuple[NDArray[np.float32], tuple[tuple[str, int], ...], str]:
    """Return features as one table (N, D), what its columns are, and the model."""
    if isinstance(features, DescribedCells):
        groups = {APPEARANCE: features.embeddings, **features.properties}
        columns = tuple((name, values.shape[1]) for name, values in groups.items())
        table = np.hstack(list(groups.values())).astype(np.float32)
        return table, columns, features.model
    table = np.asarray(features, np.float32)
    if table.ndim != 2:
        raise ImageError("Features are a table: one row for each cell.")
    if not np.isfinite(table).all():
        raise ImageError("The features hold NaN or infinity.")
    return table, (), ""


def _numbered(
    classes: Sequence[Any] | NDArray[Any], count: int, known: tuple[str | int, ...] = ()
) -> tuple[tuple[str | int, ...], NDArray[np.int64]]:
    """Return the names of all classes, and the number of each cell's; -1 for none."""
    given = [
        None if c is None or c == "" else c.item() if isinstance(c, np.generic) else c
        for c in classes
    ]
    if len(given) != count:
        raise ImageError(f"There are {count} cells and {len(given)} classes.")
    used = {c for c in given if c is not None} | set(known)
    if len({type(c) for c in used}) > 1 or not all(
        isinstance(c, str | int) for c in used
    ):
        raise ImageError("Classes are names, or whole numbers.")
    names = tuple(sorted(used))
    if len(names) < 2:
        raise ImageError("Give examples of at least two classes.")
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([-1 if c is None else place[c] for c in given], np.int64)


def _scaling(
    table: NDArray[np.float32], columns: tuple[tuple[str, int], ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return centre, spread and share of each column.

    A column of the properties counts as much as any other of its group. Those of the
    embedding are directions, and count by how much cells differ along them.
    """
    centre, spread = table.mean(axis=0), table.std(axis=0)
    usable = spread > np.maximum(np.abs(table).max(axis=0), 1e-6) * 1e-6
    spread = np.where(usable, spread, 1.0).astype(np.float32)
    share = usable.astype(np.float32)
    parts = np.split(np.arange(table.shape[1]), _ends(columns)) if columns else []
    for (name, _), part in zip(columns, parts, strict=True):
        if name == APPEARANCE:
            share[part] *= spread[part]
        share[part] *= DEFAULT_WEIGHTS[name] ** 0.5 * _unit_share(share[part])
    if not columns:
        share *= _unit_share(share)
    return centre, spread, share


def _unit_share(share: NDArray[np.float32]) -> float:
    """Return what brings values of such shares to a length of one in the mean."""
    return 1.0 / max(float(np.linalg.norm(share)), 1e-9)


def _names(columns: tuple[tuple[str, int], ...]) -> list[str]:
    return [name for name, _ in columns]


def _ends(columns: tuple[tuple[str, int], ...]) -> list[int]:
    """Where the groups end, but for the last."""
    ends: list[int] = np.cumsum([width for _, width in columns])[:-1].tolist()
    return ends


def _as_array(names: tuple[str | int, ...]) -> NDArray[Any]:
    return np.array(names, object if isinstance(names[0], str) else None)
