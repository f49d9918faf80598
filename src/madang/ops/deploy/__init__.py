"""`madang deploy`: servers as one file describes them.

Pure: `stationfile` (what is wanted), `layout` (which machine does what), `texts` (every
configuration file), `steps` (resources in order), `difference` (wanted against seen). Sockets:
`engine`, a process of its own that drives pyinfra, and `drive`, which starts and hears it.
"""
