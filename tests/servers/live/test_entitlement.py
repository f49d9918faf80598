"""A policy in front of the live addresses: nothing goes past it, and it is asked once."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.servers.http.test_connection import answer_of
from tests.support.data_plane import Air, on_the_air, until
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from madang.servers.live.entitlement import Denial, ViewerRequest

pytestmark = pytest.mark.usefixtures("committed_db")

PASS = "member=yes"


class Members:
    """Lets requests with a cookie see the yard, and everybody see the rest."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, slug: str, request: ViewerRequest) -> Denial | None:
        from madang.servers.live.entitlement import Denial

        self.asked.append(request.path)
        if slug != "yard" or PASS in request.headers.get("cookie"):
            return None
        return Denial("This channel is for members.")


@pytest.fixture
def members() -> Members:
    return Members()


@pytest.fixture
def air(members: Members) -> Iterator[Air]:
    with on_the_air(entitlement=members) as made:
        encoder = Encoder(made, channel_key())
        until(lambda: "yard" in made.hub.snapshot())
        until(lambda: "#EXT-X-PART:" in playlist(made))
        yield made
        encoder.stop()


def playlist(air: Air) -> str:
    """The source's playlist, as a member reads it."""
    return air.ask("/live/yard/source/media.m3u8", cookie=PASS).text


def newest_part(air: Air) -> str:
    """The path of the newest part."""
    return (
        "/live/yard/source/"
        + playlist(air).split("#EXT-X-PART:")[-1].split('URI="')[1].split('"')[0]
    )


def test_everything_of_a_channel_is_denied_to_a_stranger(air: Air) -> None:
    until(lambda: air.ask("/live/yard/poster.jpg", cookie=PASS).status == 200)
    paths = [
        "/live/yard/index.m3u8",
        "/live/yard/source/media.m3u8",
        "/live/yard/source/media.m3u8?_HLS_msn=1",
        newest_part(air),
        "/live/yard/poster.jpg",
        "/live/yard/status.json",
        "/live/yard.flv",
        "/live/yard/nothing/at/all",
    ]
    for path in paths:
        for method in ("GET", "HEAD"):
            denied = air.ask(path, method)
            assert denied.status == 403, path
            assert denied.headers["cache-control"] == "no-store"
    assert "for members" in air.ask(paths[0]).text
    for path in paths[:6]:
        assert air.ask(path, cookie=PASS).status == 200, path
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{air.number}/live/yard.flv")
    assert refused.value.response.status_code == 403
    with connect(
        f"ws://127.0.0.1:{air.number}/live/yard.flv", additional_headers={"cookie": PASS}
    ) as web:
        data = web.recv(5)
        assert isinstance(data, bytes)
        assert data.startswith(b"FLV")
    # Channels that are not on the air do not tell strangers more.
    assert air.ask("/live/hall/status.json").status == 404


def test_the_list_of_all_channels_leaves_out_what_is_denied(air: Air) -> None:
    assert air.ask("/live/status.json").text == '{"live":[]}'
    assert '"slug":"yard"' in air.ask("/live/status.json", cookie=PASS).text


def ask(client: socket.socket, path: str, cookie: str = "") -> bytes:
    """The answer to a plain request, which is what can be replayed."""
    field = f"Cookie: {cookie}\r\n" if cookie else ""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{field}\r\n".encode())
    return answer_of(client)


def test_an_answer_to_a_member_is_not_replayed_to_a_stranger(air: Air) -> None:
    with ExitStack() as stack:
        member, other, stranger = (stack.enter_context(air.connect()) for _ in range(3))
        for client, cookie in ((member, PASS), (other, PASS), (stranger, "")):
            ask(client, "/live/yard/source/nothing", cookie)  # so that the fields are known
        for _ in range(3):
            part = newest_part(air)
            for path in (part, "/live/yard/source/media.m3u8"):
                assert b"200 OK" in ask(member, path, PASS)
                assert b"200 OK" in ask(other, path, PASS)
                assert b"403 Forbidden" in ask(stranger, path)
                assert b"200 OK" in ask(member, path, PASS)


def test_the_policy_is_asked_once_for_a_connection_and_channel(air: Air, members: Members) -> None:
    with air.connect() as client:
        ask(client, "/live/yard/source/media.m3u8", PASS)
        before = len(members.asked)
        for _ in range(10):
            assert b"200 OK" in ask(client, "/live/yard/source/media.m3u8", PASS)
            assert b"200 OK" in ask(client, "/live/yard/index.m3u8", PASS)
        assert len(members.asked) == before
        # Other fields on the same connection may be another viewer behind a proxy.
        assert b"403 Forbidden" in ask(client, "/live/yard/index.m3u8")
        assert b"404 Not Found" in ask(client, "/live/hall/index.m3u8", PASS)
        assert len(members.asked) == before + 2


def test_a_grant_ends_after_half_a_minute(station: object) -> None:
    from madang.servers.live.entitlement import GRANT_SECONDS, Denial, EntitlementCheck
    from madang.wire.http1 import Fields

    class Asking:
        """A request, as far as the check looks at it."""

        path, query_string, headers = "/live/yard/index.m3u8", "", Fields([])

        def client_address(self, trusted: object) -> str:
            return "192.0.2.1"

    now = 50.0
    answers: list[Denial | None] = [None, Denial("It has ended.")]
    check = EntitlementCheck(lambda slug, request: answers.pop(0), (), lambda: now)
    exchange: object = Asking()
    assert check.denial("yard", exchange) is None  # type: ignore[arg-type]
    now += GRANT_SECONDS - 1
    assert check.denial("yard", exchange) is None  # type: ignore[arg-type]
    now += 1
    assert check.denial("yard", exchange) == Denial("It has ended.")  # type: ignore[arg-type]
