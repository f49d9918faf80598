"""Structured field values (RFC 9651): items and dictionaries, parsed and serialised.

Lists are left out, as no field of an upload is one. Several lines of one field are to be joined by
a comma before.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from madang.base.errors import ParseError

MAX_INTEGER: Final = 999_999_999_999_999
"""Largest Integer (RFC 9651, section 3.3.1)."""


class StructuredFieldError(ParseError):
    """Value that is no structured field; the whole field is to be ignored."""


class Token(str):
    """A Token (RFC 9651, section 3.3.4)."""

    __slots__ = ()


class DisplayString(str):
    """A Display String (RFC 9651, section 3.3.8)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Date:
    """A Date (RFC 9651, section 3.3.7), in seconds since 1970."""

    seconds: int


BareItem = int | Decimal | str | bytes | bool | Date
"""`str` is a String, unless it is a Token or a DisplayString."""

Parameters = Mapping[str, BareItem]


@dataclass(frozen=True, slots=True)
class Item:
    """An Item with its parameters."""

    value: BareItem
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """A list of items as the value of a dictionary's member."""

    items: tuple[Item, ...]
    parameters: Parameters = field(default_factory=dict)


Dictionary = Mapping[str, Item | InnerList]


def parse_item(text: str) -> Item:
    """Return the Item in `text`. Raises StructuredFieldError."""
    reader = _Reader(text)
    item = reader.item()
    reader.end()
    return item


def parse_dictionary(text: str) -> Dictionary:
    """Return the members of a Dictionary in order. Raises StructuredFieldError."""
    reader = _Reader(text)
    members = reader.dictionary()
    reader.end()
    return members


def serialise_item(item: Item) -> str:
    """Return an Item as text (RFC 9651, section 4.1.3). Raises ValueError for a value that has no
    text."""
    return _bare_text(item.value) + _parameters_text(item.parameters)


def serialise_dictionary(members: Dictionary) -> str:
    """Return a Dictionary as text (RFC 9651, section 4.1.2). Raises ValueError as
    `serialise_item`."""
    return ", ".join(_member_text(key, member) for key, member in members.items())


# --- parsing (RFC 9651, section 4.2) ---

_NUMBER: Final = re.compile(r"-?(?:(\d{1,12}\.\d{1,3})|(\d{1,15}))(?![\d.])", re.ASCII)
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN: Final = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")
_BYTES: Final = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN: Final = re.compile(r"\?([01])")
_DATE: Final = re.compile(r"@(-?\d{1,15})(?![\d.])", re.ASCII)
_DISPLAY: Final = re.compile(r'%"((?:[ !#$&-~]|%[0-9a-f]{2})*)"')
_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_ESCAPED: Final = re.compile(r'\\(["\\])')
_PERCENT: Final = re.compile(rb"%([0-9a-f]{2})")


