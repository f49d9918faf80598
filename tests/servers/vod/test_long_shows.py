"""A show of 24 hours costs what a short one does, but for the first look at it."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from pathlib import Path

from madang.recording.index import MAGIC, Kind, Record, encode
from madang.servers.vod.reader import Form, RenditionReader
from madang.wire.hls import parse_media

SEGMENT = 2.0
SIZE = 1_500_000
DELTA = Form(delta=True, gzip=True)
WHOLE = Form(gzip=True)
REFRESHES = 40


@dataclass
class Show:
    """An index that grows by segments, and its reader."""

    folder: Path
    reader: RenditionReader
    count: int = 0

    def grow(self, count: int) -> None:
        """Add segments of one part each."""
        with (self.folder / "source/1.index").open("ab") as index:
            for number in range(self.count, self.count + count):
                record = Record(
                    *(Kind.PART, 800 + number * SIZE, SIZE, 1, number, 0),
                    *(SEGMENT, 1_800_000_000 + number * SEGMENT, True),
                )
                index.write(encode(record))
        self.count += count

    def refresh(self) -> tuple[bytes, bytes]:
        """Read what is new, and return the delta update and the whole as viewers get them."""
        self.reader.read(1, ended=False)
        return self.reader.text(DELTA).body, self.reader.text(WHOLE).body


def show(folder: Path, hours: float) -> Show:
    (folder / "source").mkdir(parents=True)
    (folder / "source/1.index").write_bytes(MAGIC + encode(Record(Kind.INIT, 44, 756)))
    made = Show(folder, RenditionReader(folder, "source", 2))
    made.grow(int(hours * 3600 / SEGMENT))
    return made


def cost_of_refresh(made: Show) -> float:
    """Return the processor time in seconds of a refresh, the least of several."""
    made.refresh()
    least = float("inf")
    for _ in range(REFRESHES):
        made.grow(1)
        before = time.process_time()
        made.refresh()
        least = min(least, time.process_time() - before)
    return least


def test_the_cost_of_a_refresh_does_not_grow_with_the_show(tmp_path: Path) -> None:
    short, long = show(tmp_path / "short", 0.5), show(tmp_path / "long", 24)
    # The compressed text is copied, 250 kB after a day: a fraction of a millisecond.
    assert cost_of_refresh(long) < 5 * cost_of_refresh(short) + 0.001


def test_what_a_viewer_fetches_of_24_hours(tmp_path: Path) -> None:
    made = show(tmp_path, 24)
    delta, whole = made.refresh()
    assert len(delta) < 1000
    assert len(whole) < 500_000
    assert gzip.decompress(whole).count(b"#EXTINF") == 24 * 1800 - 1
    made.grow(1)
    delta, whole = made.refresh()
    update = parse_media(gzip.decompress(delta).decode())
    assert update.skipped + len(update.segments) == 24 * 1800
    assert gzip.decompress(whole).endswith(gzip.decompress(delta)[-500:])
    # One text for all viewers: five hundred cost what one does.
    assert all(made.reader.text(DELTA).body is delta for _ in range(500))
    assert made.reader.known_text(WHOLE) is made.reader.text(WHOLE)
    assert made.reader.size < 8_000_000
