"""AMF 0 values and bytes: one table for parser, serialiser and fuzzer."""

from __future__ import annotations

from madang.wire.amf0 import UNDEFINED, Date, EcmaArray, Value

CASES: dict[str, tuple[bytes, list[Value]]] = {
    "number": (bytes.fromhex("00 3ff8000000000000"), [1.5]),
    "true and false": (bytes.fromhex("0101 0100"), [True, False]),
    "string": (b"\x02\x00\x07connect", ["connect"]),
    "Korean": (b"\x02\x00\x06" + "마당".encode(), ["마당"]),
    "long string": (b"\x0c\x00\x01\x00\x00" + b"a" * 65_536, ["a" * 65_536]),
    "null and undefined": (b"\x05\x06", [None, UNDEFINED]),
    "object": (b"\x03\x00\x01a\x05\x00\x01b\x01\x01\x00\x00\x09", [{"a": None, "b": True}]),
    "nested": (b"\x03\x00\x01a\x03\x00\x01b\x05\0\0\x09\0\0\x09", [{"a": {"b": None}}]),
    "ECMA array": (b"\x08\x00\x00\x00\x01\x00\x01a\x05\x00\x00\x09", [EcmaArray(a=None)]),
    "strict array": (b"\x0a\x00\x00\x00\x02\x05\x02\x00\x01x", [[None, "x"]]),
    "date": (bytes.fromhex("0b 4270000000000000 0000"), [Date(2.0**40)]),
    "empty name": (b"\x03\x00\x00\x05\x00\x00\x09", [{"": None}]),
}

TOLERATED: dict[str, tuple[bytes, list[Value]]] = {
    "XML": (b"\x0f\x00\x00\x00\x04<a/>", ["<a/>"]),
    "a reference and an unsupported value": (b"\x07\x00\x01\x0d", [UNDEFINED, UNDEFINED]),
    "typed object": (b"\x10\x00\x01T\x00\x01a\x05\x00\x00\x09\x05", [{"a": None}, None]),
    "an ECMA array with a wrong count": (
        b"\x08\x00\x00\x00\x63\x00\x01a\x05\0\0\x09",
        [{"a": None}],
    ),
    "an ECMA array that nothing ends": (b"\x08\x00\x00\x00\x01\x00\x01a\x05", [{"a": None}]),
    "text in another code page": (b"\x02\x00\x02\xb0\xa1", ["��"]),
    "a date with a zone": (bytes.fromhex("0b 4270000000000000 fde4"), [Date(2.0**40)]),
    "AMF 3 scalars": (b"\x11\x00\x11\x01\x11\x02\x11\x03", [UNDEFINED, None, False, True]),
    "an AMF 3 integer": (b"\x11\x04\x81\x00\x11\x04\x05", [128.0, 5.0]),
    "a negative AMF 3 integer": (b"\x11\x04\xff\xff\xff\xff", [-1.0]),
    "an AMF 3 double": (b"\x11\x05" + bytes.fromhex("3ff8000000000000"), [1.5]),
    "an AMF 3 string": (b"\x11\x06\x07abc\x05", ["abc", None]),
}

BROKEN: dict[str, bytes] = {
    "a cut number": b"\x00\x00",
    "a cut string": b"\x02\x00\x05abc",
    "an object that nothing ends": b"\x03\x00\x01a\x05",
    "a strict array without its items": b"\x0a\xff\xff\xff\xff\x05",
    "an unknown type": b"\x63",
    "an AMF 3 object": b"\x11\x0a\x0b\x01",
    "an AMF 3 string by reference": b"\x11\x06\x02",
    "an end without an object": b"\x00\x00\x09",
}
