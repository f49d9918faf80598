"""Compilation of every template, to find invalid tags.

Run as `python -m tests.support.check_templates`; `script/lint` does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from madang.station import boot
from madang.station.config.settings import load


def main() -> int:
    """Print each template that does not compile; return the exit code."""
    from django.template import TemplateSyntaxError
    from django.template.loader import get_template

    folder = boot.web_folder() / "templates"
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.html"))]
    wrong = 0
    for name in names:
        try:
            get_template(name)
        except TemplateSyntaxError as error:
            wrong += 1
            print(f"{name}: {error}", file=sys.stderr)
    print(f"{len(names)} templates, {wrong} of them wrong")
    return 1 if wrong or not names else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data:
        boot.start_django(load(Path(data)))
        raise SystemExit(main())
