"""Damage files and models in thousands of ways, and see that each is read or refused.

``python -m tools.fuzz`` reads mutated PNG, JPEG, TIFF and zarr images, and loads and
uses mutated models. Nothing but an IAUNetError may be raised, within `SECONDS`, and the
process must not take more memory than `BYTES`. What fails is kept in a folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import random
import shutil
import struct
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

SECONDS, BYTES = 20.0, 1.5e9
# Values at which programs that count err.
_NUMBERS = (0, 1, 2, 7, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 255, 10**6, 10**9, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308),
    *(None, True, False, "", "x", "../..", "/", "\x1b[31m", "NaN", [], {}, [[]], [0]),
    *(float("nan"), float("inf"), [1] * 9, {"name": "pickle"}, "|O", "<f8", "<u8"),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a case: "read", "refused", or what is wrong."""

    number: int
    name: str
    said: str
    seconds: float
    peak: float

    @property
    def is_fault(self) -> bool:
        """Whether it broke a promise."""
        fine = self.said in ("read", "refused")
        return not fine or self.seconds > SECONDS or self.peak > BYTES


# -- sound files ----------------------------------------------------------------------


def write_seeds(folder: Path) -> list[Path]:
    """Write sound images of many kinds; returns their paths."""
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 255, (48, 64), np.uint8)
    colours = rng.integers(0, 255, (48, 64, 3), np.uint8)
    _write_pictures(folder, gray, colours)
    _write_tiffs(folder, gray, colours)
    _write_zarrs(folder, gray)
    return sorted(folder.iterdir())


def _write_pictures(folder: Path, gray: Any, colours: Any) -> None:
    import imagecodecs
    from PIL import Image

    Image.fromarray(gray).save(folder / "gray.png")
    Image.fromarray(gray > 99).save(folder / "bits.png")
    Image.fromarray(gray.astype(np.uint16) * 200).save(folder / "deep.png")
    Image.fromarray(colours).save(folder / "colours.png")
    Image.fromarray(colours).quantize(16).save(folder / "palette.png")
    Image.fromarray(np.dstack([colours, gray])).save(folder / "alpha.png")
    deep = imagecodecs.png_encode(colours.astype(np.uint16) * 200)
    (folder / "deep colours.png").write_bytes(deep)
    Image.fromarray(gray).save(folder / "gray.jpg")
    Image.fromarray(colours).save(folder / "colours.jpg")
    Image.fromarray(colours).save(folder / "progressive.jpg", progressive=True)
    Image.fromarray(colours).convert("CMYK").save(folder / "cmyk.jpg")


def _write_tiffs(folder: Path, gray: Any, colours: Any) -> None:
    import tifffile

    def write(name: str, data: Any, **options: Any) -> None:
        tifffile.imwrite(folder / f"{name}.tif", data, **options)

    stack = np.stack([gray] * 5)
    write("plain", gray)
    for compression in ("lzw", "zlib", "zstd", "packbits", "lzma", "jpeg2000", "webp"):
        data = colours if compression == "webp" else gray
        write(compression, data, compression=compression)
    write("jpeg", colours, compression="jpeg", photometric="rgb", tile=(16, 16))
    write("tiles", gray, tile=(16, 16), compression="zlib", predictor=True)
    write("float", gray.astype(np.float32), compression="zlib", predictor=True)
    write("strips", gray, rowsperstrip=4, compression="lzw")
    write("big", gray, bigtiff=True)
    write("big end", gray.astype(">u2"), byteorder=">")
    write("imagej", stack, imagej=True, metadata={"axes": "TYX"})
    options = {"photometric": "minisblack", "metadata": {"axes": "TYX"}}
    write("ome.ome", stack, **options)
    write("shaped", stack, **options)
    palette = np.zeros((3, 256), np.uint16)
    write("palette", gray, photometric="palette", colormap=palette)
    with tifffile.TiffWriter(folder / "pages.tif") as tif:
        for i in range(150):
            tif.write(gray[:4, :4] + i, contiguous=False, metadata=None)
    with tifffile.TiffWriter(folder / "pyramid.tif") as tif:
        tif.write(gray, subifds=1, tile=(16, 16))
        tif.write(gray[::2, ::2], subfiletype=1, tile=(16, 16))


