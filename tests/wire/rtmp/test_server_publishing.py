"""Server session with an accepted publisher, until its end."""

from __future__ import annotations

import pytest

from madang.base.errors import LimitExceeded
from madang.wire import amf0, flv
from madang.wire.flv import Tag, TagType
from madang.wire.rtmp import (
    Closed,
    MediaReceived,
    MetadataReceived,
    PublishRequested,
    PublishStopped,
    RtmpLimits,
    SessionEnding,
)
from madang.wire.rtmp.chunks import RtmpMessage
from madang.wire.rtmp.messages import Acknowledgement, Aggregate, TypeId, WindowSize
from tests.wire.rtmp.peer import Peer, information, publisher


def test_media_comes_with_its_absolute_time() -> None:
    peer = publisher()
    assert peer.message(8, b"\xaf\x01aac", 40) == [MediaReceived(TagType.AUDIO, 40, b"\xaf\x01aac")]
    assert peer.message(9, b"\x27\x01", 0xFFFFFFFF) == [
        MediaReceived(TagType.VIDEO, 0xFFFFFFFF, b"\x27\x01")
    ]


def test_deltas_carry_the_time_over_the_32_bit_wrap() -> None:
    peer = publisher()
    start = peer.writer.encode(6, RtmpMessage(9, 0xFFFFFFF0, 1, b"a"))
    [first, second] = peer.feed(start + b"\x86\0\0\x21b")
    assert isinstance(first, MediaReceived)
    assert isinstance(second, MediaReceived)
    assert (first.timestamp, second.timestamp) == (0xFFFFFFF0, 0x11)


def test_media_on_another_message_stream_is_taken_too() -> None:
    assert publisher().message(9, b"\x27\x01", stream_id=7)


def test_an_aggregate_gives_its_messages_at_their_times() -> None:
    peer = publisher()
    tags = (
        Tag(TagType.AUDIO, 100, b"a"),
        Tag(TagType.VIDEO, 120, b"v"),
        Tag(TagType.SCRIPT, 120, flv.encode_metadata({"width": 16.0})),
    )
    assert peer.message(TypeId.AGGREGATE, Aggregate(tags).serialise(), 1_000) == [
        MediaReceived(TagType.AUDIO, 1_000, b"a"),
        MediaReceived(TagType.VIDEO, 1_020, b"v"),
        MetadataReceived({"width": 16.0}),
    ]


def test_metadata_comes_in_both_formats() -> None:
    peer = publisher()
    body = flv.encode_metadata({"width": 1280.0}, publishing=True)
    expected = [MetadataReceived({"width": 1280.0})]
    assert peer.message(TagType.SCRIPT, body) == expected
    assert peer.message(TypeId.DATA_AMF3, b"\0" + body) == expected


@pytest.mark.parametrize("body", [b"", amf0.encode("onTextData", {"text": "x"})])
def test_other_data_is_passed_over(body: bytes) -> None:
    peer = publisher()
    assert peer.message(TagType.SCRIPT, body) == []
    assert peer.session.passed_over == 0


def test_broken_metadata_does_not_end_the_show() -> None:
    peer = publisher()
    assert peer.message(TagType.SCRIPT, b"\x02\x00\x0aonMeta") == []
    assert peer.session.passed_over == 1
    assert peer.message(9, b"\x27\x01")


@pytest.mark.parametrize("body", [bytes(64 * 1024 + 1), b"\x05" * 5_000])
def test_metadata_that_is_too_large_is_passed_over(body: bytes) -> None:
    peer = publisher()
    assert peer.message(TagType.SCRIPT, body) == []
    assert peer.session.passed_over == 1
    assert peer.message(9, b"\x27\x01")


METADATA = amf0.encode("onMetaData", {"width": 16.0})


@pytest.mark.parametrize(
    ("body", "passed_over"),
    [
        (amf0.encode(1.0, 2.0, "@setDataFrame") + METADATA, 0),
        (METADATA + b"\0", 0),
        (amf0.encode(None) + METADATA + b"\x63", 0),
    ],
)
def test_metadata_is_found_among_what_does_not_belong_there(body: bytes, passed_over: int) -> None:
    peer = publisher()
    assert peer.message(TagType.SCRIPT, body) == [MetadataReceived({"width": 16.0})]
    assert peer.session.passed_over == passed_over


