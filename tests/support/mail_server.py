"""A mail server for tests: aiosmtpd on loopback, on a thread of its own."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "station", "p@ss/word"


@dataclass(slots=True)
class MailServer:
    """Takes messages. `refuse` is an answer to recipients instead, such as "451 later": to all, or
    to the one that `refused` names."""

    received: list[EmailMessage] = field(default_factory=list)
    refuse: str = ""
    refused: str = ""
    port: int = 0

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.refuse and self.refused in {"", address}:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        return "250 taken"


def _authenticate(
    server: Any, session: Any, envelope: Any, mechanism: str, data: Any
) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=known, handled=False)


@contextmanager
def mail_server(*, sign_in: bool = False) -> Iterator[MailServer]:
    """Run a mail server; with `sign_in` it takes nothing without USER and PASSWORD."""
    handler = MailServer()
    # 0: any free port. The controller's own test connection needs to know which.
    controller = _AnyPort(
        handler,
        hostname="127.0.0.1",
        port=0,
        authenticator=_authenticate,
        auth_required=sign_in,
        auth_require_tls=False,
    )
    controller.start()
    assert controller.server is not None
    handler.port = controller.server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        controller.stop()


class _AnyPort(Controller):
    """A controller for port 0."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        (listening,) = self.server.sockets
        self.port = listening.getsockname()[1]
        super()._trigger_server()
