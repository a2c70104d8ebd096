"""Sweeps: one block of a job, expanded to the jobs of all its combinations of values."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from reconciler.definition.problems import did_you_mean
from reconciler.definition.references import in_names
from reconciler.definition.shapes import BROKEN, Scope, Text
from reconciler.definition.tree import ListNode, MappingNode, Mark, Value, kind_of, quote
from reconciler.model.address import JOB_NAME, Address, sweep_address

MAX_POINTS: Final = 10_000
"""How many jobs one sweep may stand for."""

KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_KEY_RULE = "up to 64 letters, digits, _, . or -, the first one a letter or _"
_VALUE = Text("", max_length=256, empty=True)
_PLACES = frozenset({"name", "description", "output", "outputs", "log_dir", "labels", "depends_on"})
"""Where a swept value tells jobs apart, without reaching the training program."""
_USED = re.compile(r"\$\{sweep\.([^{}$\n]*)\}")

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of a sweep's values; `marks` says where each key was written."""

    values: Values
    marks: Mapping[str, Mark]

    def address(self, key: str) -> Address:
        """Return the address of the job that has these values."""
        return sweep_address(key, self.values)

    def name(self, key: str) -> str:
        """Return the job's name on the platform, `resnet-batch_size-32-lr-0_1`."""
        parts = (f"{name}-{value}" for name, value in sorted(self.values.items()))
        return in_names("-".join((key, *parts)))


class SweepShape:
    """What may stand below `sweep`; `expand` reads it, once for all jobs of the sweep."""

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:  # noqa: ARG002
        """Return nothing of interest: every point of the sweep is read with its values at hand."""
        return True

    def json(self) -> dict[str, Any]:
        """Return the schema."""
        scalar = {"type": ["string", "number", "boolean"]}
        point = {"type": "object", "additionalProperties": scalar}
        points = {"anyOf": [{"type": "array", "items": point}, point]}
        return {
            "description": "Values by key: the job stands for one job for each combination.",
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{KEY.pattern})$"},
            "properties": {
                "exclude": {"description": "Combinations that are left out.", **points},
                "include": {"description": "Values that are added, or whole points.", **points},
            },
            "additionalProperties": {"anyOf": [{"type": "array", "items": scalar}, scalar]},
        }


def expand(sweep: Value, mark: Mark, scope: Scope) -> list[Point] | None:
    """Return the points of a sweep in the order of the file; None when a problem was told.

    `exclude` leaves out the combinations that hold all values of one of its entries. An entry of
    `include` adds its other values to every combination that it agrees with; one that agrees with
    none is a point of its own, and then has to name every key.
    """
    if not isinstance(sweep, MappingNode):
        scope.tell(
            mark,
            "Wrong type",
            f'"sweep" must be a mapping of keys to lists of values, not {kind_of(sweep)}.',
        )
        return None
    before = scope.problems.count
    lists = dict(_lists(sweep, scope))
    excluded = list(_entries("exclude", sweep, scope))
    included = list(_entries("include", sweep, scope))
    if scope.problems.count > before or not _is_small(lists, len(included), mark, scope):
        return None
    points: list[dict[str, str]] = []
    if lists:
        points = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    points = _exclude(points, lists, excluded, scope)
    points = _include(points, lists, included, scope)
    if scope.problems.count == before and not points:
        scope.tell(mark, "Empty sweep", "no combination of values is left.", "Remove the block.")
    if scope.problems.count > before:
        return None
    marks = {key: sweep.key_mark(key) for key in lists}
    return [Point(values, marks) for values in points]


def handed_over(node: MappingNode, values: Values) -> dict[str, str]:
    """Return the swept values that become parameters by themselves.

    Those whose key the job neither writes as a parameter nor uses as `${sweep.KEY}`, except where
    a value only tells the jobs apart: in names, descriptions, labels and places to write to.
    """
    written = node.values.get("parameters")
    placed = set(written.values) if isinstance(written, MappingNode) else set()
    for key, value in node.values.items():
        if key not in _PLACES and key != "sweep":
            placed.update(_used(value))
    return {key: value for key, value in values.items() if key not in placed}


