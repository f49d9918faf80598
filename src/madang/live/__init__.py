"""Live shows: FLV tags in, events and LL-HLS answers out, without sockets and clocks.

tags → `demux` → `timeline` → `segmenter` → `window`, composed for one channel by `show`.
"""
