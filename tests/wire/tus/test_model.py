"""The record of an upload, and what a crash leaves of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from madang.base.errors import ParseError
from madang.wire.tus import Dialect, Kind, State, Upload, decode, encode, recover

UPLOAD = Upload(
    "u0",
    Dialect.TUS,
    Kind.PARTIAL,
    length=10,
    offset=4,
    metadata="filename 66eI64u5",
    concat="partial",
    parts=("a", "b"),
    expires_at=1_800_000_000.5,
    epoch=3,
    fingerprint="f" * 64,
    attributes={"owner": "7", "channel": "마당"},
)


@pytest.mark.parametrize(
    "upload", [UPLOAD, Upload("x", Dialect.IETF), replace(UPLOAD, state=State.FAILED, reason="!")]
)
def test_records_in_both_directions(upload: Upload) -> None:
    found = decode(encode(upload))
    assert found == upload
    assert type(found.state) is State
    assert type(found.parts) is tuple


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": None},
        {"state": "asleep"},
        {"dialect": None},
        {"offset": -1},
        {"offset": 11},
        {"offset": 4.0},
        {"offset": True},
        {"length": "10"},
        {"epoch": None},
        {"expires_at": "soon"},
        {"expires_at": float("nan")},
        {"id": 5},
        {"metadata": None},
        {"parts": [1]},
        {"parts": 5},
        {"attributes": {"owner": 7}},
        {"attributes": []},
        {"more": 1},
    ],
)
def test_records_that_cannot_be_read(change: dict[str, Any]) -> None:
    values = json.loads(encode(UPLOAD)) | change
    with pytest.raises(ParseError):
        decode(json.dumps(values).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"version":1}', b"\xff"])
def test_data_that_is_no_record(data: bytes) -> None:
    with pytest.raises(ParseError):
        decode(data)


@pytest.mark.parametrize(
    ("upload", "size", "state"),
    [
        (UPLOAD, 4, State.ACTIVE),
        (UPLOAD, 7, State.ACTIVE),
        (UPLOAD, 3, State.FAILED),
        (replace(UPLOAD, offset=10), 10, State.COMPLETE),
        (replace(UPLOAD, offset=10), 9, State.FAILED),
        (replace(UPLOAD, offset=10, dialect=Dialect.IETF), 10, State.ACTIVE),
        (replace(UPLOAD, offset=10, state=State.COMPLETE), 0, State.COMPLETE),
        (replace(UPLOAD, state=State.TERMINATED), 0, State.TERMINATED),
    ],
)
def test_after_a_crash(upload: Upload, size: int, state: State) -> None:
    """An upload that lost acknowledged bytes must not go on; no older transfer may."""
    found = recover(upload, size)
    assert found.state is state
    assert found.offset == upload.offset
    assert found.epoch > upload.epoch


@pytest.mark.parametrize(
    ("upload", "undelivered"),
    [
        (UPLOAD, 6),
        (replace(UPLOAD, length=None), 0),
        (replace(UPLOAD, length=0, offset=0), 0),
        (replace(UPLOAD, state=State.TERMINATED), 0),
        (replace(UPLOAD, offset=10, state=State.COMPLETE), 0),
    ],
)
def test_space_to_be_reserved(upload: Upload, undelivered: int) -> None:
    assert upload.undelivered == undelivered