def _write_zarrs(folder: Path, gray: Any) -> None:
    import zarr

    from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr

    options = {"shape": gray.shape, "dtype": "u1", "chunks": (16, 16)}
    zarr.create_array(folder / "three.zarr", **options)[:] = gray
    zarr.create_array(folder / "two.zarr", zarr_format=2, **options)[:] = gray
    sharded = {**options, "shards": (32, 32)}
    zarr.create_array(folder / "sharded.zarr", **sharded)[:] = gray
    gzip = {"name": "gzip", "configuration": {"level": 1}}
    zarr.create_array(folder / "gzip.zarr", **options, compressors=gzip)[:] = gray
    for version in ("0.4", "0.5"):
        path = folder / f"ome {version}.zarr"
        write_labels_ome_zarr(path, gray.astype(np.int32), version=version)


# -- damage ---------------------------------------------------------------------------


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes, some of which are changed, missing or double."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not out:
            break
        # What describes the pixels lies at the ends more often than amidst.
        near = min(len(out), 400)
        place = rng.choice(
            (rng.randrange(len(out)), rng.randrange(near), len(out) - 1 - near // 2)
        )
        match rng.randrange(6):
            case 0:
                out[place] ^= 1 << rng.randrange(8)
            case 1:
                out[place] = rng.randrange(256)
            case 2 | 3:
                kind = rng.choice(("<I", ">I", "<H", ">H", "<Q"))
                bits = 8 * struct.calcsize(kind)
                number = struct.pack(kind, rng.choice(_NUMBERS) % 2**bits)
                out[place : place + len(number)] = number
            case 4:
                length = rng.randrange(1, 64)
                out[place:place] = out[place : place + length] * rng.randrange(1, 4)
            case 5:
                end = place + rng.choice((1, 2, 8, len(out)))
                del out[place:end]
    return bytes(out)


def mutated_json(values: Any, rng: random.Random) -> Any:
    """Return JSON values, one of which is another or missing."""
    places = list(_places(values))
    if not places:
        return rng.choice(_VALUES)
    where, key = rng.choice(places)
    if rng.random() < 0.1:
        del where[key]
    else:
        where[key] = rng.choice(_VALUES)
    return values


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(values, dict | list):
        for key in values if isinstance(values, dict) else range(len(values)):
            yield values, key
            yield from _places(values[key])


def damage(path: Path, rng: random.Random) -> None:
    """Damage a file, or some files of a folder."""
    if path.is_file():
        path.write_bytes(mutated(path.read_bytes(), rng))
        return
    files = sorted(p for p in path.rglob("*") if p.is_file())
    described = [p for p in files if p.suffix == ".json" or p.name.startswith(".z")]
    weights = path / "weights.safetensors"
    if weights.exists() and rng.random() < 0.4:
        damage_weights(weights, rng)
        return
    for _ in range(rng.choice((1, 1, 2, 3))):
        file = rng.choice(described if rng.random() < 0.7 else files)
        if file in described and rng.random() < 0.8:
            try:
                values = json.loads(file.read_text())
            except ValueError:
                continue
            file.write_text(json.dumps(mutated_json(values, rng)))
        else:
            file.write_bytes(mutated(file.read_bytes(), rng))


def damage_weights(path: Path, rng: random.Random) -> None:
    """Give some weights values that no training gives."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(path)
    for _ in range(rng.choice((1, 2, 8))):
        names = sorted(k for k, v in weights.items() if v.dtype.kind == "f")
        values = weights[rng.choice(names)]
        extreme = rng.choice((0, -1, 1e-38, 1e4, -1e9, 3e38, float("nan")))
        values[slice(None) if rng.random() < 0.5 else slice(1)] = extreme
    save_file(weights, path)


# -- what is tried --------------------------------------------------------------------


def read(path: Path) -> None:
    """Read an image, or a part of it if it is large, and read it as labels."""
    from napari_iaunet.errors import IAUNetError
    from napari_iaunet.io.labels import read_labels
    from napari_iaunet.io.read import read_image

    array = read_image(path).array
    part = tuple(slice(0, 64) for _ in array.shape)
    np.asarray(array[part])
    try:
        read_labels(path)
    except IAUNetError:
        return


def use(folder: Path) -> None:
    """Load a model and find cells with it."""
    from napari_iaunet import Segmenter

    noise = np.random.default_rng(0).random((64, 64))
    Segmenter(model=str(folder), device="cpu", engine="pytorch").segment(noise)


def write_model(folder: Path) -> None:
    """Write a sound model of a small network."""
    from napari_iaunet.model.checkpoint import save_model
    from napari_iaunet.model.network import IAUNet, IAUNetConfig

    config = IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6)
    save_model(folder, IAUNet(config), {"description": "small", "figures": {}})


def _work(link: Connection, seeds: Path, seed: int, numbers: range) -> None:
    """Try cases, and tell what came of each."""
    logging.disable(logging.WARNING)  # what is assumed of a damaged image is no fault
    from napari_iaunet.errors import IAUNetError

    paths = sorted(seeds.iterdir())
    for path in paths:  # loads the libraries, too, which is not what is timed
        _FUNCTIONS[seeds.name](path)
    for number in numbers:
        rng = random.Random(f"{seed} {number}")
        source = paths[number % len(paths)]
        place = Path(tempfile.mkdtemp(prefix="fuzz-", dir=seeds.parent))
        path = place / source.name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, path)
        damage(path, rng)
        link.send(("begins", str(path)))
        _forget_peak()
        begin = time.perf_counter()
        try:
            _FUNCTIONS[seeds.name](path)
            said = "read"
        except IAUNetError as error:
            said = "refused" if "\n" not in str(error) else f"two lines: {error}"
        except BaseException as error:  # noqa: BLE001 - this is what is looked for
            said = f"{type(error).__name__}: {error}"[:200]
        seconds = time.perf_counter() - begin
        outcome = Outcome(number, source.name, said, seconds, _peak())
        link.send(outcome)
        if not outcome.is_fault:
            shutil.rmtree(place)
    link.send(None)


_FUNCTIONS: dict[str, Callable[[Path], None]] = {"images": read, "models": use}


def _forget_peak() -> None:
    """Have Linux measure the largest memory anew."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _peak() -> float:
    """Bytes of memory at most since then; 0 where that is not known."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    lines = status.read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return float(line.split()[1]) * 1024


def fuzz(seeds: Path, count: int, seed: int) -> list[Outcome]:
    """Try so many cases, each within its time; a process that hangs is replaced."""
    context = multiprocessing.get_context("spawn")
    found: list[Outcome] = []
    while len(found) < count:
        here, there = context.Pipe()
        numbers = range(len(found), count)
        worker = context.Process(target=_work, args=(there, seeds, seed, numbers))
        worker.start()
        there.close()
        at = "the start"
        try:
            # The first case loads libraries.
            while here.poll(2 * SECONDS if at != "the start" else 120):
                told = here.recv()
                if told is None:
                    break
                if isinstance(told, Outcome):
                    found.append(told)
                    _tell(told)
                else:
                    at = told[1]
            else:
                found.append(Outcome(len(found), at, "no answer", 2 * SECONDS, 0))
                _tell(found[-1])
        except EOFError:
            found.append(Outcome(len(found), at, "the process died", 0, 0))
            _tell(found[-1])
        worker.kill()
        worker.join()
    return found


def _tell(outcome: Outcome) -> None:
    if outcome.is_fault:
        print(
            f"FAULT {outcome.number} {outcome.name}: {outcome.said} "
            f"({outcome.seconds:.1f} s, {outcome.peak / 1e6:.0f} MB)",
            flush=True,
        )


def main() -> int:
    """Run all; returns 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="iaunet-fuzz-"))
    for kind in _FUNCTIONS:
        (folder / kind).mkdir()
    write_seeds(folder / "images")
    write_model(folder / "models" / "model")
    faults = 0
    for kind, count in (("images", args.files), ("models", args.models)):
        found = fuzz(folder / kind, count, args.seed)
        wrong = sum(outcome.is_fault for outcome in found)
        faults += wrong
        print(
            f"{kind}: {len(found)} tried, {sum(o.said == 'read' for o in found)} read, "
            f"{sum(o.said == 'refused' for o in found)} refused, {wrong} faults; "
            f"at most {max((o.seconds for o in found), default=0):.1f} s and "
            f"{max((o.peak for o in found), default=0) / 1e6:.0f} MB"
        )
    if faults:
        print(f"What failed is kept in {folder}.")
    else:
        shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
