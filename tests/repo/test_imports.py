"""Imports between modules form no circle, those for type checkers included."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.markdown import ROOT

SOURCE = ROOT / "src"


def import_graph() -> dict[str, set[str]]:
    """Return the modules that each module imports when it is loaded."""
    trees: dict[str, ast.Module] = {}
    for path in SOURCE.rglob("*.py"):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        trees[name.removesuffix(".__init__")] = ast.parse(path.read_text())
    return {
        module: {
            name if name in trees else name.rpartition(".")[0] for name in imported_names(tree)
        }
        & trees.keys() - {module}
        for module, tree in trees.items()
    }


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Yield `module` or `module.name` of every import outside functions."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += ast.iter_child_nodes(node)


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of modules that import each other, directly or through others."""
    reachable: dict[str, set[str]] = {}
    for start, direct in graph.items():
        found: set[str] = set()
        pending = [*direct]
        while pending:
            module = pending.pop()
            if module not in found:
                found.add(module)
                pending += graph[module]
        reachable[start] = found
    groups = (
        {other for other in reachable[module] if module in reachable[other]} for module in graph
    )
    return [set(group) for group in {frozenset(group) for group in groups if group}]


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set[str]()}
    assert circles(graph) == [{"a", "b", "c"}]


def test_no_circle_of_imports_anywhere() -> None:
    graph = import_graph()
    assert graph["madang.plan.answer"] >= {"madang.plan.advice", "madang.plan.sentences"}
    assert circles(graph) == []
