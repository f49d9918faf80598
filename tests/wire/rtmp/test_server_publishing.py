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
    assert peer.session.unreadable_metadata == 0


def test_broken_metadata_does_not_end_the_show() -> None:
    peer = publisher()
    assert peer.message(TagType.SCRIPT, b"\x02\x00\x0aonMeta") == []
    assert peer.session.unreadable_metadata == 1
    assert peer.message(9, b"\x27\x01")


def test_metadata_has_named_limits() -> None:
    with pytest.raises(LimitExceeded) as caught:
        publisher().message(TagType.SCRIPT, bytes(64 * 1024 + 1))
    assert caught.value.limit == "metadata"
    with pytest.raises(LimitExceeded) as caught:
        publisher().message(TagType.SCRIPT, b"\x05" * 5_000)
    assert caught.value.limit == "amf0_values"


def test_an_accepted_publisher_may_send_large_messages_up_to_the_cap() -> None:
    peer = publisher(RtmpLimits(message=100_000))
    assert peer.message(9, bytes(100_000))
    with pytest.raises(LimitExceeded) as caught:
        peer.message(9, bytes(100_001))
    assert caught.value.limit == "message"


def test_the_bit_rate_is_limited_over_its_window() -> None:
    peer = publisher(RtmpLimits(bit_rate=80_000.0, bit_rate_window=10.0))
    peer.now = 10.0
    assert peer.message(9, bytes(90_000))
    peer.now = 19.9
    with pytest.raises(LimitExceeded) as caught:
        peer.message(9, bytes(20_000))
    assert caught.value.limit == "bit_rate"


def test_a_stream_within_its_bit_rate_goes_on_for_ever() -> None:
    peer = publisher(RtmpLimits(bit_rate=80_000.0, bit_rate_window=10.0))
    for second in range(1, 60):
        peer.now = float(second)
        assert peer.message(9, bytes(9_000))


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


def test_bytes_are_counted_both_ways() -> None:
    peer = Peer()
    peer.feed(b"\x03" + bytes(1536))
    assert peer.session.bytes_in == 1537
    assert peer.session.bytes_out == 0
    peer.session.take_output()
    assert peer.session.bytes_out == 3073
