"""A report as Markdown: the comment of a pull request, or the summary of a CI step."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from reconciler.diagnostics import Diagnostic, Severity
from reconciler.model.job import ActualJob
from reconciler.model.plan import Action, ActionKind, Drift, FieldChange, KnownDrift, Plan
from reconciler.model.report import Report
from reconciler.render.actions import (
    entry_reason,
    entry_runs,
    entry_title,
    folded,
    forces_a_new_job,
    interrupt_words,
    members,
)
from reconciler.render.findings import report_words
from reconciler.render.graph import make_graph, mermaid
from reconciler.render.text import Style, clean, clean_lines, counted, fold, listed, shorten
from reconciler.render.values import difference, field_lines, flattened, with_sorted_keys
from reconciler.render.words import (
    DRIFT_SYMBOLS,
    ORDER,
    SYMBOLS,
    drift_words,
    estimate_words,
    ignored_words,
    to_do,
)

LIMIT = 60_000
"""Characters that a comment may take; GitHub's limit is 65,536, GitLab's 1,000,000."""

_WIDTH = 100
_LINES = 40
_NAME = 200
_NAMES = 400
_NOTE = 160
_JOINER = "\u2060"
_REFERENCE = re.compile(r"(?<=[@#!~%$&])(?=[\w\"])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=:)(?=[\w+-]+:)")
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$]|^ *[-+=#]|^ *\d+(?=[.)]))")
_TICKS = re.compile("`+")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the comment that is shown whole, in brief, or only counted (`jobs` of them)."""

    full: str
    brief: str
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its blocks; `noun` is what is counted when some have to be left out."""

    title: str
    blocks: Sequence[Block]
    noun: str = "job"


def render_markdown(report: Report, *, verbose: int = 0, limit: int = LIMIT) -> str:
    """Return a comment of at most `limit` characters, which CI can find again by its first line.

    What would make it longer is first told in brief, then only counted; never is a block cut in
    its middle. All foreign text is code or escaped, so that it formats and mentions nothing.
    """
    plan = report.plan
    head = [_marker(report), _heading(report), _verdict(plan)]
    tail = [*_beside(report), *_closing(report)]
    sections = [each for each in _sections(report, verbose) if each.blocks]
    fixed = [part for part in (*head, *tail) if part]
    room = limit - sum(len(part) + 2 for part in fixed)
    body = _fitted(sections, room)
    return "\n\n".join(part for part in (*head, *body, *tail) if part) + "\n"


def _marker(report: Report) -> str:
    stack = re.sub(r"[^A-Za-z0-9._]+|-{2,}", "-", report.plan.stack)[:_NAME]
    return f"<!-- reconciler:{stack}{':drift' * (report.command == 'drift')} -->"


def _heading(report: Report) -> str:
    plan, stack = report.plan, code(shorten(clean(report.plan.stack), _NAME))
    title = "Drift" if report.command == "drift" else "Plan"
    words = report_words(report).removeprefix(f"{title}: ").removesuffix(".")
    where = code(shorten(clean(str(plan.platform.identity)), _NAME))
    cost = prose(shorten(estimate_words(plan.estimate), _NAMES))
    return "\n\n".join([f"### {title} of {stack}: {words}", where, *([cost] if cost else [])])


def _verdict(plan: Plan) -> str:
    if not plan.errors:
        return ""
    words = f"**Refused: {counted(len(plan.errors), 'error')}.**"
    return f"> [!CAUTION]\n> {words} Nothing can be applied before that is settled."


def _sections(report: Report, verbose: int) -> list[Section]:
    plan, drift = report.plan, report.command == "drift"
    warnings = [each for each in plan.diagnostics if each.severity is not Severity.ERROR]
    return [
        Section("Errors", [_diagnostic(each) for each in plan.errors], "error"),
        Section("Warnings", [_diagnostic(each) for each in warnings], "warning"),
        Section("Changed outside of reconciler", [_drifted(each, verbose) for each in plan.drift]),
        Section(
            "Changed outside of reconciler, and ignored",
            [_drifted(each, verbose) for each in plan.known_drift],
        ),
        *([] if drift else [Section("Moved", _moved(plan), "record")]),
        *([] if drift else _kinds(report, verbose)),
        *([] if drift else [_picture(plan)]),
        Section("Unmanaged, never touched", _unmanaged(report.unmanaged if verbose else ())),
        Section("Notes", [_note(each) for each in report.notes if verbose], "note"),
    ]


def _moved(plan: Plan) -> list[Block]:
    pairs = [
        (shorten(clean(each.source), _NAME), shorten(clean(each.target), _NAME))
        for each in plan.moved
    ]
    lines = [f"- {code(source)} → {code(target)}" for source, target in pairs]
    return [Block(line, line) for line in lines]


def _kinds(report: Report, verbose: int) -> list[Section]:
    by_kind: dict[ActionKind, list[Sequence[Action]]] = {}
    for entry in folded(report.plan.actions, verbose):
        by_kind.setdefault(entry[0].kind, []).append(entry)
    return [
        Section(
            f"`{SYMBOLS[kind]}` {kind.capitalize()} ({sum(map(len, by_kind[kind])):,})",
            [_entry(entry, report, verbose) for entry in by_kind[kind]],
        )
        for kind in ORDER
        if kind in by_kind
    ]


def _picture(plan: Plan) -> Section:
    graph = make_graph(plan.actions)
    if not graph.edges:
        return Section("Dependencies", [])
    if not graph.is_drawable:
        words = f"{counted(len(graph.nodes), 'job')}, too many to draw."
        return Section("Dependencies", [Block(words, words)])
    return Section("Dependencies", [Block(_fenced(mermaid(graph), "mermaid"), "", 0)])


def _diagnostic(diagnostic: Diagnostic) -> Block:
    place = f" {code(clean(str(diagnostic.location)))}" if diagnostic.location else ""
    first = f"- **{prose(shorten(clean(diagnostic.summary), _NAME))}**{place}"
    below = [part for text in (diagnostic.detail, diagnostic.hint) if (part := _told(text))]
    brief = shorten(first, 2 * _NAME) if len(first) > 4 * _NAME else first
    return Block("\n\n".join([first, *(_indented(part) for part in below)]), brief)


def _told(text: str) -> str:
    """Return a detail or hint: a sentence as prose, several lines as they are laid out."""
    lines = clean_lines(text) if text else []
    if len(lines) <= 1:
        return prose("".join(lines))
    return _fenced("\n".join(piece for line in lines for piece in fold(line, _WIDTH)), "text")


def _drifted(drift: Drift, verbose: int) -> Block:
    symbol, address = DRIFT_SYMBOLS[drift.kind], shorten(clean(drift.address), _NAME)
    words = drift_words(drift.kind)
    if isinstance(drift, KnownDrift):
        words = f"{words}; {ignored_words(drift)}"
    inside = [_changes(drift.changes, verbose, marked=False)] if drift.changes else []
    return _foldable(f"{symbol} {address}", words, "", inside)


def _entry(entry: Sequence[Action], report: Report, verbose: int) -> Block:
    action, reason = entry[0], entry_reason(entry, report.statuses)
    danger = interrupt_words(action, report.statuses) if action.interrupts else ""
    runs = entry_runs(entry) if action.kind is ActionKind.CREATE and not verbose else ""
    inside = []
    if len(entry) > 1:
        inside += [code(part) for part in (members(entry), runs) if part]
    if verbose and action.kind is ActionKind.CREATE:
        fields = field_lines(flattened(with_sorted_keys(action.after or {})), _WIDTH, Style())
        inside.append(_fenced("\n".join(fields), "text"))
    if action.changes:
        marked = forces_a_new_job(action)
        inside.append(_changes(action.changes, verbose, marked=marked))
    if inside and action.location:
        inside.append(f"Defined at {code(clean(str(action.location)))}")
    block = _foldable(shorten(entry_title(entry), _NAME), reason, danger, inside, len(entry))
    if inside or not runs:
        return block
    return Block(f"{block.brief}: {code(runs)}", block.brief)


def _foldable(name: str, words: str, danger: str, inside: Sequence[str], jobs: int = 1) -> Block:
    """Return a line that unfolds to what is inside; a plain one where there is nothing."""
    words = shorten(words, _NAMES)
    brief = f"- {code(name)} {prose(words)}" + (f"; **{prose(danger)}**" if danger else "")
    if not inside:
        return Block(brief, brief, jobs)
    bold = f"; <b>{_html(danger)}</b>" if danger else ""
    summary = f"<summary><code>{_html(name)}</code> {_html(words)}{bold}</summary>"
    full = "\n\n".join([f"<details>\n{summary}", *inside, "</details>"])
    return Block(full, brief, jobs)


def _changes(changes: Iterable[FieldChange], verbose: int, *, marked: bool) -> str:
    """Return the changed fields as a coloured difference."""
    lines = []
    for change in changes:
        mark = " (forces replacement)" if marked and change.forces_replace else ""
        signed = difference(change.before, change.after, around=None if verbose else 2 * _WIDTH)
        shown = signed if verbose else signed[:_LINES]
        lines.append(f"@@ {clean(change.path)}{mark} @@")
        lines += [f"{sign} {text}".rstrip() for sign, text in shown]
        if len(signed) > len(shown):
            lines.append(f"  … {len(signed) - len(shown):,} more lines")
    return _fenced("\n".join(lines), "diff")


def _note(text: str) -> Block:
    line = f"- {prose(shorten(clean(text), _NAMES))}"
    return Block(line, line)


def _unmanaged(jobs: Iterable[ActualJob]) -> list[Block]:
    lines = [
        f"- {code(shorten(clean(job.name), _NAME))} "
        f"id {code(shorten(clean(job.job_id), _NAME))}, {job.status}"
        for job in jobs
    ]
    return [Block(line, line) for line in lines]


def _beside(report: Report) -> list[str]:
    parts = []
    if report.recovered:
        names = shorten(listed(report.recovered, 10), 10 * _NAME)
        parts.append(f"Recovered from an interrupted run: {code(names)}")
    if number := max(report.plan.summary.unmanaged, len(report.unmanaged)):
        parts.append(f"{counted(number, 'job')} on the platform unmanaged, never touched.")
    return parts


def _closing(report: Report) -> list[str]:
    """Return the digest, and what to type to apply exactly this plan."""
    plan = report.plan
    if report.command == "drift" or not plan.digest or not to_do(plan.summary, len(plan.moved)):
        return []
    digest = shorten(clean(plan.digest), _NAME)
    parts = [f"Digest: {code(digest)}"]
    if not plan.errors and report.command in ("plan", "show"):
        options = shorten(clean(report.options), 10 * _NAME)
        parts.append(_fenced(f"reconciler apply{options} --expect {digest}", "sh"))
    return parts


def _fitted(sections: Sequence[Section], room: int) -> list[str]:
    """Choose for each block whether it is shown whole, in brief, or only counted."""
    room -= _NOTE + sum(len(section.title) + _NOTE for section in sections)
    kept: list[int] = []
    for section in sections:
        number = 0
        for block in section.blocks:
            if len(block.brief) + 2 > room:
                break
            room -= len(block.brief) + 2
            number += 1
        kept.append(number)
    lines: list[str] = []
    shortened = 0
    for section, number in zip(sections, kept, strict=True):
        texts = []
        for block in section.blocks[:number]:
            more = len(block.full) - len(block.brief)
            fits = more <= room
            room -= more if fits else 0
            shortened += 0 if fits else max(block.jobs, 1)
            texts.append(block.full if fits else block.brief)
        lines += _shown(section, texts, sum(block.jobs for block in section.blocks[number:]))
    if shortened:
        lines.append(f"_Details of {shortened:,} left out: the comment would become too long._")
    return lines


def _shown(section: Section, texts: Iterable[str], left: int) -> list[str]:
    """Return a section's paragraphs; lines of a list stand together."""
    parts: list[str] = []
    for text in texts:
        if parts and _is_line(parts[-1]) and _is_line(text):
            parts[-1] += f"\n{text}"
        elif text:
            parts.append(text)
    if left:
        parts.append(f"_… and {counted(left, f'more {section.noun}')}, left out for length._")
    return [f"#### {section.title}", *parts] if parts else []


def _is_line(text: str) -> bool:
    return text.startswith("- ") and "\n\n" not in text


def code(text: str) -> str:
    """Return clean text as a code span, whatever backticks it holds."""
    if not text:
        return ""
    ticks = "`" * (_longest_ticks(text) + 1)
    padded = f" {text} " if text[0] in "` " or text[-1] in "` " else text
    return f"{ticks}{padded}{ticks}"


def prose(text: str) -> str:
    """Return clean text that neither formats, links nor mentions; pairs of backticks are code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return _literal(text)
    return "".join((code(piece) if at % 2 else _literal(piece)) for at, piece in enumerate(pieces))


def _literal(text: str) -> str:
    return _REFERENCE.sub(_JOINER, _MARKUP.sub(_escaped, text))


def _escaped(match: re.Match[str]) -> str:
    mark = match[0].lstrip(" ")
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def _html(text: str) -> str:
    return _REFERENCE.sub(_JOINER, escape(text))


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))
