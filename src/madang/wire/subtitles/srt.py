"""SubRip files (.srt), and what of WebVTT has the same form: blocks of a time line and text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from madang.base.text import Text as _
from madang.wire.subtitles.markup import cue_text
from madang.wire.subtitles.model import MAX_CUES, Cue, SubtitleError
from madang.wire.subtitles.timing import ARROW, parse_times


def parse_srt(lines: Sequence[str]) -> list[Cue]:
    """Return the cues of an SRT file. Raises SubtitleError.

    Numbers before the times may be missing or wrong; text behind an empty line belongs to the cue.
    """
    return parse_blocks(lines, 0, lambda _: "")


def parse_blocks(
    lines: Sequence[str], begin: int, settings: Callable[[str], str], *, strict: bool = False
) -> list[Cue]:
    """Return the cues of lines from the index `begin` on. Raises SubtitleError.

    `settings` returns what is kept of the words behind the times. `strict`: an empty line ends a
    cue.
    """
    cues: list[Cue] = []
    times = [at for at in range(begin, len(lines)) if ARROW in lines[at]]
    if len(times) > MAX_CUES:
        raise SubtitleError(
            _("There are more than {most} texts.", most=MAX_CUES), times[MAX_CUES] + 1
        )
    if not times:
        first = next((at for at in range(begin, len(lines)) if lines[at].strip()), begin)
        raise SubtitleError(_("There are no times of texts here."), first + 1)
    _require_nothing(lines, begin, _head(lines, times[0], begin))
    for at, following in zip(times, [*times[1:], len(lines)], strict=True):
        start, end, rest = parse_times(lines[at], at + 1)
        last = following
        if strict:
            last = next((n for n in range(at + 1, following) if not lines[n].strip()), following)
        elif following < len(lines):
            last = _head(lines, following, at + 1)
        body = lines[at + 1 : last]
        text = cue_text("\n".join(body), at + 1)
        if text and end > start:
            cues.append(Cue(start, end, text, settings(rest)))
    return sorted(cues, key=lambda cue: cue.start)


def _head(lines: Sequence[str], at: int, least: int) -> int:
    """Return the index of the number or name before a time line, or that of the line itself."""
    above = at - 1
    while above > least and not lines[above].strip():  # files with every other line empty
        above -= 1
    if above >= least and lines[above].strip().isdecimal():
        return above
    before = lines[at - 1].strip() if at > least else ""
    named = before and (at - 1 == least or not lines[at - 2].strip())
    return at - 1 if named else at


def _require_nothing(lines: Sequence[str], begin: int, end: int) -> None:
    for at in range(begin, end):
        if lines[at].strip():
            raise SubtitleError(_("There is text without a time."), at + 1)
