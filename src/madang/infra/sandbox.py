"""Confinement of children that read files of strangers: resource limits, no files but those that
are open already, no network.

Landlock (Linux 5.13, `landlock(7)`) refuses files, from 6.7 on TCP too; a user namespace of its own
has no network. Both work without privileges; where the kernel or the container has one of them
switched off, the rest holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_QUERY_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_FS_RIGHTS = ((1, 0x1FFF), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Rights to files by the version of the interface that knows them first."""
_NET_VERSION, _NET_RIGHTS = 4, 3
_SCOPE_VERSION, _SCOPES = 6, 3

_SET_NO_NEW_PRIVS = 38
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000

_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")
"""Shared libraries, for programs that are not linked statically."""

_FLAG: Final = "--"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a process: bytes of address space, seconds of processor time (None: any), bytes of
    a file that it writes, open files, threads."""

    memory: int
    cpu: int | None = None
    output: int = 0
    descriptors: int = 64
    threads: int = 512


def restrict(limits: Limits, *, readable: Sequence[str] = ()) -> None:
    """Confine this process for good. It may open what is below `readable`, to read and execute."""
    libc = ctypes.CDLL(None, use_errno=True)
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_AS, limits.memory)
    _cap(resource.RLIMIT_FSIZE, limits.output)
    _cap(resource.RLIMIT_NOFILE, limits.descriptors)
    if limits.cpu is not None:
        _cap(resource.RLIMIT_CPU, limits.cpu)
    if libc.unshare(_NEW_USER | _NEW_NET) == 0:
        # Counted in the new namespace: outside, the user's other processes would count as well.
        _cap(resource.RLIMIT_NPROC, limits.threads)
    libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _refuse_files(libc, readable)


def command(limits: Limits, argv: Sequence[str]) -> list[str]:
    """Return the command that runs the program `argv` confined; its first item is a path."""
    numbers = (limits.memory, limits.cpu or 0, limits.output, limits.descriptors, limits.threads)
    words = map(str, numbers)
    return [sys.executable, "-I", "-S", str(Path(__file__)), *words, _FLAG, *argv]


def _cap(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lower, lower))


def _refuse_files(libc: ctypes.CDLL, readable: Sequence[str]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, _QUERY_VERSION)
    if version < 1:
        return
    rights = sum(bits for since, bits in _FS_RIGHTS if version >= since)
    attributes = struct.pack("Q", rights)
    if version >= _NET_VERSION:
        attributes += struct.pack("Q", _NET_RIGHTS)
    if version >= _SCOPE_VERSION:
        attributes += struct.pack("Q", _SCOPES)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    for path in readable:
        with contextlib.suppress(OSError):
            _allow(libc, ruleset, path)
    if ruleset < 0 or libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rights = _EXECUTE | _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
    libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0)
    os.close(beneath)


def _main(arguments: Sequence[str]) -> None:
    split = arguments.index(_FLAG)
    memory, cpu, output, descriptors, threads = map(int, arguments[:split])
    argv = list(arguments[split + 1 :])
    limits = Limits(memory, cpu or None, output, descriptors, threads)
    restrict(limits, readable=(os.path.realpath(argv[0]), *_LIBRARIES))
    os.execv(argv[0], argv)


if __name__ == "__main__":
    _main(sys.argv[1:])
