"""Which fields of a job are compared with the platform's answer, and how: one table.

Only what the user wrote is compared. The platform fills in values of its own, leaves others out
of its answers, and normalises some; each row says why its field is treated the way it is. The
facts are from the ModelArts API Reference ("Creating a Training Job", "Querying the Details
About a Training Job Version").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from reconciler.model.secrets import is_sealed
from reconciler.model.spec import JobSpec


class Compare(StrEnum):
    """How a written field is held against the platform's."""

    EXACT = "exact"
    """Equal, when written."""
    KEYS = "keys"
    """A mapping or a record: only the written keys count."""
    VALUES = "values"
    """Like KEYS; a number that is spelled in another way is the same value."""
    ITEMS = "items"
    """A list of records: same length, and in each only the written keys count. Order counts, but
    for those that are known by a name."""
    IF_ECHOED = "if echoed"
    """Like KEYS when the platform's answer holds the field at all, else taken as equal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One field's treatment.

    `in_place` says that a change needs no new job. `always` names the keys that count even when
    they are not written, because leaving them out means their default.
    """

    field: str
    compare: Compare
    reason: str
    in_place: bool = False
    always: frozenset[str] = frozenset()


RULES = (
    Rule("name", Compare.EXACT, "names are unique and fixed at creation"),
    Rule(
        "description",
        Compare.EXACT,
        "the one field with a call to change it; no description and an empty one are the same",
        in_place=True,
    ),
    Rule("flavor", Compare.EXACT, "a pool job that wrote none gets one from the platform"),
    Rule("pool_id", Compare.EXACT, "a job that wrote none gets the shared pool's id"),
    Rule("workers", Compare.EXACT, "always sent; 1 when not written"),
    Rule(
        "engine", Compare.KEYS, "the platform answers with id, name and version, whatever was sent"
    ),
    Rule("algorithm", Compare.KEYS, "as for the engine"),
    Rule("image", Compare.EXACT, "a preset engine may answer with an image of its own"),
    Rule("command", Compare.EXACT, "empty and missing are the same"),
    Rule("code_dir", Compare.EXACT, "a ready-made algorithm answers with its own code"),
    Rule("boot_file", Compare.EXACT, "as for code_dir"),
    Rule(
        "parameters",
        Compare.VALUES,
        "an algorithm adds its undeclared defaults; order is free; some answers hold numbers",
    ),
    Rule("environment", Compare.KEYS, "the platform may add its own variables"),
    Rule("inputs", Compare.ITEMS, "names and resolved paths are filled in by the platform"),
    Rule("outputs", Compare.ITEMS, "as for inputs"),
    Rule("log_dir", Compare.EXACT, "not written comes back as null or a default"),
    Rule(
        "volumes",
        Compare.ITEMS,
        "ids are filled in by the platform; a mount is writable when nothing else is written",
        always=frozenset({"read_only"}),
    ),
    Rule("notification", Compare.IF_ECHOED, "version 1 never returns it"),
    Rule("auto_stop_hours", Compare.IF_ECHOED, "missing from the documented answer"),
    Rule("priority", Compare.EXACT, "compared only when written"),
    Rule("annotations", Compare.KEYS, "the platform adds `job_template` and others"),
)

_LONGEST_NUMBER = 40
"""Longer texts are compared as they are: nobody trains with such numbers."""

IN_PLACE = frozenset(rule.field for rule in RULES if rule.in_place)


def as_written(wanted: JobSpec, actual: JobSpec) -> Mapping[str, Any]:
    """Reduce the actual spec to what the wanted one speaks about, as a canonical mapping.

    The result equals `wanted.canonical` exactly when the two differ in nothing that was written.
    """
    written, found = wanted.canonical, actual.canonical
    reduced: dict[str, Any] = {}
    for rule in RULES:
        if rule.field == "workers":
            if wanted.workers != actual.workers or "workers" in written:
                reduced["workers"] = actual.workers
        elif rule.field in written:
            value = _reduce(rule, written[rule.field], found.get(rule.field))
            if value is not None:
                reduced[rule.field] = value
    return reduced


def _reduce(rule: Rule, written: Any, found: Any) -> Any:
    match rule.compare:
        case Compare.EXACT:
            return found
        case Compare.IF_ECHOED if found is None:
            return written
        case Compare.KEYS | Compare.IF_ECHOED:
            return _only_keys(rule, written, found)
        case Compare.VALUES:
            return _spelled_alike(written, _only_keys(rule, written, found))
        case _:
            return _only_items(rule, written, found)


def _only_keys(rule: Rule, written: Any, found: Any) -> Any:
    if not isinstance(written, Mapping) or not isinstance(found, Mapping):
        return found
    return {
        key: written[key] if _same_secret(written.get(key), value) else value
        for key, value in found.items()
        if key in written or key in rule.always
    }


def _same_secret(one: Any, other: Any) -> bool:
    """Tell whether two secrets have the same value, whatever variables it is read from."""
    if not (is_sealed(one) and is_sealed(other)):
        return False
    return one.get("hmac") is not None and one.get("hmac") == other.get("hmac")


def _spelled_alike(written: Any, found: Any) -> Any:
    if not isinstance(written, Mapping) or not isinstance(found, Mapping):
        return found
    return {
        key: written[key] if _same_number(written[key], value) else value
        for key, value in found.items()
    }


def _same_number(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    if len(one) > _LONGEST_NUMBER or len(other) > _LONGEST_NUMBER:
        return False
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False


def _only_items(rule: Rule, written: list[Any], found: Any) -> Any:
    if not isinstance(found, list) or len(found) != len(written):
        return found
    found = _by_name(written, found)
    return [_only_keys(rule, want, have) for want, have in zip(written, found, strict=True)]


def _by_name(written: list[Any], found: list[Any]) -> list[Any]:
    """Put found items where the written ones of their name stand; the rest keep their order.

    Inputs and outputs with names are known by them, and version 2 promises no order.
    """
    names = [item.get("name") for item in written]
    if not any(names):
        return found
    known = {item.get("name"): item for item in found}
    if len(known) != len(found) or not {name for name in names if name} <= known.keys():
        return found
    rest = iter([item for item in found if item.get("name") not in names])
    return [known[name] if name else next(rest) for name in names]
