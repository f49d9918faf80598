"""Mutated indexes and files of recordings are repaired or refused."""

from __future__ import annotations

from madang.base.errors import ParseError
from madang.recording.file import RecordingFile
from madang.recording.index import Kind, Record, decode, encode
from madang.recording.repair import repair
from madang.wire.fmp4 import TrackTables, add_fragment, init_segment, movie
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.support.hybrid import fragments_of, moof_of
from tests.support.recordings import MemoryRecording, begun
from tests.support.samples import sample

NAMES = ("avc-b-frames", "aac")


def small_recording() -> MemoryRecording:
    made = [sample("bundled", name) for name in NAMES]
    content = [(each.track, each.units[:6]) for each in made]
    recording = begun(init_segment([track for track, _ in content]))
    for number, data in enumerate(fragments_of(content, 2)):
        recording.write(recording.file.append(data, Record(Kind.PART, msn=number)))
    return recording


def test_indexes() -> None:
    made = small_recording()
    synced = made.file.synced(made.records[1].end)
    fuzz(
        lambda data: [encode(each) for each in decode(data)],
        [bytes(made.index) + synced],
        (ParseError,),
        SUITE_COUNT // 3,
    )


def test_files() -> None:
    made = small_recording()

    def target(data: bytes) -> None:
        def read(offset: int, size: int) -> bytes:
            return data[offset : offset + size]

        repaired = repair(read, len(data), made.records)
        assert repaired.end <= len(data)
        if len(repaired.records) > 1:
            RecordingFile.resume(repaired, read).finish()

    fuzz(target, [bytes(made.data)], (ParseError,), SUITE_COUNT // 3)


def test_movie_fragments_and_init_segments() -> None:
    tracks = [sample("bundled", name) for name in NAMES]
    init = init_segment([each.track for each in tracks])
    (moof, *_) = map(moof_of, fragments_of([(each.track, each.units[:6]) for each in tracks]))

    def target(data: bytes) -> None:
        tables: dict[int, TrackTables] = {}
        add_fragment(tables, data[len(init) :], 0)
        movie(data[: len(init)], tables)

    fuzz(target, [init + moof], (ParseError,), SUITE_COUNT // 3)
