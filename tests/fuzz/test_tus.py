"""Mutated heads of upload requests, structured fields and records are understood or refused."""

from __future__ import annotations

from contextlib import suppress

from madang.base.errors import ParseError
from madang.wire.tus import Dialect, Upload, UploadError, UploadLimits, decode, encode
from madang.wire.tus.checksum import parse_checksum, parse_content_digest
from madang.wire.tus.metadata import disposition_filename, parse_metadata, serialise_metadata
from madang.wire.tus.structured import (
    StructuredFieldError,
    parse_dictionary,
    parse_item,
    serialise_dictionary,
    serialise_item,
)
from tests.support.fuzzing import SUITE_COUNT, fuzz
from tests.wire.tus.cases import BARE_ITEMS, DICTIONARIES
from tests.wire.tus.server import MemoryServer

HEADS = [
    b"POST\n\ntus-resumable:1.0.0\nupload-length:9\nupload-metadata:filename YQ==,draft",
    b"POST\n\ntus-resumable:1.0.0\nupload-concat:final;/files/u0 http://x/files/u0",
    b"POST\n\ntus-resumable:1.0.0\nupload-defer-length:1\nupload-checksum:md5 AA==",
    b"PUT\n\nupload-complete:?1\ncontent-disposition:inline; filename*=UTF-8''%ff\nupload-length:3",
    b"PATCH\nu0\ntus-resumable:1.0.0\nupload-offset:0\ncontent-type:application/offset+octet-stream",
    b"PATCH\nu1\nupload-complete:?0\nupload-offset:0\ncontent-type:application/partial-upload",
    b"HEAD\nu0\ntus-resumable:1.0.0\norigin:https://x",
    b"GET\nu1\nx-http-method-override:DELETE\nupload-draft-interop-version:8",
    b"OPTIONS\n\norigin:x",
]


def test_heads_of_requests() -> None:
    def target(data: bytes) -> None:
        server = MemoryServer(UploadLimits(size=1 << 20))
        server.create(9, upload_concat="partial")
        server.request("POST", None, {"upload-complete": "?0"})
        method, _, rest = data.decode("latin-1").partition("\n")
        upload_id, _, lines = rest.partition("\n")
        pairs = (line.partition(":") for line in lines.split("\n"))
        fields = {name: value for name, _, value in pairs}
        response = server.request(method, upload_id or None, fields, b"abc")
        assert response.status in {200, 201, 204, *range(400, 416), 460}
        for _, value in response.headers:
            assert "\n" not in value
            value.encode("latin-1")

    fuzz(target, HEADS, (), SUITE_COUNT // 10)


def test_structured_fields() -> None:
    def target(data: bytes) -> None:
        text = data.decode("latin-1")
        with suppress(StructuredFieldError):
            item = parse_item(text)
            assert parse_item(serialise_item(item)) == item
        members = parse_dictionary(text)
        assert parse_dictionary(serialise_dictionary(members)) == members

    seeds = [text.encode("latin-1") for text in (*BARE_ITEMS, *DICTIONARIES)]
    fuzz(target, seeds, (StructuredFieldError,), SUITE_COUNT // 2)


def test_other_fields() -> None:
    def target(data: bytes) -> None:
        text = data.decode("latin-1")
        disposition_filename(text).encode(errors="replace")
        parse_content_digest(text)
        with suppress(UploadError):
            parse_checksum(text)
        values = parse_metadata(text, 1 << 10)
        assert parse_metadata(serialise_metadata(values), 1 << 11) == values

    seeds = [
        b"filename 66eI64u5Lm1wNA==,is_confidential,binary AAEC/w==",
        b"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        b"sha-256=:AAAA:, sha-512=:AA==:",
        b'inline; filename="a\\"b"; filename*=UTF-8\'\'%EA%B3%B5',
    ]
    fuzz(target, seeds, (UploadError,), SUITE_COUNT // 2)


def test_records() -> None:
    record = encode(Upload("u0", Dialect.TUS, length=10, parts=("a",), attributes={"a": "b"}))
    fuzz(lambda data: encode(decode(data)) and None, [record], (ParseError,), SUITE_COUNT // 2)
