"""The command line: ``napari-iaunet`` and its commands."""

from __future__ import annotations

import argparse
import math
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from napari_iaunet.errors import Cancelled, IAUNetError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "napari-iaunet"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0 if all went well, 2 if the input cannot be used, 130 if interrupted.
    """
    args = _parser().parse_args(argv)
    try:
        command = import_module(f"napari_iaunet.commands.{args.command}")
        return int(command.run(args))
    except (KeyboardInterrupt, Cancelled):
        return _fail("stopped.", 130)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has gone: not a failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except IAUNetError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'A file'}: {error.strerror or error}.")
    except MemoryError:
        return _fail("There is not enough memory.")
    except Exception as error:
        if os.environ.get("NAPARI_IAUNET_DEBUG"):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"unexpected problem, please report it: {reason}")


def _fail(message: str, status: int = 2) -> int:
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """Parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Print the version, which is looked up only now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import napari_iaunet

        print(PROGRAM, napari_iaunet.__version__)
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(PROGRAM, description="Find cells in microscope images.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_segment(commands.add_parser("segment", help="images to label images"))
    _add_train(commands.add_parser("train", help="annotated images to a model"))
    _add_lookalikes(commands.add_parser("lookalikes", help="rank cells by likeness"))
    _add_evaluate(commands.add_parser("evaluate", help="score label images"))
    commands.add_parser("models", help="list the models")
    _add_demo(commands.add_parser("demo", help="segment an example image"))
    return parser


def _add_segment(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="PNG, JPEG, TIFF or OME-Zarr image, folder of images, or pattern",
    )
    add(
        "--out",
        required=True,
        type=Path,
        help="folder for <stem>_mask.tif (made if missing), or one .tif or .zarr; "
        "an OME-Zarr INPUT itself takes the labels in",
    )
    add("--model", default="default", help="name of a model, or its folder")
    _add_device(parser)
    add(
        "--diameter",
        type=_positive,
        metavar="PX",
        help="diameter of the cells in pixels; estimated if left out",
    )
    add("--channel-axis", type=int, metavar="AXIS", help="axis of the channels")
    add(
        "--name",
        default="cells",
        type=_name,
        help="name of labels inside of an OME-Zarr INPUT (cells)",
    )
    add(
        "--link",
        choices=("time", "depth"),
        help="one number for a cell in all planes of a stack; also writes "
        "<stem>_tracks.csv",
    )
    add(
        "--jobs",
        type=_count,
        metavar="N",
        help="images at a time; as many as the computer can do if left out",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask cluster to work on, like tcp://host:8786",
    )
    add(
        "--table",
        action="store_true",
        help="also write <stem>_cells.csv, and cells.csv for several images",
    )
    add("--overlay", action="store_true", help="also write <stem>_overlay.png")


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "folders",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="folder of *_img.* images and their *_mask.* label images",
    )
    add("--out", required=True, type=Path, help="folder for the model")
    add("--start", default="default", help="model to start from, or 'none'")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_positive, help="how long to train")
    length.add_argument("--steps", type=_count, help="how many steps to train")
    add(
        "--rehearse",
        nargs="+",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="folder of annotated images that the model shall not forget",
    )
    add("--resume", action="store_true", help="continue a training in --out")
    add("--seed", type=int, default=0, help="seed of all random numbers")
    _add_device(parser)


def _add_lookalikes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("image", type=Path, metavar="IMAGE", help="PNG, JPEG, TIFF or OME-Zarr image")
    add("labels", type=Path, metavar="LABELS", help="label image of its cells")
    for name, needed in (("like", True), ("unlike", False)):
        add(
            f"--{name}",
            nargs="+",
            type=_count,
            default=[],
            required=needed,
            metavar="ID",
            help=f"labels of cells that the wanted ones are {name}",
        )
    add("--out", required=True, type=Path, metavar="CSV", help="table to write")
    add("--channel-axis", type=int, metavar="AXIS", help="axis of the channels")
    add("--model", default="default", help="name of a model, or its folder")
    _add_device(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("pred", type=Path, metavar="PRED_FOLDER", help="predicted label images")
    add("true", type=Path, metavar="TRUE_FOLDER", help="annotated label images")
    add("--json", action="store_true", help="print JSON instead of a table")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--headless", action="store_true", help="write files, open no window")
    add("--out", type=Path, default=Path(), help="folder for the files")
    add("--model", default="default", help="name of a model, or its folder")
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def _name(text: str) -> str:
    if not text or text.startswith(".") or set(text) & set("/\\"):
        msg = f"{text!r} is not a name"
        raise argparse.ArgumentTypeError(msg)
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        msg = f"{text!r} is not a positive number"
        raise argparse.ArgumentTypeError(msg)
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        msg = f"{text!r} is not a positive whole number"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
