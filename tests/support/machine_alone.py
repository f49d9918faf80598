"""One machine in a network of its own, for the test that kills its creator.

    python -m tests.support.machine_alone FOLDER

Prints the network's name when the machine has booted, and waits.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.support.machines import Ground

if __name__ == "__main__":
    with Ground(Path(sys.argv[1])) as ground:
        ground.machine("lost")
        print(ground.name, flush=True)
        threading.Event().wait()
