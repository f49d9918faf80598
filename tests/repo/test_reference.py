"""The guide describes all settings, commands, roles and messages of the code, in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from typer.main import get_command

from madang.cli import app
from madang.live.advice import RULES
from madang.station.config.settings import Settings, load
from tests.support.markdown import ROOT, code_blocks, guide, rows, sections

SOURCE = ROOT / "src/madang"
ELLIPSIS = "…"

TOLD_TO_NOBODY = {
    "This process runs with other settings already.",
    "There is no running broadcast ….",
    "There is no channel number ….",
    "The recording … has never begun.",
    "Expected a JSON object with title, description or language as text.",
    "The cursor is not one of this list.",
}
"""Errors caused and read by programs only."""


@pytest.fixture(params=["en", "ko"])
def language(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


# --- settings ---


def documented_settings(language: str) -> dict[str, list[str]]:
    table = rows(guide("settings.md", language))
    return {cells[0].strip("`"): cells for cells in table if re.fullmatch(r"`\w+\.\w+`", cells[0])}


def test_every_setting_and_its_default_is_documented(language: str) -> None:
    folder = Path("/somewhere")
    in_code = {
        shown.key: "—" if shown.value in (None, []) else f"`{_in_toml(shown.value)}`"
        for shown in load(folder, environ={}).shown()
    }
    in_guide = {key: cells[2] for key, cells in documented_settings(language).items()}
    assert in_guide == {
        key: value.replace(f"file://{folder}", "file:///DATA").replace(f"{folder}", "DATA")
        for key, value in in_code.items()
    }


def _in_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_limit_of_a_setting_is_documented(language: str) -> None:
    documented = documented_settings(language)
    for section, field in Settings.model_fields.items():
        for name, setting in getattr(field.annotation, "model_fields", {}).items():
            kind = documented[f"{section}.{setting.alias or name}"][1]
            for limit in setting.metadata:
                for bound in ("ge", "le", "gt", "min_length", "max_length"):
                    if (value := getattr(limit, bound, None)) is not None:
                        number = f"{value:g}" if value < 10_000 else f"{value}"
                        assert number in re.findall(r"[\d.]*\d", kind), f"{section}.{name}"


# --- commands ---


def commands() -> Iterator[tuple[str, set[str]]]:
    """Yield every command with its options."""

    def walk(command: object, path: str) -> Iterator[tuple[str, set[str]]]:
        if children := getattr(command, "commands", None):
            for name, child in children.items():
                yield from walk(child, f"{path} {name}")
        else:
            names = [[*p.opts, *p.secondary_opts] for p in command.params]  # type: ignore[attr-defined]
            yield path, {name for some in names for name in some if name.startswith("--")}

    yield from walk(get_command(app), "madang")


def test_every_command_and_option_is_documented(language: str) -> None:
    parts = sections(guide("commands.md", language), 2)
    described = {heading.strip("`"): part for heading, part in parts.items() if "`" in heading}
    offered = dict(commands())
    assert described.keys() == offered.keys()
    common = {cells[0].strip("`") for cells in rows(next(iter(parts.values())))}
    for command, part in described.items():
        usage = code_blocks(part)[0]
        assert command in usage
        assert set(re.findall(r"--[a-z-]+", usage)) == offered[command], command
        explained = {cells[0].strip("`") for cells in rows(part)} | common
        assert offered[command] <= explained, command
        own = {name for name in explained if name.startswith("--")} - common
        assert own <= offered[command], command


def test_the_options_of_the_program_itself_are_documented(language: str) -> None:
    opening = guide("commands.md", language).partition("\n## ")[0]
    for option in get_command(app).params:
        assert f"madang {option.opts[0]}`" in opening


def test_every_role_is_documented(language: str) -> None:
    from madang.cli import ProcessRole

    for role in ProcessRole:
        assert f"`{role.value}`" in guide("commands.md", language)


# --- advice and messages ---


def test_every_piece_of_advice_is_documented(language: str) -> None:
    titles = [rule.title.message for rule in RULES]
    if language == "ko":
        with (SOURCE / "web/locale/ko/LC_MESSAGES/django.po").open("rb") as file:
            korean = read_po(file, locale="ko")
        titles = [str(korean[title].string) for title in titles]
    expected = {re.sub(r"\{\w+\}", ELLIPSIS, title) for title in titles}
    told = {cells[0] for cells in rows(guide("studio.md", language))}
    assert expected <= told


def test_what_the_player_says_instead_of_playing_is_documented(language: str) -> None:
    words = (ROOT / f"frontend/src/i18n/{language}.ts").read_text()
    entries = dict(re.findall(r"^  (\w+): '(.*)',$", words, re.MULTILINE))
    told = {cells[0] for cells in rows(guide("troubleshooting.md", language))}
    for key in (
        "stateOffline",
        "stateStarting",
        "stateNoKeyFrame",
        "stateInterrupted",
        "unreachable",
        "failedNetwork",
        "failedCodec",
        "failedMedia",
    ):
        assert re.sub(r"\{\w+\}", ELLIPSIS, entries[key]) in told


def sentence(node: ast.expr) -> str:
    """Return the text of a string in the source, with … for placeholders."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(sentence(part) for part in node.values)
    if isinstance(node, ast.Call) and node.args:
        named = getattr(node.func, "id", "")
        if named in {"_", "format_lazy"}:
            return re.sub(r"\{\w+\}", ELLIPSIS, sentence(node.args[0]))
        return ""
    return ELLIPSIS if isinstance(node, ast.FormattedValue) else ""


def raised() -> set[str]:
    """Return the sentences of errors raised by servers and control plane."""
    found = set()
    for folder in ("station", "apps", "chat", "infra", "servers"):
        for path in (SOURCE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                call = node.exc if isinstance(node, ast.Raise) else node
                if not isinstance(call, ast.Call) or not call.args:
                    continue
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                if name == "ValidationError":
                    continue  # shown at its field, in the reader's language
                if isinstance(node, ast.Raise) or name == "CannotStart":
                    found.add(sentence(call.args[0]))
    return {text for text in found if text.endswith((".", ELLIPSIS)) and " " in text}


def test_every_error_that_a_person_can_meet_is_in_troubleshooting(language: str) -> None:
    told = " ".join(cells[0] for cells in rows(guide("troubleshooting.md", language)))
    in_code = raised()
    assert len(in_code) > 20
    assert in_code >= TOLD_TO_NOBODY
    # The guide may replace either end of a sentence by an example.
    missing = {text for text in in_code - TOLD_TO_NOBODY if text.strip(" .:…") not in told}
    assert missing == set()


def test_what_apps_refuse_is_in_the_korean_guide_in_korean() -> None:
    with (SOURCE / "web/locale/ko/LC_MESSAGES/django.po").open("rb") as file:
        korean = {
            re.sub(r"\{\w+\}", ELLIPSIS, message.id): re.sub(r"\{\w+\}", ELLIPSIS, message.string)
            for message in read_po(file, locale="ko")
            if isinstance(message.id, str) and isinstance(message.string, str)
        }
    told = " ".join(cells[0] for cells in rows(guide("troubleshooting.md", "ko")))
    expected = {korean[text] for text in raised() - TOLD_TO_NOBODY if text in korean}
    assert len(expected) > 20
    assert not {text for text in expected if text.strip(" .:…") not in told}
