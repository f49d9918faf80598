"""Character encodings of subtitle files: what they are is found out, never asked."""

from __future__ import annotations

import codecs
from typing import Final

from madang.base.text import Text as _
from madang.wire.subtitles.model import MAX_BYTES, SubtitleError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_FALLBACKS: Final = ("utf-8", "cp949")
"""Encodings by turns. CP949 has all Hangul syllables, EUC-KR a fifth of them; text in CP949 is
never UTF-8, other than in ASCII."""

_SAMPLE: Final = 4096


def decode(data: bytes) -> str:
    """Return the text of a file. Raises SubtitleError."""
    if len(data) > MAX_BYTES:
        raise SubtitleError(_("The file is larger than {most} MB.", most=MAX_BYTES // 1_000_000))
    if not data.strip():
        raise SubtitleError(_("The file is empty."))
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], (name,))
    return _decoded(data, _unmarked_utf16(data) or _FALLBACKS)


def _unmarked_utf16(data: bytes) -> tuple[str, ...]:
    """Return UTF-16 for text without a mark: every other byte of ASCII in it is zero."""
    head = data[:_SAMPLE]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 8 < len(head):
        return ()
    return ("utf-16-le",) if odd > even else ("utf-16-be",)


def _decoded(data: bytes, names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return data.decode(name)
        except UnicodeDecodeError as error:
            broken = error.start
    raise SubtitleError(
        _("The text is neither UTF-8, UTF-16 nor CP949."), line=data.count(b"\n", 0, broken) + 1
    )
