"""The list of images, and what became of each; kept in a file of the user's.

Needs neither Qt nor napari.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_iaunet.atomic import write_json
from napari_iaunet.errors import ImageError
from napari_iaunet.model.registry import user_models_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
# In the folder of the plugin, beside the user's models.
_NAME = "batch.json"


@dataclass(frozen=True)
class Entry:
    """What became of an image.

    Attributes
    ----------
    state : str
        `WAITING`, `RUNNING`, `DONE` or `FAILED`.
    cells : int
    why : str
        Why it failed, in a sentence; of what is done, what was assumed.
    asked : str
        Settings and file for which that is so.
    looked_at : bool
        Whether the user has looked at the cells: then they are not made anew.
    """

    state: str = WAITING
    cells: int = 0
    why: str = ""
    asked: str = ""
    looked_at: bool = False


@dataclass
class Record:
    """Images by their paths, in the order in which they were added.

    The job and the window both change it, so each change is made under a lock, and is
    on the disk when it is made.
    """

    path: Path
    images: list[str] = field(default_factory=list)
    pattern: str = ""  # how columns are taken from names; the next `save` keeps it
    queue: list[str] = field(default_factory=list)  # what the job does, in this order
    opened: str = ""  # the image that is on view, which is left alone, too
    # What is known of images that were taken off the list stays known.
    _entries: dict[str, Entry] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def load(cls) -> Record:
        """Return the record of the last time; an empty one if there is none."""
        record = cls(user_models_folder().parent / _NAME)
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            kept = json.loads(record.path.read_text("utf-8"))
            found = {str(k): Entry(**v) for k, v in kept["entries"].items()}
            record.images = [str(image) for image in kept["images"]]
            record.pattern, record._entries = str(kept["pattern"]), found
        record.settle()
        return record

    def settle(self) -> None:
        """Let what was running, when a job or the program ended, wait again."""
        with self._lock:
            for key, entry in self._entries.items():
                if entry.state == RUNNING:
                    self._entries[key] = replace(entry, state=WAITING)

    def entry(self, image: str) -> Entry:
        """Return what became of an image."""
        return self._entries.get(image, Entry())

    def add(self, images: Iterable[str]) -> None:
        """Put images at the end of the list, those excepted that it has."""
        self.images = list(dict.fromkeys([*self.images, *images]))
        self.save()

    def remove(self, images: Iterable[str]) -> None:
        """Take images off the list; files stay as they are."""
        gone = set(images)
        self.images = [image for image in self.images if image not in gone]
        self.save()

    def change(self, image: str, **changes: Any) -> None:
        """Note what became of an image."""
        with self._lock:
            self._entries[image] = replace(self.entry(image), **changes)
        self.save()

    def is_kept(self, image: str) -> bool:
        """Whether the cells of an image are the user's by now, and not made anew."""
        return self.entry(image).looked_at or image == self.opened

    def save(self) -> None:
        """Write all; raises ImageError if that cannot be done."""
        with self._lock:
            values = {
                "images": self.images,
                "pattern": self.pattern,
                "entries": {key: asdict(e) for key, e in self._entries.items()},
            }
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                msg = f"{self.path} cannot be written: {error.strerror}."
                raise ImageError(msg) from error
            write_json(self.path, values, ImageError)


def written(path: Path) -> str:
    """Return what tells a file from another one that takes its place."""
    # Labels are written into the folder of an OME-Zarr image.
    if path.is_dir():
        return ""
    with suppress(OSError):
        found = path.stat()
        return f"{found.st_size} {found.st_mtime_ns}"
    return ""
