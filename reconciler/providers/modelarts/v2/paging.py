"""Reading the whole list of jobs, 50 at a time, without losing one.

`offset` is documented as a page number, and other callers of the service use it as the number of
jobs to skip. The second page tells which is true: of 50 jobs to skip one, 49 are known already.
`count` is documented as the number of jobs that match; in the published example it also equals
the number on the page, so it is believed only where it cannot be that (ModelArts API Reference,
"Querying a Training Job List").
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler.errors import InvalidAnswerError
from reconciler.providers.modelarts.v2.answers import JobBack, JobPage

LIMIT = 50
"""The most jobs that a page may have."""
_MOST_JOBS = 10_000_000
_REPEATS = 5
_FIRST_PAUSE = 0.25

FetchPage = Callable[[int], JobPage]
"""Returns the page at an offset."""


@dataclass(slots=True)
class _Reading:
    """The pages read so far: their jobs by id, and what they say of how many there are."""

    jobs: dict[str, JobBack] = field(default_factory=dict)
    counts: list[int | None] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    totals: list[int | None] = field(default_factory=list)
    moved: bool = False

    def add(self, page: JobPage) -> int:
        """Take a page; return how many of its jobs were not known before."""
        known = len(self.jobs)
        self.jobs |= {job.metadata.id: job for job in page.items}
        self.counts.append(page.count)
        self.totals.append(page.total)
        self.sizes.append(len(page.items))
        return len(self.jobs) - known

    @property
    def stated(self) -> int | None:
        """How many jobs there are by the platform's own word, where that can be told."""
        first, size = self.counts[0], self.sizes[0]
        if first is None or first > _MOST_JOBS:
            return None
        if first > LIMIT or first != size:
            return first
        return first if size < LIMIT or self.totals[0] == first else None

    @property
    def is_complete(self) -> bool:
        """Whether every job was seen, as far as the platform lets us tell."""
        if self.moved:
            return False
        stated = self.stated
        if stated is None:
            return len(set(self.totals)) == 1
        return len(self.jobs) == stated and all(count == stated for count in self.counts)


def read_all(
    fetch: FetchPage, pause: Callable[[float], bool], parallelism: int
) -> Iterable[JobBack]:
    """Return every job once, or raise `InvalidAnswerError`: a list is never passed on with gaps.

    Jobs that come or go while pages are read shift the rest between them. The number of jobs
    seen then differs from the number stated, and all is read again.
    """
    seconds = _FIRST_PAUSE
    for _ in range(_REPEATS):
        reading = _read_once(fetch, parallelism)
        if reading.is_complete:
            return reading.jobs.values()
        if not pause(seconds):
            break
        seconds *= 2
    raise InvalidAnswerError(
        "The list of jobs does not hold still",
        f"It states {reading.stated} jobs and shows {len(reading.jobs)}.",
        "Others may be creating and deleting jobs. Try again.",
    )


def read_matching(fetch: FetchPage) -> Iterable[JobBack]:
    """Return the jobs of a search, from as many pages as there are."""
    return _read_once(fetch, 1).jobs.values()


def _read_once(fetch: FetchPage, parallelism: int) -> _Reading:
    reading = _Reading()
    first = fetch(0)
    reading.add(first)
    if len(first.items) < LIMIT or reading.stated == LIMIT:
        return reading
    second = fetch(1)
    fresh = reading.add(second)
    step = 1 if fresh > len(second.items) // 2 or not second.items else LIMIT
    if step == LIMIT:
        reading = _Reading()
        reading.add(first)
    elif len(second.items) < LIMIT:
        return reading
    _read_rest(fetch, reading, step, parallelism)
    return reading


def _read_rest(fetch: FetchPage, reading: _Reading, step: int, parallelism: int) -> None:
    """Read the pages that are left: side by side when their number is known."""
    done = len(reading.sizes)
    if (stated := reading.stated) is not None:
        offsets = [number * step for number in range(done, -(-stated // LIMIT))]
        if offsets:
            with ThreadPoolExecutor(max_workers=min(parallelism, len(offsets))) as pool:
                for page in pool.map(fetch, offsets):
                    reading.add(page)
        return
    while True:
        page = fetch(len(reading.sizes) * step)
        fresh = reading.add(page)
        if fresh < len(page.items):
            reading.moved = True
        if len(page.items) < LIMIT or not fresh:
            return
