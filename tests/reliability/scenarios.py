"""What is there before an apply, what the apply is to do, and what must be true after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.acceptance.world import definition, job
from tests.reliability.seen import Api

RUNNING, FAILED = 8, 11
"""Status numbers (ModelArts API Reference, "Job Statuses")."""


def _with(block: str, *lines: str) -> str:
    return block + "".join(f"    {line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world and an apply. Everything is named by job names, each of which occurs once.

    `before` was applied earlier (empty: no state yet), `strangers` are jobs that somebody else
    created, `wanted` is applied now. `gone` jobs have vanished from the platform since, `statuses`
    are forced upon others, `leaves` are forgotten and stay. `creates`, `deletes`, `updates`
    and `adopts` are what the plan approves; of the creates each must happen exactly once. `delays`
    are the platform's, in seconds; without any, runs need not go by the real clock. `api` is the
    version of the API that all of it is told to.
    """

    name: str
    wanted: str
    creates: frozenset[str]
    before: str = ""
    strangers: str = ""
    gone: frozenset[str] = frozenset()
    statuses: Mapping[str, int] = field(default_factory=dict)
    leaves: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    adopts: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()
    delays: Mapping[str, float] = field(default_factory=dict)
    api: Api = "v1"

    @property
    def args(self) -> tuple[str, ...]:
        """The command line of the apply."""
        return ("apply", "--auto-approve", "--state", "recorded", *self.flags)


RETRY = "lifecycle: {on_failure: retry, max_attempts: 3}"

EVERY_KIND = Scenario(
    name="every kind",
    before="".join(
        (
            job("deleted"),
            job("forgotten"),
            job("kept", round="1"),
            _with(job("ousted"), "name: shared"),
            job("replaced", round="1"),
            _with(job("retained"), "lifecycle: {retain: true}"),
            _with(job("retried"), RETRY),
            _with(job("updated"), "description: before"),
            job("vanished"),
        )
    ),
    strangers=job("bystander") + _with(job("adopted"), "description: theirs"),
    gone=frozenset({"forgotten", "vanished"}),
    statuses={"retried": FAILED, "replaced": RUNNING, "bystander": RUNNING},
    wanted="".join(
        (
            _with(job("adopted"), "description: ours"),
            job("created", rate="1e-3"),
            job("extra", rate="0.10"),
            _with(job("heir"), "name: shared", "workers: 1"),
            job("kept", round="1"),
            job("replaced", round="2"),
            _with(job("retried"), RETRY),
            _with(job("updated"), "description: after"),
            job("vanished"),
        )
    ),
    leaves=frozenset({"retained"}),
    creates=frozenset({"created", "extra", "replaced", "retried", "shared", "vanished"}),
    deletes=frozenset({"deleted", "replaced", "retried", "shared"}),
    updates=frozenset({"adopted", "updated"}),
    adopts=frozenset({"adopted"}),
    flags=("--parallelism", "1", "--adopt", "--interrupt-running"),
)

FIRST = Scenario(
    name="first apply",
    wanted=job("first") + job("second"),
    strangers=job("bystander"),
    creates=frozenset({"first", "second"}),
    flags=("--parallelism", "1"),
)


SLOW = replace(
    EVERY_KIND,
    name="every kind, slowly",
    flags=("--parallelism", "4", "--adopt", "--interrupt-running"),
    delays={"list_lag": 0.4, "delete_delay": 0.3, "name_hold": 0.3},
)


def document(jobs: str, api: Api, stack: str = "vision") -> str:
    """Return the definition of some jobs; one without any is written so, too."""
    platform = f"endpoint: local, api: modelarts/{api}"
    text = definition(jobs, stack=stack, platform=platform)
    return text if jobs else text.rstrip("\n") + " {}\n"


def in_v2(scenario: Scenario) -> Scenario:
    """Return the same scenario told to version 2 of the API."""
    return replace(scenario, name=f"{scenario.name}, v2", api="v2")
