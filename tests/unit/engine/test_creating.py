"""A job is created exactly once, whatever happens to the answer."""

import pytest

from reconciler.engine.creation import MAX_LOST
from reconciler.errors import (
    NameTakenError,
    OutcomeUnknownError,
    ProviderError,
    QuotaExceededError,
    UnreachableError,
)
from reconciler.model.job import DesiredJob
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import World, after, first, job, other, outcome_of

LOST = OutcomeUnknownError("The answer was lost")
TAKEN = NameTakenError("The name is taken")


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_lost_answer_with_effect_is_found_and_not_sent_again(lag: int) -> None:
    world = World(MemoryPlatform(list_lag=lag))
    world.platform.fail("create", LOST, when="after")

    result = world.apply(job())

    assert outcome_of(result) == {"a": "done"}
    assert world.mutations() == ["create a"]
    assert world.tape.count("find a") == lag + 1
    assert result.results[0].job_id == world.platform.job("a").job_id
    world.check_settled(job())


def test_a_lost_answer_without_effect_is_sent_again_once() -> None:
    world = World()
    world.platform.fail("create", LOST, when="before")
    began = world.clock.now

    result = world.apply(job())

    assert outcome_of(result) == {"a": "done"}
    assert world.mutations() == ["create a", "create a"]
    assert world.tape.count("opened create a") == 2
    assert 10 <= world.clock.now - began < 20
    assert len(world.created) == 1
    world.check_settled(job())


def test_a_job_that_appears_only_after_it_was_sent_again_is_still_ours() -> None:
    world = World(MemoryPlatform(list_lag=20))
    world.platform.fail("create", LOST, when="after")

    result = world.apply(job())

    assert outcome_of(result) == {"a": "done"}
    assert len(world.created) == 1
    world.check_settled(job())


def test_after_so_many_lost_answers_the_create_is_left_to_the_next_run() -> None:
    world = World()
    for nth in range(1, MAX_LOST + 1):
        world.platform.fail("create", LOST, nth=nth)

    result = world.apply(job())

    assert outcome_of(result) == {"a": "failed"}
    assert "lost 5 times" in result.results[0].error
    assert world.mutations() == ["create a"] * MAX_LOST
    assert {intent.kind for intent in world.intents("a")} == {"create"}
    assert world.apply(job()).of(result.results[0].result) == ()
    world.check_settled(job())


def test_the_last_lost_answer_may_have_had_its_effect() -> None:
    world = World(MemoryPlatform(list_lag=200))
    for nth in range(1, MAX_LOST):
        world.platform.fail("create", LOST, nth=nth)
    world.platform.fail("create", LOST, nth=MAX_LOST, when="after")
    assert outcome_of(world.apply(job())) == {"a": "failed"}
    world.platform.add(job("unlike").spec)
    for _ in range(200):
        world.platform.listed()

    result = world.apply(job())

    assert (result.results, result.recovered) == ((), ("a",))
    assert len(world.created) == 1


@pytest.mark.parametrize(
    "theirs", [job(), other()], ids=["of equal configuration", "of other configuration"]
)
def test_a_name_that_is_refused_at_the_first_send_is_somebody_elses(theirs: DesiredJob) -> None:
    world = World()
    world.around["create"] = first(lambda: world.platform.add(theirs.spec))

    result = world.apply(job())

    assert outcome_of(result) == {"a": "failed"}
    assert "is not ours" in result.results[0].error
    assert world.state.records == {}
    assert world.intents("a") == ()
    assert world.mutations() == ["create a"]


def test_somebody_elses_job_that_is_not_yet_listed_is_waited_for() -> None:
    world = World()

    def taken() -> None:
        world.platform.list_lag = 4
        world.platform.create(job().spec)

    world.around["create"] = first(taken)

    result = world.apply(job())

    assert "is not ours" in result.results[0].error
    assert world.intents("a") == ()


def lost_and_then_by_somebody(world: World, theirs: DesiredJob) -> None:
    """Lose the first answer without effect; meanwhile somebody creates a job of that name."""
    world.platform.fail("create", LOST, when="before")
    world.around["find"] = first(lambda: world.platform.add(theirs.spec))


def test_after_a_lost_answer_an_equal_job_created_since_is_ours() -> None:
    world = World()
    lost_and_then_by_somebody(world, job())

    assert outcome_of(world.apply(job())) == {"a": "done"}
    assert world.mutations() == ["create a"]


def test_after_a_lost_answer_a_job_of_other_configuration_is_not() -> None:
    world = World()
    lost_and_then_by_somebody(world, other())

    result = world.apply(job())

    assert "is not ours" in result.results[0].error
    assert world.state.records == {}
    assert len(world.platform.jobs) == 1


