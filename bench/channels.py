"""Creation of a bench station's channels: `python -m bench.channels DATA COUNT`.

Prints their stream keys by slug as one JSON object. Equals `madang user create` and `madang channel
create` in one process: a hundred starts of the command would take longer than the measurement.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

from madang.station import boot
from madang.station.config import settings

OWNER = "bench"


def main(data: Path, count: int) -> None:
    """Make `count` channels in the data folder."""
    boot.control_plane(settings.load(data))
    from madang.apps.accounts.services import create_user
    from madang.apps.channels.services import create_channel

    owner = create_user(OWNER, password=secrets.token_urlsafe(16), email="", admin=False)
    keys = {}
    for number in range(count):
        channel, key = create_channel(f"bench-{number}", owner=owner, title="")
        keys[channel.slug] = str(key)
    print(json.dumps(keys))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
