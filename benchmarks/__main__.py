"""Run a benchmark by its name; without one, list them."""

from __future__ import annotations

import argparse
import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import add_only, add_options

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = (
    *("accuracy", "calibration", "click", "compare", "consistency", "decoding"),
    *("diameter", "few", "finetune", "large", "lookalikes", "pairs", "speed"),
    *("tables", "through", "tracking", "window"),
)
_USAGE = "usage: python -m benchmarks NAME [options]; NAME --help lists the options"


def about(name: str) -> str:
    """Return the first line of a benchmark's docstring, without importing it."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def main(words: Sequence[str]) -> None:
    """Run what the words of a command line ask for."""
    name = words[0] if words else "--help"
    if name not in NAMES:
        print(_USAGE, *(f"  {name:12} {about(name)}" for name in NAMES), sep="\n")
        sys.exit(0 if name in ("-h", "--help") else f"There is no benchmark {name!r}.")
    benchmark = import_module(f"benchmarks.{name}")
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=benchmark.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if hasattr(benchmark, "PARTS"):
        add_only(parser, benchmark.PARTS, getattr(benchmark, "USUAL_PARTS", ()))
    if hasattr(benchmark, "add_arguments"):
        benchmark.add_arguments(parser)
    add_options(parser, *benchmark.OPTIONS)
    benchmark.run(parser.parse_args(words[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
