"""Committed files can be installed anywhere, and name no development machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))
HERE = Path(__file__).relative_to(ROOT)

MACHINE = re.compile(r"(?<![\w./-])/(?:work|root|tmp)/|(?<![\w./-])/home/\w")
REGISTRY = re.compile(
    r"https?://[^/\s\"']*(?:registry|pypi|pythonhosted|npmjs|artifactory|nexus|mirror)"
    r"|--(?:extra-)?index-url|--registry|--trusted-host"
)


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    """Return all files under version control, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("not a checkout: nothing tells which files are committed")
    return [path for name in listed.stdout.split("\0") if (path := Path(name)).suffix]


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        file = ROOT / path
        if not file.is_file() or path == HERE or path.suffix in {".png", ".jpg", ".bin"}:
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path}:{number}: {line.strip()[:80]}")
    return found


def test_no_committed_file_names_a_registry(committed: list[Path]) -> None:
    assert lines_with(REGISTRY, committed) == []
    resolved = re.compile(r'"resolved"\s*:')
    assert lines_with(resolved, [path for path in committed if path.suffix == ".json"]) == []


def test_no_committed_file_names_a_folder_of_its_makers(committed: list[Path]) -> None:
    assert lines_with(MACHINE, [path for path in committed if path.parts[0] != "tests"]) == []


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_has_one_version_and_hashes(path: Path) -> None:
    text = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    entries = [line.split() for line in text.splitlines() if line.strip()]
    assert entries
    for name, *rest in entries:
        assert re.fullmatch(r"[\w.\[\]-]+==[\w.+!]+", name), name
        hashes = [word for word in rest if word.startswith("--hash=sha256:")]
        assert hashes, name
        assert len(set(hashes)) == len(hashes), name


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^\w-]", requirement)[0].lower() for requirement in requirements}

    def locked(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text().lower(), re.MULTILINE))

    assert names(project["dependencies"]) <= locked("requirements.txt")
    assert names(project["optional-dependencies"]["dev"]) <= locked("requirements-dev.txt")

    def pins(name: str) -> set[str]:
        # Without markers: a package used on some machines only may be in every test.
        return set(re.findall(r"^[\w.\[\]-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    served = pins("requirements.txt")
    assert served
    assert served <= pins("requirements-dev.txt"), "tested with other versions than served"


def test_every_script_can_be_run() -> None:
    scripts = [*sorted((ROOT / "script").iterdir()), ROOT / ".ci/run"]
    assert {path.name for path in scripts} >= {"setup", "serve", "test", "lint", "bench", "run"}
    for path in scripts:
        assert os.access(path, os.X_OK), path.name
        text = path.read_text()
        assert text.startswith("#!/usr/bin/env bash\n"), path.name
        assert "set -euo pipefail" in text, path.name


def test_the_wheel_has_every_file_that_the_program_reads(
    committed: list[Path], tmp_path: Path
) -> None:
    pytest.importorskip("hatchling", reason="script/setup installs it")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    needed = {str(path.relative_to("src")) for path in committed if path.parts[0] == "src"}
    for built in ("madang/web/static/dist", "madang/web/locale"):
        files = (path for path in (source / built).rglob("*") if path.is_file())
        needed |= {str(path.relative_to(source)) for path in files}
    assert "madang/web/locale/ko/LC_MESSAGES/django.po" in needed
    assert needed <= packed
