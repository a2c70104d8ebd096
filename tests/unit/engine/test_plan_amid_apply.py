"""A plan takes no lock: what an apply of somebody else does meanwhile must not mislead it."""

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
