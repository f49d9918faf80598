from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.wire.http1 import (
    MAX_FIELDS,
    MAX_HEAD,
    Body,
    BodyEnd,
    Event,
    InvalidRequest,
    Request,
    RequestReader,
    head,
    is_known,
    takes,
)

GET = b"GET /live/yard/source/media.m3u8?_HLS_msn=7 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
)
H2C = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"


def told(events: list[Event]) -> list[Any]:
    """Return the events, the pieces of a body put together."""
    said: list[Any] = []
    for event in events:
        if isinstance(event, Body) and said and isinstance(said[-1], bytes):
            said[-1] += event.data
        elif isinstance(event, Body):
            said.append(event.data)
        elif isinstance(event, Request):
            fields = list(event.fields.items())
            said.append((event.method, event.path, event.query, event.has_body, fields))
        else:
            said.append(event)
    return said


def one(data: bytes) -> Request:
    """The one request in `data`."""
    (event,) = RequestReader().receive(data)
    assert isinstance(event, Request)
    return event


def broken(data: bytes) -> InvalidRequest:
    """Return the error or end that `data` leads to."""
    event = RequestReader().receive(data)[-1]
    assert isinstance(event, InvalidRequest)
    return event


def test_a_request_is_its_method_path_query_and_fields() -> None:
    request = one(b"GET /a%20b?c=%20 HTTP/1.1\r\nHost: x\r\nX-Two:  1 \r\nx-two: 2\r\n\r\n")
    assert (request.method, request.path, request.query) == ("GET", "/a b", "c=%20")
    assert request.fields.get("host") == "x"
    assert request.fields.get("x-two") == "1"
    assert request.fields.get_all("x-two") == ["1", "2"]
    assert request.keep_alive
    assert not request.has_body


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://x.example/a?b", "/a", "b"),
        (b"http://x.example", "/", ""),
        (b"http://x.example?b=/", "/", "b=/"),
        (b"*", "*", ""),
        ("/@마당?q=마당".encode(), "/@마당", "q=%EB%A7%88%EB%8B%B9"),
    ],
)
def test_every_form_of_a_target_is_understood(target: bytes, path: str, query: str) -> None:
    method = b"OPTIONS" if target == b"*" else b"GET"
    request = one(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (request.path, request.query) == (path, query)


def test_what_is_known_again_by_its_bytes_says_the_same() -> None:
    reader = RequestReader()
    first = told(reader.receive(GET))
    assert told(reader.receive(GET)) == first
    other = GET.replace(b"msn=7", b"msn=8")
    assert told(reader.receive(other)) == told(RequestReader().receive(other))
    longer = GET.replace(b"Accept: */*", b"Accept: */*\r\nRange: bytes=0-1")
    (ranged,) = reader.receive(longer)
    assert isinstance(ranged, Request)
    assert ranged.fields.conditional


@pytest.mark.parametrize(
    "line",
    [b"GET /a  HTTP/1.1", b"GET /a HTTP/1.1\r\nX: y", b"POST /a HTTP/1.1", b"GET a HTTP/1.1"],
)
def test_only_a_plain_request_line_is_known_again(line: bytes) -> None:
    reader, fresh = RequestReader(), RequestReader()
    reader.receive(GET)
    data = line + GET[GET.index(b"\r\n") :]
    assert told(reader.receive(data)) == told(fresh.receive(data))


@given(st.lists(st.sampled_from([GET, POST, CHUNKED]), max_size=4), st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(requests: list[bytes], data: Any) -> None:
    stream = b"".join(requests)
    reader, events = RequestReader(), []
    for request in requests:
        events += reader.receive(request)
    cut = RequestReader()
    seen: list[Event] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        seen += cut.receive(stream[:size])
        stream = stream[size:]
    assert told(seen) == told(events)
    assert cut.idle


def test_bodies_come_in_pieces_and_end() -> None:
    reader = RequestReader()
    assert [type(event) for event in reader.receive(POST[:-2])] == [Request, Body]
    assert not reader.idle
    assert reader.receive(POST[-2:]) == [Body(b"lo"), BodyEnd()]
    assert reader.idle
    assert told(reader.receive(CHUNKED))[1:] == [b"abcde", BodyEnd()]


@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\n C: d\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnine\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabc",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_differently_is_refused(data: bytes) -> None:
    assert broken(data).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("first", "rest", "below"),
    [
        (b"Cookie: a\r\n", b"X: y\r\nHost: x\r\n\r\n", b"\r\nHost: x\r\n\r\n"),
        (b"Cookie: a\r", b"\n\r\n", b"\r\n"),
        (b"Cookie: GET / HTTP/1.1", b"\r\nHost: x\r\n\r\n", b"\r\nHost: x\r\n\r\n"),
    ],
    ids=["between lines", "in a line break", "in a line"],
)
def test_fields_of_a_head_in_two_pieces_never_pass_for_those_of_another(
    first: bytes, rest: bytes, below: bytes
) -> None:
    reader = RequestReader()
    reader.receive(b"GET / HTTP/1.1\r\n" + (b"" if b"Host" in rest else b"Host: x\r\n") + first)
    assert len(reader.receive(rest)) == 1
    other = b"GET /other HTTP/1.1" + below
    assert told(reader.receive(other)) == told(RequestReader().receive(other))


def test_a_line_of_a_head_that_began_behind_another_request_is_no_request() -> None:
    reader = RequestReader()
    reader.receive(GET)
    events = reader.receive(GET + b"GET /a HTTP/1.1\r\nX: ") + reader.receive(GET)
    assert [event.path for event in events if isinstance(event, Request)][1:] == ["/a"]


def test_an_empty_line_before_a_request_is_not_taken_for_its_end() -> None:
    reader, fresh = RequestReader(), RequestReader()
    reader.receive(b"\r\n" + GET)
    data = b"GET /other HTTP/1.1\r\n" + GET
    assert told(reader.receive(data)) == told(fresh.receive(data))


def test_a_body_with_a_change_of_the_protocol_does_not_pass_for_an_empty_one() -> None:
    data = H2C.replace(b"GET", b"POST") + b"Content-Length: 3\r\n\r\n"
    (event,) = RequestReader().receive(GET + data)[1:]
    assert isinstance(event, InvalidRequest)


@pytest.mark.parametrize("around", [b"0\r\nX: ", b"0\r\n", b"1;name="])
def test_what_stands_around_a_body_is_no_longer_than_a_head(around: bytes) -> None:
    reader = RequestReader()
    assert len(reader.receive(CHUNKED[: CHUNKED.index(b"3\r\n")] + around)) == 1
    more = b"A: b\r\n" * 200 if around == b"0\r\n" else b"a" * 1200
    events: list[Event] = []
    for _ in range(MAX_HEAD // len(more) + 1):
        events += reader.receive(more)
    assert [type(event) for event in events] == [InvalidRequest]


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize(
    ("before", "field", "after"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: %b\r\n" % (b"b" * 995), b"\r\n"),
        (b"GET /", b"a" * 1000, b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
         b"A: %b\r\n" % (b"b" * 995), b"\r\n"),
    ],
)  # fmt: skip
def test_a_limit_counts_what_was_read_however_it_comes(
    before: bytes, field: bytes, after: bytes, pieces: int
) -> None:
    """A head of 33 kB, or trailers, whose end comes with their last bytes."""
    for count, fits in ((MAX_HEAD // 1000 - 2, True), (MAX_HEAD // 1000 + 2, False)):
        data = before + field * count + after
        size = -(-len(data) // pieces)
        reader = RequestReader()
        events: list[Event] = []
        for at in range(0, len(data), size):
            if not (events and isinstance(events[-1], InvalidRequest)):
                events += reader.receive(data[at : at + size])
        assert (not isinstance(events[-1], InvalidRequest)) is fits


def test_trailers_have_as_many_fields_as_a_head() -> None:
    reader = RequestReader()
    head = CHUNKED[: CHUNKED.index(b"3\r\n")]
    events = reader.receive(head + b"0\r\n" + b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\n")
    assert [type(event) for event in events] == [Request, InvalidRequest]


def test_extensions_of_chunks_are_in_proportion_to_the_body() -> None:
    reader = RequestReader()
    head = CHUNKED[: CHUNKED.index(b"3\r\n")]
    reader.receive(head)
    plain = [reader.receive(b"1\r\nx\r\n") for _ in range(20_000)]
    assert all(type(event) is Body for events in plain for event in events)
    events = [
        event for _ in range(40) for event in reader.receive(b"1;" + b"e" * 999 + b"\r\nx\r\n")
    ]
    assert isinstance(events[-1], InvalidRequest) or InvalidRequest in map(type, events)


def test_a_body_does_not_count_as_part_of_the_head_behind_it() -> None:
    reader = RequestReader()
    reader.receive(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
    events = reader.receive(bytes(200_000) + GET[:10]) + reader.receive(GET[10:])
    assert told(events)[2:] == told(RequestReader().receive(GET))


@pytest.mark.parametrize(
    ("version", "coding", "status"),
    [
        ("2.0", "", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED),
        ("0.9", "", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED),
        ("1.0", "chunked", HTTPStatus.NOT_IMPLEMENTED),
        ("1.1", "gzip, chunked", HTTPStatus.NOT_IMPLEMENTED),
    ],
)
def test_what_is_not_spoken_here_is_said_and_ends_it(
    version: str, coding: str, status: HTTPStatus
) -> None:
    field = f"Transfer-Encoding: {coding}\r\n" if coding else ""
    data = f"POST / HTTP/{version}\r\nHost: x\r\n{field}\r\n0\r\n\r\n".encode()
    (event,) = RequestReader().receive(data)
    assert isinstance(event, InvalidRequest)
    assert event.status == status


def test_a_head_is_as_long_as_it_may_be_and_no_longer() -> None:
    reader = RequestReader()
    reader.receive(b"GET / HTTP/1.1\r\n")
    events: list[Event] = []
    for _ in range(MAX_HEAD // 1000 + 1):
        events += reader.receive(b"A: " + b"b" * 995 + b"\r\n")
    assert isinstance(events[0], InvalidRequest)
    assert events[0].status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    fields = b"Host: x\r\n" + b"A: b\r\n" * (MAX_FIELDS - 1)
    assert one(b"GET / HTTP/1.1\r\n" + fields + b"\r\n").fields.get("a") == "b"
    more = broken(b"GET / HTTP/1.1\r\n" + fields + b"A: b\r\n\r\n")
    assert more.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


def test_who_ignores_an_upgrade_goes_on_with_http() -> None:
    reader = RequestReader()
    (asked,) = reader.receive(H2C + b"\r\n")
    assert isinstance(asked, Request)
    assert not asked.is_websocket
    assert told(reader.receive(GET)) == told(RequestReader().receive(GET))


@pytest.mark.parametrize(
    ("version", "said", "keeps"),
    [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False)],
)
def test_a_connection_is_kept_as_the_client_wants(version: str, said: str, keeps: bool) -> None:
    connection = f"Connection: {said}\r\n" if said else ""
    request = one(f"GET / HTTP/{version}\r\nHost: x\r\n{connection}\r\n".encode())
    assert request.keep_alive == keeps
    assert request.version == version


def test_a_head_is_written_with_its_fields() -> None:
    written = head(206, [("etag", '"one"'), ("x", "é")])
    assert written == b'HTTP/1.1 206 Partial Content\r\netag: "one"\r\nx: \xe9\r\n\r\n'
    assert head(799, []).startswith(b"HTTP/1.1 799 ")


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "마당"])
def test_a_field_that_would_be_another_is_not_written(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # UnicodeEncodeError is one
        head(200, [("location", value)])


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip, br", True),
        ("br;q=1, gzip;q=0.5", True),
        ("gzip; q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_taken_by_who_says_so(accepted: str, taken: bool) -> None:
    assert takes("gzip", accepted) == taken


@pytest.mark.parametrize(
    ("etag", "field", "known"),
    [
        ('"one"', '"one"', True),
        ('"one"', 'W/"one"', True),
        ('W/"one"', '"one"', True),
        ('W/"one"', '"none", "one"', True),
        ('"one"', " * ", True),
        ('"one"', '"two"', False),
        ('"one"', "", False),
        ("", "*", False),
        ("", '"one"', False),
    ],
)
def test_what_a_client_has_already(etag: str, field: str, known: bool) -> None:
    assert is_known(etag, field) == known