def _used(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield from _USED.findall(value)
    elif isinstance(value, MappingNode | ListNode):
        children = value.values.values() if isinstance(value, MappingNode) else value.values
        for each in children:
            yield from _used(each)


def check_name(name: str, mark: Mark, scope: Scope) -> None:
    """Tell of a name, made from swept values, that the platform would not accept."""
    if not JOB_NAME.fullmatch(name):
        scope.tell(
            mark,
            "Invalid job name",
            f"its name on the platform would be {quote(name)}, which has {len(name)} characters; "
            "64 are allowed.",
            "Write a shorter `name`, such as `name: run-${sweep.KEY}`.",
        )


def _lists(sweep: MappingNode, scope: Scope) -> Iterator[tuple[str, list[str]]]:
    for key, value, key_mark, mark in sweep.entries():
        if key in ("exclude", "include"):
            continue
        if not KEY.fullmatch(key):
            scope.tell(
                key_mark, "Invalid name", f"A swept key must be {_KEY_RULE}, not {quote(key)}."
            )
            continue
        items = value.values if isinstance(value, ListNode) else [value]
        marks = value.marks if isinstance(value, ListNode) else [mark]
        values: dict[str, Mark] = {}
        for item, at in zip(items, marks, strict=True):
            text = _value(item, at, scope, key)
            if text in values:
                scope.tell(
                    at,
                    "Duplicate value",
                    f"{quote(text)} already stands at {scope.problems.show(values[text])}.",
                    "Keep one of the two.",
                )
            elif text is not BROKEN:
                values[text] = at
        if not items:
            scope.tell(mark, "Missing value", f"{quote(key)} of the sweep has no values.")
        yield key, list(values)


def _value(item: Value, mark: Mark, scope: Scope, key: str) -> Any:
    if item is None:
        return scope.tell(
            mark, "Missing value", f"A value of {quote(key)} is empty.", "Remove it, or quote it."
        )
    return _VALUE.read(item, mark, scope, key)


def _entries(section: str, sweep: MappingNode, scope: Scope) -> Iterator[tuple[Values, Mark]]:
    """Yield the entries of `exclude` or `include` that could be read."""
    value = sweep.values.get(section)
    if value is None:
        return
    mark = sweep.value_mark(section)
    items = value.values if isinstance(value, ListNode) else [value]
    marks = value.marks if isinstance(value, ListNode) else [mark]
    for item, at in zip(items, marks, strict=True):
        if not isinstance(item, MappingNode) or not item.values:
            scope.tell(
                at,
                "Wrong type",
                f"An entry of {quote(section)} must be a mapping of keys to values, "
                f"not {kind_of(item)}.",
            )
            continue
        entry: dict[str, str] = {}
        for key, each, key_mark, value_mark in item.entries():
            if not KEY.fullmatch(key):
                scope.tell(
                    key_mark, "Invalid name", f"A swept key must be {_KEY_RULE}, not {quote(key)}."
                )
            else:
                entry[key] = _value(each, value_mark, scope, key)
        yield entry, at


def _is_small(lists: Mapping[str, list[str]], included: int, mark: Mark, scope: Scope) -> bool:
    count = (math.prod(map(len, lists.values())) if lists else 0) + included
    if count <= MAX_POINTS:
        return True
    scope.tell(
        mark,
        "Too many jobs in a sweep",
        f"its values have {count:,} combinations; {MAX_POINTS:,} are allowed.",
        "Sweep over fewer values, or list the points that you want below `include`.",
    )
    return False


def _exclude(
    points: list[dict[str, str]],
    lists: Mapping[str, list[str]],
    entries: Iterable[tuple[Values, Mark]],
    scope: Scope,
) -> list[dict[str, str]]:
    left = points
    for entry, mark in entries:
        unknown = next((key for key in entry if key not in lists), None)
        if unknown is not None:
            scope.tell(
                mark,
                "Unknown key",
                f"The sweep has no values of {quote(unknown)} to exclude.",
                did_you_mean(unknown, lists, f"It has: {', '.join(lists)}."),
            )
        elif not any(_agrees(point, entry) for point in points):
            scope.tell(mark, "Nothing to exclude", "No combination of the sweep has these values.")
        left = [point for point in left if not _agrees(point, entry)]
    return left


def _include(
    points: list[dict[str, str]],
    lists: Mapping[str, list[str]],
    entries: Iterable[tuple[Values, Mark]],
    scope: Scope,
) -> list[dict[str, str]]:
    grown = [dict(point) for point in points]
    own: list[dict[str, str]] = []
    known = {frozenset(point.items()) for point in points}
    for entry, mark in entries:
        swept = {key: value for key, value in entry.items() if key in lists}
        fitting = [at for at, point in enumerate(points) if _agrees(point, swept)]
        missing = [key for key in lists if key not in entry]
        if fitting and len(swept) < len(entry):
            for at in fitting:
                grown[at] |= entry
        elif missing and not fitting:
            scope.tell(
                mark,
                "Missing key",
                f"The point says nothing of {', '.join(map(quote, missing))}.",
                "A point that is added to the sweep names every key.",
            )
        elif fitting or frozenset(entry.items()) in known:
            scope.tell(mark, "Duplicate value", "The sweep has this point already.", "Remove it.")
        else:
            known.add(frozenset(entry.items()))
            own.append(dict(entry))
    return grown + own


def _agrees(point: Values, entry: Values) -> bool:
    return all(point.get(key) == value for key, value in entry.items())
