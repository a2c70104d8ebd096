"""Killed or cut off at every request to PostgreSQL and to the object store.

The apply is killed before a request to the backend leaves, or after the backend acted on it; or
a fault strikes the request, and the apply goes on or ends. See `places` for what must be true.
"""

import signal
from collections.abc import Iterator

import pytest

from tests.conftest import SCALE
from tests.contract.test_backend_faults import CUTS, HTTP
from tests.relay import Fault
from tests.reliability.figures import Figures
from tests.reliability.invariants import Verdicts
from tests.reliability.places import Place, a_place, finish, is_clear, requests_of

EVERY = 1 if SCALE >= 10 else 3
"""Of how many requests one is struck; at a larger scale each is."""

_TRIED = (Fault.UNSEEN, Fault.UNANSWERED)
"""What has a test of its own."""

pytestmark = pytest.mark.timeout(max(900, int(600 * SCALE)))


@pytest.fixture(scope="module", params=["postgresql", "s3"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    name = "object_server" if request.param == "s3" else "postgres_server"
    server = request.getfixturevalue(name)
    with a_place(request.param, server.port, tmp_path_factory.mktemp(request.param)) as place:
        yield place


@pytest.mark.parametrize("fault", [Fault.UNSEEN, Fault.TORN, Fault.UNANSWERED])
def test_a_killed_apply_is_finished_by_the_next(
    place: Place, fault: Fault, figures: Figures
) -> None:
    verdicts, killed = Verdicts("kills at backend requests"), 0
    total = requests_of(place)
    for number in range(1, total + 1, EVERY):
        place.reset()
        ended = place.killed(number, fault)
        killed += ended.code == -signal.SIGKILL
        verdicts.add(f"{place.kind}, {fault.name} {number}", finish(place, ended), ended)
    verdicts.report(figures)
    assert killed >= 0.9 * total / EVERY - 1


@pytest.mark.parametrize("fault", [Fault.UNSEEN, Fault.UNANSWERED])
def test_an_apply_goes_on_when_the_connection_breaks(
    place: Place, fault: Fault, figures: Figures
) -> None:
    verdicts, total = Verdicts("backend connections cut"), requests_of(place)
    for number in range(1, total + 1, EVERY):
        place.reset()
        place.relay.at(number, fault)
        ended = place.apply()
        verdicts.add(f"{place.kind}, {fault.name} {number}", finish(place, ended), ended)
    verdicts.report(figures)


MATRIX_EVERY = 1 if SCALE >= 10 else 10
"""Of how many requests one meets a fault; at a larger scale each meets all of them."""


def test_an_apply_meets_every_fault_at_its_requests(place: Place, figures: Figures) -> None:
    verdicts, total = Verdicts("backend faults"), requests_of(place)
    faults = [each for each in (HTTP if place.kind == "s3" else CUTS) if each not in _TRIED]
    for at, number in enumerate(range(1, total + 1, MATRIX_EVERY)):
        for fault in faults if SCALE >= 10 else [faults[at % len(faults)]]:
            place.reset()
            place.relay.at(number, fault)
            ended = place.apply()
            problems = [] if is_clear(ended) else [("other", f"no clear end: {ended}")]
            problems += finish(place, ended)
            verdicts.add(f"{place.kind}, {fault.name} {number}", problems, ended)
    verdicts.report(figures)
