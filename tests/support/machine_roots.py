"""Debian roots of machines for tests, made once and cached in `~/.cache/madang`.

The base root has what a provider's image has. Layers over it have more packages, for tests that are
not about installing them. The mirror is that of this machine's apt configuration.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from madang.ops.deploy import release
from madang.ops.deploy.model.facts import SUPPORTED_PLATFORMS
from madang.ops.deploy.setup.commands import packages_folder
from tests.support.machine_sweep import mounts
from tests.support.station import ROOT

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "madang"

SUITE: Final = os.environ.get("MADANG_TEST_SUITE")
"""Debian release to use instead of this machine's own, such as trixie."""

PACKAGES: Final = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,python3,sudo,ca-certificates,udev"
)
"""Minimal packages of a provider's image."""

LEFT_OUT: Final = tuple(f"/usr/share/{name}/*" for name in ("doc", "info", "locale", "man"))
"""Files that no test reads and no package unpacks."""

DATABASE_PACKAGES: Final = ("postgresql", "redis-server")
WEB_PACKAGES: Final = ("nginx", "libnginx-mod-http-brotli-static", "openssl")
STATION_PACKAGES: Final = (
    *("unattended-upgrades", "systemd-timesyncd", "rsync", "sqlite3", "logrotate", "needrestart"),
    *("fail2ban", "python3-systemd", "nftables", "ufw", "restic", "pgbackrest", "openssh-client"),
    "netdata",
)
"""Most of what a deployment installs, for machines of tests about something else."""


def run(*command: str, check: bool = True, timeout: float = 600.0, **more: str) -> str:
    """Return the output of a command; fail the test with it if the command fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, **more
    )
    if check and done.returncode:
        raise AssertionError(f"{command[:6]} exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def _mirror() -> tuple[str, str]:
    """Return URL and name of the Debian release that this machine installs from."""
    texts = [
        path.read_text()
        for path in (
            Path("/etc/apt/sources.list"),
            *Path("/etc/apt/sources.list.d").glob("*.sources"),
            *Path("/etc/apt/sources.list.d").glob("*.list"),
        )
        if path.is_file()
    ]
    for text in texts:
        for pattern in (
            r"^URIs: *(\S+/debian)/?\s*\nSuites: *(\w+)",
            r"^deb +(?:\[.*\] +)?(\S+/debian)/? +(\w+) ",
        ):
            if found := re.search(pattern, text, re.MULTILINE):
                return found[1], found[2]
    raise AssertionError("no Debian mirror in this machine's apt configuration")


def base_root() -> Path:
    """Return a fresh Debian root, made once and cached; never booted itself."""
    uri, here = _mirror()
    suite = SUITE or here
    digest = _digest(uri, suite, PACKAGES, *LEFT_OUT)
    return _cached(f"root-{suite}-{digest}", partial(_make_root, uri, suite))


def _digest(*inputs: str) -> str:
    return hashlib.sha256(" ".join(inputs).encode()).hexdigest()[:12]


def _cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache; `make` makes it, under another name, if it is missing."""
    path, draft = CACHE / name, CACHE / f"{name}.new"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("wb") as lock:
        # Two workers may need it at once: one makes it, the other waits.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            if draft.exists():  # left by a run that was killed
                for place in reversed(mounts(draft)):
                    run("umount", place)
                shutil.rmtree(draft)
            make(draft)
            draft.rename(path)
    return path


def _make_root(uri: str, suite: str, draft: Path) -> None:
    settings = draft / "etc/dpkg/dpkg.cfg.d"
    settings.mkdir(parents=True)
    left_out = "".join(f"path-exclude={path}\n" for path in LEFT_OUT)
    (settings / "unsafe-io").write_text(f"force-unsafe-io\n{left_out}")
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(draft), uri)
    (draft / "etc/apt/apt.conf.d/00languages").write_text('Acquire::Languages "none";\n')
    (draft / "etc/hostname").unlink(missing_ok=True)
    (draft / "etc/machine-id").write_text("")
    for cached in (draft / "var/cache/apt/archives").glob("*.deb"):
        cached.unlink()


def _add_packages(packages: Sequence[str], proxy: str, draft: Path) -> None:
    """Install `packages` on the base root; `draft`/layer gets what that changes."""
    for part in ("root", "layer", "work"):
        (draft / part).mkdir(parents=True)
    root = draft / "root"
    mount_overlay(root, draft / "layer", draft / "work", base_root())
    # A machine starts the services when it boots.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    apt = f"apt-get -y -qq -o Acquire::http::Proxy={proxy}"
    script = (
        f"set -e; export DEBIAN_FRONTEND=noninteractive; {apt} update; "
        f"{apt} install --no-install-recommends {' '.join(packages)}; apt-get clean"
    )
    nspawn = ("systemd-nspawn", "-q", "-D", str(root), "--register=no", "--keep-unit", "--pipe")
    run(*nspawn, "sh", "-c", script)
    policy.unlink()
    (root / "etc/machine-id").write_text("")
    run("umount", str(root))


def root_with(packages: Sequence[str], proxy: str) -> Path:
    """Return a layer over the base root with `packages`, which apt gets through `proxy`."""
    name = f"packages-{_digest(base_root().name, *packages)}"
    return _cached(name, partial(_add_packages, packages, proxy)) / "layer"


def packages_of_release(root: Path) -> Path:
    """Return a layer with the program's Python packages where a release has them, for `root`."""
    os_release = (root / "etc/os-release").read_text()
    system, version = (
        re.search(rf'^{name}="?([\w.]+)', os_release, re.MULTILINE) for name in ("ID", "VERSION_ID")
    )
    assert system is not None
    assert version is not None
    python = SUPPORTED_PLATFORMS[system[1], version[1]].python
    built = release.build(ROOT, python, platform.machine())
    return _cached(f"layer-{built.packages.stem}", partial(_unpack, built)) / "layer"


def _unpack(built: release.Release, draft: Path) -> None:
    folder = draft / "layer" / packages_folder(built).lstrip("/")
    folder.mkdir(parents=True)
    archive = folder.with_name(built.packages.name)
    shutil.copyfile(built.packages, archive)
    run("tar", "-xzf", str(archive), "-C", str(folder))
    run("chmod", "-R", "u=rwX,go=rX", str(draft / "layer"))
    (folder / ".complete").touch()


def mount_overlay(root: Path, upper: Path, work: Path, *lower: Path) -> None:
    """Mount `lower` layers, the topmost first, at `root`; changes go to `upper`.

    Folders of a lower layer can be renamed, as on any disk (redirect_dir).
    """
    layers = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    run("mount", "-t", "overlay", "overlay", "-o", f"{layers},redirect_dir=on", str(root))
