"""A process that takes uploads into the folder that it is given, until it is killed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> None:
    """Print the port, and serve."""
    import django
    from django.conf import settings

    from tests.support.upload_server import uploading

    settings.configure(DATABASES={})
    django.setup()
    with uploading(Path(sys.argv[1])) as port:
        print(port.port.number, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
