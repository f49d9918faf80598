"""Server session from the first byte to the decision on a publisher."""

from __future__ import annotations

import pytest

from madang.base.errors import LimitExceeded
from madang.wire import amf0
from madang.wire.rtmp import (
    Closed,
    Connected,
    MediaReceived,
    PublishRequested,
    RtmpError,
    RtmpLimits,
    SessionEnding,
)
from madang.wire.rtmp.chunks import ChunkWriter, RtmpMessage
from madang.wire.rtmp.handshake import PACKET
from madang.wire.rtmp.messages import (
    Acknowledgement,
    Command,
    PeerBandwidth,
    UserControl,
    UserEvent,
    WindowSize,
)
from tests.wire.rtmp.peer import CLIENT_HELLO, SERVER_RANDOM, Peer, information


def test_the_handshake_answers_with_its_own_packet_and_the_clients() -> None:
    peer = Peer()
    assert peer.feed(CLIENT_HELLO) == []
    output = peer.session.take_output()
    assert output[0] == 3
    assert output[1 : 1 + PACKET] == bytes(8) + SERVER_RANDOM
    assert output[1 + PACKET :] == CLIENT_HELLO[1:]


def test_the_handshake_may_come_byte_by_byte_with_the_first_command_behind_it() -> None:
    peer = Peer()
    connect = Command("connect", 1.0, ({"app": "live"},)).serialise()
    stream = CLIENT_HELLO + bytes(PACKET) + ChunkWriter().encode(3, RtmpMessage(20, 0, 0, connect))
    events = [event for byte in stream for event in peer.feed(bytes((byte,)))]
    assert events == [Connected("live", "", "", (), 0)]


def test_a_client_with_a_digest_gets_its_own_packet_back() -> None:
    # Flash and some hardware send a version after the time and a digest in the random bytes.
    hello = b"\x03" + b"\x00\x00\x10\x00" + b"\x80\x00\x07\x02" + bytes(range(191)) * 8
    peer = Peer()
    peer.feed(hello)
    assert peer.session.take_output()[1 + PACKET :] == hello[1:]
    peer.feed(b"\xaa" * PACKET)
    assert peer.call("connect", 1.0, {"app": "live"})


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\x00", "TLS"),
        (b"\x06", "encrypted"),
        (b"\x02", "version 2"),
    ],
)
def test_another_protocol_is_refused_in_words_at_its_first_byte(start: bytes, words: str) -> None:
    with pytest.raises(RtmpError, match=words):
        Peer().feed(start)


def test_connect_is_answered_with_window_bandwidth_and_result() -> None:
    peer = Peer()
    [event] = peer.connect(flashVer="FMLE/3.0")
    assert event == Connected("live", "rtmp://host/live", "FMLE/3.0", (), 0)
    window, bandwidth, result = peer.answers()
    assert window == WindowSize(2_500_000)
    assert bandwidth == PeerBandwidth(2_500_000)
    assert isinstance(result, Command)
    assert (result.name, result.transaction) == ("_result", 1.0)
    assert information(result)["code"] == "NetConnection.Connect.Success"


def test_a_client_of_plain_rtmp_hears_nothing_of_enhanced_rtmp() -> None:
    peer = Peer()
    peer.connect()
    [result] = peer.commands()
    assert result.values[0] == {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}


def test_enhanced_rtmp_is_answered_with_what_both_sides_know() -> None:
    peer = Peer()
    [event] = peer.connect(
        fourCcList=["hvc1", "vvc1", "Opus"], videoFourCcInfoMap={"av01": 1.0}, capsEx=15.0
    )
    assert isinstance(event, Connected)
    assert event.fourccs == ("hvc1", "vvc1", "Opus", "av01")
    assert event.caps_ex == 15
    [result] = peer.commands()
    properties = result.values[0]
    assert isinstance(properties, dict)
    assert properties["fourCcList"] == ["hvc1", "av01", "Opus"]
    assert properties["videoFourCcInfoMap"] == {"hvc1": 4.0, "av01": 4.0}
    assert properties["audioFourCcInfoMap"] == {"Opus": 4.0}
    # Multitrack, ModEx and nanoseconds, without the reconnect request.
    assert properties["capsEx"] == 14.0


def test_enhanced_rtmp_for_any_codec_is_answered_with_all() -> None:
    peer = Peer()
    peer.connect(videoFourCcInfoMap={"*": 7.0})
    [result] = peer.commands()
    properties = result.values[0]
    assert isinstance(properties, dict)
    listed = properties["fourCcList"]
    assert listed == [
        "avc1",
        "hvc1",
        "av01",
        "vp09",
        "mp4a",
        ".mp3",
        "Opus",
        "fLaC",
        "ac-3",
        "ec-3",
    ]


