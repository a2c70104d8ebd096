"""Carrying a plan out: what is written and sent, in which order, and what a failure stops."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.backends.local import LocalBackend
from reconciler.errors import (
    DefinitionError,
    ProviderError,
    QuotaExceededError,
    ReconcilerError,
    RefusedError,
    StateLockedError,
    UsageError,
)
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.model.platform import PlatformIdentity
from reconciler.planning.guards import Consent
from reconciler.planning.planner import Selection
from reconciler.providers.memory import MemoryPlatform
from tests.unit.engine.support import PLATFORM, World, a_request, job, other, outcome_of

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


def test_independent_actions_go_on_after_a_failure() -> None:
    world = World()
    world.platform.fail("create", REFUSED, nth=2)

    result = world.apply(job("a"), job("b"), job("c"))

    assert outcome_of(result) == {"a": "done", "b": "failed", "c": "done"}
    assert "closed b" in world.tape
    assert [each.error for each in result.results if each.error] == ["The platform says no"]
    assert result.verified
    world.apply(job("a"), job("b"), job("c"))
    world.check_settled(job("a"), job("b"), job("c"))


def test_with_fail_fast_nothing_more_is_begun_after_a_failure() -> None:
    world = World()
    world.platform.fail("create", REFUSED, nth=2)

    result = world.apply(job("a"), job("b"), job("c"), fail_fast=True)

    assert outcome_of(result) == {"a": "done", "b": "failed", "c": "skipped"}
    assert result.results[2].error == "not begun"
    assert world.mutations() == ["create a", "create b"]
    assert not result.interrupted
    world.apply(job("a"), job("b"), job("c"))
    world.check_settled(job("a"), job("b"), job("c"))


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


@pytest.mark.parametrize("fail_fast", [False, True], ids=["going on", "fail fast"])
def test_what_depends_on_a_failed_action_is_not_begun(fail_fast: bool) -> None:
    world = World()
    world.apply(job())
    moved = DesiredJob(Address("new"), job().spec)
    world.platform.fail("delete", REFUSED)

    result = world.apply(request=a_request(moved), fail_fast=fail_fast)

    assert outcome_of(result) == {"a": "failed", "new": "skipped"}
    assert result.results[1].error == '"a" was not done'
    assert "create a" not in world.tape
    assert (world.intents("a"), world.intents("new")) == ((), ())


def test_what_depends_on_an_unawaited_deletion_is_not_begun() -> None:
    world = World(MemoryPlatform(delete_lag=None))
    world.apply(job(), job("b"))
    moved = DesiredJob(Address("new"), job().spec)
    world.clock.on_pause = lambda: world.stop.set()

    result = world.apply(request=a_request(moved, job("b")))

    assert outcome_of(result) == {"a": "skipped", "new": "skipped"}
    assert [each.error for each in result.results] == [
        "its deletion was accepted, and not awaited",
        "not begun",
    ]
    world.platform.finish_deletions()
    world.clock.on_pause = lambda: None
    world.apply(request=a_request(moved, job("b")))
    world.check_settled(moved, job("b"))


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


def test_more_jobs_than_the_quota_are_refused_before_anything_is_sent() -> None:
    world = World(MemoryPlatform(quota=1))

    with pytest.raises(DefinitionError, match="Quota is too small"):
        world.apply(job("a"), job("b"))

    assert world.store.read() is None
    assert world.mutations() == []


def test_a_quota_that_shrank_meanwhile_fails_only_what_found_no_room() -> None:
    world = World()
    world.platform.fail("create", QuotaExceededError("The platform takes no more jobs"), nth=2)

    result = world.apply(job("a"), job("b"))

    assert outcome_of(result) == {"a": "done", "b": "failed"}
    assert world.intents("b") == ()


@pytest.mark.parametrize(
    ("before", "jobs"),
    [([], []), ([job()], [job()])],
    ids=["no state", "a state"],
)
def test_nothing_is_written_when_there_is_nothing_to_do(
    before: list[DesiredJob], jobs: list[DesiredJob]
) -> None:
    world = World()
    if before:
        world.apply(*before)
    known = world.store.read()

    assert world.apply(*jobs).results == ()

    assert world.store.read() == known
    assert world.tape == []


def test_a_plan_writes_nothing() -> None:
    world = World()
    world.apply(job("a"), job("b"))
    world.platform.set_status("a", Status.SUCCEEDED)
    known, writes = world.state, (world.memory.appends, world.memory.checkpoints)

    made = world.plan(other("a"), job("c"))

    assert {action.kind.value for action in made.plan.actions} == {"replace", "delete", "create"}
    assert world.state == known
    assert (world.memory.appends, world.memory.checkpoints) == writes


def test_what_is_not_approved_is_not_done() -> None:
    world = World()

    with pytest.raises(ReconcilerError, match="Not approved"):
        world.apply(job(), confirm=lambda _: False)

    assert world.store.read() is None
    assert world.mutations() == []


def test_nobody_applies_while_someone_else_does() -> None:
    world = World()

    with world.store.lock(command="plan"), pytest.raises(StateLockedError):
        world.apply(job())

    assert world.platform.calls == []


def test_lineage_stays_and_serial_grows() -> None:
    world, seen = World(), []
    for wanted in ([job()], [job(), job("b")], [other()], []):
        world.apply(*wanted)
        seen.append(world.state)

    assert len({state.lineage for state in seen}) == 1
    serials = [state.serial for state in seen]
    assert serials == sorted(set(serials))


def test_only_what_was_selected_is_touched() -> None:
    world = World()
    world.apply(job("a"), job("b"))

    result = world.apply(
        request=a_request(other("a"), other("b"), job("c"), selection=Selection(("b", "c")))
    )

    assert outcome_of(result) == {"b": "done", "c": "done"}
    assert world.record("a").spec == job("a").spec


def test_a_target_that_fits_nothing_is_a_typing_error() -> None:
    with pytest.raises(UsageError, match="bb"):
        World().plan(job("b"), selection=Selection(("bb",)))


@pytest.mark.parametrize(
    ("wanted", "consent", "status", "code"),
    [
        pytest.param([other()], Consent(), Status.RUNNING, "interrupt", id="running"),
        pytest.param([], Consent(), Status.PENDING, "interrupt", id="pending"),
        pytest.param(
            [job("b")], Consent(interrupt_running=True), Status.RUNNING, "protect", id="protected"
        ),
    ],
)
def test_guards_refuse_the_whole_apply(
    wanted: list[DesiredJob], consent: Consent, status: Status, code: str
) -> None:
    world = World()
    protect = Lifecycle(protect=code == "protect")
    world.apply(job(lifecycle=protect))
    world.platform.set_status("a", status)
    known = world.state

    with pytest.raises(RefusedError) as refused:
        world.apply(request=a_request(*wanted, job("z"), consent=consent))

    assert [each.code for each in refused.value.diagnostics] == [code]
    assert world.state == known
    assert world.platform.mutating_calls()[1:] == ()


def test_a_mass_delete_needs_consent() -> None:
    world = World()
    jobs = [job(f"j{n}") for n in range(10)]
    world.apply(*jobs)

    with pytest.raises(RefusedError, match="Too many deletes"):
        world.apply(request=a_request(*jobs[:6], consent=Consent(interrupt_running=True)))

    world.apply(*jobs[:6])
    world.check_settled(*jobs[:6])


@pytest.mark.parametrize("field", ["api", "endpoint", "project_id", "workspace_id"])
def test_a_state_of_another_platform_is_refused(field: str) -> None:
    world = World()
    world.apply(job())
    elsewhere = PLATFORM.model_copy(update={field: "elsewhere"})

    with pytest.raises(RefusedError, match="another platform"):
        world.apply(request=a_request(other(), platform=elsewhere))

    with pytest.raises(RefusedError, match="another platform"):
        world.plan(other(), platform=elsewhere)
    assert isinstance(world.state.platform, PlatformIdentity)
    assert world.record("a").spec == job().spec


def test_somebody_elses_name_is_an_error_and_not_touched() -> None:
    world = World()
    theirs = world.platform.add(other().spec)

    with pytest.raises(DefinitionError, match="not ours"):
        world.apply(job(), job("b"))

    assert world.platform.jobs == (theirs,)
    assert world.store.read() is None


def test_a_bug_in_a_step_keeps_its_traceback_and_its_intent() -> None:
    world = World()
    world.platform.fail("create", KeyError("a bug"), when="after")

    with pytest.raises(KeyError, match="a bug"):
        world.apply(job())

    assert [intent.kind for intent in world.intents("a")] == ["create"]
    world.apply(job())
    world.check_settled(job())
    assert len(world.created) == 1


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
