"""What the planner refuses: one line with the entry, the value and what is allowed."""

from __future__ import annotations

from madang.base.errors import ParseError
from madang.plan.labels import Pair


class PlanError(ParseError):
    """Something that was given to the planner does not fit."""


class CatalogueError(PlanError):
    """A catalogue is not TOML, or one of its entries does not fit."""


class DemandError(PlanError):
    """A figure of the demand is absurd, or of the wrong kind. Told in English, and as `korean`."""

    def __init__(self, english: str, korean: str) -> None:
        super().__init__(english)
        self.korean = korean

    @classmethod
    def of(cls, name: str, value: object, expected: Pair) -> DemandError:
        """What `name` is, and what was expected: after "expected " in English, and as a sentence
        of its own in Korean."""
        return cls(
            f"{name} is {value!r:.60}: expected {expected[0]}.",
            f"{name}: {value!r:.60} 값은 쓸 수 없습니다. {expected[1]}",
        )

    def said(self, language: str) -> str:
        """In the language of this code, English where it is not Korean."""
        return self.korean if language.startswith("ko") else self.message


class BenchmarksError(PlanError):
    """A file of abilities is not what `madang bench` writes."""
