"""Differences and operations for each kind of resource, without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.ops.deploy.diff import (
    DIFF_LINES,
    ObservedState,
    changing_keys,
    difference,
    parse_observed,
    probe_request,
)
from madang.ops.deploy.model.resources import (
    AbsentFile,
    CustomCommand,
    Folder,
    ManagedFile,
    Packages,
    Resource,
    Symlink,
    SystemdUnit,
    UserAccount,
)
from madang.ops.deploy.operations import ShellCommand, operations

FILE = ManagedFile("/etc/x.conf", "a\nb\n", 0o640, "root", "madang")
UNIT = SystemdUnit("x.service", (FILE,))


def file_seen(file: ManagedFile, **changes: Any) -> ObservedState:
    place = {
        "kind": "file",
        "mode": file.mode,
        "owner": file.owner,
        "group": file.group,
        "digest": file.digest,
        "text": file.content,
    }
    return ObservedState(paths={file.path: {**place, **changes}})


def unit_seen(stamp: str | None, *, active: bool = True, enabled: bool = True) -> ObservedState:
    place = None if stamp is None else {"kind": "file", "text": stamp + "\n"}
    return ObservedState(
        paths={UNIT.stamp_path: place},
        units={UNIT.name: {"active": active, "enabled": enabled}},
    )


AS_IT_SHALL_BE: list[tuple[Resource, ObservedState]] = [
    (FILE, file_seen(FILE)),
    (UNIT, unit_seen(UNIT.stamp)),
    (Packages(("a",), ("b",)), ObservedState(installed=frozenset("a"))),
    (Packages(("a",), ("b",)), ObservedState(installed=frozenset("ab"), available=frozenset("b"))),
    (Symlink("/x", "/y"), ObservedState(paths={"/x": {"kind": "link", "target": "/y"}})),
    (AbsentFile("/x"), ObservedState(paths={"/x": None})),
    (CustomCommand("c", "true", "false"), ObservedState(checks={"true": True})),
    (
        Folder("/x", 0o700, "a", "b"),
        ObservedState(paths={"/x": {"kind": "folder", "mode": 0o700, "owner": "a", "group": "b"}}),
    ),
    (
        UserAccount("a", "/h", "/s", ("g",)),
        ObservedState(accounts={"a": {"home": "/h", "shell": "/s", "groups": ["g", "z"]}}),
    ),
]

TO_CHANGE: list[tuple[Resource, ObservedState, str]] = [
    (FILE, ObservedState(), "write, 0640 root:madang"),
    (FILE, file_seen(FILE, digest="0", text="a\n"), "change"),
    (FILE, file_seen(FILE, mode=0o644), "0644 root:madang → 0640 root:madang"),
    (FILE, file_seen(FILE, kind="link"), "write, 0640 root:madang"),
    (UNIT, ObservedState(), "start, enable"),
    (UNIT, unit_seen(UNIT.stamp, active=False), "start"),
    (UNIT, unit_seen(UNIT.stamp, enabled=False), "enable"),
    (UNIT, unit_seen(None), "restart"),
    (UNIT, unit_seen("0" * 64), "restart"),
    (SystemdUnit("x.service", (FILE,), reload=True), unit_seen(None), "reload"),
    (
        Packages(("a", "c"), ("b",)),
        ObservedState(installed=frozenset("a"), available=frozenset("b")),
        "install c b",
    ),
    (
        Symlink("/x", "/y"),
        ObservedState(paths={"/x": {"kind": "link", "target": "/z"}}),
        "point to /y",
    ),
    (AbsentFile("/x"), ObservedState(paths={"/x": {"kind": "file"}}), "remove"),
    (CustomCommand("c", "false", "true"), ObservedState(checks={"false": False}), "run"),
    (UserAccount("a", "/h"), ObservedState(), "make"),
    (
        UserAccount("a", "/h", "/s", ("g",)),
        ObservedState(accounts={"a": {"home": "/q", "shell": "/s", "groups": []}}),
        "home /q → /h, join g",
    ),
]


@pytest.mark.parametrize(("desired", "observed"), AS_IT_SHALL_BE)
def test_a_satisfied_resource_has_no_difference(desired: Resource, observed: ObservedState) -> None:
    assert difference(desired, observed) is None


@pytest.mark.parametrize(("desired", "observed", "how"), TO_CHANGE)
def test_a_difference_is_described_and_has_operations(
    desired: Resource, observed: ObservedState, how: str
) -> None:
    change = difference(desired, observed)
    assert change is not None
    assert change.what == desired.key
    assert change.how == how
    assert list(operations(desired, observed, {}))


def test_differing_lines_are_shown() -> None:
    change = difference(FILE, file_seen(FILE, digest="0", text="a\nc\n"))
    assert change is not None
    assert change.lines == ("@@ -1,2 +1,2 @@", " a", "-c", "+b")


def test_a_long_difference_is_truncated() -> None:
    change = difference(ManagedFile("/x", "line\n" * 1000), ObservedState())
    assert change is not None
    assert len(change.lines) == DIFF_LINES + 1
    assert "more lines" in change.lines[-1]


@given(
    before=st.text(),
    secret=st.text(alphabet="0123456789abcdef", min_size=16),
    mode=st.integers(0, 0o777),
)
def test_a_secret_file_is_neither_requested_nor_shown(before: str, secret: str, mode: int) -> None:
    file = ManagedFile("/x", f"password = {secret}\n", secret=True)
    assert probe_request([file])["places"] == {"/x": False}
    for observed in (ObservedState(), file_seen(file, digest="0", mode=mode, text=before + secret)):
        change = difference(file, observed)
        assert change is not None
        assert secret not in repr(change)
    for operation in operations(file, ObservedState(), {}):
        # Command lines are readable by every user of the machine.
        assert not isinstance(operation, ShellCommand) or secret not in operation.command


def test_the_stamp_of_a_unit_is_removed_before_its_file_changes() -> None:
    first, *_, last = operations(FILE, ObservedState(), {FILE.path: [UNIT]})
    assert isinstance(first, ShellCommand)
    assert first.command == f"rm -f {UNIT.stamp_path}"
    assert isinstance(last, ShellCommand)
    assert "mv -fT /etc/x.conf.madang-new /etc/x.conf" in last.command


def test_a_units_stamp_changes_with_any_of_its_files() -> None:
    other = SystemdUnit("x.service", (FILE, ManagedFile("/etc/y", "z")))
    changed = SystemdUnit("x.service", (FILE, ManagedFile("/etc/y", "zz")))
    assert len({UNIT.stamp, other.stamp, changed.stamp}) == 3


def test_results_of_checks_are_matched_to_their_commands() -> None:
    request = probe_request([CustomCommand("one", "a", "x"), CustomCommand("two", "b", "y")])
    answer = {
        "places": {},
        "installed": [],
        "available": [],
        "accounts": {},
        "units": {},
        "checks": [True, False],
    }
    assert parse_observed(request, answer).checks == {"a": True, "b": False}


def test_a_plan_counts_what_follows_from_a_change() -> None:
    command = CustomCommand("restart", "true", "false", after=(FILE.key,))
    loaded = unit_seen(UNIT.stamp)
    file = file_seen(FILE, digest="0" * 64)
    observed = ObservedState(
        paths={**loaded.paths, **file.paths}, units=loaded.units, checks={"true": True}
    )
    changing = changing_keys((FILE, UNIT, command), observed)
    assert changing == {FILE.key}
    for follower, how in ((UNIT, "restart"), (command, "run")):
        assert difference(follower, observed) is None
        change = difference(follower, observed, changing)
        assert change is not None
        assert change.how == how
