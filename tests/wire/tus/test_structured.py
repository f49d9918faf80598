"""Structured field values (RFC 9651)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.wire.tus.structured import (
    MAX_INTEGER,
    BareItem,
    Date,
    Dictionary,
    DisplayString,
    InnerList,
    Item,
    StructuredFieldError,
    Token,
    parse_dictionary,
    parse_item,
    serialise_dictionary,
    serialise_item,
)
from tests.wire.tus.cases import (
    BARE_ITEMS,
    BROKEN_DICTIONARIES,
    BROKEN_ITEMS,
    DICTIONARIES,
    TOLERATED_DICTIONARIES,
    TOLERATED_ITEMS,
)


@pytest.mark.parametrize(("text", "value"), BARE_ITEMS.items())
def test_items_in_both_directions(text: str, value: BareItem) -> None:
    parsed = parse_item(text)
    assert parsed == Item(value)
    assert type(parsed.value) is type(value)
    assert serialise_item(parsed) == text


@pytest.mark.parametrize(("text", "item"), TOLERATED_ITEMS.items())
def test_items_in_another_form(text: str, item: Item) -> None:
    assert parse_item(text) == item


@pytest.mark.parametrize("text", BROKEN_ITEMS)
def test_broken_items(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        parse_item(text)


@pytest.mark.parametrize(("text", "members"), DICTIONARIES.items())
def test_dictionaries_in_both_directions(text: str, members: Dictionary) -> None:
    assert parse_dictionary(text) == members
    assert serialise_dictionary(members) == text


@pytest.mark.parametrize(("text", "members"), TOLERATED_DICTIONARIES.items())
def test_dictionaries_in_another_form(text: str, members: Dictionary) -> None:
    assert parse_dictionary(text) == members


@pytest.mark.parametrize("text", BROKEN_DICTIONARIES)
def test_broken_dictionaries(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        parse_dictionary(text)


@pytest.mark.parametrize(
    "value", [MAX_INTEGER + 1, Decimal(10**12), Token("a b"), Token(""), "é", "\n", Date(10**16)]
)
def test_values_that_have_no_text(value: BareItem) -> None:
    with pytest.raises(ValueError, match=r"too large|outside"):
        serialise_item(Item(value))


integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
values = st.one_of(
    integers,
    st.decimals(-(10**12) + 1, 10**12 - 1, places=3),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
    st.from_regex(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*", fullmatch=True).map(Token),
    st.binary(),
    st.booleans(),
    st.builds(Date, integers),
    st.text(st.characters(exclude_categories=["Cs"])).map(DisplayString),
)
keys = st.from_regex(r"[a-z*][a-z0-9_.*-]*", fullmatch=True)
items = st.builds(Item, values, st.dictionaries(keys, values, max_size=3))
lists = st.builds(
    InnerList, st.lists(items, max_size=3).map(tuple), st.dictionaries(keys, values, max_size=2)
)


@given(st.dictionaries(keys, items | lists, max_size=3))
def test_what_is_serialised_is_parsed_again(members: Dictionary) -> None:
    assert parse_dictionary(serialise_dictionary(members)) == members
