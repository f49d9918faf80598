"""An import that says how far it is and then waits for a line, so that it can be killed there:
`python -m tests.support.import_process DATA CHANNEL PATH`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

STEP = 200_000
"""Bytes copied at once."""


def main() -> None:
    """Import a file."""
    from madang.cli import video_import
    from madang.cli.common import control_plane

    settings = control_plane(Path(sys.argv[1]), None)
    visibility = video_import.VisibilityName.PUBLIC
    importer = video_import._importer(settings, sys.argv[2], visibility)

    def wait(done: int, size: int) -> None:
        print(done, flush=True)
        sys.stdin.readline()

    replace(importer, copy_bytes=STEP).take(Path(sys.argv[3]), wait)


if __name__ == "__main__":
    main()
