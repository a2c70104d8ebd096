"""What a definition demands of plans: policies, limits, prices; and the drift that it knows of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from reconciler.diagnostics import Location, Severity


class PolicyScope(StrEnum):
    """What a policy looks at: each desired job, each action of a plan, or the plan at once."""

    JOB = "job"
    ACTION = "action"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition in CEL, as written at a location.

    `lines` says where each line of the text begins, as far as the file shows the text as it is.
    """

    text: str
    location: Location
    lines: tuple[Location, ...] = ()

    def place(self, line: int, column: int) -> Location:
        """Return the place in the file of a place in the text; both are counted from 1."""
        if not 1 <= line <= len(self.lines):
            return self.location
        start = self.lines[line - 1]
        return Location(start.file, start.line, start.column + column - 1)


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule: where `guard` holds (always, if there is none), `condition` must hold, too."""

    name: str
    condition: Expression
    message: str
    location: Location
    scope: PolicyScope = PolicyScope.ACTION
    guard: Expression | None = None
    severity: Severity = Severity.ERROR

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The guard, if there is one, and the condition."""
        return (self.guard, self.condition) if self.guard else (self.condition,)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that one plan may do of something.

    `name` is `creates`, `replaces`, `deletes` (jobs), `gpu_hours` (hours) or `cost` (in the
    currency of the prices).
    """

    name: str
    most: Decimal
    location: Location


@dataclass(frozen=True, slots=True)
class Prices:
    """What one worker of a flavor costs for an hour."""

    by_flavor: Mapping[str, Decimal]
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that a definition demands of its plans."""

    rules: tuple[Policy, ...] = ()
    limits: tuple[Limit, ...] = ()
    prices: Prices | None = None

    def __bool__(self) -> bool:
        """Whether anything is demanded, or has a price."""
        return bool(self.rules or self.limits or self.prices)

    def of(self, scope: PolicyScope) -> tuple[Policy, ...]:
        """Return the rules of one scope, in the order of the files."""
        return tuple(rule for rule in self.rules if rule.scope is scope)


@dataclass(frozen=True, slots=True)
class IgnoreDrift:
    """Drift that is known and accepted, through the day `until` (in UTC).

    `address` is a glob, and so is `path`, which names fields; without it the drift of the whole
    job is meant.
    """

    address: str
    reason: str
    location: Location
    kind: Literal["changed", "replaced", "vanished"] | None = None
    path: str | None = None
    until: date | None = None
