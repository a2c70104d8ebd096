"""A shared state behind a relay: where an apply is struck at its requests to the backend.

The apply makes a job, replaces one, updates one and deletes one. One apply more, and all must be
well: that is I1 to I8 on these backends.
"""

import contextlib
import json
import os
import re
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.world import World, a_world, definition, job
from tests.relay import Fault, Relay
from tests.reliability.forks import Ended, Forks, Run
from tests.reliability.invariants import Problem, speech
from tests.reliability.seen import is_created
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
_ENDS = re.compile(r"error: (Cannot (lock|read|write) the state|The lock of the state was lost)")
_JOB = re.compile(r"/training-jobs/(\d+)$")


def state_url(kind: str, port: int, name: str) -> str:
    """Return the URL of a place of its own on a server of one of the tests' two kinds."""
    if kind == "s3":
        return f"s3://{BUCKET}/{name}?endpoint=http://127.0.0.1:{port}&region=test"
    return f"postgresql://tester@127.0.0.1:{port}/state?schema={name}"


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
        return state_url(self.kind, port, self.name)

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


@contextlib.contextmanager
def a_place(
    kind: str, server: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Place]:
    """Open a place on a server's port, with a platform of its own in a folder.

    `environment` is what the forked runs get besides.
    """
    folder.mkdir(exist_ok=True)
    with Relay(server) as relay, a_world(folder) as world:
        world.serve("--simulate")
        known = {**world.environment(), **CREDENTIALS, **(environment or {})}
        with Forks(world.folder, known) as forks:
            yield Place(kind, relay, server, world, forks)


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


def is_clear(ended: Ended) -> bool:
    """Tell whether a run got through, or ended with 1 and a message that names the trouble."""
    return ended.code == 0 or (ended.code == 1 and bool(_ENDS.search(ended.stderr)))


def requests_of(place: Place) -> int:
    place.reset()
    ended = place.apply()
    total = len(place.relay.requests)
    assert ended.code == 0, ended
    assert not list(finish(place, ended))
    assert total >= 10
    return total
