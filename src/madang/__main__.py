"""`python -m madang`."""

from madang.cli import main

main()
