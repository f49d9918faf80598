"""Chat clients for tests: Socket.IO's own client in one Node.js process.

Run as a module with a data folder and names, this makes accounts and prints a token of each.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.station import PASSWORD, ROOT

PATIENCE = 15.0
"""Seconds for an expected event."""

PROGRAM = Path(__file__).with_name("chat_clients.mjs")


def node() -> str:
    """Return the path of `node`: the system's, or the one that script/setup put beside Python."""
    found = shutil.which("node") or shutil.which("node", path=Path(sys.executable).parent)
    assert found is not None, "Node.js is not installed: script/setup"
    return found


class ChatClient:
    """One client; `received` are its events so far, as pairs of name and payload."""

    def __init__(self, chat_clients: ChatClients, name: str) -> None:
        self._crowd = chat_clients
        self.name = name
        self.received: list[tuple[str, Any]] = []

    def emit(self, event: str, payload: object) -> Any:
        """Emit an event and return its acknowledgement."""
        return self._crowd.ask(self.name, event, payload)

    def send_without_ack(self, text: str) -> None:
        """Send a message without waiting."""
        self._crowd.tell(
            {
                "do": "emit",
                "id": 0,
                "name": self.name,
                "event": "message",
                "payload": {"text": text},
            }
        )

    def do(self, what: str) -> None:
        """`close` for good, `cut` the connection, or send something `binary`."""
        self._crowd.tell({"do": what, "name": self.name})

    def say(self, text: str, **more: Any) -> Any:
        """Send a message and return its acknowledgement."""
        return self.emit("message", {"text": text, **more})

    def of(self, event: str) -> list[Any]:
        """Return the payloads of an event so far."""
        return [payload for name, payload in list(self.received) if name == event]

    def texts(self) -> list[str]:
        """Return the texts of all messages so far."""
        return [message["text"] for messages in self.of("messages") for message in messages]

    def until(self, true: Callable[[], Any], what: str = "") -> Any:
        """Return the result of `true` once it is truthy."""
        return self._crowd.until(true, f"{self.name}: {what} {self.received[-5:]}")

    def wait_for(self, event: str, count: int = 1) -> Any:
        """Return the payload of an event once it has come `count` times."""
        return self.until(lambda: len(self.of(event)) >= count and [self.of(event)[-1]], event)[0]


class ChatClients:
    """The process and its clients."""

    def __init__(
        self, url: str, around: Callable[[list[str]], list[str]] = list, **environment: str
    ) -> None:
        self._url = url
        self._people: dict[str, ChatClient] = {}
        self._acks: dict[int, queue.Queue[Any]] = {}
        self._number = 0
        # In the folder of the front end's packages, so that imports resolve.
        self._process = subprocess.Popen(
            around([node(), "--input-type=module", "--eval", PROGRAM.read_text()]),
            cwd=ROOT / "frontend",
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def join(
        self,
        who: str,
        channel: str = "yard",
        /,
        *,
        headers: dict[str, str] | None = None,
        transports: list[str] | None = None,
        keep: bool = False,
        wait: bool = True,
        url: str | None = None,
        **auth: Any,
    ) -> ChatClient:
        """Open a connection; `auth` is sent beside channel and name; None omits a field."""
        person = self._people[who] = ChatClient(self, who)
        given = {"channel": channel, "name": who, **auth}
        self.tell(
            {
                "do": "open",
                "name": who,
                "url": url or self._url,
                "auth": {key: value for key, value in given.items() if value is not None},
                "headers": headers or {},
                "transports": transports or ["websocket"],
                "keep": keep,
            }
        )
        if wait:
            person.wait_for("messages")
        return person

    def tell(self, command: dict[str, Any]) -> None:
        """Write a command to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def ask(self, name: str, event: str, payload: object) -> Any:
        """Emit an event and return its acknowledgement."""
        self._number += 1
        number = self._number
        answers = self._acks[number] = queue.Queue()
        self.tell({"do": "emit", "id": number, "name": name, "event": event, "payload": payload})
        return answers.get(timeout=PATIENCE)

    def until(self, true: Callable[[], Any], what: str) -> Any:
        """Return the result of `true` once it is truthy."""
        deadline = time.monotonic() + PATIENCE
        while not (found := true()):
            assert time.monotonic() < deadline, f"did not happen: {what}"
            time.sleep(0.01)
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            happened = json.loads(line)
            if "ack" in happened:
                if (asked := self._acks.pop(happened["ack"], None)) is not None:
                    asked.put(happened["payload"])
            else:
                person = self._people[happened["name"]]
                person.received.append((happened["event"], happened.get("payload")))


@contextlib.contextmanager
def chat_clients(
    url: str, around: Callable[[list[str]], list[str]] = list, **environment: str
) -> Iterator[ChatClients]:
    """Run clients for the chats of the station at `url`.

    `around` wraps the command, for example to run in another network.
    """
    made = ChatClients(url, around, **environment)
    try:
        yield made
    finally:
        made.close()


def make_accounts(data: Path, *names: str, **environment: str) -> dict[str, str]:
    """Make missing accounts in the data folder of a test; return a token of each."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.chat_clients", str(data), *names],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tokens: dict[str, str] = json.loads(done.stdout)
    return tokens


def _make_accounts(data: Path, names: list[str]) -> dict[str, str]:
    from madang.station import boot
    from madang.station.config import settings

    boot.control_plane(settings.load(data))
    from madang.apps.accounts import tokens
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import create_user

    made = {}
    for name in names:
        user = User.objects.filter(name=name).first() or create_user(name, password=PASSWORD)
        made[name] = tokens.create(user, "test", ["chat"])[1]
    return made


if __name__ == "__main__":
    print(json.dumps(_make_accounts(Path(sys.argv[1]), sys.argv[2:])))
