"""Text of cues: markup that every format has is kept, everything else is text or goes."""

from __future__ import annotations

import html
import re
from typing import Final

from madang.base.text import Text as _
from madang.wire.subtitles.model import MAX_CUE_CHARS, SubtitleError

_KEPT: Final = frozenset({"b", "i", "u", "ruby", "rt"})
"""Tags of WebVTT that SRT and SMI have as well; none has attributes or loads anything."""

_TAG: Final = re.compile(r"</?[a-zA-Z\d!?][^<>]*>")
_NAME: Final = re.compile(r"<(/?)([a-zA-Z]+)")
_OVERRIDE: Final = re.compile(r"\{\\[^{}]*\}")
"""Position and style in SRT files, as Advanced SubStation Alpha has them: `{\\an8}`."""

_TAGS_ABOVE: Final = re.compile(r"^((?:<[^<>\n]*>)+)\n", re.MULTILINE)
_TAGS_BELOW: Final = re.compile(r"\n((?:<[^<>\n]*>)+)$", re.MULTILINE)

_JOINERS: Final = frozenset("\u200c\u200d\u200e\u200f")
"""Characters that cannot be seen and that emoji and some scripts need."""

_BREAK: Final = "br"


def cue_text(source: str, line: int, *, spaces: bool = False) -> str:
    """Return source text as cue text of WebVTT; "" where nothing of it can be seen.

    `spaces`: line breaks are spaces, as in HTML. `line` is for errors. Raises SubtitleError.
    """
    if len(source) > MAX_CUE_CHARS:
        raise SubtitleError(
            _("The text is longer than {most} characters.", most=MAX_CUE_CHARS), line
        )
    source = _OVERRIDE.sub("", source)
    parts: list[str] = []
    open_tags: list[str] = []
    at = 0
    for match in _TAG.finditer(source):
        parts.append(_escaped(source[at : match.start()], spaces))
        at = match.end()
        name = _NAME.match(match[0])
        if name is not None:
            parts.append(_tag(name[2].lower(), open_tags, closes=bool(name[1])))
    parts.append(_escaped(source[at:], spaces))
    parts += [f"</{each}>" for each in reversed(open_tags)]
    lines = [" ".join(each.split()) for each in "".join(parts).split("\n")]
    text = "\n".join(each for each in lines if each)
    # Tags on lines of their own would be empty lines.
    text = _TAGS_BELOW.sub(r"\1", _TAGS_ABOVE.sub(r"\1", text))
    return text if _TAG.sub("", text).strip() else ""


def _tag(name: str, open_tags: list[str], *, closes: bool) -> str:
    """Return a tag as it is written: one that nothing has opened is left out, and what is open
    inside one that closes is closed first."""
    if name == _BREAK:
        return "\n"
    if name not in _KEPT:
        return ""
    if not closes:
        open_tags.append(name)
        return f"<{name}>"
    if name not in open_tags:
        return ""
    written = ""
    while True:
        inner = open_tags.pop()
        written += f"</{inner}>"
        if inner == name:
            return written


def _escaped(text: str, spaces: bool) -> str:
    text = html.unescape(text).replace("\r", "\n")
    if spaces:
        text = text.replace("\n", " ")
    kept = "".join(
        each for each in text if each.isprintable() or each.isspace() or each in _JOINERS
    )
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
