"""What is kept of a large image on disk until all of it is segmented."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.atomic import write_bytes, write_json
from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.measure import CellSums

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Borders = dict[tuple[int, int], NDArray[np.int32]]

# Raised whenever results that an earlier version of the program kept cannot be used.
_FORMAT = 4
# Digests that lie among a chunk's arrays.
_PLAN, _CONTENT = "plan", "content"


@dataclass(frozen=True)
class Request:
    """What was asked for; kept results are used only for the same.

    Attributes
    ----------
    source : str
        Where the image comes from.
    content : str
        Digest of samples of its pixels: another image may lie there by now. What a
        chunk has read has a digest of its own.
    fingerprint : str
        Of the segmenter.
    shape : tuple of int
        (..., Y, X), without channels.
    channel_axis : int or None
    diameter : float or None
        None if it is to be estimated.
    side : int or None
        Of a chunk, None if any will do.
    """

    source: str
    content: str
    fingerprint: str
    shape: tuple[int, ...]
    channel_axis: int | None
    diameter: float | None
    side: int | None


@dataclass(frozen=True)
class Plan:
    """How it is done.

    The diameter was given, or estimated, more or less surely; side and halo are those
    of a chunk. All are in pixels.
    """

    request: Request
    diameter: float
    side: int
    halo: int
    diameter_is_sure: bool = True

    @property
    def digest(self) -> str:
        """Digest of all of it, which every chunk keeps, too."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


class Found(NamedTuple):
    """What a chunk found, its labels apart; item i belongs to its label i + 1.

    Attributes
    ----------
    sums : CellSums
        Over the chunk's pixels without its halo: of cells that lie in the halo only,
        the area is 0.
    scores : (n,) float32
    """

    sums: CellSums
    scores: NDArray[np.float32]


class WorkFolder:
    """Kept results: the chunks that are done, which outlive the process.

    One program at a time uses it. Its chunks are those of the plan of `begin` or
    `go_on`; others that lie there count as not done.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = ""

    def plan(self) -> Plan | None:
        """Return what is being done here, None if nothing usable is."""
        try:
            read = json.loads(self._plan_file.read_text(encoding="utf-8"))
            if read.pop("format") != _FORMAT:
                return None
            asked = read.pop("request")
            request = Request(**{**asked, "shape": tuple(asked["shape"])})
            return Plan(request, **read)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def make_parent(self) -> None:
        """Make the folder that this one is to lie in."""
        _make(self.path.parent)

    def begin(self, plan: Plan) -> None:
        """Make the folder; what was in it is forgotten."""
        self.remove()
        _make(self.path)
        write_json(self._plan_file, {"format": _FORMAT, **asdict(plan)}, ImageError)
        self.go_on(plan)

    def go_on(self, plan: Plan) -> None:
        """Use what was kept for a plan."""
        self._digest = plan.digest

    def has(self, index: int) -> bool:
        """Whether a chunk is done, and was done by the plan."""
        try:
            return str(self._load(index, _PLAN)[_PLAN]) == self._digest
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False

    def content(self, index: int) -> str:
        """Return the digest of what was read for a chunk that is done."""
        return str(self._load(index, _CONTENT)[_CONTENT])

    def save(
        self,
        index: int,
        labels: NDArray[np.int32],
        found: Found,
        borders: Borders,
        content: str,
    ) -> None:
        """Keep what a chunk found: all of it, or nothing if power fails.

        The labels are without the halo; those around borders with other chunks are by
        the indices of the two; the content is the digest of what was read.
        """
        arrays: dict[str, Any] = {"labels": labels, "scores": found.scores}
        arrays |= {_PLAN: np.array(self._digest), _CONTENT: np.array(content)}
        arrays |= found.sums._asdict()
        arrays |= {_strip(key): strip for key, strip in borders.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_bytes(self._chunk_file(index), buffer.getvalue(), ImageError)

    def labels(self, index: int) -> NDArray[np.int32]:
        """Return a chunk's own labels, (y, x)."""
        return self._load(index, "labels")["labels"]

    def found(self, index: int) -> Found:
        """Return what a chunk found."""
        loaded = self._load(index, "scores", *CellSums._fields)
        scores = loaded.pop("scores")
        return Found(CellSums(**loaded), scores)

    def border(self, index: int, key: tuple[int, int]) -> NDArray[np.int32]:
        """Return a chunk's labels around its border with another one."""
        return self._load(index, _strip(key))[_strip(key)]

    def _load(self, index: int, *names: str) -> dict[str, NDArray[Any]]:
        # Of a damaged file, numpy would leave what it opens itself open.
        with (
            self._chunk_file(index).open("rb") as file,
            np.load(file, allow_pickle=False) as stored,
        ):
            return {name: stored[name] for name in names}

    def remove(self) -> None:
        """Remove the folder and all in it."""
        # The plan goes first: a folder without it is not used, should the program be
        # killed before all is gone.
        with contextlib.suppress(OSError):
            self._plan_file.unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _plan_file(self) -> Path:
        return self.path / "plan.json"

    def _chunk_file(self, index: int) -> Path:
        return self.path / f"chunk-{index:07d}.npz"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {folder} cannot be made: {error.strerror or error}."
        raise ImageError(msg) from error


def _strip(key: tuple[int, int]) -> str:
    return f"border {key[0]} {key[1]}"