def test_after_a_lost_answer_an_older_equal_job_is_not() -> None:
    world = World()
    hidden = world.platform.listed

    def theirs() -> None:
        world.platform.add(job().spec)
        world.platform.tick(60)

    theirs()
    world.platform.listed = lambda: ()  # type: ignore[method-assign]
    world.platform.fail("create", LOST, when="before")

    def show() -> None:
        world.platform.listed = hidden  # type: ignore[method-assign]

    world.around["find"] = first(show)

    result = world.apply(job())

    assert "is not ours" in result.results[0].error
    assert world.state.records == {}


def test_the_old_job_of_a_replacement_is_told_apart_by_its_id() -> None:
    world = World()
    world.apply(job())
    old = world.record("a").job_id
    listed = world.platform.listed
    row = listed()[0]
    world.platform.fail("create", LOST, when="before")

    def show_the_old_one() -> None:
        world.platform.listed = lambda: (row, *listed())  # type: ignore[method-assign]

    world.around["create"] = first(show_the_old_one)

    result = world.apply(other())

    assert outcome_of(result) == {"a": "done"}
    assert world.record("a").job_id not in (None, old)
    assert world.mutations() == ["delete a", "create a", "create a"]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (QuotaExceededError("The platform takes no more jobs"), "takes no more jobs"),
        (UnreachableError("No connection"), "No connection"),
        (ProviderError("Bad request"), "Bad request"),
    ],
)
def test_a_refused_create_closes_its_intent(refusal: ProviderError, error: str) -> None:
    world = World()
    world.platform.fail("create", refusal)

    result = world.apply(job())

    assert error in result.results[0].error
    assert "closed a" in world.tape
    assert world.intents("a") == ()


def test_a_refusal_after_a_lost_answer_leaves_the_intent_open() -> None:
    world = World()
    world.platform.fail("create", LOST)
    world.platform.fail("create", ProviderError("Bad request"), nth=2)

    assert outcome_of(world.apply(job())) == {"a": "failed"}

    assert {intent.kind for intent in world.intents("a")} == {"create"}
    world.apply(job())
    world.check_settled(job())


def stopping(world: World, nth: int) -> None:
    world.clock.on_pause = after(lambda: world.stop.set(), nth=nth)


def test_a_stop_before_the_outcome_is_known_leaves_the_intent_open() -> None:
    world = World()
    world.platform.fail("create", LOST)
    stopping(world, nth=3)

    result = world.apply(job())

    assert result.interrupted
    assert outcome_of(result) == {"a": "skipped"}
    assert "not known yet" in result.results[0].error
    assert [intent.kind for intent in world.intents("a")] == ["create"]
    world.apply(job())
    world.check_settled(job())


def test_a_stop_while_the_name_is_held_leaves_nothing_open() -> None:
    world = World()
    world.apply(job())
    world.platform.fail("create", TAKEN)
    world.platform.fail("create", TAKEN, nth=2)
    world.platform.delete_lag = 0
    stopping(world, nth=2)

    result = world.apply(other())

    assert outcome_of(result) == {"a": "skipped"}
    assert world.intents("a") == ()
    world.platform.faults.clear()
    world.platform.add(other().spec)
    with pytest.raises(Exception, match="not ours"):
        world.apply(other())


@pytest.mark.parametrize("method", ["find", "get"])
def test_a_look_up_that_fails_is_repeated(method: str) -> None:
    world = World()
    world.platform.fail("create", LOST, when="after")
    for nth in range(1, 4):
        world.platform.fail(method, ProviderError("Service unavailable"), nth=nth)

    assert outcome_of(world.apply(job())) == {"a": "done"}
    assert world.mutations() == ["create a"]


def test_while_details_cannot_be_read_nobody_is_said_to_own_the_job() -> None:
    world = World()
    world.platform.fail("create", LOST, when="after")
    failing = ProviderError("Service unavailable")
    world.platform.chaos = lambda method, _: (
        failing if method == "get" and world.clock.now < 1030 else None
    )

    assert outcome_of(world.apply(job())) == {"a": "done"}
    assert len(world.created) == 1


def test_a_job_that_goes_away_while_it_is_looked_at_is_nobodys() -> None:
    world = World()
    world.platform.fail("create", LOST, when="after")
    world.around["get"] = first(lambda: world.platform.remove("a"))

    assert outcome_of(world.apply(job())) == {"a": "done"}
    assert len(world.created) == 2
    world.check_settled(job())
