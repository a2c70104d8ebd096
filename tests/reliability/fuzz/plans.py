"""Saved plans: what one that was spoiled may make apply do, held against the one reviewed."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model.job import Lifecycle, Status
from reconciler.model.plan import ActionKind, Plan
from reconciler.model.report import Report
from reconciler.render import outcome, structured, terminal
from tests.build import LINEAGE, NOW
from tests.reliability.fuzz import shown
from tests.unit.engine.support import World, job, other

OLD = (job("replaced"), job("updated"), job("deleted"), job("kept", Lifecycle(protect=True)))
NEW = (
    job("created"),
    other("replaced"),
    job("updated", description="ours"),
    job("adopted", description="ours"),
    job("kept", Lifecycle(protect=True)),
)
STRANGER = "stranger"


def a_world() -> World:
    """Return the world that the plan was made for: one job for every kind of action."""
    world = World()
    world.apply(*OLD, job("forgotten"))
    world.platform.remove("forgotten")
    world.platform.add(job("adopted").spec)
    world.platform.add(job(STRANGER).spec, Status.RUNNING)
    for name in ("replaced", "updated", "deleted"):
        world.platform.set_status(name, Status.SUCCEEDED, 1000)
    return world


def a_plan(world: World) -> Plan:
    return world.plan(*NEW, adopt=True).plan


@dataclass(frozen=True)
class Effects:
    """What a run did: its calls, and what it left in the state and on the platform."""

    calls: tuple[str, ...]
    records: Any
    jobs: Any


def effects(world: World, before: int) -> Effects:
    """Return what happened in a world since a number of changing calls."""
    calls = [f"{each.method} {each.args}" for each in world.platform.mutating_calls()[before:]]
    records = {a: r.model_dump(mode="json") for a, r in world.state.records.items()}
    jobs = {each.job_id: (each.name, each.description) for each in world.platform.jobs}
    return Effects(tuple(sorted(calls)), records, jobs)


def carry_out(saved: Plan) -> Effects:
    """Apply a plan in a fresh world."""
    world = a_world()
    before = len(world.platform.mutating_calls())
    saved = _here(saved, world)
    try:
        result = world.apply_saved(saved)
    except ReconcilerError:
        assert len(world.platform.mutating_calls()) == before, "refused, and yet it changed things"
        raise
    shown.check(outcome.render_apply(result))
    shown.check(structured.apply_json(result))
    for event in world.events:
        shown.check(structured.event_line(event))
    check_bounds(saved, world, before)
    return effects(world, before)


def check_bounds(saved: Plan, world: World, before: int) -> None:
    """Hold a run to what no plan may do: I2 and I6, and leave strangers alone."""
    left = {each.name for each in world.platform.jobs}
    assert "kept" in left, "a protected job was deleted"
    assert STRANGER in left, "somebody else's job was deleted"
    listed = {a.job_id for a in saved.actions if a.kind in (ActionKind.DELETE, ActionKind.REPLACE)}
    calls = world.platform.mutating_calls()[before:]
    deleted = {call.args[0] for call in calls if call.method == "delete"}
    assert deleted <= listed, "deleted what the plan does not list"


@cache
def reviewed() -> Effects:
    return carry_out(structured.plan_from_json(REVIEWED))


def check(saved: Plan) -> None:
    """Show a plan and carry it out: what its digest does not cover must make no difference."""
    for verbose in (0, 2):
        shown.check(terminal.render_plan(Report(saved, "show"), verbose=verbose))
    shown.check(structured.plan_json(saved))
    honest = saved.digest == DIGEST
    try:
        done = carry_out(saved)
    except ReconcilerError as error:
        shown.check_error(error)
        return
    assert not honest or done == reviewed(), "the digest does not cover what made a difference"


def _here(saved: Plan, world: World) -> Plan:
    """Return the plan as made from this world's state, if it was made from the first one's."""
    if saved.state.lineage != LINEAGE:
        return saved
    state = saved.state.model_copy(update={"lineage": world.state.lineage})
    return saved.model_copy(update={"state": state})


def _first() -> tuple[bytes, str]:
    """Return the reviewed plan, the same in every process, and its digest."""
    plan = a_plan(a_world())
    state = plan.state.model_copy(update={"lineage": LINEAGE})
    fixed = plan.model_copy(update={"state": state, "created_at": NOW})
    return structured.plan_json(fixed).encode(), plan.digest


REVIEWED, DIGEST = _first()
