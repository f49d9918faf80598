"""The outbox and a real mail server: each message once, tried again, never lost."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.clocks import ManualClock
from tests.support.mail_server import PASSWORD, USER, MailServer, mail_server

if TYPE_CHECKING:
    from madang.apps.notices.models import Notice
    from madang.apps.notices.services import Message

DAY = 24 * 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(station: object) -> Iterator[MailServer]:
    """A mail server that the station uses."""
    from django.test import override_settings

    with mail_server() as running, override_settings(**settings_for(running.port)):
        yield running


def settings_for(port: int, **more: Any) -> dict[str, Any]:
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": port,
        "EMAIL_TIMEOUT": 10.0,
        "DEFAULT_FROM_EMAIL": "station@example.org",
        **more,
    }


def at(clock: ManualClock) -> datetime:
    return datetime.fromtimestamp(clock.seconds, UTC)


def message(about: str = "disk space") -> Message:
    from django.utils.translation import gettext_lazy as _

    from madang.apps.notices.services import Message

    return Message("examination", about, _("There is no such account"), "3 GB are left.")


def administrator(name: str, email: str, **more: Any) -> None:
    from madang.apps.accounts.services import create_user

    create_user(name, password="correct horse battery", email=email, admin=True)


def queue(clock: ManualClock, about: str = "disk space") -> int:
    from madang.apps.notices.services import notify_administrators

    return notify_administrators(message(about), at(clock))


def send_due(clock: ManualClock) -> None:
    from madang.apps.notices.sender import NoticeSender

    NoticeSender(clock.clock).send_due()


def only() -> Notice:
    from madang.apps.notices.models import Notice

    return Notice.objects.get()


def test_every_administrator_with_an_address_is_told_once(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import create_user

    administrator("ada", "ada@example.org")
    administrator("grace", "grace@example.org")
    administrator("mute", "")
    administrator("gone", "gone@example.org")
    User.objects.filter(name="gone").update(is_active=False)
    create_user("minji", password="correct horse battery", email="minji@example.org")
    assert queue(clock) == 2
    assert queue(clock) == 0
    for _ in range(2):
        send_due(clock)
    assert sorted(each["To"] for each in server.received) == [
        "ada@example.org",
        "grace@example.org",
    ]
    (first, _) = server.received
    assert first["Subject"] == "[Madang] There is no such account"
    assert first["From"] == "station@example.org"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first.get_content().split() == ["3", "GB", "are", "left."]


def test_messages_are_in_the_language_of_the_station(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from django.test import override_settings

    administrator("ada", "ada@example.org")
    with override_settings(LANGUAGE_CODE="ko"):
        queue(clock)
    send_due(clock)
    (received,) = server.received
    assert received["Subject"] == "[Madang] 그런 계정이 없습니다"


def test_what_lasts_is_told_again_after_a_week_and_what_came_back_at_once(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from madang.apps.notices.services import resolve

    administrator("ada", "ada@example.org")
    told = []
    for _ in range(9):
        told.append(queue(clock))
        clock.advance(DAY)
    assert told == [1, 0, 0, 0, 0, 0, 0, 1, 0]
    assert queue(clock, "clock") == 1
    assert resolve("examination", "disk space", at(clock)) == 2
    assert queue(clock) == 1
    send_due(clock)
    # Those about the time before were resolved before they were sent.
    assert len(server.received) == 2


def test_a_server_that_is_away_or_refuses_gets_the_message_later(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from django.test import override_settings

    administrator("ada", "ada@example.org")
    queue(clock)
    with override_settings(EMAIL_PORT=1):
        send_due(clock)
    assert "127.0.0.1:1 refused" in only().error
    send_due(clock)
    assert not server.received, "not before its time"
    server.refuse = "451 try again later"
    clock.advance(61)
    send_due(clock)
    assert "451 try again later" in only().error
    server.refuse = ""
    clock.advance(301)
    send_due(clock)
    assert len(server.received) == 1
    assert only().sent
    assert not only().error


def test_a_message_is_given_up_after_days_and_stays_in_the_list(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from madang.apps.notices.services import RETENTION, RETRIES, delete_done

    administrator("ada", "ada@example.org")
    queue(clock)
    server.refuse = "550 no such person"
    began = clock.seconds
    while only().done_at is None:
        send_due(clock)
        clock.seconds = only().due_at.timestamp()
    assert only().attempts == len(RETRIES) + 1
    assert not only().sent
    assert clock.seconds - began > 1.5 * DAY
    assert delete_done(at(clock)) == 0
    clock.advance(1)
    assert delete_done(at(clock) + RETENTION) == 1


def test_one_refused_recipient_does_not_keep_the_others_waiting(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from madang.apps.notices.models import Notice

    server.refuse, server.refused = "550 no such person", "ada@example.org"
    administrator("ada", "ada@example.org")
    administrator("grace", "grace@example.org")
    queue(clock)
    send_due(clock)
    assert [each["To"] for each in server.received] == ["grace@example.org"]
    assert Notice.objects.get(sent=False).error


def test_two_workers_send_each_message_once(
    db: None, server: MailServer, clock: ManualClock
) -> None:
    from madang.apps.notices.services import LEASE, claim_due

    administrator("ada", "ada@example.org")
    queue(clock)
    assert len(claim_due(at(clock), 10)) == 1
    send_due(clock)
    assert not server.received
    clock.advance(LEASE.total_seconds() + 1)
    send_due(clock)
    assert len(server.received) == 1, "the process that took it died"


def test_without_a_mail_server_messages_wait(db: None, clock: ManualClock) -> None:
    administrator("ada", "ada@example.org")
    queue(clock)
    send_due(clock)
    assert only().attempts == 0


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_the_station_signs_in(station: object) -> None:
    from django.test import override_settings

    from madang.apps.notices import mail
    from madang.apps.notices.errors import MailRefused

    with mail_server(sign_in=True) as running:
        chosen = settings_for(running.port, EMAIL_HOST_USER=USER, EMAIL_HOST_PASSWORD=PASSWORD)
        with override_settings(**chosen), mail.connection() as over:
            mail.send("ada@example.org", "test", "It arrives.", over)
        wrong = {**chosen, "EMAIL_HOST_PASSWORD": "wrong"}
        with override_settings(**wrong), pytest.raises(MailRefused, match=r"535") as caught:  # noqa: SIM117
            with mail.connection():
                pass
    assert "mail.url" in caught.value.mend
    assert len(running.received) == 1


def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(server: MailServer) -> None:
    from django.test import override_settings

    from madang.apps.notices import mail
    from madang.apps.notices.errors import MailRefused

    with override_settings(EMAIL_USE_TLS=True), pytest.raises(MailRefused) as caught:  # noqa: SIM117
        with mail.connection():
            pass
    assert "smtps://" in caught.value.mend


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtps://a:b@mail.example.org", ("mail.example.org", 465, "a", "b", True, False)),
        ("smtp://a:b@mail.example.org", ("mail.example.org", 587, "a", "b", False, True)),
        ("smtp://localhost:25", ("localhost", 25, "", "", False, False)),
        ("smtp://127.0.0.1:2525/", ("127.0.0.1", 2525, "", "", False, False)),
        ("smtp://10.0.0.9:25", ("10.0.0.9", 25, "", "", False, True)),
        (
            f"smtps://{quote('me@example.org', '')}:{quote('a/b@c:d', '')}@mail.example.org:4650",
            ("mail.example.org", 4650, "me@example.org", "a/b@c:d", True, False),
        ),
    ],
)
def test_addresses_of_mail_servers(url: str, expected: tuple[object, ...]) -> None:
    from madang.apps.notices.server_url import MailServer as Parsed

    parsed = Parsed.parse(url)
    assert (
        parsed.host,
        parsed.port,
        parsed.user,
        parsed.password,
        parsed.tls,
        parsed.starttls,
    ) == expected


@pytest.mark.parametrize(
    "url",
    ["mail.example.org", "http://a", "smtp://", "smtp://a:b@h:port", "smtp://a@h", "smtp://h/x?y"],
)
def test_other_addresses_are_refused_with_an_example(url: str) -> None:
    from madang.apps.notices.server_url import MailServer as Parsed

    with pytest.raises(ValueError, match="expected smtps://NAME:PASSWORD@HOST"):
        Parsed.parse(url)


def test_the_words_of_refusals_fit_on_a_line(station: object) -> None:
    from madang.apps.notices.mail import _refused

    for error in (
        smtplib.SMTPRecipientsRefused({"a": (550, b"no")}),
        smtplib.SMTPSenderRefused(550, b"no", "a"),
        smtplib.SMTPServerDisconnected("Connection unexpectedly closed"),
        TimeoutError("timed out"),
        OSError(),
    ):
        refused = _refused(error)
        assert re.fullmatch(r"The mail server .+ refused: .+[^.]\.", refused.message)
        assert refused.mend


def test_administrators_read_notices_and_write_none(client: Any, clock: ManualClock) -> None:
    administrator("ada", "ada@example.org")
    queue(clock)
    from madang.apps.accounts.models import User

    client.force_login(User.objects.get(name="ada"))
    assert "3 GB are left." in client.get(f"/admin/notices/notice/{only().pk}/change/").text
    assert client.get("/admin/notices/notice/add/").status_code == 403
    assert client.post(f"/admin/notices/notice/{only().pk}/change/").status_code == 403
