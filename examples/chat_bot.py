"""A chat bot: greets, answers `!dice`, and comes back by itself after a broken connection.

    pip install "python-socketio[asyncio-client]"
    python examples/chat_bot.py https://tv.example.org yard TOKEN

`madang token create NAME` makes a token.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import socketio

RETRY_SECONDS = 5.0

FINAL = {"bad_token", "signed_out", "banned", "unknown_channel"}
"""Codes after which coming back in the same way is of no use."""


class Bot:
    """One channel's bot. It remembers the newest message, so that none is missed or seen twice."""

    def __init__(self, url: str, channel: str, token: str) -> None:
        self._url = url
        self._auth = {"channel": channel, "token": token}
        self._newest: str | None = None
        self._me: dict[str, Any] = {}
        self._refused = ""
        self._replies: set[asyncio.Task[None]] = set()
        # Coming back is done below, with `since`.
        self._client = socketio.AsyncClient(reconnection=False)
        self._client.on("welcome", self._welcome)
        self._client.on("messages", self._messages)
        self._client.on("reconnect", self._reconnect)
        self._client.on("connect_error", self._connect_error)
        self._client.on("error", self._error)

    async def run(self) -> str:
        """Stay in the chat until the station refuses, and return why it does."""
        while not self._refused:
            auth = self._auth | ({"since": self._newest} if self._newest else {})
            try:
                await self._client.connect(self._url, auth=auth, transports=["websocket"])
                await self._client.wait()
            except socketio.exceptions.ConnectionError as error:
                print(f"not connected: {error}", file=sys.stderr)
            if not self._refused:
                await asyncio.sleep(RETRY_SECONDS * (1 + random.random()))
        return self._refused

    async def say(self, text: str, reply_to: str | None = None) -> None:
        """Say something, and wait where the chat says that it was too fast."""
        message = {"text": text} | ({"reply_to": reply_to} if reply_to else {})
        answer = await self._client.call("message", message)
        if answer.get("retry_after"):
            await asyncio.sleep(answer["retry_after"])
            answer = await self._client.call("message", message)
        if "error" in answer:
            print(f"not said: {answer['error']}", file=sys.stderr)

    def _welcome(self, welcome: dict[str, Any]) -> None:
        self._me = welcome["me"]
        print(f"in the chat as {self._me['name']} ({self._me['role']})")

    def _messages(self, messages: list[dict[str, Any]]) -> None:
        first = self._newest is None
        for message in messages:
            self._newest = message["id"]
            if first or message["person"] == self._me["person"]:
                continue  # history from before the bot came, and its own words
            if message["text"].strip() == "!dice":
                # Handlers run one after another: an answer must not hold up the next message.
                task = asyncio.ensure_future(
                    self.say(f"@{message['name']} {random.randint(1, 6)}", message["id"])
                )
                self._replies.add(task)
                task.add_done_callback(self._replies.discard)

    def _connect_error(self, refusal: dict[str, Any]) -> None:
        if refusal.get("data", {}).get("code") in FINAL:
            self._refused = refusal["message"]

    def _error(self, error: dict[str, Any]) -> None:
        if error["code"] in FINAL:
            self._refused = error["detail"]

    async def _reconnect(self, notice: dict[str, Any]) -> None:
        print(f"the station restarts, back in some {notice['after']} s")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: chat_bot.py ADDRESS CHANNEL TOKEN")
    sys.exit(asyncio.run(Bot(*sys.argv[1:]).run()))
