"""Side-by-side measurements: the station and the servers people use today, in the same run.

`script/bench NAME` prints one JSON object per figure on standard output and progress on standard
error. Servers run on one core and whatever loads them on another; all traffic is loopback.
"""
