"""Wanted against seen: nothing where all is as it shall be, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.ops.deploy.difference import DIFF_LINES, Seen, difference, request, seen
from madang.ops.deploy.doing import Run, doings
from madang.ops.deploy.resources import (
    Account,
    Command,
    File,
    Folder,
    Gone,
    Link,
    Packages,
    Resource,
    Unit,
)

FILE = File("/etc/x.conf", "a\nb\n", 0o640, "root", "madang")
UNIT = Unit("x.service", (FILE,))


def file_seen(file: File, **changes: Any) -> Seen:
    place = {
        "kind": "file",
        "mode": file.mode,
        "owner": file.owner,
        "group": file.group,
        "digest": file.digest,
        "text": file.content,
    }
    return Seen(places={file.path: {**place, **changes}})


def unit_seen(stamp: str | None, *, active: bool = True, enabled: bool = True) -> Seen:
    place = None if stamp is None else {"kind": "file", "text": stamp + "\n"}
    return Seen(
        places={UNIT.stamp_path: place},
        units={UNIT.name: {"active": active, "enabled": enabled}},
    )


AS_IT_SHALL_BE: list[tuple[Resource, Seen]] = [
    (FILE, file_seen(FILE)),
    (UNIT, unit_seen(UNIT.stamp)),
    (Packages(("a",), ("b",)), Seen(installed=frozenset("a"))),
    (Packages(("a",), ("b",)), Seen(installed=frozenset("ab"), available=frozenset("b"))),
    (Link("/x", "/y"), Seen(places={"/x": {"kind": "link", "target": "/y"}})),
    (Gone("/x"), Seen(places={"/x": None})),
    (Command("c", "true", "false"), Seen(checks={"true": True})),
    (
        Folder("/x", 0o700, "a", "b"),
        Seen(places={"/x": {"kind": "folder", "mode": 0o700, "owner": "a", "group": "b"}}),
    ),
    (
        Account("a", "/h", "/s", ("g",)),
        Seen(accounts={"a": {"home": "/h", "shell": "/s", "groups": ["g", "z"]}}),
    ),
]

TO_CHANGE: list[tuple[Resource, Seen, str]] = [
    (FILE, Seen(), "write, 0640 root:madang"),
    (FILE, file_seen(FILE, digest="0", text="a\n"), "change"),
    (FILE, file_seen(FILE, mode=0o644), "0644 root:madang → 0640 root:madang"),
    (FILE, file_seen(FILE, kind="link"), "write, 0640 root:madang"),
    (UNIT, Seen(), "start, enable"),
    (UNIT, unit_seen(UNIT.stamp, active=False), "start"),
    (UNIT, unit_seen(UNIT.stamp, enabled=False), "enable"),
    (UNIT, unit_seen(None), "restart"),
    (UNIT, unit_seen("0" * 64), "restart"),
    (Unit("x.service", (FILE,), reload=True), unit_seen(None), "reload"),
    (
        Packages(("a", "c"), ("b",)),
        Seen(installed=frozenset("a"), available=frozenset("b")),
        "install c b",
    ),
    (Link("/x", "/y"), Seen(places={"/x": {"kind": "link", "target": "/z"}}), "point to /y"),
    (Gone("/x"), Seen(places={"/x": {"kind": "file"}}), "remove"),
    (Command("c", "false", "true"), Seen(checks={"false": False}), "run"),
    (Account("a", "/h"), Seen(), "make"),
    (
        Account("a", "/h", "/s", ("g",)),
        Seen(accounts={"a": {"home": "/q", "shell": "/s", "groups": []}}),
        "home /q → /h, join g",
    ),
]


@pytest.mark.parametrize(("wanted", "found"), AS_IT_SHALL_BE)
def test_what_is_as_it_shall_be_is_left_alone(wanted: Resource, found: Seen) -> None:
    assert difference(wanted, found) is None


@pytest.mark.parametrize(("wanted", "found", "how"), TO_CHANGE)
def test_what_differs_is_said_and_done(wanted: Resource, found: Seen, how: str) -> None:
    change = difference(wanted, found)
    assert change is not None
    assert change.what == wanted.key
    assert change.how == how
    assert list(doings(wanted, found, {}))


def test_the_lines_that_differ_are_shown() -> None:
    change = difference(FILE, file_seen(FILE, digest="0", text="a\nc\n"))
    assert change is not None
    assert change.lines == ("@@ -1,2 +1,2 @@", " a", "-c", "+b")


def test_a_difference_that_nobody_reads_is_cut_short() -> None:
    change = difference(File("/x", "line\n" * 1000), Seen())
    assert change is not None
    assert len(change.lines) == DIFF_LINES + 1
    assert "more lines" in change.lines[-1]


@given(
    before=st.text(),
    secret=st.text(alphabet="0123456789abcdef", min_size=16),
    mode=st.integers(0, 0o777),
)
def test_a_secret_file_is_neither_asked_for_nor_shown(before: str, secret: str, mode: int) -> None:
    file = File("/x", f"password = {secret}\n", secret=True)
    assert request([file])["places"] == {"/x": False}
    for found in (Seen(), file_seen(file, digest="0", mode=mode, text=before + secret)):
        change = difference(file, found)
        assert change is not None
        assert secret not in repr(change)
    for doing in doings(file, Seen(), {}):
        # Not in a command line, which every user of the machine can read.
        assert not isinstance(doing, Run) or secret not in doing.command


def test_a_unit_forgets_what_it_loaded_before_its_file_is_changed() -> None:
    first, *_, last = doings(FILE, Seen(), {FILE.path: [UNIT]})
    assert isinstance(first, Run)
    assert first.command == f"rm -f {UNIT.stamp_path}"
    assert isinstance(last, Run)
    assert "mv -fT /etc/x.conf.madang-new /etc/x.conf" in last.command


def test_a_units_stamp_changes_with_any_of_its_files() -> None:
    other = Unit("x.service", (FILE, File("/etc/y", "z")))
    changed = Unit("x.service", (FILE, File("/etc/y", "zz")))
    assert len({UNIT.stamp, other.stamp, changed.stamp}) == 3


def test_answers_are_told_apart_by_what_was_asked() -> None:
    asked = request([Command("one", "a", "x"), Command("two", "b", "y")])
    answer = {
        "places": {},
        "installed": [],
        "available": [],
        "accounts": {},
        "units": {},
        "checks": [True, False],
    }
    assert seen(asked, answer).checks == {"a": True, "b": False}