class _Reader:
    """A position in the text of a field."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text.strip(" ")
        self._at = 0

    def end(self) -> None:
        if self._at != len(self._text):
            raise self._error("nothing more")

    def item(self) -> Item:
        return Item(self._bare(), self._parameters())

    def dictionary(self) -> dict[str, Item | InnerList]:
        members: dict[str, Item | InnerList] = {}
        while self._at < len(self._text):
            key = self._match(_KEY, "a key")[0]
            if not self._next("="):
                members[key] = Item(True, self._parameters())
            elif self._next("("):
                members[key] = self._inner_list()
            else:
                members[key] = self.item()
            self._skip(" \t")
            if self._at == len(self._text):
                break
            if not self._next(","):
                raise self._error("a comma")
            self._skip(" \t")
            if self._at == len(self._text):
                raise self._error("another member")
        return members

    def _inner_list(self) -> InnerList:
        items: list[Item] = []
        while True:
            self._skip(" ")
            if self._next(")"):
                return InnerList(tuple(items), self._parameters())
            items.append(self.item())
            if self._text[self._at : self._at + 1] not in {" ", ")"}:
                raise self._error("a space or a closing bracket")

    def _parameters(self) -> dict[str, BareItem]:
        parameters: dict[str, BareItem] = {}
        while self._next(";"):
            self._skip(" ")
            key = self._match(_KEY, "the key of a parameter")[0]
            parameters[key] = self._bare() if self._next("=") else True
        return parameters

    def _bare(self) -> BareItem:
        first = self._text[self._at : self._at + 1]
        match first:
            case '"':
                return _ESCAPED.sub(r"\1", self._match(_STRING, "a String")[1])
            case ":":
                return _decode(self._match(_BYTES, "a Byte Sequence")[1])
            case "?":
                return self._match(_BOOLEAN, "a Boolean")[1] == "1"
            case "@":
                return Date(int(self._match(_DATE, "a Date")[1]))
            case "%":
                return _display(self._match(_DISPLAY, "a Display String")[1])
            case _ if first in "-0123456789" and first:
                number = self._match(_NUMBER, "a number")
                return Decimal(number[0]) if number[1] else int(number[0])
            case _:
                return Token(self._match(_TOKEN, "an Item")[0])

    def _match(self, pattern: re.Pattern[str], words: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._error(words)
        self._at = found.end()
        return found

    def _next(self, sign: str) -> bool:
        found = self._text.startswith(sign, self._at)
        self._at += found
        return found

    def _skip(self, signs: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in signs:
            self._at += 1

    def _error(self, expected: str) -> StructuredFieldError:
        return StructuredFieldError(f"Character {self._at + 1} of the field should be {expected}.")


def _decode(text: str) -> bytes:
    """Return bytes of base64, with or without padding (RFC 9651, section 4.2.7)."""
    try:
        return base64.b64decode(
            text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True
        )
    except binascii.Error as error:
        raise StructuredFieldError(f"A Byte Sequence is not base64: {error}.") from None


def _display(text: str) -> DisplayString:
    data = _PERCENT.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    try:
        return DisplayString(data.decode())
    except UnicodeDecodeError:
        raise StructuredFieldError("A Display String is not UTF-8.") from None


# --- serialising (RFC 9651, section 4.1) ---


def _member_text(key: str, member: Item | InnerList) -> str:
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"{key!r} is no key")
    if isinstance(member, InnerList):
        inner = " ".join(serialise_item(each) for each in member.items)
        return f"{key}=({inner}){_parameters_text(member.parameters)}"
    if member.value is True:
        return key + _parameters_text(member.parameters)
    return f"{key}={serialise_item(member)}"


def _parameters_text(parameters: Parameters) -> str:
    text = ""
    for key, value in parameters.items():
        if _KEY.fullmatch(key) is None:
            raise ValueError(f"{key!r} is no key")
        text += f";{key}" if value is True else f";{key}={_bare_text(value)}"
    return text


def _bare_text(value: BareItem) -> str:
    match value:
        case bool():
            return f"?{value:d}"
        case int():
            return _integer_text(value)
        case Date():
            return f"@{_integer_text(value.seconds)}"
        case Decimal():
            return _decimal_text(value)
        case bytes():
            return f":{base64.b64encode(value).decode()}:"
        case Token():
            return _checked(str(value), _TOKEN)
        case DisplayString():
            return f'%"{"".join(map(_display_byte, value.encode()))}"'
        case _:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return _checked(f'"{escaped}"', _STRING)


def _integer_text(value: int) -> str:
    if abs(value) > MAX_INTEGER:
        raise ValueError(f"{value} is too large for an Integer")
    return str(value)


def _decimal_text(value: Decimal) -> str:
    rounded = value.quantize(Decimal("0.001"))
    if abs(rounded) >= 10**12:
        raise ValueError(f"{value} is too large for a Decimal")
    whole, _, fraction = f"{rounded:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _display_byte(byte: int) -> str:
    plain = 0x20 <= byte <= 0x7E and byte not in b'%"'
    return chr(byte) if plain else f"%{byte:02x}"


def _checked(text: str, pattern: re.Pattern[str]) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueError(f"{text!r} is outside the characters of its type")
    return text
