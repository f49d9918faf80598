"""Structured fields with their values, also seeds of the fuzzer."""

from __future__ import annotations

from decimal import Decimal

from madang.wire.tus.structured import (
    BareItem,
    Date,
    Dictionary,
    DisplayString,
    InnerList,
    Item,
    Token,
)

BARE_ITEMS: dict[str, BareItem] = {
    "42": 42,
    "-999999999999999": -999_999_999_999_999,
    "0": 0,
    "4.5": Decimal("4.5"),
    "-0.125": Decimal("-0.125"),
    '"hello world"': "hello world",
    r'"a \"b\" \\c"': r'a "b" \c',
    '""': "",
    "foo123/456": Token("foo123/456"),
    "*a:b": Token("*a:b"),
    ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:": b"pretend this is binary content.",
    "::": b"",
    "?1": True,
    "?0": False,
    "@1659578233": Date(1659578233),
    "@-1": Date(-1),
    '%"f%c3%bcr %25 %22"': DisplayString('für % "'),
}

TOLERATED_ITEMS: dict[str, Item] = {
    "  7  ": Item(7),
    "007": Item(7),
    "1.000": Item(Decimal(1)),
    ":YQ:": Item(b"a"),
    "5;a; b=1;a=2": Item(5, {"a": 2, "b": 1}),
}

BROKEN_ITEMS = [
    *("", " ", "-", "--1", "1.", ".5", "1.2345", "1234567890123456", "1234567890123.0", "1e3"),
    *('"a', '"\\x"', '"\x7f"', '"é"', "é", "٣", "?", "?2", "?true", "@", "@1.5", "@a"),
    *(":", ":a", ":a:", ":a b=:", ":=a:", '%"', '%"%C3%BC"', '%"%c3"', '%"é"', "%a"),
    *("1 2", "1,2", "(1)", "1;", "1;A", "1;a=", "\t1", "1\x00", "a=1"),
]

DICTIONARIES: dict[str, Dictionary] = {
    "": {},
    "max-size=1000, max-age=60": {"max-size": Item(1000), "max-age": Item(60)},
    "a, b;x=?0, *c=?0": {"a": Item(True), "b": Item(True, {"x": False}), "*c": Item(False)},
    'a=(1 "b";q);p=2, c=()': {
        "a": InnerList((Item(1), Item("b", {"q": True})), {"p": 2}),
        "c": InnerList(()),
    },
}

TOLERATED_DICTIONARIES: dict[str, Dictionary] = {
    "a=1 \t,\t b=2": {"a": Item(1), "b": Item(2)},
    "a=1, b=2, a=3": {"a": Item(3), "b": Item(2)},
    "a=?1": {"a": Item(True)},
    "a=( 1  2 )": {"a": InnerList((Item(1), Item(2)))},
}

BROKEN_DICTIONARIES = [
    *("a=1,", "a=1,,b=2", ",a", "A=1", "a=", "a= 1", "a =1", "a=1 b=2", "1=a", "a=(", "a=(1"),
    *("a=(1,2)", 'a=(1"b")', "a=((1))", "a=1;"),
]
