"""`madang plan` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}


def plan(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "madang", "plan", "--data", str(tmp_path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=CLEAN, check=False)


def test_without_an_option_it_answers_for_single_and_its_capacities(tmp_path: Path) -> None:
    result = plan(tmp_path, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["shape"] == "single"
    assert found["monthly_usd"] == 146
    assert len(found["machines"]) == 1
    assert set(found["holds"]) == {"live_viewers", "chat_connections", "uploads", "api_rps"}
    assert found["transfer"]["allowance_bytes"] == 5e12
    assert round(found["transfer"]["viewer_hours"]) == 4444
    assert round(found["transfer"]["hours_at_demand"], 1) == 8.9
    assert set(found["storage"]) >= {"bytes", "months_until_full"}
    assert found["first_limit"] == "transfer"
    assert found["break_even"]["subscribers"] == 30
    assert found["break_even"]["advert_usd"] == 150
    assert found["verdict"] in {"holds", "tight", "fails"}
    assert "4,444" in found["advice"][0]["words"]
    assert not list(tmp_path.iterdir()), "asking leaves nothing behind"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["5 TB is 4,444 viewer-hours", "reference figures", "check before buying"]),
        (["--language", "ko"], ["시청 4,444시간", "참고값", "사기 전에 확인"]),
        (["--compare"], ["Cloudflare Stream", "scaled", "outgrown in month"]),
        (["--currency", "krw", "--language", "ko"], ["134,400원", "1달러 = 1,400원(2025-11)"]),
        (["--why", "hours_at_demand"], ["8.9 h = 4,444 viewer-hours", "1.125 GB"]),
    ],
)
def test_people_read_tables_in_their_language(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    result = plan(tmp_path, *arguments)
    assert result.returncode == 0, result.stderr
    flat = " ".join(result.stdout.split())
    for text in words:
        assert text in flat


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--viewers", "-5"], 2, "viewers is '-5': expected a whole number from 0 to 1000000."),
        (["--shape", "palace"], 2, "shape is 'palace': expected one of minimal, single"),
        (["--why", "love"], 2, "There is no answer 'love' to explain: expected live_viewers"),
        (["--from", "/nowhere.toml"], 2, "/nowhere.toml cannot be read"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    result = plan(tmp_path, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith("madang: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_a_file_has_the_demand_and_options_come_on_top(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text('[plan]\nshape = "minimal"\nviewers = 60\nkeep-days = 10\n')
    found = json.loads(plan(tmp_path, "--from", str(file), "--viewers", "70", "--json").stdout)
    assert found["shape"] == "minimal"
    assert (found["demand"]["viewers"], found["demand"]["keep_days"]) == (70, 10)


def test_ones_own_catalogue_and_abilities_are_used(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text(
        '[[delivery]]\nid = "near"\nname = "Near"\nusd_per_gb = 0.001\n'
        'source = "an offer"\ndate = "2026-11"\n'
    )
    (tmp_path / "abilities.json").write_text(
        json.dumps(
            {
                "version": 1,
                "machine": "ours",
                "cores": 2,
                "taken_at": "2026-11-25T00:00:00Z",
                "api_requests": {"value": 9000, "low": 8000, "high": 9500},
            }
        )
    )
    found = json.loads(plan(tmp_path, "--json").stdout)
    assert "near" in {offer["id"] for offer in found["compare"]}
    assert found["holds"]["api_rps"] > 20_000
    assert found["abilities"] == {
        "reference": True,
        "machine": "ours",
        "taken_at": "2026-11-25T00:00:00Z",
    }
    (tmp_path / "catalogue.toml").write_text("[[delivery]]\nid = 3\n")
    broken = plan(tmp_path)
    assert broken.returncode == 1
    assert "catalogue.toml: delivery 1: id is 3: expected" in broken.stderr
    assert broken.stderr.count("\n") == 1
