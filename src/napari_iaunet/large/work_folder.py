"""What a lazy segmentation keeps on disk until it is finished."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import write_bytes, write_json
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Borders = dict[tuple[int, int], NDArray[np.int32]]

_FORMAT = 2
_ZARR_CHUNK = 640


@dataclass(frozen=True)
class Request:
    """What was asked for; a run goes on only for the same.

    Attributes
    ----------
    source : str
        Where the image comes from.
    content : str
        Digest of samples of its pixels: another image may lie there by now.
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

    Attributes
    ----------
    request : Request
    diameter : float
        Given or estimated, in pixels.
    side, halo : int
        Of a chunk, in pixels.
    """

    request: Request
    diameter: float
    side: int
    halo: int


@dataclass(frozen=True)
class Found:
    """What a chunk found, its labels apart; item i belongs to its label i + 1.

    Attributes
    ----------
    area : (n,) int64
        Pixels that the chunk speaks for; 0 for cells that live in its halo only.
    y, x : (n,) float64
        Sums over these pixels, in pixels of the plane.
    intensity : (n,) float64
        Sum over these pixels and all channels.
    values : (n,) int64
        Number of finite values in that sum.
    score : (n,) float32
    """

    area: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    intensity: NDArray[np.float64]
    values: NDArray[np.int64]
    score: NDArray[np.float32]


class WorkFolder:
    """Parts of a result that is not finished, which outlive the process.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

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

    def begin(self, plan: Plan) -> None:
        """Make the folder anew."""
        self.remove()
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            msg = f"The folder {self.path} cannot be made: {error.strerror or error}."
            raise ImageError(msg) from error
        write_json(self._plan_file, {"format": _FORMAT, **asdict(plan)}, ImageError)

    def has(self, index: int) -> bool:
        """Whether a chunk is done."""
        return self._chunk_file(index).is_file()

    def save(
        self, index: int, labels: NDArray[np.int32], found: Found, borders: Borders
    ) -> None:
        """Keep what a chunk found: all of it, or nothing if power fails.

        Parameters
        ----------
        index : int
        labels : (y, x) int32
            Of the pixels that the chunk speaks for.
        found : Found
        borders : dict of (first chunk, second chunk) -> (y, x) int32
            Its labels around the borders with other chunks.
        """
        arrays: dict[str, Any] = {f.name: getattr(found, f.name) for f in fields(found)}
        arrays |= {_strip(key): strip for key, strip in borders.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, labels=labels, **arrays)
        write_bytes(self._chunk_file(index), buffer.getvalue(), ImageError)

    def labels(self, index: int) -> NDArray[np.int32]:
        """Return a chunk's own labels, (y, x)."""
        return self._load(index, "labels")["labels"]

    def found(self, index: int) -> Found:
        """Return what a chunk found."""
        return Found(**self._load(index, *(f.name for f in fields(Found))))

    def border(self, index: int, key: tuple[int, int]) -> NDArray[np.int32]:
        """Return a chunk's labels around its border with another one."""
        return self._load(index, _strip(key))[_strip(key)]

    def _load(self, index: int, *names: str) -> dict[str, NDArray[Any]]:
        with np.load(self._chunk_file(index), allow_pickle=False) as stored:
            return {name: stored[name] for name in names}

    def remove(self) -> None:
        """Remove the folder and all in it."""
        # Without its plan the folder counts for nothing, whatever a kill leaves of it.
        with contextlib.suppress(OSError):
            self._plan_file.unlink()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _plan_file(self) -> Path:
        return self.path / "plan.json"

    def _chunk_file(self, index: int) -> Path:
        return self.path / f"chunk-{index:07d}.npz"


def _strip(key: tuple[int, int]) -> str:
    return f"border {key[0]} {key[1]}"


def whole_zarr_chunks(side: int) -> int:
    """Round a side so that no two chunks write to the same chunk of the zarr array."""
    if side < _ZARR_CHUNK:
        return max(side, 1)
    return round(side / _ZARR_CHUNK) * _ZARR_CHUNK


def create_labels(path: Path, plan: Plan, options: Mapping[str, Any]) -> Any:
    """Create a zarr array for labels (..., Y, X) int32, one plane in a chunk."""
    import zarr

    shape = plan.request.shape
    sides = tuple(min(n, plan.side, _ZARR_CHUNK) for n in shape[-2:])
    return zarr.create_array(
        str(path),
        shape=shape,
        dtype=np.int32,
        chunks=(1,) * (len(shape) - 2) + sides,
        overwrite=True,
        **options,
    )


def check_replaceable(path: Path, *, array: bool = False) -> None:
    """Raise ImageError if there is something else than a label image of OME-Zarr.

    Parameters
    ----------
    path : Path
    array : bool
        Whether a zarr array of int32, as it is written here, will do, too.
    """
    if path.exists() and not (path.is_dir() and _holds_labels(path, array)):
        msg = f"{path} exists and is not a label image, so it is not replaced."
        raise ImageError(msg)


def _holds_labels(path: Path, array: bool) -> bool:
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
    except (OSError, ValueError, KeyError):
        return False
    if isinstance(node, zarr.Array):
        return array and bool(node.dtype == np.int32)
    attributes = dict(node.attrs)
    return "image-label" in attributes.get("ome", attributes)
