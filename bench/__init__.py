"""Side-by-side measurements of the station and of common servers, in the same run.

`script/bench NAME` prints one JSON object per figure on standard output and progress on standard
error. Servers run on one core and their load on another; all traffic is loopback.
"""
