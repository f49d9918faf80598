"""Nothing slow runs while a transaction is open: SQLite has one writer, and PostgreSQL's rows stay
locked. Followed are calls of functions by name, through modules; deferred functions (lambdas and
inner functions, as for `on_commit`) run later."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.support.markdown import ROOT

SOURCE = ROOT / "src"

SLOW_MODULES = (
    "PIL", "asyncio", "av", "http.client", "redis", "shutil", "socket", "ssl", "subprocess",
    "tempfile", "time.sleep", "urllib.request", "open", "pathlib.Path", "os.open", "os.replace",
    "os.fsync", "io.open", "concurrent", "threading", "hashlib.scrypt", "hashlib.pbkdf2_hmac",
    "django.contrib.auth.hashers", "django.contrib.auth.authenticate", "django.core.mail",
    "madang.infra", "madang.apps.chat.ports.chats.", "madang.apps.broadcasts.ports.directory.",
)  # fmt: skip
"""Beginnings of names of functions that use files, the network, processes or much processor time;
the last are ports behind which other processes answer."""

SLOW_METHODS = frozenset({
    "check_password", "communicate", "getresponse", "open", "read_bytes", "read_text", "recv",
    "send_mail", "sendall", "set_password", "urlopen", "write_bytes", "write_text",
})  # fmt: skip


@dataclass
class Module:
    """Names that a module imports, its functions, and its atomic parts by name."""

    imported: dict[str, str] = field(default_factory=dict)
    functions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    atomic: list[tuple[str, list[ast.stmt]]] = field(default_factory=list)


def parsed(sources: Mapping[str, str]) -> dict[str, Module]:
    """Return modules by name, of texts by name."""
    modules: dict[str, Module] = {}
    for name, text in sources.items():
        module = modules[name] = Module()
        for node in ast.walk(tree := ast.parse(text)):
            if isinstance(node, ast.Import):
                module.imported |= {one.asname or one.name: one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                for one in node.names:
                    module.imported[one.asname or one.name] = f"{node.module}.{one.name}"
        for prefix, function in functions_of(tree.body):
            module.functions[prefix + function.name] = function.body
            if any("atomic" in ast.unparse(one) for one in function.decorator_list):
                module.atomic.append((prefix + function.name, function.body))
            for node in ast.walk(function):
                if isinstance(node, ast.With) and any(
                    "atomic(" in ast.unparse(item.context_expr) for item in node.items
                ):
                    module.atomic.append((prefix + function.name, node.body))
    return modules


def functions_of(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix, node
        elif isinstance(node, ast.ClassDef):
            yield from functions_of(node.body, f"{node.name}.")


def calls(body: list[ast.stmt]) -> Iterator[str]:
    """Yield dotted names of what is called now; a call within the name is left out of it."""
    pending: list[ast.AST] = [*body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            yield dotted(node.func)
        pending += ast.iter_child_nodes(node)


def dotted(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case ast.Call(func=function):
            return dotted(function)
    return ""


def slow_calls(modules: Mapping[str, Module]) -> list[str]:
    """Return the chain of calls from each atomic part to something slow."""
    found = []
    for module, holder in modules.items():
        for name, body in holder.atomic:
            seen: set[str] = set()
            pending = [(module, name, body, f"{module}.{name}")]
            while pending:
                where, function, statements, chain = pending.pop()
                for called in calls(statements):
                    full = resolved(modules[where], where, function, called)
                    if is_slow(full, called):
                        found.append(f"{chain} > {full}")
                    elif full not in seen and (target := located(modules, full)) is not None:
                        seen.add(full)
                        pending.append((*target, f"{chain} > {full}"))
    return found


def resolved(module: Module, where: str, function: str, called: str) -> str:
    """Return the full name of what is called in a function of a module."""
    first, dot, rest = called.partition(".")
    if first in {"self", "cls"}:
        return f"{where}.{function.rpartition('.')[0]}.{rest}"
    if first in module.imported:
        return module.imported[first] + dot + rest
    return f"{where}.{called}" if first in module.functions else called


def located(modules: Mapping[str, Module], full: str) -> tuple[str, str, list[ast.stmt]] | None:
    parts = full.split(".")
    for at in range(len(parts) - 1, 0, -1):
        module, name = ".".join(parts[:at]), ".".join(parts[at:])
        if module in modules and name in modules[module].functions:
            return module, name, modules[module].functions[name]
    return None


def is_slow(full: str, called: str) -> bool:
    by_name = any(
        full == slow or full.startswith(slow if slow.endswith(".") else f"{slow}.")
        for slow in SLOW_MODULES
    )
    return by_name or ("." in called and called.rpartition(".")[2] in SLOW_METHODS)


HELPERS = """
import subprocess
from PIL import Image
def decode(data): return Image.open(data)
def convert(data): return inner(data)
def inner(data): return subprocess.run(data)
def quick(data): return data
"""


@pytest.mark.parametrize(
    ("text", "slow"),
    [
        ("@transaction.atomic\ndef f(): helpers.decode(b'')", "PIL.Image.open"),
        ("@transaction.atomic\ndef f(): helpers.convert(b'')", "subprocess.run"),
        ("def f():\n  with transaction.atomic(): open('x')", "open"),
        ("def f():\n  with transaction.atomic(), c.cursor(): user.set_password('x')", "set_pass"),
        ("class A:\n  @atomic\n  def f(self): self.g()\n  def g(self): open('x')", "open"),
        ("@transaction.atomic\ndef f(): ports.chats().say('x')", "ports.chats.say"),
        ("@transaction.atomic\ndef f(): on_commit(lambda: helpers.decode(b''))", None),
        ("@transaction.atomic\ndef f(): helpers.quick(b'')", None),
        ("def f(): helpers.decode(b'')", None),
    ],
)
def test_slow_work_in_a_transaction_is_found(text: str, slow: str | None) -> None:
    imports = "import helpers\nfrom madang.apps.chat import ports\n"
    found = slow_calls(parsed({"helpers": HELPERS, "app": imports + text}))
    assert (slow in found[0]) if slow else found == []


def test_no_slow_work_in_a_transaction_anywhere() -> None:
    modules = parsed(
        {
            ".".join(path.relative_to(SOURCE).with_suffix("").parts): path.read_text()
            for path in SOURCE.rglob("*.py")
        }
    )
    assert sum(len(module.atomic) for module in modules.values()) > 15
    assert slow_calls(modules) == []
