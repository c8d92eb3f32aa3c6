"""How far a job is, in words: what it is at, planes that are done, time left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# In seconds. Earlier the first steps tell too little of the others, and what is nearly
# over needs no number.
_FIRST, _LEAST = 3.0, 5.0


class Pace:
    """Tells from the steps so far how long the others will take.

    Parameters
    ----------
    now : callable
        Returns the seconds of a clock.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._start: tuple[float, float] | None = None

    def left(self, done: int, total: int) -> str:
        """Return how long it still takes, such as "about 2 min left"; "" if unknown."""
        if not 0 < done < total:
            return ""
        share, now = done / total, self._now()
        # What was done before, by an earlier run, took no time of this one.
        if self._start is None or share < self._start[0]:
            self._start = share, now
        begin, since = self._start
        if share <= begin or now - since < _FIRST:
            return ""
        seconds = (now - since) * (1 - share) / (share - begin)
        return f"about {_in_words(seconds)} left" if seconds >= _LEAST else ""


def _in_words(seconds: float) -> str:
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5)):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def tell(doing: str, last: str, pace: Pace, done: int, total: int, planes: int) -> str:
    """Return what a job is at, with the plane of a stack and the time left.

    ``doing`` is such as "Segmenting…", ``last`` what follows once all steps are done;
    each plane has the same number of steps.
    """
    if total and done >= total:
        return last
    text = doing
    if planes > 1 and done > 0:
        text += f" plane {done * planes // total + 1:,} of {planes:,}"
    return with_time(text, pace.left(done, total))


def with_time(text: str, left: str) -> str:
    """Put the time left, if it is known, after what a job is at."""
    return f"{text.rstrip('…')}, {left}" if left else text
