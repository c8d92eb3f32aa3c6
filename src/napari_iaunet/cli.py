"""The command line: ``napari-iaunet`` and its commands."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, NoReturn

import napari_iaunet
from napari_iaunet import commands
from napari_iaunet.commands.common import clear_progress, printable, say
from napari_iaunet.errors import (
    Cancelled,
    IAUNetError,
    import_explained,
    is_lack_of_memory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM = "napari-iaunet"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, by default that of the process's own arguments.

    Returns 0 if all went well, 2 if the input cannot be used, 130 if interrupted, and
    128 and the number of the signal if told to end, as by a batch system.
    """
    args = _parser().parse_args(argv)
    with _ending_in_order() as told:
        status = _run(args)
    return 128 + told[0] if told else status


@contextmanager
def _ending_in_order() -> Iterator[list[int]]:
    """Be interrupted, as by Ctrl+C, by what else tells a program to end.

    So nothing half-written is left behind. Gives the signals that came.
    """
    told: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        if not told:  # another one must not disturb the end
            told.append(number)
            raise KeyboardInterrupt

    numbers = [getattr(signal, n, None) for n in ("SIGTERM", "SIGHUP", "SIGBREAK")]
    # What somebody, like nohup, has decided on stays.
    ours = [n for n in numbers if n and signal.getsignal(n) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield told
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _run(args: argparse.Namespace) -> int:
    try:
        with _warnings_on_stderr(), import_explained():
            return int(args.run(args))
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
    except Exception as error:
        if is_lack_of_memory(error):
            return _fail("There is not enough memory. Close other programs.")
        if os.environ.get("NAPARI_IAUNET_DEBUG"):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"unexpected problem, please report it: {reason}")


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    """Print what the program logs as a warning: what it assumed, or left out."""
    logger, handler = logging.getLogger(napari_iaunet.__name__), _Stderr()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        clear_progress()
        say(f"{PROGRAM}: {record.getMessage()}", error=True)


def _fail(message: str, status: int = 2) -> int:
    if sys.stderr.isatty():
        print(file=sys.stderr)
    say(f"{PROGRAM}: {message}", error=True)
    return status


class _Parser(argparse.ArgumentParser):
    """Parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: {printable(message)} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Print the version, which is looked up only now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(PROGRAM, napari_iaunet.__version__)
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(PROGRAM, description="Find cells in microscope images.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in sorted(module.name for module in iter_modules(commands.__path__)):
        command = import_module(f"{commands.__name__}.{name}")
        # What the commands share lies beside them. A word of Python ends in _ here.
        if hasattr(command, "add_arguments"):
            of_command = subparsers.add_parser(name.rstrip("_"), help=command.HELP)
            of_command.set_defaults(run=command.run)
            command.add_arguments(of_command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
