"""Own changes of the layers mean nothing to those who watch the layers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Undisturbed:
    """Call it for a context in which its owner shall not answer to changes.

    Contexts may be nested.

    Parameters
    ----------
    *others : Undisturbed
        Those whose owners shall not answer then, either.
    """

    def __init__(self, *others: Undisturbed) -> None:
        self._others = others
        self._depth = 0

    def __bool__(self) -> bool:
        return self._depth > 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Give such a context."""
        self._depth += 1
        try:
            with ExitStack() as stack:
                for other in self._others:
                    stack.enter_context(other())
                yield
        finally:
            self._depth -= 1
