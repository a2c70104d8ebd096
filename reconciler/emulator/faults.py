"""Faults that tests switch on: rules that say which requests go wrong, and how.

Kinds, in the order in which they act:

before the effect
    `latency` (`seconds`), `expire_tokens`, `stale_list` (the list as it was when the rule was
    set), `error_before`, `drop_before` (`mode` reset or close)
on the answer, after the effect
    `error_after`, `duplicate_row`, `numbers_as_strings`, `null_fields` (`fields`),
    `unknown_status` (`value`; in v2 the phase `Phase<value>`), `invalid_json`, `truncate`,
    `drop_after` (`mode`)
after the answer
    `move_rows` (`how`: insert, delete or reorder rows before the next page is read)

Errors have `status`, `code`, `message`, `variant` (A to G: the error bodies seen of the
platform, F being empty; or html) and `retry_after` (seconds, or a date with `as_date`).
An error with status 200 is a failure that only its body tells.
"""

import copy
import itertools
import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reconciler.emulator.jobs import Jobs
from reconciler.emulator.listing import Listing

Kind = Literal[
    "latency",
    "expire_tokens",
    "stale_list",
    "error_before",
    "drop_before",
    "error_after",
    "duplicate_row",
    "numbers_as_strings",
    "null_fields",
    "unknown_status",
    "invalid_json",
    "truncate",
    "drop_after",
    "move_rows",
]
Variant = Literal["A", "B", "C", "D", "E", "F", "G", "html"]


class Fault(BaseModel):
    """What goes wrong; each kind uses the fields that the module's text names."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    seconds: float = 0.0
    status: int = Field(default=500, ge=200, le=599)
    code: str = "ModelArts.0010"
    message: str = "Internal error."
    variant: Variant = "A"
    retry_after: int | None = None
    as_date: bool = False
    mode: Literal["reset", "close"] = "reset"
    fields: list[str] = []
    value: int = 99
    how: Literal["insert", "delete", "reorder"] = "insert"


class RuleRequest(BaseModel):
    """A rule as a test sends it: the `skip` first matching requests pass, `times` ones fail.

    `path_regex` is searched for in the path with its query; `times` None means for ever.
    """

    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    path_regex: str = ""
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=0)
    fault: Fault


@dataclass
class Rule:
    """A rule at work; `seen` counts the requests that matched it."""

    id: int
    wanted: RuleRequest
    pattern: re.Pattern[str]
    snapshot: Listing | None
    seen: int = 0

    @property
    def hits(self) -> int:
        """How many requests went wrong through it."""
        over = max(0, self.seen - self.wanted.skip)
        return over if self.wanted.times is None else min(over, self.wanted.times)

    def takes(self, method: str, target: str) -> bool:
        """Count a request, and tell whether it is one that goes wrong."""
        if self.wanted.method not in ("*", method) or not self.pattern.search(target):
            return False
        before = self.hits
        self.seen += 1
        return self.hits > before

    def as_json(self) -> dict[str, Any]:
        """The rule with its counters."""
        return self.wanted.model_dump() | {"id": self.id, "seen": self.seen, "hits": self.hits}


class Faults:
    """The rules in force. Without any, requests pass untouched."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._numbers = itertools.count(1)
        self._rules: dict[int, Rule] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, wanted: RuleRequest) -> Rule:
        """Put a rule in force. re.error for a bad pattern."""
        stale = wanted.fault.kind == "stale_list"
        snapshot = copy.deepcopy(self._jobs.listing) if stale else None
        rule = Rule(next(self._numbers), wanted, re.compile(wanted.path_regex), snapshot)
        self._rules[rule.id] = rule
        return rule

    def rules(self) -> list[Rule]:
        """All rules, oldest first, spent ones included."""
        return list(self._rules.values())

    def clear(self, number: int | None = None) -> None:
        """Lift one rule, or all of them."""
        if number is None:
            self._rules.clear()
        else:
            self._rules.pop(number, None)

    def taken(self, method: str, target: str) -> list[Rule]:
        """The rules that make this request go wrong, oldest first; counts it for all."""
        return [rule for rule in self._rules.values() if rule.takes(method, target)]
