"""Carrying a plan out: what is written and sent, in which order."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.backends.local import LocalBackend
from reconciler.errors import (
    ProviderError,
)
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import World, a_request, job, other, outcome_of

REFUSED = ProviderError("The platform says no")
RETRY = Lifecycle(on_failure="retry")


def nothing(_: World) -> None:
    """Prepare nothing."""


def has_failed(world: World) -> None:
    world.platform.set_status("a", Status.FAILED, 5000)


def is_gone(world: World) -> None:
    world.platform.remove("a")


def has_another_version(world: World) -> None:
    world.platform.add_version("a", other().spec)


def other_words(world: World) -> None:
    world.platform.change_description("a", "theirs")


REPLACED = [
    "opened replace a",
    "delete a",
    "list",
    "get a",
    "removed a",
    "opened create a",
    "create a",
    "recorded a",
    "checkpoint",
]


@pytest.mark.parametrize(
    ("before", "meanwhile", "wanted", "kind", "steps"),
    [
        pytest.param(
            [],
            nothing,
            [job()],
            "create new",
            [
                "checkpoint",
                "bound",
                "opened create a",
                "create a",
                "recorded a",
                "checkpoint",
            ],
            id="a first job",
        ),
        pytest.param(
            [job()],
            is_gone,
            [job()],
            "create vanished",
            ["opened create a", "create a", "recorded a", "checkpoint"],
            id="a job that vanished",
        ),
        pytest.param(
            [job()], nothing, [other()], "replace definition_changed", REPLACED, id="other fields"
        ),
        pytest.param(
            [job()], has_another_version, [job()], "replace drifted", REPLACED, id="drifted"
        ),
        pytest.param(
            [job(lifecycle=RETRY)],
            has_failed,
            [job(lifecycle=RETRY)],
            "replace retry 2/3",
            ["observed a", *REPLACED],
            id="failed, to be retried",
        ),
        pytest.param(
            [job()],
            nothing,
            [job(description="ours")],
            "update definition_changed",
            ["opened update a", "update a", "recorded a", "checkpoint"],
            id="other description",
        ),
        pytest.param(
            [job(description="ours")],
            other_words,
            [job(description="ours")],
            "update drifted",
            ["opened update a", "update a", "recorded a", "checkpoint"],
            id="description changed behind our back",
        ),
        pytest.param(
            [job()],
            nothing,
            [job(lifecycle=Lifecycle(protect=True))],
            "update definition_changed",
            ["recorded a", "checkpoint"],
            id="protection is ours alone",
        ),
        pytest.param(
            [job()],
            nothing,
            [],
            "delete removed",
            ["opened delete a", "delete a", "list", "get a", "forgot a", "checkpoint"],
            id="no longer wanted",
        ),
        pytest.param(
            [job()], is_gone, [], "forget gone", ["forgot a", "checkpoint"], id="gone and unwanted"
        ),
        pytest.param(
            [job(lifecycle=Lifecycle(retain=True))],
            nothing,
            [],
            "forget retained",
            ["forgot a", "checkpoint"],
            id="retained",
        ),
    ],
)
def test_each_intent_is_durable_before_its_request_and_each_outcome_after(
    before: Sequence[DesiredJob],
    meanwhile: Callable[[World], None],
    wanted: Sequence[DesiredJob],
    kind: str,
    steps: list[str],
) -> None:
    world = World()
    world.apply(*before)
    meanwhile(world)

    result = world.apply(*wanted)

    assert [f"{each.action.kind} {each.action.reason}" for each in result.results] == [kind]
    assert outcome_of(result) == {"a": "done"}
    assert (result.verified, result.mismatches) == (True, ())
    assert world.tape == steps
    again = world.apply(*wanted)
    assert (again.results, world.tape) == ((), [])
    assert world.plan(*wanted).plan.is_empty


@pytest.mark.parametrize(
    ("description", "steps"),
    [
        ("theirs", ["checkpoint", "bound", "recorded a", "checkpoint"]),
        (
            "ours",
            ["checkpoint", "bound", "opened update a", "update a", "recorded a", "checkpoint"],
        ),
    ],
    ids=["equal", "a description to set"],
)
def test_adopting_creates_nothing(description: str, steps: list[str]) -> None:
    world = World()
    theirs = world.platform.add(job(description="theirs").spec)

    wanted = job(description=description)
    result = world.apply(request=a_request(wanted, adopt=True))

    assert outcome_of(result) == {"a": "done"}
    assert world.tape == steps
    assert world.record("a").job_id == theirs.job_id
    world.check_settled(wanted)


def test_a_failed_job_is_retried_until_its_attempts_are_used_up() -> None:
    world, wanted = World(), job(lifecycle=RETRY)
    attempts = []
    for _ in range(4):
        world.apply(wanted)
        attempts.append(world.record("a").attempt)
        world.platform.set_status("a", Status.FAILED)

    assert attempts == [1, 2, 3, 3]
    assert len(world.created) == 3


def test_a_retries_only_run_touches_nothing_but_failed_jobs() -> None:
    world = World()
    jobs = [job(name, lifecycle=RETRY, description="ours") for name in ("a", "b", "c")]
    world.apply(*jobs)
    world.platform.set_status("b", Status.FAILED)
    world.apply(*jobs)
    world.platform.set_status("a", Status.FAILED)
    world.platform.change_description("b", "theirs")
    world.platform.remove("c")

    result = world.apply(request=a_request(*jobs, retries_only=True))

    assert outcome_of(result) == {"a": "done"}


def test_no_more_requests_are_under_way_than_allowed() -> None:
    world = World()
    three_at_once, inside, seen = threading.Barrier(3, timeout=30), set[int](), []

    @contextmanager
    def create() -> Iterator[None]:
        inside.add(threading.get_ident())
        seen.append(len(inside))
        three_at_once.wait()
        yield
        inside.discard(threading.get_ident())

    world.around["create"] = create
    result = world.apply(*(job(f"j{n}") for n in range(9)), parallelism=3)

    assert set(outcome_of(result).values()) == {"done"}
    assert max(seen) == 3


def test_a_job_waits_for_the_name_that_another_one_gives_up() -> None:
    world = World()
    old, new = job(), job()
    world.apply(old)
    moved = DesiredJob(Address("new"), new.spec)

    result = world.apply(request=a_request(moved))

    assert outcome_of(result) == {"a": "done", "new": "done"}
    assert world.tape == [
        "opened delete a",
        "delete a",
        "list",
        "get a",
        "forgot a",
        "opened create new",
        "create a",
        "recorded new",
        "checkpoint",
    ]


@pytest.mark.parametrize(
    ("quota", "order"),
    [
        (2, ["delete a", "delete b", "create c", "create d"]),
        (3, ["delete a", "delete b", "create c", "create d"]),
    ],
)
def test_deletions_come_first_when_the_quota_needs_it(quota: int, order: list[str]) -> None:
    world = World(MemoryPlatform(quota=quota, delete_lag=2))
    world.apply(job("a"), job("b"))

    result = world.apply(job("c"), job("d"))

    assert set(outcome_of(result).values()) == {"done"}
    assert world.mutations() == order
    assert world.tape.index("forgot b") < world.tape.index("opened create c")
    world.check_settled(job("c"), job("d"))


def test_with_room_enough_creations_do_not_wait_for_deletions() -> None:
    world = World(MemoryPlatform(quota=10, delete_lag=2))
    world.apply(job("a"))

    world.apply(job("b"))

    assert world.tape.index("create b") < world.tape.index("forgot a")


def test_lineage_stays_and_serial_grows() -> None:
    world, seen = World(), []
    for wanted in ([job()], [job(), job("b")], [other()], []):
        world.apply(*wanted)
        seen.append(world.state)

    assert len({state.lineage for state in seen}) == 1
    serials = [state.serial for state in seen]
    assert serials == sorted(set(serials))


def test_events_count_up_to_the_total() -> None:
    world = World()
    world.platform.delete_lag = 1
    world.apply(job("a"))
    world.events.clear()

    world.apply(job("b"))

    told = [event for event in world.events if event.type != "refresh"]
    assert [(e.type, e.address, e.done, e.total) for e in told] == [
        ("started", "a", None, None),
        ("waiting", "a", 1, None),
        ("started", "b", None, None),
        ("done", "b", 1, 2),
        ("done", "a", 2, 2),
    ]


def test_the_whole_way_on_a_disk(tmp_path: Any) -> None:
    world = World(MemoryPlatform(delete_lag=1), LocalBackend(tmp_path, "test"))
    world.apply(job("a"), job("b"), parallelism=4)
    world.apply(other("a"), job("c", description="ours"), parallelism=4)

    world.check_settled(other("a"), job("c", description="ours"))
    assert world.apply(other("a"), job("c", description="ours")).results == ()
    world.apply()
    world.check_settled()
