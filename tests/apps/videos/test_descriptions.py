"""Links, times and chapters of descriptions."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("station")

HOUR = 3600.0


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<b>", "&lt;b&gt;"),
        ("at 1:23.", 'at <a href="?t=83" data-at="83">1:23</a>.'),
        ("00:59:07", '<a href="?t=3547" data-at="3547">00:59:07</a>'),
        ("1:00:00", "1:00:00"),  # the end of the video
        ("12:30:45:01 and 1:234", "12:30:45:01 and 1:234"),
        ("at 1:75", "at 1:75"),
        (
            "see https://example.org/a?b=1&c=(2).",
            'see <a href="https://example.org/a?b=1&amp;c=(2)" rel="nofollow ugc noopener">'
            "https://example.org/a?b=1&amp;c=(2)</a>.",
        ),
        (
            "(https://example.org/1:20)",
            '(<a href="https://example.org/1:20" rel="nofollow ugc noopener">'
            "https://example.org/1:20</a>)",
        ),
        ('https://a"onclick=', '<a href="https://a" rel="nofollow ugc noopener">https://a</a>'
         "&quot;onclick="),
        ("javascript://x", "javascript://x"),
    ],
)  # fmt: skip
def test_addresses_and_times_become_links(text: str, html: str) -> None:
    from madang.apps.videos.descriptions import as_html

    assert as_html(text, HOUR) == html


def test_lines_that_begin_with_a_time_are_chapters_in_order() -> None:
    from madang.apps.videos.descriptions import Chapter, chapters

    text = "Drums\n0:00 Opening\n - 12:30 – Second half\n(5:00) Duet\n1:30:00 Too late\n5:00 Again"
    assert chapters(text, HOUR) == [
        Chapter(0, "0:00", "Opening"),
        Chapter(300, "5:00", "Duet"),
        Chapter(750, "12:30", "Second half"),
    ]


@pytest.mark.parametrize("text", ["", "Begins at 12:30", "0:00 Only one", "0:00\n1:00"])
def test_a_remark_is_no_chapter(text: str) -> None:
    from madang.apps.videos.descriptions import chapters

    assert chapters(text, HOUR) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (83, "1:23"), (3723, "1:02:03")]
)
def test_a_length_is_a_clock(seconds: float, text: str) -> None:
    from madang.apps.videos.descriptions import clock

    assert clock(seconds) == text
