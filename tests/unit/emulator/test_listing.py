"""The listing as a value: what it remembers, and when it must not."""

from itertools import count

from reconciler.emulator.listing import Listing, Query
from reconciler.emulator.model import Job


def test_a_list_without_a_late_job_is_not_remembered() -> None:
    """The job comes into sight while the list is put together, or directly after."""
    ticks = count()
    listing = Listing(lambda: float(next(ticks)))
    late = Job(1, "a-project", "0", "late", "", created=0, visible_from=1.0)
    listing.add(late)

    first, second = (listing.find(Query("a-project")) for _ in range(2))

    assert (first, second) == ([], [late])
