"""Releases: built once on the operator's machine, unpacked on the servers.

The servers neither download nor compile packages, so all run the same bytes, with hashes checked
here, and need no access to a package index.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang import __version__
from madang.ops.deploy.errors import DeployError

BUILD_SECONDS: Final = 900.0
"""Limit for all packages of a first build, over a slow line."""

DIGITS: Final = 12
"""Length of a digest in a name: 48 bits, for a handful of releases."""

COMPILED: Final = ".compiled"
"""Marker in packages that include bytecode."""

PLATFORMS: Final = {"x86_64": "x86_64-manylinux_2_28", "aarch64": "aarch64-manylinux_2_28"}
"""uv's platform names; glibc 2.28 is older than that of any supported distribution."""


WHEEL_SOURCES: Final = ("pyproject.toml", "README.md", "LICENSE", "src")
"""Inputs of the program's wheel."""

_ARCHIVE_FORMAT: Final = 2
"""Version of the archive's format, part of its name."""


@dataclass(frozen=True, slots=True)
class Release:
    """Files of one version of the program for one kind of machine."""

    packages: Path
    """Compressed tar of site-packages with all dependencies."""
    wheel: Path
    """The program."""
    python: str
    """Version of Python, such as 3.11."""
    version: str

    @property
    def build_id(self) -> str:
        """Name of the build, derived from its content."""
        digest = hashlib.sha256(self.packages.name.encode())
        digest.update(self.wheel.read_bytes())
        return f"{self.version}-{digest.hexdigest()[:DIGITS]}"


def cache_folder() -> Path:
    """Folder of kept builds (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "madang"


def checkout() -> Path:
    """Return the source tree that this program runs from. Raises DeployError if there is none."""
    root = Path(__file__).resolve().parents[4]
    if (root / "requirements.txt").is_file() and (root / "pyproject.toml").is_file():
        return root
    raise DeployError(
        "Servers are set up from a checkout of the source, and this program does not run from one.",
        mend="Clone the repository, run script/setup there and use its .venv/bin/madang.",
    )


def build(source: Path, python: str, machine: str) -> Release:
    """Build the program in `source` for Python `python` on `machine`. Raises DeployError."""
    if machine not in PLATFORMS:
        raise DeployError(f"There are no packages for machines of the kind {machine}.")
    if not (source / "src/madang/web/static/dist/manifest.json").is_file():
        raise DeployError("The front end is not built.", mend="Run script/setup in the checkout.")
    folder = cache_folder() / "releases"
    folder.mkdir(parents=True, exist_ok=True)
    return Release(
        _packages(source, folder, python, machine), _wheel(source, folder), python, __version__
    )


def _packages(source: Path, folder: Path, python: str, machine: str) -> Path:
    locked = (source / "requirements.txt").read_bytes()
    digest = hashlib.sha256(locked + f"{python} {machine} {_ARCHIVE_FORMAT}".encode()).hexdigest()[
        :DIGITS
    ]
    path = folder / f"packages-{python}-{digest}.tar.gz"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tree = Path(scratch) / "site-packages"
        _run(
            _tool("uv"),
            *("pip", "install", "--quiet", "--target", str(tree)),
            *("--python-version", python, "--python-platform", PLATFORMS[machine]),
            *("--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"),
            *("-r", str(source / "requirements.txt")),
        )
        shutil.rmtree(tree / "bin", ignore_errors=True)
        if python == f"{sys.version_info.major}.{sys.version_info.minor}":
            # Bytecode of the same Python works on every machine. Otherwise the servers compile,
            # which takes half a minute.
            _run(
                *(sys.executable, "-m", "compileall", "-q", "-j", "0", "-s", str(tree)),
                *("--invalidation-mode", "unchecked-hash", str(tree)),
                fails=False,
            )
            (tree / COMPILED).touch()
        draft = Path(scratch) / "packages"
        with tarfile.open(draft, "w:gz", compresslevel=1) as tar:
            tar.add(tree, ".", filter=_as_root)
        draft.rename(path)
    return path


def _wheel(source: Path, folder: Path) -> Path:
    # Hashing is faster than building: reuse a wheel of the same sources.
    known = folder / f"wheel-{_sources(source)}"
    if known.exists() and (built := folder / known.read_text()).exists():
        return built
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch, cwd=source)
        (built,) = Path(scratch).glob("*.whl")
        digest = hashlib.sha256(built.read_bytes()).hexdigest()[:DIGITS]
        path = folder / f"madang-{digest}.whl"
        built.rename(path)
        draft = Path(scratch) / "name"
        draft.write_text(path.name)
        draft.rename(known)
    return path


def _sources(source: Path) -> str:
    """Return a digest of the names and contents of the wheel's inputs."""
    digest = hashlib.sha256()
    for name in WHEEL_SOURCES:
        path = source / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(source)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:DIGITS]


def _tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise DeployError(f"The program {name} is missing.", mend="Run script/setup.")
    return found


def _run(*command: str, cwd: Path | None = None, fails: bool = True) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"{command[0]} did not end within {BUILD_SECONDS:g} s.") from None
    # Some packages have files that no Python compiles, such as code templates.
    if done.returncode and fails:
        raise DeployError(f"The release cannot be built: {done.stderr.strip()[-2000:]}")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
