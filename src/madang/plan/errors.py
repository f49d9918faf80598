"""What the planner refuses: one line with the entry, the value and what is allowed."""

from __future__ import annotations

from madang.base.errors import ParseError


class PlanError(ParseError):
    """Something that was given to the planner does not fit."""


class CatalogueError(PlanError):
    """A catalogue is not TOML, or one of its entries does not fit."""


class DemandError(PlanError):
    """A figure of the demand is absurd, or of the wrong kind."""


class AbilitiesError(PlanError):
    """A file of abilities is not what `madang bench` writes."""
