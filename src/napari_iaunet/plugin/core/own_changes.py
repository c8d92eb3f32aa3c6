"""Changes of the layers that the plugin makes itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class OwnChanges:
    """Call it for a context; it is true while such a context is open.

    Whoever watches the layers for what the user does with them asks it first. Contexts
    may be nested.
    """

    def __init__(self) -> None:
        self._depth = 0

    def __bool__(self) -> bool:
        return self._depth > 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Give such a context."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
