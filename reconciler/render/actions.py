"""Actions and drift of a plan as lines: one per action, its details indented below."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.address import Address
from reconciler.model.job import Status
from reconciler.model.plan import Action, ActionKind, Drift, KnownDrift, Plan, Reason
from reconciler.render.text import (
    Style,
    clean,
    counted,
    display_width,
    fold,
    format_duration,
    indented,
    listed,
    pad,
    paragraph,
)
from reconciler.render.values import change_lines, field_lines, flattened, format_value
from reconciler.render.words import DRIFT_SYMBOLS, SYMBOLS, drift_words, ignored_words, reason_words

LEGEND = "* forces replacement: the job is deleted and a new one created"

_INDENT = 6
_ADDRESS = 13
_FEW = 20
_NAMED = 8
_KEY = re.compile(r"(?:^|,)(\w[\w.-]*)=")


@dataclass(frozen=True, slots=True)
class Page:
    """How the lines are to look, and what is known of the jobs besides the plan."""

    width: int = 80
    style: Style = field(default_factory=Style)
    verbose: int = 0
    statuses: Mapping[Address, Status] = field(default_factory=dict)


def action_lines(actions: Sequence[Action], page: Page) -> list[str]:
    """Return the lines of the actions, in the plan's order; equal jobs of a sweep share one."""
    entries = [
        entry
        for entry in folded(actions, page.verbose)
        if page.verbose or entry[0].kind is not ActionKind.NOOP
    ]
    heads = [entry_title(entry) for entry in entries]
    column = _column(heads, page.width)
    spoken = page.verbose > 0 or len(entries) <= _FEW
    lines = []
    for title, entry in zip(heads, entries, strict=True):
        lines += _entry(title, entry, column, page, spoken=spoken)
    return lines


def moved_lines(plan: Plan, page: Page) -> list[str]:
    """Return the records that get another address: `a → b`."""
    symbol = page.style.paint("update", " ->")
    lines = []
    for each in plan.moved:
        words = f"{clean(each.source)} → {clean(each.target)}"
        lines += _head(f"{symbol}   ", 6, words, "moved", 0, page)
    return lines


def drift_lines(drift: Sequence[Drift], page: Page) -> list[str]:
    """Return the lines of what someone changed: what was recorded → what is there now."""
    titles = [clean(each.address) for each in drift]
    column = _column(titles, page.width, before=6)
    lines = []
    for title, each in zip(titles, drift, strict=True):
        symbol = page.style.paint("update", f"{DRIFT_SYMBOLS[each.kind]:>3}")
        lines += _head(f"{symbol}   ", 6, title, drift_words(each.kind), column, page)
        lines += _details(change_lines(each.changes, *_inner(page), complete=page.verbose > 0))
        if isinstance(each, KnownDrift):
            lines += _details(fold(ignored_words(each), page.width - _INDENT))
    return lines


def folded(actions: Iterable[Action], verbose: int = 0) -> list[tuple[Action, ...]]:
    """Return the actions in entries: jobs of one sweep that undergo the same stand together.

    One that interrupts work always stands alone; with `verbose` each one does.
    """
    entries: dict[object, list[Action]] = {}
    for action in actions:
        base, bracket, _ = action.address.partition("[")
        key: object = action.address
        if bracket and not verbose and not action.interrupts:
            blockers = action.depends_on if action.kind is ActionKind.BLOCKED else ()
            how = (action.kind, action.strategy, action.reason)
            key = (base, *how, blockers, repr(action.changes))
        entries.setdefault(key, []).append(action)
    return [tuple(entry) for entry in entries.values()]


def entry_title(entry: Sequence[Action]) -> str:
    """Return the address of an entry's job, or `resnet[…]` for several of a sweep."""
    if len(entry) == 1:
        return clean(entry[0].address)
    return clean(entry[0].address.partition("[")[0]) + "[…]"


def entry_reason(entry: Sequence[Action], statuses: Mapping[Address, Status]) -> str:
    """Return why an entry is planned, for how many jobs, and where a removed job stands."""
    reason = reason_words(entry[0])
    if len(entry) > 1:
        return f"{reason} ({counted(len(entry), 'job')})"
    status = _status_words(entry[0], statuses)
    return f"{reason}; {status}" if status else reason


