"""Drift that the definition knows of: set apart from the drift that counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from reconciler.diagnostics import Diagnostic, warning
from reconciler.model.address import matches
from reconciler.model.plan import Drift, FieldChange, KnownDrift
from reconciler.model.policy import IgnoreDrift


@dataclass(frozen=True, slots=True)
class Drifted:
    """The drift that counts, the drift that is known, and what is to be said of the entries.

    `notes` are for those who want to know more: entries that fit nothing.
    """

    drift: tuple[Drift, ...] = ()
    known: tuple[KnownDrift, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()


def set_apart(found: Sequence[Drift], entries: Sequence[IgnoreDrift], today: date) -> Drifted:
    """Split drift into what counts and what an entry knows; `today` is a day in UTC.

    An entry holds through its last day. The first entry that fits wins. One with a path knows
    the changes of those fields only; when other fields of the job changed, too, these count.
    """
    if not entries:
        return Drifted(drift=tuple(found))
    current = [each for each in entries if each.until is None or today <= each.until]
    used: set[int] = set()
    counted: list[Drift] = []
    known: list[KnownDrift] = []
    for drift in found:
        rest, parts = _split(drift, current, used)
        counted += rest
        known += parts
    return Drifted(
        tuple(counted),
        tuple(known),
        tuple(_expired(each) for each in entries if each not in current),
        tuple(_unused(each) for at, each in enumerate(current) if at not in used),
    )


def _split(
    drift: Drift, entries: Sequence[IgnoreDrift], used: set[int]
) -> tuple[list[Drift], list[KnownDrift]]:
    """Return the part of a job's drift that counts, and the parts that entries know."""
    fitting = [
        (at, each)
        for at, each in enumerate(entries)
        if matches(drift.address, (each.address,)) and each.kind in (None, drift.kind)
    ]
    left: Sequence[FieldChange] = drift.changes
    known: list[KnownDrift] = []
    for at, entry in fitting:
        if entry.path is None:
            used.add(at)
            return [], [*known, _as_known(drift, left, entry)]
        covered = [change for change in left if matches(change.path, (entry.path,))]
        if covered:
            used.add(at)
            known.append(_as_known(drift, covered, entry))
            left = [change for change in left if change not in covered]
            if not left:
                return [], known
    return [drift.model_copy(update={"changes": tuple(left)})], known


def _as_known(drift: Drift, changes: Iterable[FieldChange], entry: IgnoreDrift) -> KnownDrift:
    return KnownDrift(
        address=drift.address,
        name=drift.name,
        kind=drift.kind,
        changes=tuple(changes),
        location=drift.location,
        ignored_because=entry.reason,
        until=entry.until,
    )


def _expired(entry: IgnoreDrift) -> Diagnostic:
    return warning(
        "Known drift has expired",
        f'Drift of "{entry.address}" was ignored until {entry.until} ({entry.reason}); '
        "now it counts again.",
        "Set it right and remove the entry, or give it a later date.",
        location=entry.location,
        code="known_drift",
    )


def _unused(entry: IgnoreDrift) -> str:
    what = f'"{entry.address}"' + (f", {entry.kind}" if entry.kind else "")
    what += f", {entry.path}" if entry.path else ""
    return f"{entry.location}: nothing drifted that is ignored here ({what})."
