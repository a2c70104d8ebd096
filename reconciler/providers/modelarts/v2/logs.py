"""Reading the log of a job: the end of one text for each task, followed by counting its bytes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.errors import ProviderError
from reconciler.model.platform import LogChunk
from reconciler.providers.modelarts.v2.answers import LogPreview

FetchPreview = Callable[[str], LogPreview]
"""Returns the end of a task's log, 5 MB at most."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """The end of a log, and how many bytes the whole has."""

    text: bytes
    size: int


def read_logs(
    fetch: FetchPreview, tasks: Sequence[str], lines: int, cursor: str | None
) -> LogChunk:
    """Return the last lines of every task's log, or with a cursor what was written since.

    With several tasks each line says in front which of them wrote it.
    """
    known = _parse_cursor(cursor)
    sizes, texts = dict(known), []
    for task in tasks:
        piece = _piece(fetch(task))
        seen = known.get(task)
        text = _last(piece, lines) if seen is None else _since(piece, seen)
        sizes[task] = piece.size
        texts.append(text if len(tasks) == 1 else _marked(task, text))
    return LogChunk("".join(texts), json.dumps(sizes) if any(sizes.values()) else None)


def _piece(preview: LogPreview) -> _Piece:
    text = (preview.content or preview.context or "").encode("utf-8", "replace")
    return _Piece(text, max(preview.full_size or 0, len(text)))


def _last(piece: _Piece, lines: int) -> str:
    text = piece.text.decode("utf-8", "replace")
    last = "".join(text.splitlines(keepends=True)[-lines:]) if lines else ""
    return last if not last or last.endswith("\n") else f"{last}\n"


def _since(piece: _Piece, seen: int) -> str:
    """Return what follows the bytes that were seen; all of it when the log began anew."""
    fresh = piece.size - seen if piece.size >= seen else len(piece.text)
    return piece.text[-fresh:].decode("utf-8", "replace") if fresh else ""


def _marked(task: str, text: str) -> str:
    return "".join(f"[{task}] {line}" for line in text.splitlines(keepends=True))


def _parse_cursor(cursor: str | None) -> dict[str, int]:
    if cursor is None:
        return {}
    try:
        return {str(task): int(size) for task, size in json.loads(cursor).items()}
    except (ValueError, TypeError, AttributeError):
        raise ProviderError("The place in the log is not known", "Start from its end.") from None
