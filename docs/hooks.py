"""Pictures of the site get their description as a caption, and open in full size."""

from __future__ import annotations

import re
from typing import Any

# What Markdown makes of a picture that is a paragraph of its own.
_PICTURE = re.compile(r'<p>(<img alt="([^"]+)" src="([^"]+)"[^>]*>)</p>')
_FIGURE = (
    r'<figure><a href="\3" title="Open in full size">\1</a>'
    r"<figcaption>\2</figcaption></figure>"
)


def on_page_content(html: str, **_: Any) -> str:
    """Turn every picture of a page into a figure; called by mkdocs."""
    return _PICTURE.sub(_FIGURE, html)
