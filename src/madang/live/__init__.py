"""From FLV tags to LL-HLS answers, without a socket and without a clock.

tags → `demux` → `timeline` → `segmenter` → `window`, composed for one channel by `show`.
"""
