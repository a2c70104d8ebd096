"""The server itself is killed at every request of an apply, and starts again.

PostgreSQL shuts down immediately (SIGQUIT: no session is ended, nothing is flushed but the log of
what was committed, and the start recovers from it); fsync is on. The object store is moto's
server, killed by SIGKILL; what it answered is in a log, from which it starts again (see
`tests.object_store`). It dies before it sees the request, amid its work on it, or after it and
before its answer arrives; it comes back at once, after a while, or only when the run has ended.
"""

import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from pathlib import Path

import pytest

from reconciler.backends import leases
from reconciler.backends.base import Backend
from reconciler.backends.objects import ObjectsBackend
from reconciler.backends.postgres import PostgresBackend
from reconciler.backends.url import open_backend
from reconciler.errors import StateError, StateLockedError
from reconciler.model.state import fold
from tests.conftest import SCALE
from tests.contract.test_backend_faults import EMPTY, a_group
from tests.relay import Fault, Relay
from tests.reliability import victim
from tests.reliability.figures import Figures
from tests.reliability.forks import Ended
from tests.reliability.invariants import Problem, Verdicts
from tests.reliability.places import Place, a_place, finish, is_clear, requests_of
from tests.servers import CREDENTIALS, ObjectStore, PostgresServer, a_durable_postgres

SEED = 20261125
PATIENCE = 1.5
OUTAGE = 0.4
TERMS = leases.Terms(lasting=4.0, renewal=0.5, margin=1.0)
EVERY = 6
"""Of how many requests one is struck; at a larger scale each is, in all nine ways."""

SUITE = {"postgresql": "server killed, PostgreSQL", "s3": "server killed, S3"}

pytestmark = pytest.mark.timeout(max(900, int(900 * SCALE)))


class Moment(Enum):
    """When the server dies."""

    BEFORE = "before it sees the request"
    AMID = "while it works on the request"
    AFTER = "when it has acted on the request, before its answer arrives"


class Back(Enum):
    """When the server is there again."""

    AT_ONCE = "at once"
    LATER = "after connections were refused for a while"
    AT_THE_END = "when the run has ended"


@dataclass
class Server:
    """A server that can die; `kill` leaves it down, `start` returns when it answers."""

    relay: Relay
    kill: Callable[[], None]
    start: Callable[[], None]
    renew: Callable[[], None] = lambda: None
    down: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))

    def die(self, back: Back) -> None:
        """Die, once, and come back unless that is for the end."""
        with self.turn:
            if not self.down.is_set():
                self.down.set()
                self._die(back)

    def _die(self, back: Back) -> None:
        # A connection that comes in the midst of a shutdown, and says nothing, holds it up.
        self.relay.is_down = True
        self.kill()
        self.relay.is_down = False
        if back is not Back.AT_THE_END:
            time.sleep(OUTAGE if back is Back.LATER else 0)
            self.start()

    def recover(self, back: Back) -> None:
        """Be there again, when all that `die` does is done: a run may have ended before."""
        with self.turn:
            if self.down.is_set() and back is Back.AT_THE_END:
                self.start()
            self.down.clear()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Server]]:
    server: PostgresServer
    with a_durable_postgres() as server:
        folder, patience = tmp_path_factory.mktemp("postgresql"), {victim.PATIENCE: str(PATIENCE)}
        with a_place("postgresql", server.port, folder, patience) as place:
            yield place, Server(place.relay, lambda: server.stop(signal.SIGQUIT), server.start)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Server]]:
    folder: Path = tmp_path_factory.mktemp("s3")
    store = ObjectStore(folder / "log")
    with a_place("s3", store.port, folder / "w", {victim.PATIENCE: str(PATIENCE)}) as place:
        yield place, Server(place.relay, store.kill, store.start, store.renew)
    store.remove()


@pytest.fixture(params=["postgresql", "s3"])
def stage(request: pytest.FixtureRequest) -> tuple[Place, Server]:
    name = "postgres" if request.param == "postgresql" else "objects"
    found: tuple[Place, Server] = request.getfixturevalue(name)
    return found


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def strike(place: Place, server: Server, number: int, moment: Moment, back: Back) -> Ended:
    """Apply, and kill the server at one request."""
    timers: list[threading.Thread] = []

    def chooses(at: int, _: bytes) -> Fault | None:
        if at != number:
            return None
        if moment is Moment.AFTER:
            return Fault.UNANSWERED
        if moment is Moment.BEFORE:
            server.die(back)
            return Fault.UNSEEN
        timers.append(threading.Timer(server.dice.uniform(0, 0.004), server.die, [back]))
        timers[0].start()
        return None

    place.relay.chooses, place.relay.on_unanswered = chooses, lambda: server.die(back)
    ended = place.apply()
    for each in timers:
        each.join()
    return ended


