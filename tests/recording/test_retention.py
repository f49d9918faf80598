"""Which videos go, in which order, and why; and a year of a station's plan."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from madang.recording.retention import DAY, YOUNG, Candidate, Reason, Rules, Space, due

GB = 10**9
EMPTY = Space(free=10**13, in_bin=0)


def video(name: str, days: float = 10.0, *, views: int = 0, channel: int = 1) -> Candidate:
    return Candidate(name, channel, GB, days * DAY, views)


def ids(found: list[tuple[str, Reason]]) -> list[str]:
    return [video_id for video_id, _reason in found]


def test_without_rules_everything_stays() -> None:
    assert due([video("a", 10_000)], Rules(), Space(free=0, in_bin=0)) == []


def test_what_is_over_its_age_goes_the_oldest_first() -> None:
    month = 30 * DAY
    videos = [replace(video(str(days), days), longest=month) for days in (29, 30, 31, 29.99)]
    assert due(videos, Rules(), EMPTY) == [("31", Reason.AGE), ("30", Reason.AGE)]


def test_what_few_have_watched_goes_at_its_age() -> None:
    rules = Rules(few_views=5, few_views_age=7 * DAY)
    videos = [video("young", 6.9), video("seen", 8, views=5), video("unseen", 8, views=4)]
    assert due(videos, rules, EMPTY) == [("unseen", Reason.VIEWS)]


def test_the_least_watched_for_their_age_make_room_and_no_more_than_needed() -> None:
    videos = [
        video("old and loved", 100, views=10_000),
        video("new and unseen", 2),
        video("old and unseen", 100),
        video("older and unseen", 101),
        video("new and seen", 2, views=10),
    ]
    assert ids(due(videos, Rules(max_used=2 * GB), EMPTY)) == [
        *("older and unseen", "old and unseen", "new and unseen")
    ]
    assert due(videos, Rules(min_free=GB), Space(free=GB - 1, in_bin=0)) == [
        ("older and unseen", Reason.SPACE)
    ]


def test_what_is_in_the_bin_counts_as_free() -> None:
    videos = [video("a"), video("b")]
    rules = Rules(min_free=2 * GB)
    assert len(due(videos, rules, Space(free=0, in_bin=GB))) == 1
    assert due(videos, rules, Space(free=0, in_bin=2 * GB)) == []


def test_room_is_made_for_what_comes_until_the_bin_is_emptied() -> None:
    space = Space(free=2 * GB, in_bin=0, expected=GB)
    assert len(due([video("a"), video("b")], Rules(min_free=2 * GB), space)) == 1
    assert due([video("a"), video("b")], Rules(), space) == []


def test_what_goes_by_age_makes_room_as_well() -> None:
    videos = [replace(video("over", 40, views=9999), longest=30 * DAY), video("unseen", 39)]
    assert due(videos, Rules(max_used=GB), EMPTY) == [("over", Reason.AGE)]


def test_a_channel_makes_room_in_its_own_videos() -> None:
    videos = [video("a", 9), video("b", 8), video("other", 99, channel=2)]
    assert due(videos, Rules(channels={1: GB, 2: 5 * GB}), EMPTY) == [("a", Reason.CHANNEL_SPACE)]


def test_today_s_show_does_not_go_for_lack_of_room() -> None:
    videos = [video("today", YOUNG / DAY - 0.01), video("yesterday", YOUNG / DAY)]
    assert ids(due(videos, Rules(max_used=1), EMPTY)) == ["yesterday"]


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        id=st.uuids().map(str),
        channel=st.integers(1, 3),
        size=st.integers(0, 10 * GB),
        age=st.floats(-DAY, 400 * DAY),
        views=st.integers(0, 1000),
        longest=st.none() | st.floats(0, 300 * DAY),
        exempt=st.booleans(),
        watched=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda each: each.id,
)
RULES = st.builds(
    Rules,
    few_views=st.integers(0, 50),
    few_views_age=st.floats(0, 100 * DAY),
    min_free=st.integers(0, 100 * GB),
    max_used=st.integers(0, 100 * GB),
    channels=st.dictionaries(st.integers(1, 3), st.integers(0, 30 * GB)),
)


@given(CANDIDATES, RULES, st.integers(0, 50 * GB), st.integers(0, 50 * GB))
def test_whatever_the_rules_are(
    candidates: list[Candidate], rules: Rules, free: int, in_bin: int
) -> None:
    known = {each.id: each for each in candidates}
    gone = due(candidates, rules, Space(free, in_bin))
    assert len(set(ids(gone))) == len(gone)
    assert not any(known[each].exempt or known[each].watched for each in ids(gone))
    left = [each for each in candidates if each.id not in dict(gone)]
    freed = sum(known[each].size for each in ids(gone))
    movable = [each for each in left if not (each.exempt or each.watched) and each.age >= YOUNG]
    # There is room, or nothing is left that could go.
    if movable:
        assert free + in_bin + freed >= rules.min_free
        assert not rules.max_used or sum(each.size for each in left) <= rules.max_used
    for reason in (Reason.SPACE, Reason.CHANNEL_SPACE):
        assert all(known[each].age >= YOUNG for each, why in gone if why == reason)
    # The last one that went for lack of room was needed.
    if gone and gone[-1][1] == Reason.SPACE:
        before = freed - known[gone[-1][0]].size
        assert free + in_bin + before < rules.min_free or (
            rules.max_used and sum(each.size for each in candidates) - before > rules.max_used
        )


def test_a_year_of_the_plan_stays_within_its_storage() -> None:
    """100 hours of shows at 2.5 Mbit/s and 1,000 files of 200 MB a month, within 500 GB."""
    storage, bin_days = 500 * GB, 7
    rules = Rules(min_free=20 * GB)
    chance = random.Random(14)
    kept: dict[str, tuple[int, int, bool]] = {}  # day, size, exempt
    in_bin: dict[str, tuple[int, int]] = {}
    went: dict[Reason, int] = dict.fromkeys(Reason, 0)
    arrived: list[int] = []
    most = 0
    for day in range(365):
        for name, (since, _size) in list(in_bin.items()):
            if day - since >= bin_days:
                del in_bin[name]
        before = sum(size for _day, size, _exempt in kept.values())
        kept[f"show {day}"] = (day, int(100 / 30 * 3600 * 2.5e6 / 8), day % 90 == 0)
        for number in range(chance.choice((33, 34))):
            kept[f"file {day} {number}"] = (day, chance.randrange(1 << 20, 400_000_000), False)
        binned = sum(size for _day, size in in_bin.values())
        used = sum(size for _day, size, _exempt in kept.values())
        arrived.append(used - before)
        assert used + binned <= storage
        most = max(most, used + binned)
        candidates = [
            Candidate(
                *(name, 1, size, (day - since) * DAY, 0),
                longest=30 * DAY if name.startswith("show") else None,
                exempt=exempt,
            )
            for name, (since, size, exempt) in kept.items()
        ]
        space = Space(storage - used - binned, binned, sum(arrived[-bin_days:]))
        for name, reason in due(candidates, rules, space):
            went[reason] += 1
            in_bin[name] = (day, kept.pop(name)[1])
    assert {name for name, (_day, _size, exempt) in kept.items() if exempt} == {
        f"show {day}" for day in range(0, 365, 90)
    }
    assert went[Reason.AGE] == 331
    assert went[Reason.SPACE] > 5000
    assert most > 0.9 * storage  # the room is used as well
