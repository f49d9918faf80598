"""Chunk stream compared with handwritten bytes; section numbers are RTMP 1.0's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.base.errors import LimitExceeded
from madang.wire.rtmp import RtmpError, RtmpLimits
from madang.wire.rtmp.chunks import ChunkReader, ChunkWriter, RtmpMessage
from tests.wire.rtmp.cases import BROKEN, READ, WRITTEN

_CAP = 100_000


def _read(data: bytes, piece: int | None = None, *, chunk_streams: int = 64) -> list[RtmpMessage]:
    reader = ChunkReader(RtmpLimits(setup_message=_CAP, chunk_streams=chunk_streams))
    step = piece or len(data) or 1
    messages = []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        while (message := reader.next_message()) is not None:
            messages.append(message)
    return messages


@pytest.mark.parametrize("name", WRITTEN)
def test_each_message_is_written_and_read(name: str) -> None:
    csid, data, message = WRITTEN[name]
    assert ChunkWriter().encode(csid, message) == data
    assert _read(data) == [message]


@pytest.mark.parametrize("piece", [None, 1, 3, 129])
@pytest.mark.parametrize("name", READ)
def test_what_other_writers_send_is_read_however_it_is_cut(name: str, piece: int | None) -> None:
    data, messages = READ[name]
    assert _read(data, piece) == messages


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_chunk_stream_raises_its_error(name: str) -> None:
    with pytest.raises(RtmpError):
        _read(BROKEN[name])


_messages = st.builds(
    RtmpMessage,
    st.sampled_from([8, 9, 18, 20]),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 2000).map(lambda size: bytes(i * 7 & 0xFF for i in range(size))),
)


@given(
    messages=st.lists(st.tuples(st.integers(3, 63), _messages), max_size=8),
    chunk_size=st.integers(128, 700),
    piece=st.integers(1, 3000),
)
def test_reading_undoes_writing(
    messages: list[tuple[int, RtmpMessage]], chunk_size: int, piece: int
) -> None:
    writer = ChunkWriter()
    data = writer.set_chunk_size(chunk_size)
    data += b"".join(writer.encode(csid, message) for csid, message in messages)
    assert _read(data, piece) == [message for _, message in messages]


@given(st.data())
def test_interleaved_chunks_find_their_messages(data: st.DataObject) -> None:
    writers = {csid: ChunkWriter() for csid in (4, 6)}
    sent = {4: RtmpMessage(8, 7, 1, b"a" * 1000), 6: RtmpMessage(9, 7, 1, b"v" * 3000)}
    chunks = {csid: _split(writers[csid].encode(csid, message)) for csid, message in sent.items()}
    stream = b""
    while any(chunks.values()):
        csid = data.draw(st.sampled_from([csid for csid in chunks if chunks[csid]]))
        stream += chunks[csid].pop(0)
    assert sorted(_read(stream)) == sorted(sent.values())


def _split(data: bytes) -> list[bytes]:
    """Return the chunks of 128 bytes of one message with a full header of 12 bytes."""
    first, rest = data[: 12 + 128], data[12 + 128 :]
    return [first] + [rest[start : start + 129] for start in range(0, len(rest), 129)]


@pytest.mark.parametrize("size", [0, 1, 127, 0x80000000, 0xFFFFFFFF])
def test_chunk_sizes_below_128_and_with_the_top_bit_are_refused(size: int) -> None:
    with pytest.raises(LimitExceeded) as caught:
        _read(b"\x02\0\0\0\0\0\x04\x01\0\0\0\0" + size.to_bytes(4, "big"))
    assert caught.value.limit == "chunk_size"


def test_a_message_over_the_cap_is_refused_at_its_header() -> None:
    header = b"\x06\0\0\0" + (_CAP + 1).to_bytes(3, "big") + b"\x09\x01\0\0\0"
    with pytest.raises(LimitExceeded) as caught:
        _read(header)
    assert caught.value.limit == "setup_message"


def test_interleaving_does_not_multiply_the_cap() -> None:
    def header(csid: int) -> bytes:
        head = bytes((csid,)) + b"\0\0\0" + _CAP.to_bytes(3, "big") + b"\x09\x01\0\0\0"
        return head + bytes(128)

    _read(header(4) + header(5))
    with pytest.raises(LimitExceeded) as caught:
        _read(header(4) + header(5) + header(6))
    assert caught.value.limit == "setup_message"


def test_finished_and_abandoned_messages_free_their_share_of_the_cap() -> None:
    writer = ChunkWriter()
    data = b"".join(writer.encode(6, RtmpMessage(9, n, 1, bytes(_CAP))) for n in range(5))
    abandoned = b"\x04\0\0\0" + _CAP.to_bytes(3, "big") + b"\x08\x01\0\0\0" + bytes(128)
    data += (abandoned + b"\x02\0\0\0\0\0\x04\x02\0\0\0\0\0\0\0\x04") * 5
    assert len(_read(data)) == 5


def test_chunk_streams_have_a_named_limit() -> None:
    one = b"\0\0\0\0\0\0\x08\x01\0\0\0"
    assert len(_read(b"\x04" + one + b"\x05" + one + b"\x04" + one, chunk_streams=2)) == 3
    with pytest.raises(LimitExceeded) as caught:
        _read(b"\x04" + one + b"\x05" + one + b"\x06" + one, chunk_streams=2)
    assert caught.value.limit == "chunk_streams"


def test_a_header_is_not_read_before_it_is_whole() -> None:
    reader = ChunkReader(RtmpLimits())
    reader.feed(b"\x04\xff\xff\xff\0\0\x01\x08\x01\0\0\0\x01\0")
    assert reader.next_message() is None
    assert reader.buffered == 14
    reader.feed(b"\0\0a")
    assert reader.next_message() == RtmpMessage(8, 0x01000000, 1, b"a")


def test_the_header_of_the_latest_chunk_is_described_without_its_payload() -> None:
    reader = ChunkReader(RtmpLimits())
    reader.feed(b"\x04\0\x03\xe8\0\0\x06\x14\1\0\0\0secret" + b"\xc7")
    assert reader.next_message() is not None
    assert reader.last_header() == (
        "chunk type 0, chunk stream 4, message type 20, 6 bytes, 0 of them to come, "
        "message stream 1, time 1000 ms"
    )
    with pytest.raises(RtmpError):
        reader.next_message()
    assert reader.last_header() == "chunk type 3, chunk stream 7, without a header before it"
