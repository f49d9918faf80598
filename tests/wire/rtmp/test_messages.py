"""RTMP messages compared with handwritten bytes."""

from __future__ import annotations

import pytest

from madang.base.errors import ParseError
from madang.wire.flv import Tag, TagType
from madang.wire.rtmp.messages import Aggregate, parse_control, type_id_of
from tests.wire.rtmp.cases import AGGREGATES, CONTROLS, CONTROLS_BROKEN, CONTROLS_ONE_WAY


@pytest.mark.parametrize("name", CONTROLS)
def test_each_message_is_parsed_and_serialised(name: str) -> None:
    type_id, body, message = CONTROLS[name]
    assert parse_control(type_id, body) == message
    assert (type_id_of(message), message.serialise()) == (type_id, body)


@pytest.mark.parametrize("name", CONTROLS_ONE_WAY)
def test_other_ways_to_write_messages_are_read(name: str) -> None:
    type_id, body, message = CONTROLS_ONE_WAY[name]
    assert parse_control(type_id, body) == message


@pytest.mark.parametrize("name", CONTROLS_BROKEN)
def test_a_damaged_message_raises_its_error(name: str) -> None:
    type_id, body = CONTROLS_BROKEN[name]
    with pytest.raises(ParseError):
        parse_control(type_id, body)


@pytest.mark.parametrize("name", AGGREGATES)
def test_each_aggregate_is_parsed_and_serialised(name: str) -> None:
    body, message = AGGREGATES[name]
    assert Aggregate.parse(body) == message
    assert message.serialise() == body


def test_an_aggregate_takes_its_times_from_its_message() -> None:
    # 7.1.6: the difference between the message's time and the first tag's is added to all.
    _, aggregate = AGGREGATES["sound and picture"]
    assert aggregate.at(0xFFFFFFFF) == [
        Tag(TagType.AUDIO, 0xFFFFFFFF, b"ab"),
        Tag(TagType.VIDEO, 19, b"c"),
    ]
