"""Server of uploads: bodies of requests in, files out; the rules are in `madang.wire.tus`."""