ODD = {
    "a stray byte behind a command": (20, amf0.encode("FCPublish", 9.0, None, "x") + b"\0", 1),
    "a null transaction number": (20, amf0.encode("FCPublish", None, None, "x"), 0),
    "an XML value": (20, amf0.encode("foo", 3.0, None) + b"\x0f\0\0\0\4<a/>", 0),
    "a reference": (20, amf0.encode("foo", 3.0, None) + b"\x07\0\1", 0),
    "an empty command": (20, b"", 1),
    "a command without a name": (20, amf0.encode(1.0, 2.0), 1),
    "a command in AMF 3 that cannot be read": (17, b"\0" + b"\x11\x0a\x0b\x01", 1),
    "a short event": (4, b"\0", 1),
    "a short acknowledgement": (3, b"\0", 1),
    "a broken aggregate": (22, b"\x08\0\0\x09", 1),
    "an unknown type": (99, b"hello", 0),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_does_not_matter_is_passed_over_and_counted(name: str) -> None:
    type_id, body, passed_over = ODD[name]
    peer = publisher()
    assert peer.message(type_id, body) == []
    assert peer.session.passed_over == passed_over
    assert peer.message(9, b"\x27\x01")


@pytest.mark.parametrize("start", [b"\xa1\0\0\0", b"\x61\0\0\x05\0\0\0\x09"])
def test_a_chunk_stream_may_begin_with_a_delta(start: bytes) -> None:
    peer = publisher()
    peer.feed(start)
    [event] = peer.feed(b"\x21\0\0\x28\0\0\x02\x09\1\0\0\0\x27\x01")
    assert event == MediaReceived(TagType.VIDEO, 40, b"\x27\x01")


def test_an_accepted_publisher_may_send_large_messages_up_to_the_cap() -> None:
    peer = publisher(RtmpLimits(message=100_000))
    assert peer.message(9, bytes(100_000))
    with pytest.raises(LimitExceeded) as caught:
        peer.message(9, bytes(100_001))
    assert caught.value.limit == "message"


SLOW = RtmpLimits(bit_rate=80_000.0, bit_rate_window=10.0)
"""Ten thousand bytes a second."""


def test_the_bit_rate_is_limited_over_its_window() -> None:
    peer = publisher(SLOW)
    peer.now = 10.0
    assert peer.message(9, bytes(90_000))
    peer.now = 19.9
    with pytest.raises(LimitExceeded) as caught:
        peer.message(9, bytes(20_000))
    assert caught.value.limit == "bit_rate"


def send_seconds(
    peer: Peer, seconds: int, size: int, *, step: int = 1000, pause: float = 1.0
) -> None:
    """Send a message of `size` bytes every `pause` seconds, whose stamps are `step` milliseconds
    apart."""
    for _ in range(seconds):
        peer.now += pause
        peer.stamp += step
        assert peer.message(9, bytes(size), peer.stamp)


def test_a_stream_within_its_bit_rate_goes_on_for_ever() -> None:
    send_seconds(publisher(SLOW), 60, 9_000)


@pytest.mark.parametrize("stall", [3, 8, 12, 14])
@pytest.mark.parametrize("before", [1, 5, 9, 14])
def test_a_stream_that_catches_up_after_a_stall_is_judged_by_its_own_time(
    stall: int, before: int
) -> None:
    peer = publisher(SLOW)
    send_seconds(peer, before, 9_000)
    peer.now += stall
    send_seconds(peer, stall, 9_000, pause=0.05)
    send_seconds(peer, 30, 9_000)


def test_a_stream_that_is_too_large_is_also_so_when_it_catches_up() -> None:
    peer = publisher(SLOW)
    send_seconds(peer, 5, 5_000)
    peer.now += 14.0
    with pytest.raises(LimitExceeded, match="Mbit/s"):
        send_seconds(peer, 14, 15_000, pause=0.05)


@pytest.mark.parametrize("step", [0, 3_600_000, -3_600_000])
def test_times_that_a_stream_invents_allow_no_bytes(step: int) -> None:
    peer = publisher(SLOW)
    with pytest.raises(LimitExceeded, match="Mbit/s"):
        send_seconds(peer, 60, 15_000, step=step)


def test_times_that_stand_still_do_not_forbid_a_stream_within_its_bit_rate() -> None:
    send_seconds(publisher(SLOW), 60, 9_000, step=0)


def test_half_a_window_is_acknowledged_with_all_bytes_so_far() -> None:
    peer = publisher()
    peer.send(WindowSize(40_000))
    peer.answers()
    before = peer.session.bytes_in
    peer.message(9, bytes(15_000))
    assert peer.answers() == []
    peer.message(9, bytes(5_000))
    assert peer.answers() == [Acknowledgement(peer.session.bytes_in)]
    assert peer.session.bytes_in > before + 20_000


def test_who_asks_for_no_acknowledgement_gets_one_per_half_of_the_usual_window() -> None:
    peer = publisher()
    for _ in range(20):
        peer.message(9, bytes(60_000))
    assert peer.answers() == []
    peer.message(9, bytes(60_000))
    assert peer.answers() == [Acknowledgement(peer.session.bytes_in)]


def test_a_window_of_nothing_does_not_ask_for_an_answer_to_every_byte() -> None:
    peer = publisher()
    peer.send(WindowSize(0))
    peer.answers()
    peer.message(9, b"\x27\x01")
    assert peer.answers() == []


def test_a_second_publish_on_the_connection_is_declined_and_the_first_goes_on() -> None:
    peer = publisher()
    assert peer.call("publish", 6.0, None, "other", "live", stream_id=2) == []
    [status] = peer.commands()
    assert information(status)["code"] == "NetStream.Publish.BadName"
    assert peer.message(9, b"\x27\x01")


def test_unpublishing_is_answered_once() -> None:
    peer = publisher()
    assert peer.call("FCUnpublish", 6.0, None, "key") == [PublishStopped()]
    result, status = peer.commands()
    assert (result.name, result.transaction) == ("_result", 6.0)
    assert information(status)["code"] == "NetStream.Unpublish.Success"
    assert peer.call("FCUnpublish", 7.0, None, "key") == []
    assert peer.call("deleteStream", 8.0, None, 1.0) == []
    assert peer.answers() == []
    assert peer.message(9, b"\x27\x01") == []


@pytest.mark.parametrize("name", ["deleteStream", "closeStream"])
def test_deleting_the_stream_ends_the_publication(name: str) -> None:
    values = (None, 1.0) if name == "deleteStream" else (None,)
    assert publisher().call(name, 0.0, *values, stream_id=1) == [PublishStopped()]


def test_deleting_another_stream_ends_nothing() -> None:
    peer = publisher()
    assert peer.call("deleteStream", 0.0, None, 2.0) == []
    assert peer.message(9, b"\x27\x01")


def test_a_connection_may_publish_again() -> None:
    peer = publisher()
    peer.now = 100.0
    peer.call("FCUnpublish", 6.0, None, "key")
    assert peer.session.deadline() == 120.0
    [event] = peer.call("publish", 7.0, None, "key2", "live", stream_id=1)
    assert event == PublishRequested(("key2", "live", "rtmp://host/live"))
    peer.session.accept_publish()
    assert peer.message(9, b"\x27\x01")


def test_a_replaced_publisher_is_told_why() -> None:
    peer = publisher()
    peer.session.end("Another encoder took over.")
    [status] = peer.commands()
    assert information(status) == {
        "level": "error",
        "code": "NetStream.Publish.BadName",
        "description": "Another encoder took over.",
    }
    assert peer.session.closing
    assert peer.message(9, b"\x27\x01") == []


def test_the_end_of_somebody_who_does_not_publish_is_silent() -> None:
    peer = Peer()
    peer.connect()
    peer.answers()
    peer.session.end("The station closes.")
    assert peer.session.take_output() == b""
    assert peer.session.closing


def test_a_silent_publisher_is_given_up() -> None:
    peer = publisher()
    peer.now = 3.0
    peer.message(9, b"\x27\x01")
    assert peer.session.deadline() == 18.0
    assert peer.session.tick(17.9) == []
    [event] = peer.session.tick(18.0)
    assert isinstance(event, Closed)
    assert event.reason is SessionEnding.SILENCE


def test_bytes_are_counted() -> None:
    peer = Peer()
    peer.feed(b"\x03" + bytes(1536))
    assert peer.session.bytes_in == 1537
