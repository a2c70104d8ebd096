"""Reading the whole list of jobs, page by page, without losing one."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reconciler.errors import InvalidAnswerError
from reconciler.providers.modelarts.v1.wire import JobList, JobRow

PER_PAGE = 1000
"""The most rows that a page may have (ModelArts API Reference, "Querying a Training Job List")."""
_ORDERS = ("create_time", "job_name", "create_time", "job_name", "create_time")
_FIRST_PAUSE = 0.25

FetchPage = Callable[[Mapping[str, str]], JobList]


@dataclass(frozen=True, slots=True)
class Rows:
    """What the pages held: their rows by job id, and the first page for what it says beside."""

    by_id: Mapping[str, JobRow]
    first: JobList
    is_complete: bool


def read_all(fetch: FetchPage, pause: Callable[[float], bool], parallelism: int) -> Rows:
    """Return every row once, or raise `InvalidAnswerError`: a list is never passed on with gaps.

    Jobs that come or go while pages are read shift the rows between them. The number of
    distinct jobs then differs from the total that the pages state, and all is read again,
    ordered by name in between: names are unique, creation times may not be.
    """
    seconds = _FIRST_PAUSE
    for order in _ORDERS:
        rows = _read_once(fetch, order, parallelism)
        if rows.is_complete:
            return rows
        if not pause(seconds):
            break
        seconds *= 2
    raise InvalidAnswerError(
        "The list of jobs does not hold still",
        f"It states {rows.first.job_total_count} jobs and shows {len(rows.by_id)}.",
        "Others may be creating and deleting jobs. Try again.",
    )


def read_matching(fetch: FetchPage, text: str) -> list[JobRow]:
    """Return the rows whose name contains the text, from as many pages as there are."""
    rows: dict[str, JobRow] = {}
    number = 0
    while True:
        number += 1
        page = fetch({**_query(number, "create_time"), "search_content": text})
        known = len(rows)
        rows |= {row.job_id: row for row in page.jobs}
        if len(page.jobs) < PER_PAGE or len(rows) == known:
            return list(rows.values())


def _read_once(fetch: FetchPage, order: str, parallelism: int) -> Rows:
    first = fetch(_query(1, order))
    total = first.job_total_count
    if len(first.jobs) < min(total, PER_PAGE):
        return Rows({row.job_id: row for row in first.jobs}, first, is_complete=False)
    rest = range(2, -(-total // PER_PAGE) + 1)
    pages = [first, *_read_pages(fetch, order, rest, parallelism)]
    rows = {row.job_id: row for page in pages for row in page.jobs}
    holds_still = all(page.job_total_count == total for page in pages)
    return Rows(rows, first, holds_still and len(rows) == total)


def _read_pages(fetch: FetchPage, order: str, numbers: range, parallelism: int) -> list[JobList]:
    if not numbers:
        return []
    with ThreadPoolExecutor(max_workers=min(parallelism, len(numbers))) as pool:
        return list(pool.map(lambda number: fetch(_query(number, order)), numbers))


def _query(page: int, order: str) -> dict[str, str]:
    return {"per_page": str(PER_PAGE), "page": str(page), "sortBy": order, "order": "asc"}
