"""The reference python-socketio, served by Granian as an ASGI application, with the same chat.

Run as a module with a port.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import count
from typing import Any

import socketio
from granian.server.embed import Server

sio = socketio.AsyncServer(async_mode="asgi", transports=["websocket"])
_ids = count(1)
_names: dict[str, str] = {}


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> None:
    """Store the name of a client."""
    _names[sid] = auth["name"]


@sio.event
async def message(sid: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Send a message to everybody."""
    said = {
        "id": str(next(_ids)),
        "at": datetime.now(UTC).isoformat(),
        "name": _names[sid],
        "role": "guest",
        "person": "gffffffffffffffff",
        "hue": 120,
        "text": payload["text"],
    }
    await sio.emit("messages", [said])
    return {"id": said["id"]}


async def main() -> None:
    """Serve until killed."""
    app = socketio.ASGIApp(sio)
    server = Server(app, address="127.0.0.1", port=int(sys.argv[1]), interface="asgi")
    await server.serve()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
