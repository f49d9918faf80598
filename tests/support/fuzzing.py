"""Throws mutated inputs at a parser and accepts only the rejections it names."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence

from tests.support.sizes import sized

SUITE_COUNT = sized(10_000, 100_000)
"""Inputs per parser in the test suite; `script/bench fuzz` asks for more."""

SLOW = 1.0
"""Seconds of processor time after which a single input counts as a denial of service."""

_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def fuzz(
    target: Callable[[bytes], None],
    seeds: Sequence[bytes],
    allowed: tuple[type[Exception], ...],
    count: int | None = None,
    seed: int = 1,
) -> None:
    """Call `target` with `count` mutations of `seeds`, the same ones for the same `seed`.

    Raises AssertionError, with the input in hexadecimal, where the target raises anything but
    `allowed` or takes longer than `SLOW`. MADANG_FUZZ_COUNT overrides `count`.
    """
    rng = random.Random(seed)
    began = time.process_time()
    for _ in range(int(os.environ.get("MADANG_FUZZ_COUNT", count or SUITE_COUNT))):
        data = _mutate(rng.choice(seeds), seeds, rng)
        try:
            target(data)
        except allowed:
            pass
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}; input {data.hex()}") from error
        ended = time.process_time()
        if ended - began > SLOW:
            raise AssertionError(f"took {ended - began:.1f} s; input {data.hex()}")
        began = ended


def _mutate(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    mutated = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(mutated) + 1)
        match rng.randrange(8):
            case 0 if at < len(mutated):
                mutated[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(mutated):
                mutated[at] = rng.choice(_INTERESTING)
            case 2 if at < len(mutated):
                mutated[at] = rng.randrange(256)
            case 3:
                del mutated[at : at + rng.randrange(1, 9)]
            case 4:
                mutated[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 5:
                mutated[at : at + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0" * 4)
                )
            case 6:
                other = rng.choice(seeds)
                cut = rng.randrange(len(other) + 1)
                mutated[at:] = other[cut:]
            case _:
                del mutated[at:]
    return bytes(mutated)
