"""Errors of the planner: one line with the entry, the value and what is allowed."""

from __future__ import annotations

from madang.base.errors import ParseError
from madang.plan.labels import Pair


class PlanError(ParseError):
    """Invalid input to the planner."""


class CatalogueError(PlanError):
    """Catalogue that is not TOML, or an invalid entry of one."""


class DemandError(PlanError):
    """Invalid figure of the demand, with the message in English and as `korean`."""

    def __init__(self, english: str, korean: str) -> None:
        super().__init__(english)
        self.korean = korean

    @classmethod
    def of(cls, name: str, value: object, expected: Pair) -> DemandError:
        """Make the error for a value of `name`. `expected` follows "expected " in English, and is a
        sentence of its own in Korean."""
        return cls(
            f"{name} is {value!r:.60}: expected {expected[0]}.",
            f"{name}: {value!r:.60} 값은 쓸 수 없습니다. {expected[1]}",
        )

    def message_in(self, language: str) -> str:
        """Return the message in Korean if the language code is Korean, in English otherwise."""
        return self.korean if language.startswith("ko") else self.message


class BenchmarksError(PlanError):
    """File that does not have the format of `madang bench`."""