def verdict(place: Place, server: Server, ended: Ended, back: Back) -> Iterator[Problem]:
    """Check how the run ended, and what the next one makes of it."""
    if not is_clear(ended):
        yield "other", f"no clear end: {ended}"
    server.recover(back)
    yield from finish(place, ended)


def cases(total: int) -> Iterator[tuple[int, Moment, Back]]:
    """Return what to try: all, or some requests, each in another way."""
    ways = list(product(Moment, Back))
    if SCALE >= 10:
        return ((number, *way) for number in range(1, total + 1) for way in ways)
    # A step of 4 goes through all nine ways.
    return ((n, *ways[at * 4 % 9]) for at, n in enumerate(range(1, total + 1, EVERY)))


def test_a_server_may_die_at_any_request(stage: tuple[Place, Server], figures: Figures) -> None:
    place, server = stage
    verdicts, total = Verdicts(SUITE[place.kind]), requests_of(place)
    killed, ends = 0, Counter[str]()
    for number, moment, back in cases(total):
        server.renew()
        place.reset()
        ended = strike(place, server, number, moment, back)
        killed += server.down.is_set()
        ends[f"back {back.value}, exit {ended.code}"] += 1
        case = f"{place.kind}, request {number} of {total}, killed {moment.value}, {back.value}"
        verdicts.add(case, verdict(place, server, ended, back), ended)
    print(place.kind, dict(ends))  # noqa: T201
    verdicts.report(figures)
    assert killed >= 0.9 * verdicts.trials - 1


def held(place: Place) -> Backend:
    """Return the state's backend, with a short lease and little patience."""
    backend = open_backend(place.url(place.server), "vision", Path())
    if isinstance(backend, PostgresBackend):
        return PostgresBackend(backend.place, recovery=10)
    assert isinstance(backend, ObjectsBackend)
    return ObjectsBackend(backend._log.bucket, "vision", terms=TERMS)


def test_a_holder_goes_on_when_the_server_died_while_it_held_the_lock(
    stage: tuple[Place, Server], environment: None
) -> None:
    place, server = stage
    place.name = f"s{uuid.uuid4().hex}"
    with held(place).lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        server.die(Back.LATER)
        server.recover(Back.LATER)
        writer.append(a_group(1))
        with (
            pytest.raises(StateLockedError, match=f"process {os.getpid()}"),
            held(place).lock(command="another apply"),
        ):
            pytest.fail("two writers at once")
        writer.append(a_group(2))

    assert held(place).read() == fold(EMPTY, [*a_group(1), *a_group(2)])


def test_a_holder_is_refused_when_another_came_after_the_server_died(
    stage: tuple[Place, Server], environment: None
) -> None:
    place, server = stage
    place.name = f"s{uuid.uuid4().hex}"
    with held(place).lock(command="apply") as stale:
        stale.checkpoint(EMPTY)
        server.die(Back.AT_ONCE)
        server.recover(Back.AT_ONCE)
        if place.kind == "s3":  # its lease outlives the server, unless it is taken away
            held(place).break_lock()
        with held(place).lock(command="another apply", timeout=30) as writer:
            writer.append(a_group(2))
            with pytest.raises(StateError, match="lock of the state was lost"):
                stale.append(a_group(1))

    assert held(place).read() == fold(EMPTY, a_group(2))


def test_a_lease_that_ended_while_the_server_was_away_ends_the_run(
    objects: tuple[Place, Server], environment: None
) -> None:
    place, server = objects
    place.name = f"s{uuid.uuid4().hex}"
    with held(place).lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        server.die(Back.AT_THE_END)
        time.sleep(TERMS.lasting)
        server.recover(Back.AT_THE_END)
        with pytest.raises(StateError, match="lock of the state was lost"):
            writer.append(a_group(1))

    with held(place).lock(command="the next apply", timeout=30) as writer:
        writer.append(a_group(2))
    assert held(place).read() == fold(EMPTY, a_group(2))
