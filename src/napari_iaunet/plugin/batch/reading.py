"""How the files of the list are read, where they do not say it themselves.

`Reading` is what the user types, `ReadAs` the same for `read_image`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.widgets.fields import shown

if TYPE_CHECKING:
    from napari_iaunet.plugin.batch.record import Entry


@dataclass(frozen=True)
class ReadAs:
    """Parameters of `read_image`, all None where the file itself says it.

    And the channels that show nuclei and cells, by name or number; None: all are seen.
    """

    series: int | None = None
    channel_axis: int | None = None
    planes: int | str | None = None
    nuclei: str | None = None
    cells: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What `read_image` takes."""
        names = ("series", "channel_axis", "planes")
        return {name: getattr(self, name) for name in names}

    @property
    def moves_axes(self) -> bool:
        """Whether axes are others than the file says."""
        return self.channel_axis is not None or self.planes is not None


@dataclass(eq=False)
class Reading:
    """What the user types; empty where the file says it."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    series: str = shown(
        "",
        "Series",
        "The number of the image, from 1, in files that hold several; empty: the "
        "largest, or the first of those. Results get the number at the end of their "
        "names.",
    )
    channel_axis: str = shown(
        "",
        "Channel axis",
        "The number of the axis that holds the channels, from 0, -1 for the last one; "
        "empty: as the file says.",
    )
    planes: str = shown(
        "",
        "Planes",
        "The letter or the number of the axis that holds planes, which are time points "
        "or sections, where the file calls them channels (C) or has them last; empty: "
        "as the file says.",
    )
    nuclei: str = shown(
        "",
        "Nuclei in",
        "The name, or the number from 1, of the channel that shows nuclei. Alone, "
        "nuclei are found; beside “Cells in” it helps to tell cells from one another.",
    )
    cells: str = shown(
        "",
        "Cells in",
        "The name or the number of the channel that shows whole cells (cytoplasm, "
        "membranes), or two with a comma between. If both are empty, all channels are "
        "looked at.",
    )

    def set(self, kept: object) -> None:
        """Take over what `kept` has said."""
        if isinstance(kept, dict):
            for name in asdict(ReadAs()):
                setattr(self, name, str(kept.get(name, "")))

    @property
    def kept(self) -> dict[str, str]:
        """What is typed, by its name; empty if that is nothing."""
        typed = {name: getattr(self, name).strip() for name in asdict(ReadAs())}
        return {name: text for name, text in typed.items() if text}

    def read_as(self) -> ReadAs:
        """Return what is typed as parameters; ImageError if that cannot be."""
        series = self._number("series", "Series is the number of an image, from 1")
        if series is not None and series < 1:
            raise ImageError("Series is the number of an image, from 1.")
        channel_axis = self._number(
            "channel_axis", "Channel axis is the number of an axis, from 0"
        )
        planes: int | str | None = self.planes.strip().upper()
        if not (len(str(planes)) == 1 and str(planes).isalpha()):
            what = "Planes is the letter or the number of an axis"
            planes = self._number("planes", what)
        nuclei, cells = self.nuclei.strip() or None, self.cells.strip() or None
        return ReadAs(series, channel_axis, planes, nuclei, cells)

    def _number(self, name: str, wanted: str) -> int | None:
        text = getattr(self, name).strip()
        try:
            return int(text) if text else None
        except ValueError as error:
            raise ImageError(f"{wanted}, not “{text}”.") from error


def read_as(entry: Entry) -> ReadAs:
    """Return how an image was read when its cells were found."""
    try:
        return ReadAs(**json.loads(entry.asked)["reading"])
    except (ValueError, TypeError, KeyError):  # by an earlier version, or not at all
        return ReadAs()
