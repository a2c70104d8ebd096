"""A plan takes no lock: what an apply of somebody else does meanwhile must not mislead it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.unit.engine.support import World, first, job, other


def test_a_job_that_is_created_meanwhile_is_nobody_elses() -> None:
    world = World()
    theirs = World(world.platform, world.store)
    world.around["list"] = first(lambda: theirs.apply(job("a"), job("b")))

    made = world.plan(job("a"), job("b")).plan

    assert (made.actions, made.errors) == ((), ())
    assert made.state.serial == world.state.serial


def test_a_job_that_is_replaced_meanwhile_has_not_drifted() -> None:
    world = World()
    world.apply(job("a"))
    theirs = World(world.platform, world.store)
    world.around["list"] = first(lambda: theirs.apply(other("a")))

    made = world.plan(other("a")).plan

    assert (made.actions, made.drift, made.errors) == ((), (), ())


def test_a_plan_ends_although_the_state_never_rests() -> None:
    world = World()
    theirs = World(world.platform, world.store)
    numbers = iter(range(1000))

    def change() -> None:
        theirs.apply(job("a", description=str(next(numbers))))

    world.around["list"] = lambda: first(change)()

    assert world.plan(job("a"), job("b")).plan.actions
    pauses = world.clock.pauses
    assert len(pauses) > 2
    assert pauses == sorted(set(pauses))


def test_a_state_that_never_rests_makes_no_job_a_strangers() -> None:
    world, names = World(), [f"job-{number}" for number in range(40)]
    theirs = World(world.platform, world.store)
    done: list[str] = []

    def create_one() -> None:
        done.append(names[len(done)])
        theirs.apply(*map(job, done))

    world.around["list"] = lambda: first(create_one)()

    made = world.plan(*map(job, names)).plan

    assert len(done) > 3
    assert made.errors == ()
    assert {action.address for action in made.actions} == {*names} - {*done}


def test_a_job_that_leaves_a_state_that_never_rests_is_no_strangers() -> None:
    world, names = World(), [f"job-{number}" for number in range(40)]
    theirs = World(world.platform, world.store)
    theirs.apply(*map(job, names))
    left = list(names)

    @contextmanager
    def delete_one() -> Iterator[None]:
        yield
        left.pop()
        theirs.apply(*map(job, left))

    world.around["list"] = delete_one

    made = world.plan(*map(job, [*names, "more"])).plan

    assert len(left) < 37
    assert (made.errors, made.summary.unmanaged) == ((), 0)
    assert {action.address for action in made.actions} == {*names, "more"} - {*left}
