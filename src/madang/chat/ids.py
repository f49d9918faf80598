"""Ids of messages and actions, which sort as text by time, over processes too."""

from __future__ import annotations

from typing import Final

LENGTH: Final = 18
NODES: Final = 1 << 16
"""Nodes, of which each process draws one at random."""

_SEQUENCE: Final = 1 << 12


class Ids:
    """Ids of one process: 44 bits of milliseconds since 1970, 12 of a counter, 16 of the node.

    Each is larger than all before it, made here or passed to `saw`, even if the clocks of processes
    differ (Kulkarni and others, Logical Physical Clocks, 2014).
    """

    def __init__(self, node: int) -> None:
        self._node = f"{node:04x}"
        self._at = 0

    def make(self, now: int) -> str:
        """Return the next id; `now` in milliseconds since 1970."""
        self._at = max(self._at + 1, now * _SEQUENCE)
        return f"{self._at:014x}{self._node}"

    def saw(self, other: str) -> None:
        """Note an id of another process."""
        self._at = max(self._at, int(other[:14], 16))


def milliseconds_of(made: str) -> int:
    """Return the time of an id, in milliseconds since 1970."""
    return int(made[:14], 16) // _SEQUENCE


def is_id(text: object) -> bool:
    """Return whether `text` has the shape of an id."""
    return (
        isinstance(text, str)
        and len(text) == LENGTH
        and all(character in "0123456789abcdef" for character in text)
    )
