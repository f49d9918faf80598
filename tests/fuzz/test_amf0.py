"""AMF 0 either decodes or raises its error."""

from __future__ import annotations

from madang.base.errors import LimitExceeded
from madang.wire.amf0 import Amf0Error, decode, encode
from tests.support.fuzzing import fuzz
from tests.wire.amf0_cases import BROKEN, CASES, TOLERATED

SEEDS = [
    data
    for data in (
        *(data for data, _ in CASES.values()),
        *(data for data, _ in TOLERATED.values()),
        *BROKEN.values(),
    )
    if len(data) < 1000
]


def _decode_and_encode_again(data: bytes) -> None:
    values = decode(data)
    # Compared by representation: NaN is not equal to itself.
    assert repr(decode(encode(*values))) == repr(values)


def test_decode_either_succeeds_or_raises_its_error() -> None:
    fuzz(_decode_and_encode_again, SEEDS, allowed=(Amf0Error, LimitExceeded))
