"""Resources of each machine, step by step, from station.toml and a release.

Reads only the built release, the operator's own files and `remote.switch`; changes nothing.
"""
