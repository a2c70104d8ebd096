"""The history of a state as one HTML page, in the manner of `render.html`."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape

from reconciler.model.state import SnapshotInfo
from reconciler.render.html_style import STYLE
from reconciler.render.tables import change_words, run_author
from reconciler.render.text import clean, counted, format_time

_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
_FEW = 5


def render_history_html(stack: str, snapshots: Sequence[SnapshotInfo]) -> str:
    """Return the page: one card for each snapshot, newest first. Nothing in it is ever loaded."""
    title = f"History of {escape(clean(stack))}"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>',
        f"<style>{STYLE}</style>\n</head>\n<body>",
        f'<header>\n<h1>{title}</h1>\n<p class="lead">{counted(len(snapshots), "snapshot")}</p>',
        "</header>\n<main>",
        *map(_card, snapshots),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _card(snapshot: SnapshotInfo) -> str:
    run = snapshot.run
    facts = [
        f"serial {snapshot.serial}",
        counted(snapshot.jobs, "job"),
        format_time(snapshot.saved_at),
        clean(snapshot.name),
    ]
    if run:
        facts += [run_author(run), clean(run.command)]
    if run and run.commit:
        facts.append(f"commit {clean(run.commit)}")
    inside = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    words = escape(change_words(run, _FEW)) if run and run.changes else "no change of a record"
    return f'<section class="card">\n<h2>{words}</h2>\n<p class="facts">{inside}</p>\n</section>'
