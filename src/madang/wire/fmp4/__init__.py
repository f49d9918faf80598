"""Fragmented MP4 and ordinary MP4 (ISO/IEC 14496-12, "ISO BMFF"): writers, and a reader of files
that this station wrote."""

from madang.wire.fmp4.fragments import TrackRun, fragment
from madang.wire.fmp4.init import init_segment
from madang.wire.fmp4.movie import TrackTables, add_fragment, movie
from madang.wire.fmp4.reader import SampleRun, read_moof

__all__ = [
    "SampleRun",
    "TrackRun",
    "TrackTables",
    "add_fragment",
    "fragment",
    "init_segment",
    "movie",
    "read_moof",
]
