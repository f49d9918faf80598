"""Messages to the mail server of the settings (RFC 5321), by Django's SMTP client."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.notices.errors import MailRefused, NoMail


def is_set_up() -> bool:
    """Return whether the settings name a mail server."""
    return bool(settings.EMAIL_HOST)


def server() -> str:
    """Return host and port of the mail server."""
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"


@contextmanager
def connection() -> Iterator[Any]:
    """Open a connection for several messages, signed in. Raises NoMail, MailRefused."""
    if not is_set_up():
        raise NoMail(_("The settings name no mail server."), mend=_("Set mail.url and mail.from."))
    opened = get_connection()
    try:
        opened.open()
    except (OSError, smtplib.SMTPException) as error:
        raise _refused(error) from error
    try:
        yield opened
    finally:
        opened.close()


def send(to: str, subject: str, text: str, over: Any) -> None:
    """Send one message over an open connection. Raises MailRefused."""
    message = EmailMessage(
        f"[{settings.MADANG_NAME}] {subject}",
        text,
        to=[to],
        connection=over,
        headers={"Auto-Submitted": "auto-generated"},  # RFC 3834, section 5
    )
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        raise _refused(error) from error


def _refused(error: Exception) -> MailRefused:
    match error:
        case smtplib.SMTPAuthenticationError():
            mend = _("Check the name and password in mail.url.")
        case smtplib.SMTPSenderRefused():
            mend = _("Check mail.from: the server does not send for this address.")
        case smtplib.SMTPNotSupportedError():
            mend = _("The server offers no encryption: use smtps://, or another server.")
        case _:
            mend = _("Check mail.url, and whether this machine may connect there.")
    return MailRefused(
        format_lazy(
            _("The mail server {server} refused: {reason}."), server=server(), reason=_reason(error)
        ),
        mend=mend,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        words = said.decode(errors="replace") if isinstance(said, bytes) else said
        return f"{error.smtp_code} {words}".strip().rstrip(".")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, said), *_) = error.recipients.values()
        return f"{code} {said.decode(errors='replace')}".strip().rstrip(".")
    return str(error).strip().rstrip(".") or type(error).__name__
