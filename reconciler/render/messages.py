"""Diagnostics and errors: what is wrong, where, and what to do about it."""

from collections.abc import Iterable

from reconciler.diagnostics import Diagnostic
from reconciler.errors import DefinitionError, ReconcilerError, RefusedError
from reconciler.render.text import Style, clean, clean_lines, paragraph

_UNLIMITED = 1 << 30


def render_diagnostics(
    diagnostics: Iterable[Diagnostic], *, color: bool = False, width: int | None = None
) -> str:
    """Show each diagnostic as `file:line:column: error: Summary`, detail and hint below.

    Without a width nothing is folded, so that one line of output is one line for a tool.
    """
    style = Style(color)
    lines = [
        line for each in diagnostics for line in diagnostic_lines(each, style, width or _UNLIMITED)
    ]
    return _text(lines)


def diagnostic_lines(diagnostic: Diagnostic, style: Style, width: int) -> list[str]:
    """Return the lines of one diagnostic, folded to the width."""
    place = clean(f"{diagnostic.location}: ") if diagnostic.location else ""
    severity = str(diagnostic.severity)
    lines = _head(place, severity, diagnostic.summary, style, width)
    return lines + _below(diagnostic.detail, width) + _below(diagnostic.hint, width)


def render_error(error: ReconcilerError, *, color: bool = False) -> str:
    """Show an expected error for stderr: its diagnostics, then what they come to."""
    style = Style(color)
    lines: list[str] = []
    detail = error.detail
    if isinstance(error, DefinitionError | RefusedError) and error.diagnostics:
        detail = ""
        for each in error.diagnostics:
            lines += diagnostic_lines(each, style, _UNLIMITED)
    lines += _head("", "error", error.summary, style, _UNLIMITED)
    return _text(lines + _below(detail, _UNLIMITED) + _below(error.hint, _UNLIMITED))


def _head(place: str, severity: str, summary: str, style: Style, width: int) -> list[str]:
    first, *rest = paragraph(f"{place}{severity}: {clean(summary)}", width, hang=2)
    label = f"{severity}:"
    before, found, after = first.partition(f"{place}{label}")
    if found:
        first = f"{before}{place}{style.paint(severity, label)}{after}"
    return [first, *rest]


def _below(text: str, width: int) -> list[str]:
    """Return detail or hint; a line keeps its own indentation when it is folded."""
    lines = []
    for line in clean_lines(text) if text else []:
        bare = line.strip(" ")
        inside = 2 + len(line) - len(line.lstrip(" ")) if bare else 0
        lines += paragraph(bare, width, indent=inside)
    return lines


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
