"""Script tags: the onMetaData that describes a stream (FLV 10.1, E.4.4 and E.5)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from madang.wire import amf0

_SET_DATA_FRAME = "@setDataFrame"
_ON_METADATA = "onMetaData"


def on_metadata(body: bytes) -> dict[str, amf0.Value]:
    """Return the properties of an onMetaData tag; empty for any other script tag.

    `@setDataFrame`, used by publishers, and whatever else stands before the name is passed over, as
    is a broken tail. Raises Amf0Error and LimitExceeded; callers ignore them, as the metadata of
    many cameras is malformed.
    """
    values, whole = amf0.decode_beginning(body)
    for name, properties in pairwise(values):
        if name == _ON_METADATA and isinstance(properties, Mapping):
            return dict(properties)
    if not whole:
        raise amf0.Amf0Error("A script tag cannot be read.")
    return {}


def encode_metadata(values: Mapping[str, amf0.Value], *, publishing: bool = False) -> bytes:
    """Return the body of an onMetaData tag; `publishing` wraps it in `@setDataFrame`."""
    wrapper = (_SET_DATA_FRAME,) if publishing else ()
    return amf0.encode(*wrapper, _ON_METADATA, amf0.EcmaArray(values))
