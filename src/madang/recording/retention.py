"""Rules by which videos go to the bin by themselves, and their order. Pure.

What is exempt, and what somebody is watching, never goes. Then what is over its age goes, then what
too few have watched, and then, while there is too little room, the least watched for their age.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

DAY: Final = 86_400.0

YOUNG: Final = DAY
"""Seconds of age below which no video goes for lack of room: a show of today is not lost to a disk
that fills up overnight."""


class Reason(Enum):
    """Why a video goes."""

    AGE = "age"
    VIEWS = "views"
    CHANNEL_SPACE = "channel_space"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A video outside the bin. `size` in bytes, `age` in seconds since its end, `longest` the age
    that its rule allows; None: for ever. `exempt`: kept for good. `watched`: somebody watches it.
    """

    id: str
    channel: int
    size: int
    age: float
    views: int
    longest: float | None = None
    exempt: bool = False
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a station; 0: there is no such rule.

    Videos with fewer than `few_views` views go at the age of `few_views_age` seconds. `min_free`
    bytes of the disk stay free, all videos together have at most `max_used` bytes, those of a
    channel at most `channels[key]`.
    """

    few_views: int = 0
    few_views_age: float = 0.0
    min_free: int = 0
    max_used: int = 0
    channels: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a disk that are `free`, that will be once the bin is emptied, `in_bin`, and that are
    expected to come until then.

    What is in the bin counts as free: its time there is kept whatever the disk has, and a disk that
    stays full until then must not take another video each time. So room is made beforehand.
    """

    free: int
    in_bin: int
    expected: int = 0


def due(candidates: Iterable[Candidate], rules: Rules, space: Space) -> list[tuple[str, Reason]]:
    """Return the ids of the videos that go, in their order, each with the reason."""
    known = {each.id: each for each in candidates}
    gone: dict[str, Reason] = {}
    loose = sorted(
        (each for each in known.values() if not (each.exempt or each.watched)),
        key=lambda each: (-each.age, each.id),
    )
    for each in loose:
        if each.longest is not None and each.age >= each.longest:
            gone[each.id] = Reason.AGE
    for each in loose:
        if rules.few_views_age and each.views < rules.few_views and each.age >= rules.few_views_age:
            gone.setdefault(each.id, Reason.VIEWS)
    loose = [each for each in loose if each.age >= YOUNG and each.id not in gone]
    loose.sort(key=_worth)
    for channel, limit in rules.channels.items():
        own = [each for each in known.values() if each.channel == channel and each.id not in gone]
        over = sum(each.size for each in own) - limit if limit else 0
        _free(gone, (each for each in loose if each.channel == channel), over, Reason.CHANNEL_SPACE)
    used = sum(each.size for each in known.values())
    freed = sum(known[each].size for each in gone)
    over = used - freed - rules.max_used if rules.max_used else 0
    if rules.min_free:
        there = space.free + space.in_bin + freed - space.expected
        over = max(over, rules.min_free - there)
    _free(gone, loose, over, Reason.SPACE)
    return list(gone.items())


def _worth(candidate: Candidate) -> tuple[float, float, str]:
    """Return the views in a day, and among equals the youth, by which videos make room."""
    return candidate.views / max(1.0, candidate.age / DAY), -candidate.age, candidate.id


def _free(gone: dict[str, Reason], loose: Iterable[Candidate], wanted: int, reason: Reason) -> None:
    """Let videos go, in their order, until `wanted` bytes are freed."""
    for each in loose:
        if wanted <= 0:
            return
        if each.id not in gone:
            gone[each.id] = reason
            wanted -= each.size
