"""Broken between client and server at every request: nothing is lost, doubled, or let in late.

A run writes a snapshot, some groups of entries, another snapshot, another group. A fault strikes
at one request, or at all from one on; then the state must be what was acknowledged, or that and
the one write that was under way, whole. And whoever lost the lock can write no more.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.backends import leases
from reconciler.backends.base import Backend, StateWriter
from reconciler.backends.objects import ObjectsBackend
from reconciler.backends.postgres import PostgresBackend
from reconciler.backends.segments import SegmentWriter
from reconciler.backends.sessions import PostgresSession
from reconciler.backends.url import open_backend
from reconciler.errors import StateError, StateLockedError, StateVersionError
from reconciler.model.address import Address
from reconciler.model.state import Entry, Recorded, State, fold
from tests.build import LINEAGE, a_record, a_spec
from tests.conftest import SCALE
from tests.relay import Fault, Relay
from tests.servers import BUCKET, ObjectStore, PostgresServer

STACK = "vision"
EMPTY = State(stack=STACK, lineage=LINEAGE, salt="5a" * 16)
CUTS = (Fault.UNSEEN, Fault.TORN, Fault.UNANSWERED, Fault.TRUNCATED, Fault.SLOW)
HTTP = (*CUTS, Fault.FAILED, Fault.MISREPORTED, Fault.THROTTLED)

LASTING = (Fault.UNSEEN, Fault.UNANSWERED, Fault.FAILED, Fault.MISREPORTED)
OVER_AT_ONCE = leases.Terms(lasting=0.0, renewal=60, margin=-60)
"""A lease that is over for everybody but its holder."""


def a_group(number: int) -> list[Entry]:
    name = f"job-{number}"
    return [Recorded(address=Address(name), record=a_record(a_spec(name)))]


@dataclass
class Remote:
    """A backend behind a relay, and the same without it."""

    relay: Relay
    server: int
    kind: str
    server_url: str
    patience: float = 20.0
    terms: leases.Terms = field(default_factory=leases.Terms)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return HTTP if self.kind == "s3" else CUTS

    def some(self, number: int, faults: Sequence[Fault]) -> Sequence[Fault]:
        """Return the faults to try at a request: all, or two that change from one to the next."""
        return faults if SCALE >= 10 else [faults[(2 * number + n) % len(faults)] for n in (0, 1)]

    def renew(self) -> None:
        """Begin with an empty place."""
        self.name = f"s{uuid.uuid4().hex}"

    def url(self, port: int) -> str:
        if self.kind == "s3":
            return f"s3://{BUCKET}/{self.name}?endpoint=http://127.0.0.1:{port}&region=test"
        return f"postgresql://tester@127.0.0.1:{port}/state?schema={self.name}"

    def through(self) -> Backend:
        return self._open(self.relay.port)

    def direct(self) -> Backend:
        return self._open(self.server)

    def _open(self, port: int) -> Backend:
        backend = open_backend(self.url(port), STACK, Path())
        if isinstance(backend, PostgresBackend):
            return PostgresBackend(backend.place, recovery=self.patience)
        assert isinstance(backend, ObjectsBackend)
        bucket = backend._log.bucket
        bucket._patience = self.patience  # type: ignore[attr-defined]
        return ObjectsBackend(bucket, STACK, terms=self.terms)


@pytest.fixture(params=["postgresql", "s3"])
def remote(request: pytest.FixtureRequest) -> Iterator[Remote]:
    name = "postgres_server" if request.param == "postgresql" else "object_store"
    server = request.getfixturevalue(name)
    with Relay(server.port) as relay:
        remote = Remote(relay, server.port, request.param, "")
        remote.renew()
        yield remote


@dataclass
class Told:
    """What a run was told to be durable, and what was under way when it ended."""

    state: State | None = None
    under_way: State | None = None
    error: StateError | None = None

    def append(self, writer: StateWriter, number: int) -> None:
        assert self.state
        self.under_way = fold(self.state, a_group(number))
        writer.append(a_group(number))
        self.state = self.under_way

    def checkpoint(self, writer: StateWriter) -> None:
        self.under_way = self.state or EMPTY
        writer.checkpoint(self.under_way)
        self.state = self.under_way


def run(backend: Backend) -> Told:
    """Write what a run writes, as far as it gets."""
    told = Told()
    try:
        with backend.lock(command="apply") as writer:
            told.checkpoint(writer)
            for number in range(3):
                told.append(writer, number)
            told.checkpoint(writer)
            told.append(writer, 3)
    except StateError as error:
        told.error = error
    return told


def requests_of(remote: Remote) -> int:
    remote.relay.heal()
    remote.relay.requests.clear()
    remote.renew()
    told = run(remote.through())
    assert told.error is None
    return len(remote.relay.requests)


def check(remote: Remote, told: Told) -> None:
    """The state is what was told, and the next run can go on from there."""
    remote.relay.heal()
    backend = remote.direct()
    found = backend.read()
    assert found in (told.state, told.under_way), told.error
    with backend.lock(command="the next apply", timeout=20) as writer:
        assert backend.read() == found
        if found is None:
            writer.checkpoint(EMPTY)
        writer.append(a_group(9))
    assert backend.read() == fold(found or EMPTY, a_group(9))


def test_a_fault_at_any_request_is_survived(remote: Remote) -> None:
    total = requests_of(remote)
    assert total >= 10
    for number in range(1, total + 1):
        for fault in remote.some(number, remote.faults):
            remote.renew()
            remote.relay.at(number, fault)
            told = run(remote.through())
            if told.error is not None:  # only before anything was written
                assert told.state is None, (number, fault, told.error)
                assert remote.kind == "postgresql", (number, fault, told.error)
            check(remote, told)


def test_a_server_that_stays_away_from_any_request_on_ends_the_run(remote: Remote) -> None:
    total = requests_of(remote)
    remote.patience = 0.3
    remote.terms = OVER_AT_ONCE  # nobody can give the lock back
    lasting = [each for each in remote.faults if each in LASTING]
    for number in range(1, total + 1):
        for fault in remote.some(number, lasting):
            remote.renew()
            remote.relay.at(number, fault, lasting=True)
            told = run(remote.through())
            is_last = told.error is None
            assert not is_last or number >= total - 2, (number, fault)
            check(remote, told)


def test_a_writer_that_was_cut_goes_on_if_nobody_had_the_lock(remote: Remote) -> None:
    backend = remote.through()
    with backend.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        remote.relay.cut()
        writer.append(a_group(1))
        remote.relay.cut()
        writer.append(a_group(2))

    assert remote.direct().read() == fold(EMPTY, [*a_group(1), *a_group(2)])


def test_a_writer_that_lost_its_lock_never_writes(remote: Remote) -> None:
    remote.patience = 1.0
    remote.terms = OVER_AT_ONCE
    with contextlib.ExitStack() as stack:
        stale = stack.enter_context(remote.through().lock(command="the first apply"))
        stale.checkpoint(EMPTY)
        stale.append(a_group(1))
        remote.relay.is_down = True
        remote.relay.cut()
        with remote.direct().lock(command="the second apply", timeout=30) as writer:
            remote.relay.heal()
            with pytest.raises(StateError, match="lock of the state was lost"):
                stale.append(a_group(2))
            writer.append(a_group(3))
            with pytest.raises(StateError, match="takes nothing more"):
                stale.checkpoint(EMPTY)
            writer.append(a_group(4))

    expected = fold(EMPTY, [*a_group(1), *a_group(3), *a_group(4)])
    assert remote.direct().read() == expected


@pytest.mark.parametrize("write", ["append", "checkpoint"])
def test_a_lost_lock_is_noticed_even_after_the_next_one_was_given_back(
    remote: Remote, write: str
) -> None:
    remote.patience = 1.0
    remote.terms = OVER_AT_ONCE
    with remote.through().lock(command="the first apply") as stale:
        stale.checkpoint(EMPTY)
        remote.relay.cut()
        with remote.direct().lock(command="the second apply", timeout=30):
            pass
        with pytest.raises(StateError, match="lock of the state was lost"):
            stale.append(a_group(1)) if write == "append" else stale.checkpoint(EMPTY)

    assert remote.direct().read() == EMPTY


def test_one_of_many_writes_at_a_time(remote: Remote) -> None:
    with remote.direct().lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
    inside, most, refused = [0], [0], [0]

    def contend(number: int) -> None:
        backend = remote.direct()
        try:
            with backend.lock(command=f"apply {number}", timeout=60) as writer:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                writer.append(a_group(number))
                inside[0] -= 1
        except StateLockedError:
            refused[0] += 1

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)

    state = remote.direct().read()
    assert (most, refused) == ([1], [0])
    assert state
    assert len(state.records) == 6


HOLD = """
import sys
from pathlib import Path
from reconciler.backends.url import open_backend
from tests.contract.test_backend_faults import EMPTY, STACK, a_group

