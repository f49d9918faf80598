"""Runs one load: `python -m bench.loads watch|publish|chat`, what to do as JSON on standard input.

Prints what happened as one JSON object; exits 1, saying why, when a server did something wrong.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import asdict

import uvloop

from bench.loads import chat, publishers, viewers
from bench.loads.plan import Crowd, Publish, Watch
from bench.processes import LOAD_CORE, pin
from madang.base.errors import MadangError


def main() -> int:
    """Exit code of the process."""
    pin(LOAD_CORE)
    load = json.load(sys.stdin)
    # A collection over thousands of viewers would be lateness of the load's own making.
    gc.disable()
    try:
        if sys.argv[1] == "publish":
            result = asdict(uvloop.run(publishers.run(Publish(**load))))
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
