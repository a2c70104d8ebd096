"""Which requests the platform saw, for tests that count them."""

import re
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 50_000
_LIST = re.compile(r"/v\d+/[^/]+/training-job(s|-searches)")
_DETAIL = re.compile(r"/v\d+/[^/]+/training-jobs/[^/]+(/versions/[^/]+)?")
_CATALOG = re.compile(r"/v\d+/[^/]+/(job/|built-in-algorithms|training-job-(flavors|engines))")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer's status; 0 when no answer was sent."""

    method: str
    path: str
    query: str
    status: int


class RequestLog:
    """The last requests, and how many there were of each kind."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, method: str, path: str, query: str, status: int) -> None:
        """Note a request that has been answered (or dropped)."""
        self._entries.append(Entry(method, path, query, status))
        self._counts["total"] += 1
        self._counts[kind_of(method, path)] += 1

    def clear(self) -> None:
        """Begin to count anew."""
        self._entries.clear()
        self._counts.clear()

    def as_json(self) -> dict[str, Any]:
        """Counts by kind, and the requests themselves, oldest first."""
        return {"counts": dict(self._counts), "requests": [asdict(e) for e in self._entries]}


def kind_of(method: str, path: str) -> str:
    """`token`, `list`, `detail`, `catalog`, `mutating`, or `other`."""
    if path.startswith("/v3/"):
        return "token" if method == "POST" else "other"
    if _LIST.fullmatch(path) and (method == "GET" or path.endswith("searches")):
        return "list"
    if method != "GET":
        return "mutating"
    if _DETAIL.fullmatch(path):
        return "detail"
    return "catalog" if _CATALOG.match(path) else "other"
