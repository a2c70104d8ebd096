"""What a report says, one by one: the form that annotations, test results and SARIF share."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.diagnostics import Diagnostic, Location, Severity
from reconciler.model.address import Address
from reconciler.model.base import digest
from reconciler.model.job import Status
from reconciler.model.plan import Action, ActionKind, Drift, FieldChange
from reconciler.model.report import Report
from reconciler.render.actions import (
    entry_reason,
    entry_runs,
    entry_title,
    folded,
    interrupt_words,
    members,
)
from reconciler.render.text import clean, clean_lines, shorten
from reconciler.render.values import CHANGED_UNSEEN, format_value, is_of_secrets
from reconciler.render.words import ORDER, drift_summary_words, drift_words, summary_words

_VALUE = 200
_DEFAULT_FILE = "jobs.yaml"


class Level(StrEnum):
    """How much a finding weighs: problems are errors or warnings, drift is a warning."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Source(StrEnum):
    """What a finding was made from."""

    DIAGNOSTIC = "diagnostic"
    DRIFT = "drift"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem, one drifted job or one action, in clean text.

    `rule` says which kind of finding it is and never varies; `identity` is 64 hex digits that
    stay the same while lines move and values change, and differ between findings of one report.
    """

    source: Source
    level: Level
    rule: str
    title: str
    lines: tuple[str, ...]
    identity: str = ""
    address: str | None = None
    location: Location | None = None
    kind: ActionKind | None = None

    @property
    def message(self) -> str:
        """The lines below the title, or the title where there are none."""
        return "\n".join(self.lines) or self.title


def findings(report: Report, *, fold_sweeps: bool = False) -> tuple[Finding, ...]:
    """Return what a report says, the most important first.

    A drift report speaks of no actions. With `fold_sweeps`, jobs of one sweep that undergo the
    same are one finding.
    """
    plan = report.plan
    by_weight = sorted(plan.diagnostics, key=lambda each: each.severity is not Severity.ERROR)
    found = [
        *(_of_diagnostic(each) for each in by_weight),
        *(_of_drift(each) for each in plan.drift),
        *(_of_entry(each, report.statuses) for each in _entries(report, fold_sweeps=fold_sweeps)),
    ]
    return tuple(_identified(plan.stack, found))


def report_words(report: Report) -> str:
    """Return what a report comes to, in a sentence."""
    if report.command == "drift":
        return drift_summary_words(len(report.plan.drift))
    return summary_words(report.plan.summary, len(report.plan.moved))


def relative_path(file: str) -> str:
    """Return a path the way hosts of repositories expect it: without `./` and `a/../`."""
    return clean(posixpath.normpath(file))


def place_of(finding: Finding, report: Report) -> tuple[str, int]:
    """Return file and line of a finding; one without a place stands at the definition's start."""
    if finding.location:
        return relative_path(finding.location.file), finding.location.line
    files = [relative_path(source.path) for source in report.plan.definition]
    return next(iter(files), _DEFAULT_FILE), 1


def _entries(report: Report, *, fold_sweeps: bool) -> Iterable[Sequence[Action]]:
    if report.command == "drift":
        return []
    entries = folded(report.plan.actions, verbose=0 if fold_sweeps else 1)
    told = [entry for entry in entries if entry[0].kind in ORDER]
    return sorted(told, key=lambda entry: ORDER.index(entry[0].kind))


def _of_diagnostic(diagnostic: Diagnostic) -> Finding:
    texts = (diagnostic.detail, diagnostic.hint)
    rule = _slug(diagnostic.code) or _slug(diagnostic.summary) or "problem"
    return Finding(
        Source.DIAGNOSTIC,
        Level.ERROR if diagnostic.severity is Severity.ERROR else Level.WARNING,
        f"definition/{rule}",
        clean(diagnostic.summary),
        tuple(line for text in texts if text for line in clean_lines(text)),
        "",
        clean(diagnostic.address) if diagnostic.address else None,
        diagnostic.location,
    )


def _of_drift(drift: Drift) -> Finding:
    address = clean(drift.address)
    return Finding(
        Source.DRIFT,
        Level.WARNING,
        f"drift/{drift.kind}",
        f"{address} was {drift_words(drift.kind)}",
        tuple(change_words(drift.changes)),
        "",
        address,
        drift.location,
    )


def _of_entry(entry: Sequence[Action], statuses: Mapping[Address, Status]) -> Finding:
    action = entry[0]
    lines = [entry_reason(entry, statuses)]
    if action.interrupts:
        lines.append(interrupt_words(action, statuses))
    if len(entry) > 1:
        lines.append(members(entry))
    if action.kind is ActionKind.CREATE and (runs := entry_runs(entry)):
        lines.append(runs)
    return Finding(
        Source.ACTION,
        Level.WARNING if action.interrupts else Level.NOTE,
        f"plan/{action.kind}",
        f"{action.kind} {entry_title(entry)}",
        (*lines, *change_words(action.changes)),
        "",
        entry_title(entry),
        action.location,
        action.kind,
    )


def change_words(changes: Iterable[FieldChange]) -> Iterator[str]:
    """Yield the changed fields, `path: old → new`, long values shortened."""
    for change in changes:
        if is_of_secrets(change):
            yield f"{clean(change.path)} {CHANGED_UNSEEN}"
            continue
        old, new = (shorten(format_value(each), _VALUE) for each in (change.before, change.after))
        yield f"{clean(change.path)}: {old} → {new}"


def _identified(stack: str, found: Iterable[Finding]) -> Iterator[Finding]:
    """Give each finding its identity: what it is about, and the how manyth of its like."""
    seen: Counter[tuple[str, str]] = Counter()
    for each in found:
        about = each.address or (each.location.file if each.location else "")
        number = seen[each.rule, about]
        seen[each.rule, about] += 1
        identity = digest([stack, each.rule, about, number]).removeprefix("sha256:")
        yield replace(each, identity=identity)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:64]
