"""Parameters of connect and publish commands (RTMP 1.0, 7.2.1.1).

Clients differ: objects as ECMA arrays, `tcUrl` in lower case or in quotation marks, and the stream
key in the stream's name, the application's path or a query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

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
    app = _text(properties, "app").strip("/") or _split(tc_url)[0]
    caps_ex = properties.get("capsex")
    return Connected(
        app=app,
        tc_url=tc_url,
        encoder=_text(properties, "flashver"),
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


def stream_keys(connected: Connected, stream_name: str) -> tuple[str, ...]:
    """Return candidates for the stream key, the likeliest first, without duplicates.

    First `key=` in a query, which has no other meaning; then the stream's name, as a whole and
    after its last slash; then what follows the application's first segment.
    """
    name, _, name_query = stream_name.strip(_QUOTES).partition("?")
    app, _, app_query = connected.app.partition("?")
    path, url_query = _split(connected.tc_url)
    candidates = [
        *_query_keys(name_query),
        *_query_keys(app_query),
        *_query_keys(url_query),
        name,
        name.rpartition("/")[2],
        app.partition("/")[2],
        app.partition("/")[2].rpartition("/")[2],
        path.partition("/")[2],
    ]
    return tuple(dict.fromkeys(key for key in map(_clean, candidates) if key))


def _split(url: str) -> tuple[str, str]:
    """Return path and query of a URL, empty if it cannot be parsed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path.strip("/"), parts.query


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


def _query_keys(query: str) -> list[str]:
    try:
        return parse_qs(query, max_num_fields=16).get("key", [])
    except ValueError:
        return []


def _clean(key: str) -> str:
    return unquote(key).strip(_QUOTES + "/")
