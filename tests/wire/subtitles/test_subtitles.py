"""Files of subtitles become cues, or a reason with its line."""

from __future__ import annotations

import pytest

from madang.wire.subtitles import MAX_BYTES, Cue, SubtitleError, excerpt, parse, render
from madang.wire.subtitles.markup import cue_text
from tests.wire.subtitles.cases import SMI, SRT, WEBVTT

SRT_CUES = (
    Cue(1.0, 2.5, "Hello <b>there</b>"),
    Cue(3.0, 60.0, "둘째 줄 &amp; alert(1)\n- 이어서"),
)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_srt_in_every_encoding(encoding: str, end: str) -> None:
    (track,) = parse(SRT.replace("\n", end).encode(encoding))
    assert (track.cues, track.language) == (SRT_CUES, "")


def test_srt_as_it_is_found() -> None:
    text = (
        "\n\n00:00:05.5 --> 00:00:06 X1:0 Y1:9\n{\\an8}up\n\nand down\n\n\n"
        "7\n0:00:01,000 --> 0:00:02,000\nfirst\n8\n00:00:03,000 --> 00:00:03,000\nno time\n"
    )
    (track,) = parse(text.encode())
    assert track.cues == (Cue(1.0, 2.0, "first"), Cue(5.5, 6.0, "up\nand down"))


def test_srt_with_every_other_line_empty() -> None:
    (track,) = parse("\n\n".join(SRT.strip().split("\n")).encode())
    assert track.cues == SRT_CUES


def test_webvtt_keeps_places_and_loses_what_loads_or_styles() -> None:
    (track,) = parse(WEBVTT.encode())
    assert track.cues == (
        Cue(1.0, 2.5, "Hello there", "align:start position:10%,line-left line:-1"),
        Cue(3600.0, 3601.0, "&lt;b&gt; &amp; more"),
    )
    assert "example.org" not in render(track.cues)
    assert parse(render(track.cues).encode())[0].cues == track.cues


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp949"])
def test_smi_has_a_track_for_each_language(encoding: str) -> None:
    korean, english = parse(SMI.encode(encoding))
    assert (korean.language, english.language) == ("ko-KR", "en-US")
    assert korean.cues == (Cue(1.0, 2.5, "뷁 펲 똠\n둘째"), Cue(4.0, 9.0, "끝"))
    assert english.cues == (Cue(1.0, 3.0, "First"),)


def test_smi_without_styles_and_paragraphs() -> None:
    (track,) = parse(b"<SAMI><BODY><SYNC Start=1000>one<SYNC Start=2000>&nbsp;")
    assert (track.language, track.cues) == ("", (Cue(1.0, 2.0, "one"),))
    (track,) = parse(b"<SYNC Start=10><P Class=KRCC>one<SYNC Start=20><P Class=KRCC> ")
    assert track.language == "ko"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<i>\nslanted\n</i>", "<i>slanted</i>"),
        ("<i>open", "<i>open</i>"),
        ("<b><i>crossed</b></i>", "<b><i>crossed</i></b>"),
        ("</u>closed", "closed"),
        ("1 < 2 > 0 & 3", "1 &lt; 2 &gt; 0 &amp; 3"),
        ("a --> b", "a --&gt; b"),
        ('<img src=x onerror="alert(1)">x', "x"),
        ("&lt;img src=x&gt;", "&lt;img src=x&gt;"),
        ("&#60;script&#62;", "&lt;script&gt;"),
        ("a\u202eb\0c\u2028\ufeffd", "abc d"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("<i> </i>", ""),
        ("a<br/>b<BR >c", "a\nb\nc"),
    ],
)
def test_markup(source: str, text: str) -> None:
    assert cue_text(source, 1) == text
    assert cue_text(text, 1) == text


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", 0, "empty"),
        (b" " * (MAX_BYTES + 1), 0, "larger"),
        (b"just a text\n", 1, "no times"),
        (b"\n\ntext\n\n1\n00:00:01,000 --> 00:00:02,000\nx\n", 3, "without a time"),
        (b"1\n00:00:01,000 --> soon\nx\n", 2, "two times"),
        (b"1\n00:00:03,000 --> 00:00:02,000\nx\n", 2, "before it begins"),
        (b"1\n9000:00:03,000 --> 9000:00:04,000\nx\n", 2, "later than"),
        (b"1\n00:00:01,000 --> 00:00:02,000\n" + b"x" * 3000, 2, "longer than"),
        (b"00:00:01,000 --> 00:00:02,000\nx\n" * 20_001, 40_001, "more than"),
        (b"1\n00:00:01,000 --> 00:00:02,000\n\n", 0, "no text"),
        (b"1\n00:00:01,000 --> 00:00:02,000\n\xff\xff\n", 3, "neither"),
        (b"\xef\xbb\xbfa\n\xb0\xa1", 2, "neither"),
        (b"WEBVTTX\n\n00:01.000 --> 00:02.000\nx\n", 1, "begins with"),
        (b"<SAMI>\n<SYNC Start=soon>x", 2, "no time"),
        (b"<SAMI>\n<BODY></BODY>", 1, "no times"),
    ],
)
def test_what_is_refused_is_said_with_its_line(data: bytes, line: int, words: str) -> None:
    with pytest.raises(SubtitleError) as caught:
        parse(data)
    assert caught.value.line == line
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"Line {line}: ") == bool(line)


def test_an_excerpt_has_what_is_shown_between_two_times_from_its_own_beginning() -> None:
    cues = [Cue(0.0, 4.0, "away"), Cue(3.0, 6.0, "across", "line:0"), Cue(7.0, 12.0, "to the end")]
    assert list(excerpt(cues, 5.0, 10.0)) == [
        Cue(0.0, 1.0, "across", "line:0"),
        Cue(2.0, 5.0, "to the end"),
    ]
