"""Parameters of connect and publish commands (RTMP 1.0, 7.2.1.1).

Clients differ: objects as ECMA arrays, `tcUrl` in lower case or in quotation marks, and the stream
key in the stream's name, the application's path or a query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from madang.wire.amf0 import Value
from madang.wire.rtmp.errors import RtmpError
from madang.wire.rtmp.events import Connected
from madang.wire.rtmp.messages import Command

FOURCCS = (
    "avc1", "hvc1", "av01", "vp09", "mp4a", ".mp3", "Opus", "fLaC", "ac-3", "ec-3",
)  # fmt: skip
"""Codecs carried under the names of Enhanced RTMP."""

_VIDEO = FOURCCS[:4]
_AUDIO = FOURCCS[4:]
_ANY = "*"
_CAN_FORWARD = 4.0
_CAPS_EX = 0x02 | 0x04 | 0x08
"""Supported capabilities: multitrack, ModEx and nanosecond offsets (CapsExMask of Enhanced RTMP
v2)."""

_QUOTES = "'\" "


def parse_connect(command: Command) -> Connected:
    """Parse a connect command. Raises RtmpError if it has no parameters."""
    found = command.values[0] if command.values else None
    if not isinstance(found, Mapping):
        raise RtmpError("A connect command has no properties.")
    properties = {name.lower(): value for name, value in found.items()}
    tc_url = _text(properties, "tcurl")
    app = _text(properties, "app").strip("/") or _path(tc_url)
    caps_ex = properties.get("capsex")
    return Connected(
        app=app,
        tc_url=tc_url,
        encoder="".join(filter(str.isprintable, _text(properties, "flashver"))),
        fourccs=tuple(dict.fromkeys(_fourccs(properties))),
        caps_ex=int(caps_ex) if isinstance(caps_ex, float) and 0 <= caps_ex < 1 << 32 else 0,
    )


def connect_result(connected: Connected) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return properties and information of the `_result` for a connect command.

    To a client of Enhanced RTMP, the codecs known to both sides and this side's capabilities.
    """
    properties: dict[str, Value] = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
    if connected.fourccs:
        common = [
            name for name in FOURCCS if name in connected.fourccs or _ANY in connected.fourccs
        ]
        properties["fourCcList"] = common
        properties["videoFourCcInfoMap"] = {n: _CAN_FORWARD for n in common if n in _VIDEO}
        properties["audioFourCcInfoMap"] = {n: _CAN_FORWARD for n in common if n in _AUDIO}
        properties["capsEx"] = float(_CAPS_EX)
    information: dict[str, Value] = {
        "level": "status",
        "code": "NetConnection.Connect.Success",
        "description": "Connected.",
        "objectEncoding": 0.0,
    }
    return properties, information


def key_texts(connected: Connected, stream_name: str) -> tuple[str, ...]:
    """Return the texts in which the stream key may be, the likeliest first, without duplicates.

    People put the key, or a whole address with it, into any field that their encoder has; some
    encoders cut that address elsewhere than others.
    """
    texts = (stream_name, connected.app, connected.tc_url)
    return tuple(dict.fromkeys(unquote(text) for text in texts if text))


def _path(url: str) -> str:
    """Return the path of a URL, empty if it cannot be parsed."""
    try:
        return urlsplit(url).path.strip("/")
    except ValueError:
        return ""


def _text(properties: Mapping[str, Value], name: str) -> str:
    value = properties.get(name)
    return value.strip(_QUOTES) if isinstance(value, str) else ""


def _fourccs(properties: Mapping[str, Value]) -> Iterator[str]:
    listed = properties.get("fourcclist")
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        yield from (name for name in listed if isinstance(name, str))
    for mapped in ("videofourccinfomap", "audiofourccinfomap"):
        values = properties.get(mapped)
        if isinstance(values, Mapping):
            yield from values
