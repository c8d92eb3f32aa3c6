"""Write into the README what the bundled model's card says of every kind of images.

That is how good it is on each, and under which licence the images are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_iaunet.commands.models import in_words
from napari_iaunet.model.registry import find_model
from tools.kinds import SOURCES

README = Path(__file__).resolve().parent.parent / "README.md"
_HEAD = (
    "| images | cells | AP at IoU 0.5 | mean, 0.5 to 0.95 | expect |\n"
    "|---|---:|---:|---:|---|"
)
_HEAD_OF_LICENCES = "| images | source | please cite | licence |\n|---|---|---|---|"


def table(card: dict[str, Any]) -> str:
    """Return a row for every kind, the best first."""
    kinds = card["figures"]["held-out images"]
    rows = [
        f"| {SOURCES[kind]['what']} | {said['cells']} | {said['AP50']:.2f} "
        f"| {said['AP50-95']:.2f} | {in_words(said)} |"
        for kind, said in sorted(kinds.items(), key=lambda item: -item[1]["AP50"])
    ]
    return "\n".join([_HEAD, *rows])


def licences(card: dict[str, Any]) -> str:
    """Return a row for every kind that the model was trained on."""
    rows = [
        "| {what} | {source} | {cite} | {licence} |".format_map({"cite": "", **one})
        for one in card["data"]
    ]
    return "\n".join([_HEAD_OF_LICENCES, *rows])


def written(text: str, card: dict[str, Any]) -> str:
    """Put the tables between their marks in a text."""
    for name, made in (("kinds", table(card)), ("licences", licences(card))):
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{made}\n{end}{after}"
    return text


def main() -> None:
    card = json.loads((find_model("default") / "card.json").read_text("utf-8"))
    text = README.read_text("utf-8")
    README.write_text(written(text, card), "utf-8")


if __name__ == "__main__":
    main()
