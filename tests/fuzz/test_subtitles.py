"""Mutated subtitles are understood or refused, and what is shown of them is harmless."""

from __future__ import annotations

import re

from madang.wire.subtitles import SubtitleError, parse, render
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.wire.subtitles.cases import SEEDS

_HARMLESS = re.compile(r"(?:[^<>&]|&(?:amp|lt|gt);|</?(?:b|i|u|ruby|rt)>)*")


def test_subtitles() -> None:
    def target(data: bytes) -> None:
        for track in parse(data):
            for cue in track.cues:
                assert 0 <= cue.start < cue.end
                assert _HARMLESS.fullmatch(cue.text)
                assert all(line.strip() for line in cue.text.split("\n"))
            (again,) = parse(render(track.cues).encode())
            assert [cue.text for cue in again.cues] == [cue.text for cue in track.cues]

    fuzz(target, SEEDS, (SubtitleError,), count=SUITE_COUNT // 2)
