"""The sections about plans: `policies`, `limits`, `cost` and `drift`, their shapes and values.

Expressions and messages are taken as they are, without references: a value that a reference brings
in must not become part of a condition.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from reconciler.definition.compounds import ListOf, Named, Object
from reconciler.definition.problems import Problems
from reconciler.definition.references import References
from reconciler.definition.shapes import BROKEN, Integer, Number, Scope, Text
from reconciler.definition.tree import ListNode, MappingNode, Mark, Value, locate, quote
from reconciler.diagnostics import Severity
from reconciler.model.policy import (
    Expression,
    IgnoreDrift,
    Limit,
    Policy,
    PolicyScope,
    Prices,
)

POLICY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME_RULE = "1 to 64 letters, digits, - or _, the first one a letter or a digit"

POLICY: Final = Object(
    "A condition that must hold.",
    {
        "scope": Text(
            "What is looked at: each job, each action of a plan (the default), or the whole plan.",
            choices=tuple(PolicyScope),
        ),
        "when": Text("Condition in CEL: where it does not hold, nothing is asked.", lines=True),
        "assert": Text(
            "Condition in CEL that must hold.",
            lines=True,
            examples=('action.kind != "delete"', "has(job.labels.team)"),
        ),
        "severity": Text(
            "What a violation is: an error refuses, a warning is shown (default: error).",
            choices=tuple(Severity),
        ),
        "message": Text(
            "What a violation tells people; {address} and {name} stand for those of the job.",
            lines=True,
        ),
    },
    required=("assert", "message"),
)
LIMITS: Final = Object(
    "The most that one plan may do.",
    {
        "creates": Integer("How many jobs it may create.", 0),
        "replaces": Integer("How many jobs it may replace.", 0),
        "deletes": Integer("How many jobs it may delete.", 0),
        "gpu_hours": Number("How many GPU hours the runs that it starts may take."),
        "cost": Number("What the runs that it starts may cost; needs `cost.prices`."),
    },
)
COST: Final = Object(
    "What machines cost, for estimates and limits.",
    {
        "currency": Text(
            "Currency of the prices.",
            pattern=re.compile("[A-Z]{3}"),
            rule="three capital letters, such as EUR",
            examples=("EUR",),
        ),
        "prices": Named("Price of one worker for an hour, by flavor.", Number("Price.")),
    },
    required=("prices",),
)
_IGNORE = Object(
    "Drift that is known and accepted.",
    {
        "address": Text("Which jobs: an address or a glob.", examples=("resnet", "sweep*")),
        "kind": Text(
            "Which kind of drift (default: any).", choices=("changed", "vanished", "replaced")
        ),
        "path": Text(
            "Which fields: a path or a glob (default: the whole job).",
            examples=("description", "parameters.*"),
        ),
        "reason": Text("Why it is accepted; shown wherever it is ignored."),
        "until": Text(
            "Last day on which it is ignored, in UTC.",
            pattern=re.compile(r"\d{4}-\d{2}-\d{2}"),
            rule="a date such as 2025-12-31",
            examples=("2025-12-31",),
        ),
    },
    required=("address", "reason"),
)
DRIFT: Final = Object(
    "What is known about drift.",
    {"ignore": ListOf("Drift that does not count.", _IGNORE)},
)


def rules(section: MappingNode, problems: Problems) -> tuple[Policy, ...]:
    """Return the sound policies in the order of the files, and tell what is wrong.

    Their expressions are not looked into.
    """
    read = [_rule(*entry, problems) for entry in section.entries()]
    return tuple(rule for rule in read if rule is not None)


def _rule(name: str, value: Value, key_mark: Mark, mark: Mark, problems: Problems) -> Policy | None:
    scope = Scope(problems, where=f"Policy {quote(name)}: ")
    if not POLICY_NAME.fullmatch(name):
        scope.tell(key_mark, "Invalid name", f"its name must be {_NAME_RULE}.")
        return None
    node = MappingNode(mark) if value is None else value
    read = POLICY.read(node, mark, scope, "")
    if not isinstance(node, MappingNode) or not isinstance(read, dict) or BROKEN in read.values():
        return None
    return Policy(
        name=name,
        condition=_expression(node, "assert", read, problems),
        message=read["message"],
        location=locate(key_mark, problems.files),
        scope=PolicyScope(read.get("scope", PolicyScope.ACTION)),
        guard=_expression(node, "when", read, problems) if "when" in read else None,
        severity=Severity(read.get("severity", Severity.ERROR)),
    )


def _expression(
    node: MappingNode, key: str, read: dict[str, Any], problems: Problems
) -> Expression:
    mark = node.value_mark(key)
    text: str = read[key]
    return Expression(text, locate(mark, problems.files), problems.lines_of(mark, text))


def limits(read: dict[str, Any], node: MappingNode, problems: Problems) -> tuple[Limit, ...]:
    """Return the limits that were read from a node."""
    return tuple(
        Limit(name, Decimal(most), locate(node.key_mark(name), problems.files))
        for name, most in read.items()
        if most is not BROKEN
    )


def prices(read: dict[str, Any]) -> Prices | None:
    """Return the prices, if there are any; of use only when no problem was told."""
    by_flavor = read.get("prices")
    if not isinstance(by_flavor, dict) or BROKEN in (read.get("currency"), *by_flavor.values()):
        return None
    return Prices(by_flavor, read.get("currency", ""))


def ignored_drift(
    section: Value, mark: Mark, references: References, problems: Problems
) -> Iterator[IgnoreDrift]:
    """Yield the sound entries of one file's section `drift`, and tell what is wrong."""
    scope = Scope(problems, references)
    read = DRIFT.read(section, mark, scope, "drift")
    entries = read.get("ignore") if isinstance(read, dict) else None
    if not isinstance(entries, list) or not isinstance(section, MappingNode):
        return
    written = section.values["ignore"]
    marks = written.marks if isinstance(written, ListNode) else [section.value_mark("ignore")]
    for entry, at in zip(entries, marks, strict=True):
        if not isinstance(entry, dict) or BROKEN in entry.values():
            continue
        until = entry.get("until")
        day = _date(until)
        if until is not None and day is None:
            scope.tell(at, "Invalid value", f'"until" names no day: {quote(until)}.')
            continue
        yield IgnoreDrift(**{**entry, "until": day}, location=locate(at, problems.files))


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None
