"""Load generators: viewers and publishers of one core, cheap enough not to be what is measured.

`python -m bench.loads` runs one of them in a process of its own, so that the server's figures and
the load's are apart. Everything received is checked: no figure rests on bytes alone.
"""
