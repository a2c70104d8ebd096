"""What shared state costs: 1,000 creates on each backend against the local file.

    python -m benchmarks.backends [JOBS [ROUNDS]]

Each answer of the stand-in platform takes 50 ms, 32 requests are under way at once. PostgreSQL and
the object store are the servers that the tests start. Prints one line for each backend: the
median of the wall times, and how much more that is than on the local file (budget: 25 %).
"""

import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from benchmarks.scene import definition, platform, reconciler, run
from tests.servers import CREDENTIALS, start_object_store, start_postgres

LATENCY_MS = 50.0
BUDGET = 0.25


def apply(url: str, jobs: int) -> float:
    """Create so many jobs with an empty state at a URL; return the seconds that it took."""
    with tempfile.TemporaryDirectory() as name, platform(LATENCY_MS) as served:
        folder = Path(name)
        (folder / "jobs.yaml").write_text(definition(jobs, served.port))
        command = reconciler("apply", "--auto-approve", "-q", "--parallelism", "32", "--state", url)
        done = run(command, folder)
        assert done.code == 0, done.output
        return done.wall


def main(jobs: int = 1000, rounds: int = 3) -> None:
    """Measure the backends in turns, so that a busy moment meets all of them."""
    os.environ |= CREDENTIALS
    store, database = start_object_store(), start_postgres()
    urls: dict[str, Callable[[], str]] = {
        "file": lambda: "file:state",
        "s3": lambda: store.url(uuid.uuid4().hex),
    }
    if database is not None:
        urls["postgresql"] = lambda: f"{database.url()}?schema=s{uuid.uuid4().hex}"
    walls: dict[str, list[float]] = {name: [] for name in urls}
    for _ in range(rounds):
        for name, url in urls.items():
            walls[name].append(apply(url(), jobs))
    base = statistics.median(walls["file"])
    for name, times in walls.items():
        wall = statistics.median(times)
        verdict = "" if wall <= base * (1 + BUDGET) else "  OVER THE BUDGET"
        print(f"{name:<11} {jobs:,} creates  {wall:6.2f} s  {wall / base - 1:+7.1%}{verdict}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
