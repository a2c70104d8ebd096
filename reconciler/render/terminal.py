"""The plan and what became of it, for people at a terminal; the tables stand in `tables`."""

import shlex
from collections.abc import Iterable, Sequence

from reconciler.model.job import Status
from reconciler.model.plan import Plan
from reconciler.model.report import Report
from reconciler.render.actions import (
    LEGEND,
    Page,
    action_lines,
    drift_lines,
    forces_a_new_job,
    moved_lines,
)
from reconciler.render.messages import diagnostic_lines, render_diagnostics, render_error
from reconciler.render.outcome import render_apply
from reconciler.render.tables import (
    render_engines,
    render_flavors,
    render_history,
    render_record,
    render_state_list,
    render_status,
)
from reconciler.render.text import Style, clean, counted, fold, listed, pad, paragraph
from reconciler.render.words import (
    drift_summary_words,
    estimate_words,
    known_drift_words,
    summary_words,
    to_do,
)

__all__ = [
    "render_apply",
    "render_diagnostics",
    "render_drift",
    "render_engines",
    "render_error",
    "render_flavors",
    "render_history",
    "render_plan",
    "render_record",
    "render_state_list",
    "render_status",
]


def render_plan(report: Report, *, width: int = 80, color: bool = False, verbose: int = 0) -> str:
    """Show what apply would do and why, what stands in its way, and what to type next.

    No line is wider than `width` columns but the digest, which has to stay in one piece.
    """
    page = Page(width, Style(color), verbose, report.statuses)
    plan = report.plan
    sections = [
        _heading(plan, page),
        _drift_section(plan, page),
        moved_lines(plan, page),
        action_lines(plan.actions, page),
        _legend(plan, page),
        *_beside(report, page),
        _summary(report, page),
        _next_after_plan(report, page),
    ]
    return _joined(sections)


def render_drift(report: Report, *, width: int = 80, color: bool = False, verbose: int = 0) -> str:
    """Show what someone changed behind our back, and what to do about it."""
    page = Page(width, Style(color), verbose, report.statuses)
    plan = report.plan
    number = len(plan.drift)
    said = drift_summary_words(number)
    commands = [("reconciler plan", "show how apply would set it right")] if number else []
    sections = [
        _heading(plan, page),
        drift_lines(plan.drift, page),
        *_beside(report, page),
        [page.style.paint("heading", line) for line in fold(said, width)] + _known(plan, page),
        _next(commands, page),
    ]
    return _joined(sections)


def _heading(plan: Plan, page: Page) -> list[str]:
    words = f"{clean(plan.stack)} on {clean(str(plan.platform.identity))}"
    return [page.style.paint("context", line) for line in fold(words, page.width)]


def _drift_section(plan: Plan, page: Page) -> list[str]:
    if not plan.drift:
        return []
    title = page.style.paint("heading", "Changed outside of reconciler:")
    return [title, *drift_lines(plan.drift, page)]


def _legend(plan: Plan, page: Page) -> list[str]:
    forced = any(
        change.forces_replace
        for action in plan.actions
        if forces_a_new_job(action)
        for change in action.changes
    )
    if not forced:
        return []
    return [page.style.paint("context", line) for line in fold(LEGEND, page.width)]


def _beside(report: Report, page: Page) -> list[list[str]]:
    """Return the sections about what is not an action: recovered, unmanaged, diagnostics."""
    recovered: list[str] = []
    if report.recovered:
        names = listed(report.recovered, len(report.recovered) if page.verbose else 10)
        words = f"Recovered from an interrupted run: {names}."
        recovered = paragraph(words, page.width, hang=2)
    unmanaged: list[str] = []
    if page.verbose and report.unmanaged:
        rows = [
            f"{clean(job.name)} (id {clean(job.job_id)}, {job.status})" for job in report.unmanaged
        ]
        title = page.style.paint("heading", "Unmanaged, never touched:")
        unmanaged = [
            title,
            *(line for row in rows for line in paragraph(row, page.width, indent=2)),
        ]
    diagnostics = [
        diagnostic_lines(each, page.style, page.width) for each in report.plan.diagnostics
    ]
    return [recovered, unmanaged, *_known_and_notes(report, page), *diagnostics]


