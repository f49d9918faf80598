"""Command for one load, `python -m bench.loads KIND` with its parameters as JSON on standard input;
KIND is watch, publish, fetch, upload or chat.

Prints the result as one JSON object; exits 1 with the reason when a server did something wrong.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import asdict

import uvloop

from bench.loads import chat, publishers, ranges, uploads, viewers
from bench.loads.plan import Crowd, Fetch, Publish, Upload, Watch
from bench.processes import LOAD_CORE, pin
from madang.base.errors import MadangError


def main() -> int:
    """Run the load and return the exit code."""
    pin(LOAD_CORE)
    load = json.load(sys.stdin)
    # A garbage collection over thousands of viewers would add lateness.
    gc.disable()
    try:
        if sys.argv[1] == "publish":
            result = asdict(uvloop.run(publishers.run(Publish(**load))))
        elif sys.argv[1] == "fetch":
            result = asdict(uvloop.run(ranges.run(Fetch(**load))))
        elif sys.argv[1] == "upload":
            result = asdict(uploads.run(Upload(**load)))
        elif sys.argv[1] == "chat":
            result = asdict(uvloop.run(chat.run(Crowd(**load))))
        else:
            result = asdict(uvloop.run(viewers.run(Watch(**load))))
    except (MadangError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