def _column(titles: Iterable[str], width: int, before: int = _ADDRESS) -> int:
    limit = min(36, (width - before) * 6 // 10)
    return max((cells for each in titles if (cells := display_width(each)) <= limit), default=0)


def _entry(
    title: str, entry: Sequence[Action], column: int, page: Page, *, spoken: bool
) -> list[str]:
    action, style = entry[0], page.style
    verb = style.paint(action.kind, f"{SYMBOLS[action.kind]:>3} {action.kind:<7}  ")
    lines = _head(verb, _ADDRESS, title, entry_reason(entry, page.statuses), column, page)
    width, _ = _inner(page)
    if len(entry) > 1:
        lines += _details(paragraph(members(entry), width, hang=2))
    if action.interrupts:
        words = f"! {interrupt_words(action, page.statuses)}"
        lines += _details([style.paint("danger", each) for each in fold(words, width)])
    marked = forces_a_new_job(action)
    return (
        lines
        + _details(_what(entry, page) if spoken else [])
        + _details(
            change_lines(action.changes, width, style, marked=marked, complete=page.verbose > 0)
        )
    )


def forces_a_new_job(action: Action) -> bool:
    """Tell whether changes of an action force its job to be deleted and another one created."""
    return action.kind is ActionKind.REPLACE and action.strategy == "replace"


def _head(before: str, indent: int, title: str, reason: str, column: int, page: Page) -> list[str]:
    """Return `symbol verb  address  reason`; what does not fit goes below, never cut."""
    cells = max(column, display_width(title))
    if indent + cells + 2 + display_width(reason) <= page.width:
        return [f"{before}{pad(title, column)}  {reason}"]
    first, *rest = fold(title, page.width - indent)
    lines = [before + first, *indented(rest, indent)]
    return lines + _details(fold(reason, page.width - _INDENT))


def _details(lines: Iterable[str]) -> list[str]:
    return indented(lines, _INDENT)


def _inner(page: Page) -> tuple[int, Style]:
    return page.width - _INDENT, page.style


def _status_words(action: Action, statuses: Mapping[Address, Status]) -> str:
    """Return where the job stands that an action removes; a live one has a line of its own."""
    status = statuses.get(action.address)
    if status is None or action.interrupts:
        return ""
    if action.kind not in (ActionKind.REPLACE, ActionKind.DELETE):
        return ""
    told = action.reason.startswith((Reason.RETRY, Reason.EXPIRED))
    return "" if told else f"the job {_BEEN.get(status, f'is {status}')}"


_BEEN = {
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.STOPPED: "was stopped",
    Status.DELETE_FAILED: "could not be deleted before",
    Status.UNKNOWN: "is in an unknown status",
}


def interrupt_words(action: Action, statuses: Mapping[Address, Status]) -> str:
    """Return what an action interrupts, as far as is known."""
    status = statuses.get(action.address)
    if status is Status.PENDING:
        return "takes a job out of the queue"
    if action.running_ms:
        return f"interrupts a job that has run for {format_duration(action.running_ms)}"
    if status is Status.RUNNING:
        return "interrupts a running job"
    return "interrupts a job that waits or runs"


def _what(entry: Sequence[Action], page: Page) -> list[str]:
    """Return what will run, in brief, or with `verbose` every field and id."""
    action, (width, style) = entry[0], _inner(page)
    if page.verbose:
        wanted = dict(action.after or {}) if action.kind is ActionKind.CREATE else {}
        if wanted.get("name") == action.address:
            del wanted["name"]
        ids = (("job_id", action.job_id), ("version_id", action.version_id))
        known = [pair for pair in ids if pair[1] is not None]
        return field_lines([*known, *flattened(wanted)], width, style)
    if action.kind is ActionKind.ADOPT and action.job_id:
        return [style.paint("context", line) for line in fold(clean(f"job {action.job_id}"), width)]
    if action.kind is not ActionKind.CREATE or action.changes:
        return []
    return [style.paint("context", line) for line in fold(entry_runs(entry), width) if line]


def entry_runs(entry: Sequence[Action]) -> str:
    """Return what the jobs of an entry run on and run, if they all do the same."""
    runs = {runs_words(each.after or {}) for each in entry}
    return runs.pop() if len(runs) == 1 else ""


def runs_words(spec: Mapping[str, Any]) -> str:
    """Return what a job runs on and what it runs: machine, engine or image, code."""
    machine = spec.get("flavor") or (f"pool {spec['pool_id']}" if spec.get("pool_id") else "")
    parts = [
        f"{spec.get('workers', 1)} x {machine}" if machine else "",
        _named(spec.get("engine")) or spec.get("image") or "",
        _named(spec.get("algorithm"), "algorithm "),
        spec.get("boot_file") or spec.get("command") or spec.get("code_dir") or "",
    ]
    return ", ".join(clean(str(part)) for part in parts if part)


def _named(value: Any, before: str = "") -> str:
    if not value:
        return ""
    parts = value.values() if isinstance(value, Mapping) else [value]
    return before + " ".join(format_value(each) for each in parts)


def members(entry: Sequence[Action]) -> str:
    """Return which jobs of a sweep an entry holds: the axes of a full grid, else their list.

    What is deleted or replaced is named completely, what is created in brief.
    """
    brief = entry[0].kind not in (ActionKind.DELETE, ActionKind.REPLACE)
    limit = _NAMED if brief else len(entry)
    inside = [each.address.partition("[")[2].removesuffix("]") for each in entry]
    axes: dict[str, dict[str, None]] = {}
    for text in inside:
        for key, value in _pairs(text):
            axes.setdefault(key, {})[value] = None
    if math.prod(map(len, axes.values())) == len(set(inside)) == len(inside):
        return " x ".join(
            f"{clean(key)}: {listed(list(each), limit)}" for key, each in axes.items()
        )
    return listed([f"[{each}]" for each in inside], limit)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the keys and values between the brackets of a sweep's address."""
    parts = _KEY.split(text)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))