def _known_and_notes(report: Report, page: Page) -> list[list[str]]:
    """Return the sections for those who want to know more: drift that is ignored, remarks."""
    if not page.verbose:
        return []
    known = drift_lines(report.plan.known_drift, page)
    notes = [
        line for each in report.notes for line in paragraph(f"note: {clean(each)}", page.width)
    ]
    title = page.style.paint("heading", "Changed outside of reconciler, and ignored:")
    return [[title, *known] if known else [], notes]


def _known(plan: Plan, page: Page) -> list[str]:
    words = known_drift_words(len(plan.known_drift), is_listed=page.verbose > 0)
    return [page.style.paint("context", line) for line in fold(words, page.width)] if words else []


def _summary(report: Report, page: Page) -> list[str]:
    plan, summary = report.plan, report.plan.summary
    doing = to_do(summary, len(plan.moved))
    said = fold(summary_words(summary, len(plan.moved)), page.width)
    lines = [page.style.paint("heading", line) for line in said]
    lines += fold(cost, page.width) if (cost := estimate_words(plan.estimate)) else []
    touched = plan.by_address
    failed = [
        address
        for address, status in report.statuses.items()
        if status is Status.FAILED and address not in touched
    ]
    if failed:
        words = f"{counted(len(failed), 'job')} failed: {listed(failed, 5)}."
        lines += [page.style.paint("failed", line) for line in fold(words, page.width)]
    unmanaged = max(summary.unmanaged, len(report.unmanaged))
    if unmanaged:
        how = "" if page.verbose else " (-v lists them)"
        words = f"{counted(unmanaged, 'job')} on the platform unmanaged{how}."
        lines += [page.style.paint("context", line) for line in fold(words, page.width)]
    lines += _known(plan, page)
    if plan.digest and doing:
        lines.append(page.style.paint("context", f"Digest: {clean(plan.digest)}"))
    if report.saved_to and report.command == "plan":
        lines += fold(f"Saved to {clean(report.saved_to)}", page.width)
    return lines


def _next_after_plan(report: Report, page: Page) -> list[str]:
    plan = report.plan
    if plan.errors:
        what = counted(len(plan.errors), "error")
        words = f"Refused: {what}. Nothing can be applied before that is settled."
        return [page.style.paint("error", line) for line in fold(words, page.width)]
    if report.command not in ("plan", "show") or not to_do(plan.summary, len(plan.moved)):
        return []
    if report.saved_to:
        command = f"reconciler apply {clean(shlex.quote(report.saved_to))}"
        return _next([(command, "carry out exactly this plan")], page)
    apply = f"reconciler apply{clean(report.options)}"
    expecting = f"{apply} --expect {clean(plan.digest)}"
    if len(expecting) + 2 > page.width:
        expecting = f"{apply} --expect DIGEST"
    plain = (apply, "plan anew, ask, carry it out")
    return _next([plain, (expecting, "carry out exactly this plan")], page)


def _next(commands: Sequence[tuple[str, str]], page: Page) -> list[str]:
    """Return what to type, each command in one piece, with what it does beside or below it."""
    if not commands:
        return []
    column = max(len(command) for command, _ in commands)
    lines = ["Next:"]
    for command, does in commands:
        if 2 + column + 2 + len(does) <= page.width:
            lines.append(f"  {pad(command, column)}  {page.style.paint('context', does)}")
        else:
            lines.append(f"  {command}")
            below = paragraph(does, page.width, indent=6)
            lines += [page.style.paint("context", line) for line in below]
    return lines


def _joined(sections: Iterable[Sequence[str]]) -> str:
    texts = ["\n".join(line.rstrip() for line in section) for section in sections if section]
    return "\n\n".join(texts) + "\n"
