"""AMF 0 values compared with handwritten bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.base.errors import LimitExceeded
from madang.wire import amf0
from tests.wire.amf0_cases import BROKEN, CASES, TOLERATED

_scalars = (
    st.floats(allow_nan=False)
    | st.booleans()
    | st.text(max_size=40)
    | st.none()
    | st.just(amf0.UNDEFINED)
    | st.builds(amf0.Date, st.floats(allow_nan=False))
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4).map(amf0.EcmaArray)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("name", CASES)
def test_each_case_decodes_to_its_values_and_encodes_to_its_bytes(name: str) -> None:
    data, values = CASES[name]
    assert amf0.decode(data) == values
    assert amf0.encode(*values) == data


@pytest.mark.parametrize("name", TOLERATED)
def test_what_strange_encoders_write_is_read(name: str) -> None:
    data, values = TOLERATED[name]
    assert amf0.decode(data) == values


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_amf0_raises_its_error(name: str) -> None:
    with pytest.raises(amf0.Amf0Error):
        amf0.decode(BROKEN[name])


@given(st.lists(_values, max_size=4))
def test_decoding_undoes_encoding(values: list[amf0.Value]) -> None:
    assert amf0.decode(amf0.encode(*values)) == values


def test_an_ecma_array_stays_one() -> None:
    [value] = amf0.decode(amf0.encode(amf0.EcmaArray(a=1.0)))
    assert isinstance(value, amf0.EcmaArray)


def test_nesting_has_a_named_limit() -> None:
    def nested(levels: int) -> bytes:
        return b"\x03\x00\x01a" * levels + b"\x05" + b"\x00\x00\x09" * levels

    amf0.decode(nested(amf0.MAX_DEPTH))
    with pytest.raises(LimitExceeded) as caught:
        amf0.decode(nested(amf0.MAX_DEPTH + 1))
    assert caught.value.limit == "amf0_depth"


def test_the_number_of_values_has_a_named_limit() -> None:
    amf0.decode(b"\x05" * amf0.MAX_VALUES)
    with pytest.raises(LimitExceeded) as caught:
        amf0.decode(b"\x05" * (amf0.MAX_VALUES + 1))
    assert caught.value.limit == "amf0_values"


def test_a_property_name_that_amf0_cannot_express_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="property name"):
        amf0.encode({"x" * 65_536: None})
