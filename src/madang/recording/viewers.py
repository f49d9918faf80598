"""Time for the viewers of a show that is over to see its end.

A recording that is not shown to everybody after its show is read on by those who are behind the
live edge. The modification time of its folder is when somebody read it last.
"""

from __future__ import annotations

from typing import Final

FINISHING: Final = 600.0
"""Seconds after the end of the show, and after the last request, for which the files are there."""


def finishing_until(ended_at: float, length: float, watched_at: float) -> float:
    """Return the time until which viewers of a show may read its recording.

    That is until nobody has read it for FINISHING; at most as long after the end as the show was,
    which is the time that its first second takes to its last. Times in seconds since 1970, `length`
    in seconds.
    """
    return min(max(ended_at, watched_at) + FINISHING, latest_viewing(ended_at, length))


def latest_viewing(ended_at: float, length: float) -> float:
    """Return the time at which the last viewer of a show has seen its end."""
    return ended_at + max(length, FINISHING)