with open_backend(sys.argv[1], STACK, Path()).lock(command="apply") as writer:
    writer.checkpoint(EMPTY)
    writer.append(a_group(1))
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_frees_its_lock(remote: Remote) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, remote.url(remote.server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
        env=dict(os.environ),
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        with (
            pytest.raises(StateLockedError, match=f"process {process.pid}"),
            remote.direct().lock(command="apply"),
        ):
            pytest.fail("two writers at once")
    finally:
        process.kill()
    began = time.monotonic()
    with remote.direct().lock(command="apply", timeout=30) as writer:
        waited = time.monotonic() - began
        writer.append(a_group(2))
    process.wait(30)
    process.stdout.close()
    assert process.stdin
    process.stdin.close()

    assert waited < 10
    assert remote.direct().read() == fold(EMPTY, [*a_group(1), *a_group(2)])


@pytest.mark.parametrize("write", ["append", "checkpoint"])
@pytest.mark.parametrize(
    ("loss", "words"),
    [
        pytest.param(
            "UPDATE {s}.stack SET fence = fence + 1", "lock of the state was lost", id="fence"
        ),
        pytest.param("SELECT pg_advisory_unlock_all()", "lock does not hold", id="lock"),
    ],
)
def test_a_session_writes_only_with_its_lock_and_the_last_fencing_number(
    postgres_server: PostgresServer, loss: str, words: str, write: str
) -> None:
    url = f"{postgres_server.url()}?schema=s{uuid.uuid4().hex}"
    backend = open_backend(url, STACK, Path())
    assert isinstance(backend, PostgresBackend)
    with backend.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        assert isinstance(writer, SegmentWriter)
        assert isinstance(writer._session, PostgresSession)
        assert writer._session._connection
        writer._session._connection.execute(backend.place.query(loss))
        with pytest.raises(StateError, match=words):
            writer.append(a_group(1)) if write == "append" else writer.checkpoint(EMPTY)

    assert backend.read() == EMPTY
    assert len(backend.history()) == 1


def test_tables_of_a_newer_version_are_refused(postgres_server: PostgresServer) -> None:
    schema = f"s{uuid.uuid4().hex}"
    backend = open_backend(f"{postgres_server.url()}?schema={schema}", STACK, Path())
    with backend.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
    postgres_server.execute(f"INSERT INTO {schema}.migration (version) VALUES (99)")

    with pytest.raises(StateVersionError, match="newer reconciler"):
        backend.read()
    with pytest.raises(StateVersionError), backend.lock(command="apply"):
        pytest.fail("tables that nobody here knows")


def test_the_documented_grants_suffice(postgres_server: PostgresServer) -> None:
    schema, role = f"s{uuid.uuid4().hex}", f"r{uuid.uuid4().hex}"
    owner = open_backend(f"{postgres_server.url()}?schema={schema}", STACK, Path())
    with owner.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
    postgres_server.execute(f"CREATE ROLE {role} LOGIN")
    other = open_backend(f"{postgres_server.url(user=role)}?schema={schema}", STACK, Path())
    with pytest.raises(StateError, match="permission denied"):
        other.read()

    page = (Path(__file__).parents[2] / "docs/backends.md").read_text()
    grants = re.findall(r"^    (GRANT .* TO ml_apply;)$", page, re.MULTILINE)
    assert len(grants) == 4
    for each in grants:
        postgres_server.execute(each.replace("ml_apply", role).replace("reconciler", schema))

    with other.lock(command="apply") as writer:
        for number in range(12):
            writer.append(a_group(number))
            writer.checkpoint(fold(EMPTY, [e for n in range(number + 1) for e in a_group(n)]))
    assert len(owner.history()) == 11


def test_a_store_that_ignores_conditions_is_refused(object_store: ObjectStore) -> None:
    def ignoring(data: bytes) -> bytes:
        return re.sub(rb"(?i)\r\n(if-none-match|if-match):", rb"\r\nx-ignored:", data)

    with Relay(object_store.port) as relay:
        relay.rewrites = ignoring
        url = object_store.url(uuid.uuid4().hex, port=relay.port)
        with (
            pytest.raises(StateError, match="conditions of a write"),
            open_backend(url, STACK, Path()).lock(command="apply"),
        ):
            pytest.fail("a lock that does not hold")
