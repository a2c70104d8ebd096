"""Killed or cut off at every request to PostgreSQL and to the object store.

An apply with a create, a replacement, an update and a deletion is killed before a request to the
backend leaves, or after the backend acted on it; or the answer is lost, and the apply goes on.
One apply more, and all is well: that is I1 to I8 on these backends.
"""

import json
import os
import re
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.acceptance.world import World, a_world, definition, job
from tests.conftest import SCALE
from tests.relay import Fault, Relay
from tests.reliability.figures import Figures
from tests.reliability.forks import Ended, Forks, Run
from tests.reliability.invariants import Problem, Verdicts, is_created, speech
from tests.servers import BUCKET, CREDENTIALS

BEFORE = definition(job("deleted") + job("kept") + job("replaced", round="1") + job("updated"))
WANTED = definition(
    job("created")
    + job("kept")
    + job("replaced", round="2")
    + job("updated")
    + "    description: after\n"
)
NAMES = {"created", "kept", "replaced", "updated"}
DELETED = {"deleted", "replaced"}
FLAGS = ("--auto-approve", "--interrupt-running", "--parallelism", "1")
EVERY = 1 if SCALE >= 10 else 3
"""Of how many requests one is struck; at a larger scale each is."""

_JOB = re.compile(r"/training-jobs/(\d+)$")

pytestmark = pytest.mark.timeout(max(900, int(600 * SCALE)))


@dataclass(slots=True)
class Place:
    """A backend behind a relay, a platform, and forked runs."""

    kind: str
    relay: Relay
    server: int
    world: World
    forks: Forks
    name: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    def url(self, port: int) -> str:
        if self.kind == "s3":
            return f"s3://{BUCKET}/{self.name}?endpoint=http://127.0.0.1:{port}&region=test"
        return f"postgresql://tester@127.0.0.1:{port}/state?schema={self.name}"

    def args(self, command: str, *flags: str, port: int = 0) -> tuple[str, ...]:
        return (command, *flags, "--state", self.url(port or self.server))

    def reset(self) -> None:
        """Apply what was there before, to an empty place."""
        self.relay.heal()
        self.name = f"s{uuid.uuid4().hex}"
        for each in self.world.jobs():
            self.world.admin("DELETE", f"jobs/{each['job_id']}")
        self.world.write(BEFORE)
        done = self.forks.run(*self.args("apply", *FLAGS))
        assert done.code == 0, done
        self.ids = {each["name"]: str(each["job_id"]) for each in self.world.jobs()}
        self.world.write(WANTED)
        self.world.admin("DELETE", "requests")
        self.relay.requests.clear()

    def apply(self) -> Ended:
        return self.forks.run(*self.args("apply", *FLAGS, port=self.relay.port))

    def killed(self, number: int, fault: Fault) -> Ended:
        """Apply, and kill it at a request to the backend."""
        pids: list[int] = []

        def kill() -> None:
            deadline = time.monotonic() + 30
            while not pids and time.monotonic() < deadline:
                time.sleep(0.001)
            os.kill(pids[0], signal.SIGKILL)

        def chooses(at: int, _: bytes) -> Fault | None:
            if at != number:
                return None
            if fault is not Fault.UNANSWERED:
                kill()
            return fault

        self.relay.chooses, self.relay.on_unanswered = chooses, kill
        batch = self.forks.start(Run(self.args("apply", *FLAGS, port=self.relay.port)))
        pids.extend(batch.pids)
        return batch.wait()[0]


@pytest.fixture(scope="module", params=["postgresql", "s3"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    name = "object_server" if request.param == "s3" else "postgres_server"
    server = request.getfixturevalue(name)
    with (
        Relay(server.port) as relay,
        a_world(tmp_path_factory.mktemp(request.param)) as world,
    ):
        world.serve("--simulate")
        with Forks(world.folder, {**world.environment(), **CREDENTIALS}) as forks:
            yield Place(request.param, relay, server.port, world, forks)


def finish(place: Place, former: Ended) -> Iterator[Problem]:
    """Apply once more, and hold everything against the invariants."""
    place.relay.heal()
    applied = place.forks.run(*place.args("apply", *FLAGS))
    asked = place.world.admin("GET", "requests")["requests"]
    planned = place.forks.run(*place.args("plan", "--detailed-exitcode"))
    again = place.forks.run(*place.args("apply", *FLAGS))
    pulled = place.forks.run("state", *place.args("pull"))
    yield from speech(place.world, [former, applied, planned, again, pulled])
    for ended in (applied, planned, again, pulled):
        if ended.code:
            yield "other", str(ended)
    after = place.world.admin("GET", "requests")["requests"][len(asked) :]
    if changes := [
        each for each in after if each["method"] != "GET" and "/v3/" not in each["path"]
    ]:
        yield "other", f"the second apply sent {changes}"
    created = sum(map(is_created, asked))
    if created != len({"created", "replaced"}):
        yield ("duplicates" if created > 2 else "lost"), f"{created} jobs were created"
    for each in asked:
        job_id = _JOB.search(each["path"])
        allowed = {place.ids[name] for name in DELETED}
        if each["method"] == "DELETE" and (not job_id or job_id[1] not in allowed):
            yield "unapproved", each["path"]
    live = Counter(each["name"] for each in place.world.jobs())
    if live != Counter(NAMES):
        yield "lost", f"there are {live}"
    if pulled.code == 0:
        records = json.loads(pulled.stdout)["records"].values()
        ids = {record["name"]: record["job_id"] for record in records}
        if ids != {each["name"]: str(each["job_id"]) for each in place.world.jobs()}:
            yield "lost", f"recorded are {ids}"


def requests_of(place: Place) -> int:
    place.reset()
    ended = place.apply()
    total = len(place.relay.requests)
    assert ended.code == 0, ended
    assert not list(finish(place, ended))
    assert total >= 10
    return total


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