@pytest.mark.parametrize(
    "properties",
    [
        amf0.EcmaArray({"app": "live", "tcUrl": "rtmp://host/live"}),
        {"app": "live", "tcurl": "rtmp://host/live"},
        {"app": "'live'", "tcUrl": "'rtmp://host/live'"},
        {"app": "live/", "tcUrl": '"rtmp://host/live"'},
        {"tcUrl": "rtmp://host/live"},
    ],
)
def test_connect_is_understood_in_all_its_dialects(properties: dict[str, amf0.Value]) -> None:
    peer = Peer()
    peer.shake()
    [event] = peer.call("connect", 1.0, properties)
    assert event == Connected("live", "rtmp://host/live", "", (), 0)


@pytest.mark.parametrize("values", [(None,), ("live",)])
def test_a_connect_that_says_nothing_is_refused(values: tuple[amf0.Value, ...]) -> None:
    peer = Peer()
    peer.shake()
    with pytest.raises(RtmpError):
        peer.call("connect", 1.0, *values)


def test_commands_before_connect_and_a_second_connect_are_refused() -> None:
    peer = Peer()
    peer.shake()
    with pytest.raises(RtmpError):
        peer.call("createStream", 1.0)
    peer = Peer()
    peer.connect()
    with pytest.raises(RtmpError):
        peer.call("connect", 2.0, {"app": "live"})


def test_each_call_is_answered_under_its_own_number() -> None:
    # Hardware encoders hang if one of these is missing or has another's number.
    peer = Peer()
    peer.connect()
    peer.answers()
    for transaction, name in enumerate(
        ("releaseStream", "FCPublish", "createStream", "_checkbw", "getStreamLength"), start=2
    ):
        peer.call(name, float(transaction), None, "key")
        [answer] = peer.commands()
        assert (answer.name, answer.transaction) == ("_result", float(transaction))
        if name == "createStream":
            assert answer.values == (None, 1.0)


def test_a_call_without_a_number_wants_no_answer() -> None:
    peer = Peer()
    peer.connect()
    peer.answers()
    for name in ("releaseStream", "FCPublish", "_checkbw", "nonsense"):
        peer.call(name, 0.0, None, "key")
    assert peer.answers() == []


def test_an_unknown_call_is_declined_politely() -> None:
    peer = Peer()
    peer.connect()
    peer.answers()
    peer.call("openTheVault", 9.0)
    [answer] = peer.commands()
    assert (answer.name, answer.transaction) == ("_error", 9.0)
    assert "openTheVault" in str(information(answer)["description"])


def test_playing_is_declined_in_words_and_gives_no_right_to_send() -> None:
    peer = Peer()
    peer.connect()
    peer.call("createStream", 2.0)
    peer.answers()
    peer.call("play", 3.0, None, "key", stream_id=1)
    [answer] = peer.commands()
    assert information(answer)["code"] == "NetStream.Play.Failed"
    assert "publishing" in str(information(answer)["description"])
    assert peer.message(9, b"\x17\x01\0\0\0injected") == []


def test_commands_come_as_amf3_too() -> None:
    peer = Peer()
    peer.shake()
    connect = Command("connect", 1.0, ({"app": "live"},)).serialise()
    assert peer.message(17, b"\0" + connect, stream_id=0)
    [answer] = peer.commands()
    assert answer.name == "_result"


def test_pings_are_answered_with_their_own_time() -> None:
    peer = Peer()
    peer.connect()
    peer.answers()
    peer.send(UserControl(UserEvent.PING_REQUEST, b"\x01\x02\x03\x04"))
    assert peer.answers() == [UserControl(UserEvent.PING_RESPONSE, b"\x01\x02\x03\x04")]


def test_their_acknowledgements_bandwidths_and_events_are_taken_silently() -> None:
    peer = Peer()
    peer.connect()
    peer.answers()
    peer.send(Acknowledgement(4_000))
    peer.send(PeerBandwidth(1_000_000))
    peer.send(UserControl(3, b"\0\0\0\1\0\0\x0b\xb8"))
    assert peer.answers() == []


@pytest.mark.parametrize(
    ("name", "properties", "texts"),
    [
        ("abc", {}, ("abc", "live", "rtmp://host/live")),
        ("a%20b", {"tcUrl": ""}, ("a b", "live")),
        ("", {"app": "abc", "tcUrl": "rtmp://host/abc"}, ("abc", "rtmp://host/abc")),
        (None, {"tcUrl": "rtmp://host/live?key=abc"}, ("live", "rtmp://host/live?key=abc")),
        ("abc", {"tcUrl": "rtmp://[broken/live"}, ("abc", "live", "rtmp://[broken/live")),
        ("", {"app": "", "tcUrl": ""}, ()),
    ],
)
def test_the_key_may_be_wherever_the_encoder_was_given_a_text(
    name: str | None, properties: dict[str, amf0.Value], texts: tuple[str, ...]
) -> None:
    assert Peer().request(name, **properties) == [PublishRequested(texts)]


