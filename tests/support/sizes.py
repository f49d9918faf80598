"""Sizes of tests that repeat, are large or try many seeds.

Every run has the short form; `script/test --long` sets MADANG_TEST_LONG.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

T = TypeVar("T")

LONG: Final = bool(os.environ.get("MADANG_TEST_LONG"))


def sized(short: T, long: T) -> T:
    """Return the size for this run."""
    return long if LONG else short
