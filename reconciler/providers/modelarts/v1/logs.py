"""Reading the log of a version: one file for each node, followed by a cursor."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.errors import ProviderError
from reconciler.model.platform import LogChunk
from reconciler.providers.modelarts.v1.wire import LogText

MOST_LINES = 500
"""The most lines of one answer (ModelArts API Reference, "Querying Training Job Logs")."""

FetchLines = Callable[[Mapping[str, str]], LogText]


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    end: str | None


def read_logs(fetch: FetchLines, files: Sequence[str], lines: int, cursor: str | None) -> LogChunk:
    """Return the last lines of every file, or with a cursor what follows it.

    With several files each line says in front which node wrote it.
    """
    ends = _parse_cursor(cursor)
    texts = []
    for name in files:
        known = ends.get(name)
        piece = _following(fetch, name, known) if known else _last(fetch, name, lines)
        if piece.end:
            ends[name] = piece.end
        texts.append(piece.text if len(files) == 1 else _marked(name, piece.text))
    return LogChunk("".join(texts), json.dumps(ends) if ends else None)


def _last(fetch: FetchLines, name: str, lines: int) -> _Piece:
    """Read back from the end, in as many answers as it takes."""
    query = {"log_file": name, "lines": str(min(lines, MOST_LINES)), "order": "desc"}
    answer = fetch(query)
    text, end, missing = _text(answer), answer.end_line, lines - (answer.lines or 0)
    while missing > 0 and answer.lines == MOST_LINES and answer.start_line:
        # "asc" gives the records before the base line, despite its name.
        query = {"log_file": name, "lines": str(min(missing, MOST_LINES)), "order": "asc"}
        answer = fetch({**query, "base_line": answer.start_line})
        text = _text(answer) + text
        missing -= answer.lines or 0
    return _Piece(text, end or None)


def _following(fetch: FetchLines, name: str, known: str) -> _Piece:
    query = {"log_file": name, "lines": str(MOST_LINES), "order": "desc", "base_line": known}
    answer = fetch(query)
    return _Piece(_text(answer), answer.end_line if answer.lines else None)


def _text(answer: LogText) -> str:
    text = answer.content or ""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _marked(name: str, text: str) -> str:
    node = name.rpartition(".")[2]
    return "".join(f"[{node}] {line}" for line in text.splitlines(keepends=True))


def _parse_cursor(cursor: str | None) -> dict[str, str]:
    if cursor is None:
        return {}
    try:
        ends = json.loads(cursor)
        return {str(name): str(end) for name, end in ends.items()}
    except (ValueError, AttributeError):
        raise ProviderError("The place in the log is not known", "Start from its end.") from None
