"""Many at once on a shared state: one writes, a dead holder's lock is free, stacks are apart."""

import contextlib
import os
import random
import re
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.acceptance.world import wait_for
from tests.conftest import SCALE
from tests.relay import Fault
from tests.reliability import victim
from tests.reliability.figures import Figures
from tests.reliability.forks import Batch, Ended, Forks, Run
from tests.reliability.invariants import Problem, Verdicts, speech
from tests.reliability.places import FLAGS, Place, a_place, finish, state_url
from tests.reliability.scenarios import FIRST
from tests.reliability.stage import Stage, a_stage
from tests.reliability.test_races import apart, contested
from tests.servers import CREDENTIALS

SEED = 20261126
SUITE = {"postgresql": "races, PostgreSQL", "s3": "races, S3"}
_IS_CHANGE = ("created", "replaced", "updated", "deleted")

_TAKEN_OR_RETURNED = {
    "postgresql": re.compile(rb"SET fence = fence \+ 1|SET holder = NULL"),
    "s3": re.compile(rb"PUT \S+/vision/lock "),
}
"""What marks the requests that take the lock or give it back."""

pytestmark = pytest.mark.timeout(max(900, int(900 * SCALE)))


@pytest.fixture(scope="module", params=["postgresql", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def server(kind: str, request: pytest.FixtureRequest) -> int:
    name = "object_server" if kind == "s3" else "postgres_server"
    port: int = request.getfixturevalue(name).port
    return port


@pytest.fixture(scope="module")
def place(kind: str, server: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_place(kind, server, tmp_path_factory.mktemp(kind)) as place:
        yield place


@pytest.fixture(scope="module")
def stage(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    # One for each kind: an emulator that nobody asks for a minute ends.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with a_stage(tmp_path_factory.mktemp(f"stacks-{kind}") / "stage") as stage:
            stage.play(FIRST)
            yield stage


def has_written(ended: Ended) -> bool:
    """Tell whether a run says that it has changed a job."""
    return any(f": {verb}" in ended.stderr for verb in _IS_CHANGE)


def is_refused(ended: Ended, pids: tuple[int, ...]) -> bool:
    """Tell whether a run ended with 4, and named one of these processes as the holder."""
    return ended.code == 4 and any(f"process {pid}" in ended.stderr for pid in pids)


def crowd(place: Place, timeout: float) -> Iterator[Problem]:
    """Let many apply at once, with readers among them."""
    place.reset()
    args = place.args("apply", *FLAGS, "--lock-timeout", str(timeout))
    readers = [Run(place.args("plan", "--interrupt-running")), Run(("state", *place.args("pull")))]
    batch = place.forks.start(*[Run(args)] * 4, *readers)
    runs = batch.wait()
    for ended in runs[:4]:
        is_through = ended.code == 0
        # One that has just taken the lock, or given it back, may not stand there by name.
        is_unnamed = ended.code == 4 and "someone unknown" in ended.stderr
        if not is_through and (timeout or not (is_refused(ended, batch.pids) or is_unnamed)):
            yield "other", f"neither through nor refused: {ended}"
    if (writers := sum(map(has_written, runs[:4]))) != 1:
        yield "other", f"{writers} have written: " + "\n".join(map(str, runs[:4]))
    for ended in runs[4:]:
        if ended.code:
            yield "other", f"a reader: {ended}"
    yield from speech(place.world, runs)
    yield from finish(place, runs[0])


@pytest.mark.parametrize("timeout", [0.0, 60.0], ids=["nobody waits", "all wait"])
def test_one_of_many_applies_writes(place: Place, timeout: float, figures: Figures) -> None:
    verdicts = Verdicts(SUITE[place.kind])
    for number in range(max(1, int(SCALE))):
        verdicts.add(f"{place.kind}, crowd {number}", crowd(place, timeout))
    verdicts.report(figures)


def span(place: Place) -> tuple[int, int]:
    """Return the first and the last request to which an apply holds the lock for certain."""
    place.reset()
    assert place.apply().code == 0
    marks = [
        number
        for number, request in enumerate(place.relay.requests, 1)
        if _TAKEN_OR_RETURNED[place.kind].search(request)
    ]
    return marks[0] + 1, marks[-1] - 1


@contextlib.contextmanager
def halted(place: Place, holders: Forks, at: int) -> Iterator[Batch]:
    """Begin an apply that halts at a request to the backend, and is killed at the latest here."""
    place.reset()
    pids: list[int] = []
    is_halted = threading.Event()

    def chooses(number: int, _: bytes) -> Fault | None:
        if number == at:
            wait_for(lambda: bool(pids))
            os.kill(pids[0], signal.SIGSTOP)
            is_halted.set()
        return None

    place.relay.chooses = chooses
    batch = holders.start(Run(place.args("apply", *FLAGS, port=place.relay.port)))
    pids.extend(batch.pids)
    try:
        assert is_halted.wait(60)
        yield batch
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pids[0], signal.SIGKILL)


def inherit(place: Place, holders: Forks, at: int, *, refusing: int) -> tuple[list[Problem], float]:
    """Halt a holder, be refused, wait for it, kill it; tell how long after that a run was done."""
    with halted(place, holders, at) as batch:
        args = place.args("apply", *FLAGS)
        losers = place.forks.start(*[Run(args)] * refusing).wait() if refusing else []
        waiter = place.forks.start(Run((*args, "--lock-timeout", "90")))
        os.kill(batch.pids[0], signal.SIGKILL)
        killed_at = time.monotonic()
        (died,), (done,) = batch.wait(), waiter.wait()
        waited = time.monotonic() - killed_at
    problems: list[Problem] = [
        ("other", f"not refused with the holder's name: {each}")
        for each in losers
        if not is_refused(each, batch.pids)
    ]
    if died.code != -signal.SIGKILL or done.code:
        problems.append(("other", f"{died}\n{done}"))
    return [*problems, *speech(place.world, [*losers, done]), *finish(place, died)], waited


def holders_of(place: Place, **environment: str) -> Forks:
    known = {**place.world.environment(), **CREDENTIALS, **environment}
    return Forks(place.world.folder, known)


def test_others_are_refused_and_the_lock_is_free_when_its_holder_is_killed(
    place: Place, figures: Figures
) -> None:
    verdicts, (first, last), dice = Verdicts(SUITE[place.kind]), span(place), random.Random(SEED)
    waits = []
    with holders_of(place) as holders:
        for at in [dice.randint(first, last) for _ in range(max(1, int(SCALE)))]:
            problems, waited = inherit(place, holders, at, refusing=3)
            verdicts.add(f"{place.kind}, halted at request {at}", problems)
            waits.append(waited)
    print(f"{place.kind}: the next apply was done {max(waits):.1f} s after the kill")  # noqa: T201
    verdicts.report(figures)
    assert max(waits) < 10


@pytest.mark.parametrize(
    ("terms", "cases", "longest"),
    [
        pytest.param("3 0.5 0.5", max(1, int(SCALE)), 15, id="a short lease"),
        pytest.param("", int(SCALE / 10), 60, id="the usual lease"),
    ],
)
def test_a_lease_ends_when_its_holder_was_killed_on_another_machine(
    place: Place, terms: str, cases: int, longest: float, figures: Figures
) -> None:
    if place.kind != "s3" or not cases:
        return
    verdicts, (first, last), dice = Verdicts(SUITE[place.kind]), span(place), random.Random(SEED)
    waits = []
    known = {victim.ABROAD: "1"} | ({victim.TERMS: terms} if terms else {})
    with holders_of(place, **known) as holders, holders_of(place, **known) as others:
        there = replace(place, forks=others)
        for at in [dice.randint(first, last) for _ in range(cases)]:
            problems, waited = inherit(there, holders, at, refusing=0)
            verdicts.add(f"{place.kind}, {terms or 'usual'}, halted at request {at}", problems)
            waits.append(waited)
    print(f"{terms or 'usual'}: the next apply was done {max(waits):.1f} s after the kill")  # noqa: T201
    verdicts.report(figures)
    assert max(waits) < longest


@pytest.mark.parametrize(
    "race",
    [
        pytest.param(apart, id="jobs of their own"),
        pytest.param(lambda stage: contested(stage, is_equal=True), id="same names, equal"),
        pytest.param(lambda stage: contested(stage, is_equal=False), id="same names, unequal"),
    ],
)
def test_two_states_in_one_project_leave_each_other_be(
    kind: str, server: int, stage: Stage, race: Callable[[Stage], list[Problem]], figures: Figures
) -> None:
    verdicts = Verdicts(SUITE[kind])
    for number in range(max(1, int(SCALE))):
        stage.state = state_url(kind, server, f"s{uuid.uuid4().hex}")
        verdicts.add(f"{kind}, {number}", race(stage))
    verdicts.report(figures)
