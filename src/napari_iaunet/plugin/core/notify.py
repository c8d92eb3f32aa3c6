"""Tell the user something in napari, whatever is in the names of files and layers.

napari's notifications and the titles of its progress bars take what looks like markup
for markup.
"""

from __future__ import annotations

from napari.utils import notifications

# Invisible, and no part of a tag: Qt sees none behind such a sign. Escaping would be
# seen where napari prints what it tells.
_NO_TAG = "\u2060"


def unmarked(text: str) -> str:
    """Return a text in which Qt sees no markup; it looks the same."""
    return text.replace("<", f"<{_NO_TAG}").replace("&lt;", f"&{_NO_TAG}lt;")


def show_info(message: str) -> None:
    """Tell what has happened."""
    notifications.show_info(unmarked(message))


def show_warning(message: str) -> None:
    """Tell what the user may not expect."""
    notifications.show_warning(unmarked(message))


def show_error(message: str) -> None:
    """Tell what has failed."""
    notifications.show_error(unmarked(message))
