"""Write into the README what the bundled model's card says of every kind of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_iaunet.commands.models import in_words
from napari_iaunet.model.registry import find_model
from tools.kinds import SOURCES

README = Path(__file__).resolve().parent.parent / "README.md"
_BEGIN, _END = "<!-- kinds:begin -->", "<!-- kinds:end -->"
_HEAD = (
    "| images | cells | AP at IoU 0.5 | mean, 0.5 to 0.95 | expect |\n"
    "|---|---:|---:|---:|---|"
)


def table(card: dict[str, Any]) -> str:
    """Return a row for every kind, the best first."""
    kinds = card["figures"]["held-out images"]
    rows = [
        f"| {SOURCES[kind]['what']} | {said['cells']} | {said['AP50']:.2f} "
        f"| {said['AP50-95']:.2f} | {in_words(said['AP50'])} |"
        for kind, said in sorted(kinds.items(), key=lambda item: -item[1]["AP50"])
    ]
    return "\n".join([_HEAD, *rows])


def written(text: str, card: dict[str, Any]) -> str:
    """Put the table between its marks in a text."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table(card)}\n{_END}{after}"


def main() -> None:
    card = json.loads((find_model("default") / "card.json").read_text("utf-8"))
    text = README.read_text("utf-8")
    README.write_text(written(text, card), "utf-8")


if __name__ == "__main__":
    main()
