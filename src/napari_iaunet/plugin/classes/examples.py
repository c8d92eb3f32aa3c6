"""Classes that the user makes up, and the cells that are examples of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_iaunet.identity.classifier import Classifier
    from napari_iaunet.identity.search import CellRef

# Colours that can be told apart, also by the colour-blind (Okabe and Ito, 2008), and
# one more: as many as there are keys.
GRAY = "#999999"
PALETTE = (
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2"),
    *("#d55e00", "#cc79a7", GRAY, "#7b4fd0"),
)
_COLOURS = "colours"
_COLOUR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class CellClass:
    """A class: its name, and its colour like #e69f00."""

    name: str
    colour: str


@dataclass(frozen=True)
class ClassExamples:
    """Classes and their examples at one moment.

    Attributes
    ----------
    classes : tuple of CellClass
        In the order of the keys 1 to 9.
    cells : mapping of CellRef to str
        The class of each example.
    known : Classifier, optional
        One that was loaded: it knows these classes from examples of its own.
    """

    classes: tuple[CellClass, ...] = ()
    cells: Mapping[CellRef, str] = field(default_factory=lambda: MappingProxyType({}))
    known: Classifier | None = None

    @staticmethod
    def of(classifier: Classifier) -> ClassExamples:
        """Return the classes of a classifier, in the colours that it was saved with."""
        said = classifier.notes.get(_COLOURS)
        colours = said if isinstance(said, dict) else {}
        found: list[CellClass] = []
        for name in map(str, classifier.names):
            colour = colours.get(name)
            usable = isinstance(colour, str) and _COLOUR.fullmatch(colour)
            found.append(CellClass(name, str(colour) if usable else _next(found)))
        names = {name: str(name) for name in classifier.names}
        return ClassExamples(tuple(found), known=classifier.renamed(names))

    @property
    def names(self) -> list[str]:
        """The names of the classes in their order."""
        return [one.name for one in self.classes]

    @property
    def colours(self) -> dict[str, str]:
        """The colours of the classes by their names."""
        return {one.name: one.colour for one in self.classes}

    @property
    def notes(self) -> dict[str, dict[str, str]]:
        """What a classifier is saved with, for `of`."""
        return {_COLOURS: self.colours}

    def counts(self) -> dict[str, int]:
        """Return how many examples each class has, those of `known` among them."""
        found = dict.fromkeys(self.names, 0)
        for name in self.cells.values():
            found[name] += 1
        if self.known is not None:
            for number in self.known.examples.tolist():
                found[str(self.known.names[number])] += 1
        return found

    @property
    def can_be_learnt(self) -> bool:
        """Whether at least two classes have an example."""
        return sum(count > 0 for count in self.counts().values()) > 1

    def with_class(self, name: str = "") -> ClassExamples:
        """Return them with one more class."""
        number = len(self.classes) + 1
        while not name or name in self.names:
            name, number = f"class {number}", number + 1
        added = CellClass(name, _next(self.classes))
        return replace(self, classes=(*self.classes, added))

    def with_example(self, cell: CellRef, name: str) -> ClassExamples:
        """Return them with an example; "" takes it away."""
        rest = {other: of for other, of in self.cells.items() if other != cell}
        cells = {**rest, cell: name} if name else rest
        return replace(self, cells=MappingProxyType(cells))

    def with_examples(self, cells: Sequence[CellRef], name: str) -> ClassExamples:
        """Return them with more examples of a class, which is added if need be."""
        found = self if name in self.names else self.with_class(name)
        joined = {**found.cells, **dict.fromkeys(cells, name)}
        return replace(found, cells=MappingProxyType(joined))

    def renamed(self, name: str, new: str) -> ClassExamples:
        """Return them with another name of a class.

        Raises ImageError if another class has it, or there is none.
        """
        new = new.strip()
        if not new:
            raise ImageError("Give the class a name.")
        if new in self.names and new != name:
            raise ImageError(f"There is a class “{new}” already. Merge them instead.")
        return self._moved({name: new})

    def recoloured(self, name: str, colour: str) -> ClassExamples:
        """Return them with another colour of a class."""
        classes = tuple(
            replace(one, colour=colour) if one.name == name else one
            for one in self.classes
        )
        return replace(self, classes=classes)

    def merged(self, names: list[str]) -> ClassExamples:
        """Return them with some classes as one, which has the name of the first."""
        return self._moved(dict.fromkeys(names[1:], names[0]))

    def without(self, name: str) -> ClassExamples:
        """Return them without a class and its examples."""
        cells = {cell: of for cell, of in self.cells.items() if of != name}
        return replace(
            self,
            classes=tuple(one for one in self.classes if one.name != name),
            cells=MappingProxyType(cells),
            known=None if self.known is None else self.known.without(name),
        )

    def _moved(self, names: dict[str, str]) -> ClassExamples:
        classes: dict[str, CellClass] = {}
        for one in self.classes:
            name = names.get(one.name, one.name)
            classes.setdefault(name, CellClass(name, one.colour))
        return replace(
            self,
            classes=tuple(classes.values()),
            cells=MappingProxyType(
                {cell: names.get(of, of) for cell, of in self.cells.items()}
            ),
            known=None if self.known is None else self.known.renamed(names),
        )


def _next(classes: list[CellClass] | tuple[CellClass, ...]) -> str:
    """Return a colour that no class has, if there is one."""
    used = [one.colour for one in classes]
    free = (colour for colour in PALETTE if colour not in used)
    return next(free, PALETTE[len(used) % len(PALETTE)])
