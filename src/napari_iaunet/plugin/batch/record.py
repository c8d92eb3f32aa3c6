"""The list of images, and what became of each; kept in a file of the user's.

Needs neither Qt nor napari.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_iaunet.atomic import write_bytes
from napari_iaunet.errors import ImageError
from napari_iaunet.model.registry import user_models_folder
from napari_iaunet.plugin.core import folder_lock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
# The folder of the user's list is beside that of the user's models; further ones, with
# a number, are of programs that ran at the same time.
_FOLDER, _NAME, _MOST = "batch", "list.json", 100
# Where earlier versions had the list.
_FORMER = "batch.json"


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


_NOTHING = Entry()


@dataclass
class Record:
    """Images by their paths, in the order in which they were added.

    The job and the window both change it, so each change is made under a lock. `save`
    brings it to the disk, for which nobody in the window waits. A folder of lists
    belongs to one program at a time, so that no other one overwrites what this one has
    noted.
    """

    path: Path
    # Whether another program has the user's list, so that this is one of its own.
    is_second: bool = False
    images: list[str] = field(default_factory=list)
    pattern: str = ""  # how columns are taken from names; the next `save` keeps it
    reading: dict[str, str] = field(default_factory=dict)  # how files are read; as well
    queue: list[str] = field(default_factory=list)  # what the job does, in this order
    opened: str = ""  # the image that is on view, which is left alone, too
    # What is known of images that were taken off the list stays known.
    _entries: dict[str, Entry] = field(default_factory=dict)
    # What `save` writes of each entry: to make thousands anew each time would have the
    # garbage collector look through all of the program again and again.
    _lines: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _disk: Lock = field(default_factory=Lock)
    is_saved: bool = True
    _is_taken: bool = False
    _is_closed: bool = False

    @classmethod
    def load(cls) -> Record:
        """Return the record of the last time; an empty one if there is none.

        While another program has it, this is one of its own. A later start, without
        another program, joins them.
        """
        home = user_models_folder().parent
        folders = [home / _FOLDER, *(home / f"{_FOLDER}-{i}" for i in range(2, _MOST))]
        record = cls(folders[0] / _NAME)
        # Where nothing can be written or locked, `save` says so.
        with suppress(OSError, NotImplementedError):
            for folder in folders:
                if _take(folder):
                    record = cls(folder / _NAME, is_second=folder != folders[0])
                    record._is_taken = True
                    break
        record._read(record.path)
        if record._is_taken and not record.is_second:
            with suppress(OSError, NotImplementedError, ImageError):
                record._join([f for f in folders[1:] if f.is_dir()], home / _FORMER)
        record.settle()
        return record

    def close(self) -> None:
        """Leave the list to the next program; what is changed later is not kept."""
        with self._disk:
            self._is_closed = True
            if self._is_taken:
                folder_lock.release(self.path.parent)
                self._is_taken = False

    def _read(self, path: Path) -> bool:
        """Add what is kept in a file; whether anything was."""
        try:
            kept = json.loads(path.read_text("utf-8"))
            found = {str(k): Entry(**v) for k, v in kept["entries"].items()}
            images, pattern = [str(image) for image in kept["images"]], kept["pattern"]
            reading = {str(k): str(v) for k, v in kept.get("reading", {}).items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return False
        self.images = list(dict.fromkeys([*self.images, *images]))
        self.pattern = self.pattern or str(pattern)
        self.reading = self.reading or reading
        for image, entry in found.items():
            self._note(image, max(self.entry(image), entry, key=_known))
        return True

    def _join(self, folders: list[Path], former: Path) -> None:
        """Take over lists that belong to no program any more."""
        taken = [folder for folder in folders if _take(folder)]
        try:
            files = [former, *(folder / _NAME for folder in taken)]
            found = [file for file in files if self._read(file)]
            if found:
                self.save()
            for file in found:
                file.unlink()
        finally:
            for folder in taken:
                folder_lock.release(folder)

    def settle(self) -> None:
        """Let what was running, when a job or the program ended, wait again."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.state == RUNNING:
                    self._note(key, replace(entry, state=WAITING))

    def entry(self, image: str) -> Entry:
        """Return what became of an image: the same one until that changes."""
        return self._entries.get(image, _NOTHING)

    def add(self, images: Iterable[str]) -> None:
        """Put images at the end of the list, those excepted that it has."""
        with self._lock:
            self.images = list(dict.fromkeys([*self.images, *images]))
            self.is_saved = False

    def remove(self, images: Iterable[str]) -> None:
        """Take images off the list; files stay as they are."""
        gone = set(images)
        with self._lock:
            self.images = [image for image in self.images if image not in gone]
            self.is_saved = False

    def change(self, image: str, **changes: Any) -> None:
        """Note what became of an image."""
        with self._lock:
            self._note(image, replace(self.entry(image), **changes))

    def keep(self, image: str, **changes: Any) -> None:
        """Note what became of an image, on the disk as well; errors as `save`."""
        self.change(image, **changes)
        self.save()

    def is_kept(self, image: str) -> bool:
        """Whether the cells of an image are the user's by now, and not made anew."""
        return self.entry(image).looked_at or image == self.opened

    def save(self) -> None:
        """Write all; raises ImageError if that cannot be done."""
        with self._disk:
            if self._is_closed:
                return
            with self._lock:
                text, self.is_saved = self._text(), True
            try:
                self._write(text)
            except ImageError:
                self.is_saved = False
                raise

    def _write(self, text: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror}."
            raise ImageError(msg) from error
        # Names that are not UTF-8, as JSON has them.
        content = text.encode(errors="backslashreplace")
        write_bytes(self.path, content, ImageError)

    def _note(self, image: str, entry: Entry) -> None:
        self._entries[image] = entry
        self._lines[image] = f"{_json(image)}: {_json(asdict(entry))}"
        self.is_saved = False

    def _text(self) -> str:
        entries = ",\n".join(self._lines.values())
        return (
            f'{{"pattern": {_json(self.pattern)},\n"reading": {_json(self.reading)},\n'
            f'"images": {_json(self.images)},\n'
            f'"entries": {{\n{entries}\n}}}}\n'
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _take(folder: Path) -> bool:
    """Make a folder this list's own; False if it belongs to another one.

    That may also be of this program: napari can have several windows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return not folder_lock.is_held(folder) and folder_lock.take(folder)


def _known(entry: Entry) -> tuple[bool, ...]:
    """Say how much an entry tells, to be compared with another one."""
    return entry.looked_at, entry.state == DONE, entry.state == FAILED


def written(path: Path) -> str:
    """Return what tells a file from another one that takes its place."""
    # Labels are written into the folder of an OME-Zarr image.
    if path.is_dir():
        return ""
    with suppress(OSError):
        found = path.stat()
        return f"{found.st_size} {found.st_mtime_ns}"
    return ""
