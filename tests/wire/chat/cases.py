"""Socket.IO packets and WebSocket frames with their bytes, also seeds of the fuzzer."""

from __future__ import annotations

from madang.wire.chat.packets import Packet, PacketType
from madang.wire.websocket import Opcode, WebSocketMessage, encode_masked

KEY = bytes.fromhex("37fa213d")

PACKETS: dict[str, tuple[str, Packet]] = {
    "connect": ("0", Packet(PacketType.CONNECT)),
    "connect with auth": ('0{"channel":"yard"}', Packet(PacketType.CONNECT, {"channel": "yard"})),
    "connect elsewhere": (
        '0/admin,{"token":"a"}',
        Packet(PacketType.CONNECT, {"token": "a"}, "/admin"),
    ),
    "disconnect": ("1", Packet(PacketType.DISCONNECT)),
    "disconnect elsewhere": ("1/admin,", Packet(PacketType.DISCONNECT, None, "/admin")),
    "event": (
        '2["message",{"text":"마당"}]',
        Packet(PacketType.EVENT, ["message", {"text": "마당"}]),
    ),
    "event to be acknowledged": ('212["hi"]', Packet(PacketType.EVENT, ["hi"], ack=12)),
    "event elsewhere": ('2/a,7["hi",1.5]', Packet(PacketType.EVENT, ["hi", 1.5], "/a", 7)),
    "acknowledgement": ('30[{"id":"x"}]', Packet(PacketType.ACK, [{"id": "x"}], ack=0)),
    "refusal": ('4{"message":"no"}', Packet(PacketType.CONNECT_ERROR, {"message": "no"})),
}

TOLERATED: dict[str, tuple[str, Packet]] = {
    "a namespace that nothing ends": ("1/admin", Packet(PacketType.DISCONNECT, None, "/admin")),
    "the root namespace in full": ('2/,["hi"]', Packet(PacketType.EVENT, ["hi"])),
    "a binary event, as far as its kind": (
        '51-["a",{"_placeholder":true,"num":0}]',
        Packet(PacketType.BINARY_EVENT),
    ),
    "spaces in JSON": ('2[ "hi" , 1 ]', Packet(PacketType.EVENT, ["hi", 1])),
}

BROKEN_PACKETS: dict[str, str] = {
    "nothing": "",
    "no kind": "x",
    "a kind that is none": "7[]",
    "an event without a name": "2[]",
    "an event with a number as its name": "2[1]",
    "an event that is an object": '2{"a":1}',
    "an event without content": "2",
    "a connect with a list": "0[]",
    "a connect to be acknowledged": "01{}",
    "an acknowledgement of nothing": "3[]",
    "an acknowledgement's number without end": "2" + "9" * 40 + '["a"]',
    "a disconnect with content": "1[]",
    "broken JSON": '2["a",',
    "JSON without end of depth": "2" + "[" * 50_000,
    "half a surrogate": '2["\\ud800"]',
}

FRAMES: dict[str, tuple[bytes, list[WebSocketMessage]]] = {
    # RFC 6455, section 5.7
    "a masked text": (
        bytes.fromhex("818537fa213d7f9f4d5158"),
        [WebSocketMessage(Opcode.TEXT, b"Hello")],
    ),
    "empty": (encode_masked(Opcode.TEXT, b"", KEY), [WebSocketMessage(Opcode.TEXT, b"")]),
    "126 bytes": (
        encode_masked(Opcode.TEXT, b"a" * 126, KEY),
        [WebSocketMessage(Opcode.TEXT, b"a" * 126)],
    ),
    "two at once": (
        encode_masked(Opcode.TEXT, b"a", KEY) + encode_masked(Opcode.BINARY, b"b", KEY),
        [WebSocketMessage(Opcode.TEXT, b"a"), WebSocketMessage(Opcode.BINARY, b"b")],
    ),
    "fragments with a ping between them (section 5.4)": (
        encode_masked(Opcode.TEXT, b"a", KEY, final=False)
        + encode_masked(Opcode.PING, b"p", KEY)
        + encode_masked(Opcode.CONTINUATION, b"b", KEY, final=False)
        + encode_masked(Opcode.CONTINUATION, b"c", KEY),
        [WebSocketMessage(Opcode.PING, b"p"), WebSocketMessage(Opcode.TEXT, b"abc")],
    ),
    "a close": (
        encode_masked(Opcode.CLOSE, b"\x03\xe8bye", KEY),
        [WebSocketMessage(Opcode.CLOSE, b"\x03\xe8bye")],
    ),
}

BROKEN_FRAMES: dict[str, bytes] = {
    "not masked (section 5.1)": bytes.fromhex("810548656c6c6f"),
    "a reserved bit": b"\xc1\x80" + KEY,
    "an unknown opcode": b"\x83\x80" + KEY,
    "a long ping": encode_masked(Opcode.PING, b"a" * 126, KEY),
    "half a ping": encode_masked(Opcode.PING, b"a", KEY, final=False),
    "a continuation of nothing": encode_masked(Opcode.CONTINUATION, b"a", KEY),
    "a message inside another": encode_masked(Opcode.TEXT, b"a", KEY, final=False) * 2,
}

TOO_LARGE: dict[str, tuple[bytes, str]] = {
    "a length without end": (b"\x81\xff" + b"\xff" * 8 + KEY, "frame"),
    "many large fragments": (
        encode_masked(Opcode.TEXT, b"a" * 60, KEY, final=False)
        + encode_masked(Opcode.CONTINUATION, b"a" * 60, KEY),
        "frame",
    ),
    "fragments without end": (
        encode_masked(Opcode.TEXT, b"", KEY, final=False)
        + encode_masked(Opcode.CONTINUATION, b"", KEY, final=False) * 20,
        "fragments",
    ),
}
