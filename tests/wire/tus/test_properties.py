"""Uploads over connections that break anywhere arrive byte by byte, or are refused."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.wire.tus import StaleTransfer, State
from tests.wire.tus.server import DATA, PART, TUS, MemoryServer, OpenTransfer

bodies = st.binary(min_size=1, max_size=40)


@st.composite
def deliveries(draw: st.DrawFn) -> dict[str, int | bool | str]:
    """Draw how one request fares: size, framing, checksum, and where it breaks."""
    return {
        "size": draw(st.integers(1, 20)),
        "chunked": draw(st.booleans()),
        "checksum": draw(st.sampled_from(["", "", "right", "wrong"])),
        "cut": draw(st.sampled_from([-1, -1, 0, 1, 5])),
        "synced": draw(st.booleans()),
        "ending": draw(st.sampled_from(["end", "crash", "hang", "hang"])),
        "ietf": draw(st.booleans()),
    }


def deliver(server: MemoryServer, upload_id: str, body: bytes, plan: dict[str, object]) -> None:
    """Send the next piece of `body` as `plan` says, checking that the offset tells the truth."""
    offset = int(server.request("GET", upload_id, TUS).get("upload-offset") or "-1")
    assert server.data[upload_id][:offset] == body[:offset]
    piece = body[offset : offset + int(str(plan["size"]))]
    last = offset + len(piece) == len(body)
    fields = {"upload-offset": str(offset)}
    wrong = plan["checksum"] == "wrong"
    digest = base64.b64encode(hashlib.sha256(b"wrong" if wrong else piece).digest()).decode()
    if plan["ietf"]:
        fields |= {**PART, "upload-complete": f"?{last:d}"}
        if plan["checksum"]:
            fields["content-digest"] = f"sha-256=:{digest}:"
    else:
        fields |= {**TUS, **DATA}
        if plan["checksum"]:
            fields["upload-checksum"] = f"sha256 {digest}"
    size = {"transfer-encoding": "chunked"} if plan["chunked"] else {}
    fields |= size or {"content-length": str(len(piece))}
    opened = server.begin("PATCH", upload_id, fields)
    assert isinstance(opened, OpenTransfer), opened
    cut = int(str(plan["cut"]))
    arriving = piece if cut < 0 else piece[:cut]
    opened.receive(arriving[:1])
    if plan["synced"]:
        opened.sync()
    opened.receive(arriving[1:])
    match plan["ending"]:
        case "crash":
            server.crash()
        case "hang":
            server.offset(upload_id)
            with pytest.raises(StaleTransfer):
                opened.receive(b"late")
            with pytest.raises(StaleTransfer):
                opened.end()
        case _:
            response = opened.end(ended=cut < 0)
            server.open.clear()
            if wrong and cut < 0:
                assert response.status == (400 if plan["ietf"] else 460)
                assert server.offset(upload_id) == offset


@given(bodies, st.lists(deliveries(), max_size=12), st.booleans(), st.booleans())
def test_broken_connections_lose_and_change_nothing(
    body: bytes, plans: list[dict[str, object]], deferred: bool, ietf: bool
) -> None:
    server = MemoryServer()
    if ietf:
        length = {} if deferred else {"upload-length": str(len(body))}
        assert server.request("POST", None, {"upload-complete": "?0", **length}).status == 201
    else:
        server.create(None if deferred else len(body))
    for plan in plans:
        if server.loaded("u0").state is State.COMPLETE:
            break
        deliver(server, "u0", body, plan)
    offset = server.offset("u0")
    assert offset <= len(body)
    if server.loaded("u0").state is not State.COMPLETE:
        if ietf:
            assert server.append("u0", offset, body[offset:], True).status == 200
        else:
            response = server.patch("u0", offset, body[offset:], upload_length=str(len(body)))
            assert response.status == 204
    assert server.loaded("u0").state is State.COMPLETE
    assert server.data["u0"] == body


@given(st.lists(bodies, min_size=1, max_size=4), st.integers(0, 40))
def test_parts_in_any_order_of_arrival(pieces: list[bytes], cut: int) -> None:
    server = MemoryServer()
    ids = []
    for piece in pieces:
        upload_id = server.create(len(piece), upload_concat="partial")
        server.patch(upload_id, 0, piece, cut=min(cut, len(piece)))
        ids.append(upload_id)
    for upload_id, piece in reversed(list(zip(ids, pieces, strict=True))):
        offset = server.offset(upload_id)
        server.patch(upload_id, offset, piece[offset:])
    final = server.create(upload_concat="final;" + " ".join(f"/files/{each}" for each in ids))
    server.join()
    assert server.data[final] == b"".join(pieces)
