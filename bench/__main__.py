"""`script/bench NAME …`: run one benchmark. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import signal
import sys
from types import ModuleType

from bench import (
    api,
    backup,
    beside,
    chat,
    deploy,
    fuzz,
    ingest,
    latency,
    library,
    live,
    plan,
    record,
    rewind,
    transcode,
    upload,
    vod,
)
from madang.base.errors import MadangError

BENCHES: dict[str, ModuleType] = {
    "api": api,
    "backup": backup,
    "library": library,
    "live": live,
    "latency": latency,
    "ingest": ingest,
    "record": record,
    "vod": vod,
    "rewind": rewind,
    "upload": upload,
    "transcode": transcode,
    "beside": beside,
    "fuzz": fuzz,
    "plan": plan,
    "chat": chat,
    "deploy": deploy,
}


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, module in BENCHES.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        command = names.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    options = parser.parse_args()
    # SIGTERM unwinds like Ctrl+C, so that child processes are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        BENCHES[options.name].main(options)
    except MadangError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
