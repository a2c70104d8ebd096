"""`moved` and `removed` blocks: records get other addresses or go; no job is touched."""

from dataclasses import replace

import pytest

from reconciler.engine.records import Records
from reconciler.errors import DefinitionError
from reconciler.model.address import Address
from reconciler.model.definition import Move, Removal
from reconciler.planning.world import Selection
from tests.unit.engine.pipelines import finish, step, verbs
from tests.unit.engine.support import World, a_request, job, renamed
from tests.unit.engine.tape import Died, Reaper


def move(source: str, target: str) -> Move:
    return Move(Address(source), Address(target))


def moved_pairs(world: World, *jobs: object, **overrides: object) -> list[tuple[str, str]]:
    plan = world.plan(*jobs, **overrides).plan  # type: ignore[arg-type]
    return [(each.source, each.target) for each in plan.moved]


NOW_B = replace(job("a"), address=Address("b"))


def test_a_moved_record_keeps_its_job() -> None:
    world = World()
    world.apply(job("a"))
    before = world.record("a")
    request = a_request(NOW_B, moved=(move("a", "b"),))

    plan = world.plan(NOW_B, moved=(move("a", "b"),)).plan
    result = world.apply(request=request)

    assert (plan.actions, plan.is_empty) == ((), False)
    assert [(each.source, each.target) for each in result.moved] == [("a", "b")]
    assert world.mutations() == []
    assert world.state.records == {"b": before}
    assert world.plan(NOW_B, moved=(move("a", "b"),)).plan.is_empty


def test_a_move_that_is_done_or_never_was_is_nothing() -> None:
    assert moved_pairs(World(), job("a"), moved=(move("x", "a"),)) == []


def test_moves_go_on_from_one_another() -> None:
    world = World()
    world.apply(job("a"))
    moves = (move("a", "b"), move("b", "c"))
    wanted = replace(job("a"), address=Address("c"))

    world.apply(request=a_request(wanted, moved=moves))

    assert set(world.state.records) == {"c"}
    assert world.mutations() == []


def test_a_move_to_a_recorded_address_is_refused() -> None:
    world = World()
    world.apply(job("a"), job("b"))

    with pytest.raises(DefinitionError, match="errors"):
        world.apply(request=a_request(job("b"), moved=(move("a", "b"),)))


def test_a_move_is_part_of_the_digest() -> None:
    world = World()
    world.apply(job("a"), job("b"))
    jobs = (renamed(job("c"), "a"), job("b"))
    plain = world.plan(*jobs).plan
    moving = world.plan(*jobs, moved=(move("a", "c"),)).plan
    assert plain.digest != moving.digest


def test_a_saved_plan_moves_and_does_the_rest() -> None:
    world = World()
    world.apply(job("a"))
    wanted = replace(job("a", parameters={"lr": "0.2"}), address=Address("b"))
    saved = world.plan(wanted, moved=(move("a", "b"),)).plan
    assert verbs(saved) == {"b": "replace definition_changed"}

    world.apply_saved(saved)

    assert world.mutations() == ["delete a", "create a"]
    assert set(world.state.records) == {"b"}


@pytest.mark.parametrize("nth", range(1, 8))
def test_a_death_amid_a_move_is_made_up_for(nth: int) -> None:
    world = World()
    world.apply(job("a"))
    wanted = replace(job("a", parameters={"lr": "0.2"}), address=Address("b"))
    request = a_request(wanted, moved=(move("a", "b"),))
    try:
        world.apply(request=request, reaper=Reaper(nth, "after"))
    except Died:
        world.apply(request=request)
    assert set(world.state.records) == {"b"}
    assert len(world.platform.jobs) == 1


def test_dependents_follow_a_move_of_their_dependency() -> None:
    world = World()
    finish(world, (step("a"), step("b", "a")))
    wanted = (replace(step("a"), address=Address("z")), step("b", "z"))

    world.apply(request=a_request(*wanted, moved=(move("a", "z"),)))

    assert world.mutations() == []
    assert set(world.record("b").depends_on) == {"z"}
    assert world.plan(*wanted).plan.actions == ()


def test_jobs_that_were_superseded_move_along() -> None:
    world = World()
    first, second = (step("a", lr=lr, on_change="keep") for lr in ("0.1", "0.2"))
    finish(world, (first,))
    old = world.record("a").job_id
    world.apply(second)
    wanted = replace(second, address=Address("b"))

    assert moved_pairs(world, wanted, moved=(move("a", "b"),)) == [
        ("a", "b"),
        (f"a@{old}", f"b@{old}"),
    ]
    Records(world.store, "state mv").move(Address("a"), Address("b"))
    assert set(world.state.records) == {"b", f"b@{old}"}
    assert world.plan(wanted).plan.actions == ()


def test_a_move_outside_of_the_targets_waits() -> None:
    world = World()
    world.apply(job("a"), job("c"))
    left = moved_pairs(world, NOW_B, job("c"), moved=(move("a", "b"),), selection=Selection(("c",)))
    assert left == []


@pytest.mark.parametrize(
    ("removal", "kinds"),
    [
        pytest.param(Removal(Address("a")), {"a": "forget retained"}, id="kept"),
        pytest.param(Removal(Address("a"), keep=False), {"a": "delete removed"}, id="not kept"),
        pytest.param(Removal(Address("x")), {"a": "delete removed"}, id="another one"),
    ],
)
def test_a_removed_block_says_what_becomes_of_the_job(
    removal: Removal, kinds: dict[str, str]
) -> None:
    world = World()
    world.apply(job("a"))
    assert verbs(world.plan(removed=(removal,)).plan) == kinds


def test_a_removed_block_lets_go_of_a_protected_job() -> None:
    world = World()
    protected = step("a", protect=True)
    world.apply(protected)

    world.apply(request=a_request(removed=(Removal(Address("a")),)))

    assert (world.mutations(), world.state.records) == ([], {})
    assert len(world.platform.jobs) == 1
    assert world.plan(removed=(Removal(Address("a")),)).plan.is_empty
