"""A report as one HTML page that needs nothing else: no script, no font, no address outside."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any

from reconciler.diagnostics import Diagnostic, Severity
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
from reconciler.render.graph import make_graph, svg
from reconciler.render.html_style import STYLE
from reconciler.render.text import clean, clean_lines, counted, format_time
from reconciler.render.values import difference, flattened, format_value, with_sorted_keys
from reconciler.render.words import (
    DRIFT_SYMBOLS,
    ORDER,
    SYMBOLS,
    drift_words,
    estimate_words,
    ignored_words,
    to_do,
)

_FEW = 20
_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


def render_html(report: Report) -> str:
    """Return the page: what it comes to, problems, drift, dependencies, and every action.

    Readable without a script, by keyboard, on a phone, in light and dark; nothing in it is ever
    loaded, and its own content policy forbids that something is.
    """
    title = f"{'Drift' if report.command == 'drift' else 'Plan'} of {_text(report.plan.stack)}"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>',
        f"<style>{STYLE}</style>\n</head>\n<body>",
        *_header(title, report),
        "<main>",
        *_body(report),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _header(title: str, report: Report) -> list[str]:
    plan = report.plan
    facts = [
        _text(str(plan.platform.identity)),
        f"state serial {plan.state.serial}" if plan.state.lineage else "no state yet",
        f"made {format_time(plan.created_at)} by reconciler {_text(plan.reconciler_version)}",
    ]
    inside = "".join(f"<span>{fact}</span>" for fact in facts)
    lines = [f'<header>\n<h1>{title}</h1>\n<p class="lead">{_text(report_words(report))}</p>']
    if cost := estimate_words(plan.estimate):
        lines.append(f"<p>{_text(cost)}</p>")
    lines.append(f'<p class="facts">{inside}</p>')
    if plan.errors:
        words = f"Refused: {counted(len(plan.errors), 'error')}. "
        words += "Nothing can be applied before that is settled."
        lines.append(f'<p class="card note error">{words}</p>')
    return [*lines, "</header>"]


def _body(report: Report) -> list[str]:
    plan, drift = report.plan, report.command == "drift"
    sections = [
        _problems("Errors", plan.errors),
        _problems("Warnings", [e for e in plan.diagnostics if e.severity is not Severity.ERROR]),
        _section("Changed outside of reconciler", map(_drifted, plan.drift)),
        _section("Changed outside of reconciler, and ignored", map(_drifted, plan.known_drift)),
        [] if drift else _moved(plan),
        [] if drift else _picture(plan),
        [] if drift else _actions(report),
        _recovered(report),
        _unmanaged(report),
        _section("Notes", _list([f"<li>{_text(each)}</li>" for each in report.notes])),
        [] if drift else _closing(report),
    ]
    return [line for section in sections for line in section]


def _moved(plan: Plan) -> list[str]:
    items = [
        f"<li><code>{_text(each.source)}</code> → <code>{_text(each.target)}</code></li>"
        for each in plan.moved
    ]
    return _section("Moved", _list(items))


def _section(title: str, lines: Iterable[str]) -> list[str]:
    inside = list(lines)
    return [f"<section>\n<h2>{title}</h2>", *inside, "</section>"] if inside else []


def _problems(title: str, diagnostics: Sequence[Diagnostic]) -> list[str]:
    return _section(title, map(_problem, diagnostics))


def _problem(diagnostic: Diagnostic) -> str:
    place = f" <code>{_text(str(diagnostic.location))}</code>" if diagnostic.location else ""
    below = [
        f"<pre>{chr(10).join(map(escape, lines))}</pre>"
        if len(lines) > 1
        else f"<p>{escape(lines[0])}</p>"
        for text in (diagnostic.detail, diagnostic.hint)
        if (lines := [*clean_lines(text)] if text else [])
    ]
    head = f"<p>{_text(diagnostic.summary)}{place}</p>"
    return f'<div class="card note {diagnostic.severity}">{head}{"".join(below)}</div>'


def _drifted(drift: Drift) -> str:
    symbol, is_known = escape(DRIFT_SYMBOLS[drift.kind]), isinstance(drift, KnownDrift)
    head = (
        f'<span class="verb">{symbol} {drift.kind}</span>'
        f'<code class="name">{_text(drift.address)}</code>{drift_words(drift.kind)}'
    )
    if isinstance(drift, KnownDrift):
        head += f"; {_text(ignored_words(drift))}"
    inside = [_changes(drift.changes, marked=False)] if drift.changes else []
    return _card("drift warning", head, inside, is_open=not is_known)


def _picture(plan: Plan) -> list[str]:
    graph = make_graph(plan.actions)
    if not graph.edges:
        return []
    if graph.is_drawable:
        region = 'class="card picture" role="region" aria-label="Dependencies" tabindex="0"'
        inside = f"<div {region}>\n{svg(graph)}\n</div>"
    else:
        inside = f"<p>{counted(len(graph.nodes), 'job')}, too many to draw.</p>"
    return _section("Dependencies", [inside])


def _actions(report: Report) -> list[str]:
    entries = [e for e in folded(report.plan.actions) if e[0].kind is not ActionKind.NOOP]
    entries.sort(key=lambda entry: ORDER.index(entry[0].kind))
    is_open = len(entries) <= _FEW
    cards = [_entry(entry, report, is_open=is_open) for entry in entries]
    return _section("Actions", [*_filter(entries), *cards] if cards else [])


def _filter(entries: Sequence[Sequence[Action]]) -> list[str]:
    """Return a switch for each kind; the style sheet hides what is switched off."""
    counts: dict[ActionKind, int] = {}
    for entry in entries:
        counts[entry[0].kind] = counts.get(entry[0].kind, 0) + len(entry)
    if len(counts) < 2:
        return []
    chips = [
        f'<label class="chip k-{kind}"><input type="checkbox" id="show-{kind}" checked>'
        f"<span><b>{kind}</b> {number:,}</span></label>"
        for kind, number in counts.items()
    ]
    return ["<fieldset>\n<legend>Show</legend>", *chips, "</fieldset>"]


def _entry(entry: Sequence[Action], report: Report, *, is_open: bool) -> str:
    action = entry[0]
    head = [
        f'<span class="verb">{escape(SYMBOLS[action.kind])} {action.kind}</span>',
        f'<code class="name">{_text(entry_title(entry))}</code>',
        _text(entry_reason(entry, report.statuses)),
    ]
    if action.interrupts:
        words = _text(interrupt_words(action, report.statuses))
        head.append(f'<span class="danger">{words}</span>')
    if action.kind is ActionKind.CREATE and (runs := entry_runs(entry)):
        head.append(f'<span class="soft runs">{_text(runs)}</span>')
    kind, inside, facts = f"action k-{action.kind}", _inside(entry), _facts(entry)
    if not inside:
        return _card(kind, " ".join([*head, facts]), [], is_open=is_open)
    below = [*inside, f"<p>{facts}</p>"] if facts else inside
    return _card(kind, "".join(head), below, is_open=is_open and bool(action.changes))


def _facts(entry: Sequence[Action]) -> str:
    """Return where an entry is defined and which job it touches."""
    action, facts = entry[0], []
    if action.location:
        facts.append(f"defined at <code>{_text(str(action.location))}</code>")
    if action.job_id and len(entry) == 1:
        facts.append(f"job <code>{_text(action.job_id)}</code>")
    return f'<span class="soft">{", ".join(facts)}</span>' if facts else ""


def _inside(entry: Sequence[Action]) -> list[str]:
    action, parts = entry[0], []
    if len(entry) > 1:
        parts.append(f"<p><code>{_text(members(entry))}</code></p>")
    elif action.kind is ActionKind.CREATE and action.after:
        parts.append(_fields(action.after))
    if action.changes:
        parts.append(_changes(action.changes, marked=forces_a_new_job(action)))
    return parts


def _card(kind: str, head: str, inside: Sequence[str], *, is_open: bool) -> str:
    if not inside:
        return f'<div class="card plain {kind}">{head}</div>'
    opened = " open" if is_open else ""
    return (
        f'<details class="card {kind}"{opened}><summary>{head}</summary>\n'
        f'<div class="inside">{"".join(inside)}</div></details>'
    )


def _fields(spec: Mapping[str, Any]) -> str:
    rows = [
        f"<dt><code>{_text(path)}</code></dt><dd>{_value(value)}</dd>"
        for path, value in flattened(with_sorted_keys(spec))
    ]
    return f'<dl class="fields">{"".join(rows)}</dl>'


def _value(value: Any) -> str:
    if isinstance(value, str) and "\n" in value.strip("\n"):
        return f"<pre>{chr(10).join(map(escape, clean_lines(value)))}</pre>"
    return f"<code>{escape(format_value(value))}</code>"


def _changes(changes: Iterable[FieldChange], *, marked: bool) -> str:
    rows = []
    for change in changes:
        forces = marked and change.forces_replace
        mark = '<span class="soft">forces replacement</span>' if forces else ""
        rows.append(f"<dt><code>{_text(change.path)}</code>{mark}</dt><dd>{_change(change)}</dd>")
    return f"<dl>{''.join(rows)}</dl>"


def _change(change: FieldChange) -> str:
    """Return old and new value beside each other, or line by line if one has several lines."""
    around = 1 << 30
    signed = difference(change.before, change.after, around=around)
    if [sign for sign, _ in signed] == ["-", "+"]:
        (_, old), (_, new) = signed
        return f'<div class="change"><del>{_code(old)}</del><ins>{_code(new)}</ins></div>'
    tags = {"-": "del", "+": "ins", " ": "span"}
    lines = [f"<{tags[sign]}>{escape(text)}</{tags[sign]}>" for sign, text in signed]
    return f'<pre class="lines">{"".join(lines)}</pre>'


def _code(clean_text: str) -> str:
    return f"<code>{escape(clean_text)}</code>"


def _recovered(report: Report) -> list[str]:
    items = [f"<li><code>{_text(address)}</code></li>" for address in report.recovered]
    return _section("Recovered from an interrupted run", _list(items))


def _unmanaged(report: Report) -> list[str]:
    items = [
        f"<li><code>{_text(job.name)}</code> id <code>{_text(job.job_id)}</code>, {job.status}</li>"
        for job in report.unmanaged
    ]
    number = report.plan.summary.unmanaged
    if not items and number:
        return _section("Unmanaged, never touched", [f"<p>{counted(number, 'job')}.</p>"])
    return _section("Unmanaged, never touched", _list(items))


def _list(items: Sequence[str]) -> list[str]:
    return ["<ul>", *items, "</ul>"] if items else []


def _closing(report: Report) -> list[str]:
    plan = report.plan
    if not plan.digest or not to_do(plan.summary, len(plan.moved)):
        return []
    digest = _text(plan.digest)
    lines = [f"<p><code>{digest}</code></p>"]
    if not plan.errors and report.command in ("plan", "show"):
        lines.append("<p>To apply exactly this plan:</p>")
        command = f"reconciler apply{_text(report.options)} --expect {digest}"
        lines.append(f"<pre>{command}</pre>")
    return _section("Digest", lines)


def _text(text: str) -> str:
    """Return foreign text, harmless and escaped."""
    return escape(clean(text))