def test_publish_start_is_not_sent_before_the_decision() -> None:
    peer = Peer()
    peer.request()
    assert peer.session.awaiting_decision
    assert peer.answers() == []
    peer.session.accept_publish()
    assert not peer.session.awaiting_decision
    begun, status = peer.answers()
    assert begun == UserControl(UserEvent.STREAM_BEGIN, b"\0\0\0\1")
    assert isinstance(status, Command)
    assert information(status)["code"] == "NetStream.Publish.Start"


def test_who_announced_the_stream_hears_of_it_at_the_start_only() -> None:
    peer = Peer()
    peer.connect()
    peer.call("FCPublish", 3.0, None, "key")
    peer.call("publish", 5.0, None, "key", "live", stream_id=1)
    assert [command.name for command in peer.commands()] == ["_result", "_result"]
    peer.session.accept_publish()
    assert [command.name for command in peer.commands()] == ["onFCPublish", "onStatus"]


def test_a_refusal_is_an_error_in_words_and_then_the_end() -> None:
    peer = Peer()
    peer.request()
    peer.session.refuse_publish("This stream key is not valid.")
    [status] = peer.commands()
    assert information(status) == {
        "level": "error",
        "code": "NetStream.Publish.Denied",
        "description": "This stream key is not valid.",
    }
    assert peer.session.closing
    assert peer.session.deadline() is None
    assert peer.message(9, b"\x17\x01\0\0\0late") == []


def test_a_decision_that_nobody_waits_for_is_the_shells_mistake() -> None:
    peer = Peer()
    peer.connect()
    with pytest.raises(RuntimeError):
        peer.session.accept_publish()
    with pytest.raises(RuntimeError):
        peer.session.refuse_publish("no")


def test_what_is_sent_ahead_of_the_decision_is_kept_for_it() -> None:
    peer = Peer()
    peer.request()
    assert peer.message(9, b"\x17\x00\0\0\0config") == []
    peer.now = 1.0
    peer.session.accept_publish()
    assert peer.session.deadline() == 0.0  # at once
    assert [event.body for event in peer.session.tick(1.0) if isinstance(event, MediaReceived)] == [
        b"\x17\x00\0\0\0config"
    ]
    assert peer.session.deadline() == 15.0


def test_what_is_sent_ahead_comes_before_what_follows() -> None:
    peer = Peer()
    peer.request()
    peer.message(9, b"first")
    peer.session.accept_publish()
    bodies = [event.body for event in peer.message(9, b"next") if isinstance(event, MediaReceived)]
    assert bodies == [b"first", b"next"]


def test_what_is_sent_ahead_has_a_named_limit() -> None:
    peer = Peer(RtmpLimits(pending=1_000))
    peer.request()
    peer.feed(bytes(1_000))
    with pytest.raises(LimitExceeded) as caught:
        peer.feed(b"\0")
    assert caught.value.limit == "pending"


def test_a_peer_that_is_not_accepted_cannot_send_large_messages() -> None:
    peer = Peer()
    peer.connect()
    with pytest.raises(LimitExceeded) as caught:
        peer.message(9, bytes(64 * 1024 + 1))
    assert caught.value.limit == "setup_message"


def test_streams_on_a_connection_have_a_named_limit() -> None:
    peer = Peer()
    peer.connect()
    peer.answers()
    for number in range(8):
        peer.call("createStream", 2.0)
        assert peer.commands()[0].values == (None, number + 1.0)
    with pytest.raises(LimitExceeded) as caught:
        peer.call("createStream", 2.0)
    assert caught.value.limit == "net_streams"


def test_a_slow_handshake_is_given_up() -> None:
    peer = Peer()
    peer.now = 4.0
    peer.feed(CLIENT_HELLO)
    assert peer.session.deadline() == 5.0
    assert peer.session.tick(4.9) == []
    [event] = peer.session.tick(5.0)
    assert isinstance(event, Closed)
    assert event.reason is SessionEnding.HANDSHAKE_TIMEOUT
    assert peer.session.closing


def test_a_client_that_never_publishes_is_given_up_whatever_it_sends() -> None:
    peer = Peer()
    peer.connect()
    peer.now = 19.0
    peer.send(UserControl(UserEvent.PING_REQUEST, b"\0\0\0\0"))
    assert peer.session.deadline() == 20.0
    [event] = peer.session.tick(20.0)
    assert isinstance(event, Closed)
    assert event.reason is SessionEnding.SETUP_TIMEOUT


def test_nobody_is_given_up_while_the_decision_is_ours() -> None:
    peer = Peer()
    peer.request()
    assert peer.session.deadline() is None
    assert peer.session.tick(1_000.0) == []
