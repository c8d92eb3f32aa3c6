"""Columns of a table that are taken from the names of files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError
from napari_iaunet.io.ours import is_own_column

if TYPE_CHECKING:
    from pathlib import Path

# What a file name ends in that says nothing of the experiment.
_ENDINGS = re.compile(r"(\.ome)?\.(tiff?|png|jpe?g|zarr)$", re.IGNORECASE)
_PLACE = re.compile(r"\{([^{}]*)\}")
_HOW = "Write it like {condition}_{well}_{field}"


class NamePattern:
    """Takes a name apart at the signs between the parts of a pattern.

    ``{condition}_{well}_{field}`` makes the columns "condition", "well" and "field" of
    ``drug_B03_1.tif``. A part holds one character at least, and no slash; of several
    ways the first parts get as much as they can. ``{}`` is a part without a column.
    With a slash the pattern covers the folders, too: ``{day}/{well}``. The endings of
    images do not count, in the middle of a path neither.

    Raises
    ------
    ImageError
        If the pattern has no named part, a name twice, or one that a table of cells has
        already.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parts = _PLACE.split(text.strip())
        names = [name.strip() for name in parts[1::2]]
        self.names = tuple(name for name in names if name)
        self._check("".join(parts[0::2]))
        expression = re.escape(parts[0])
        for name, between in zip(names, parts[2::2], strict=True):
            expression += ("([^/]+)" if name else "[^/]+") + re.escape(between)
        self._expression = re.compile(f"(?:.*/)?{expression}", re.DOTALL)

    def _check(self, between: str) -> None:
        said = f"The pattern “{self.text}”"
        if set(between) & {"{", "}"}:
            raise ImageError(f"{said} has a brace too many or too few. {_HOW}.")
        if not self.names:
            raise ImageError(f"{said} names no column. {_HOW}.")
        for name in self.names:
            if self.names.count(name) > 1:
                raise ImageError(f"{said} has the column “{name}” twice.")
            if is_own_column(name):
                msg = f"{said} has the column “{name}”, which the table has already."
                raise ImageError(f"{msg} Give it another name.")

    def of(self, path: Path) -> dict[str, str] | None:
        """Return the columns of a file by their names; None if it does not fit."""
        parts = [_ENDINGS.sub("", part) for part in path.absolute().parts]
        found = self._expression.fullmatch("/".join(parts))
        if found is None:
            return None
        return dict(zip(self.names, found.groups(), strict=True))
