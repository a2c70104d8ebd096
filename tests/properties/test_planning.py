"""Properties of planning over random worlds: what must hold whatever the three views say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hypothesis import assume, event, given
from hypothesis import strategies as st

from reconciler.model.address import Address, kept_aside
from reconciler.model.job import (
    ActualJob,
    DesiredJob,
    JobRecord,
    Status,
)
from reconciler.model.plan import Action, ActionKind, Plan
from reconciler.model.platform import Listing
from reconciler.model.spec import JobSpec
from reconciler.planning.diff import definition_changes, drift_changes
from reconciler.planning.drift import find_drift
from reconciler.planning.guards import check_guards
from reconciler.planning.planner import Draft, make_draft
from reconciler.planning.preflight import check_outputs
from reconciler.planning.projection import mismatches
from reconciler.planning.rules import as_written
from reconciler.planning.world import World
from tests.build import NOW, a_plan, a_state
from tests.properties.worlds import (
    DESTROYING,
    EVERYTHING,
    PATIENT,
    SPECS,
    desired_jobs,
    filled_in,
    worlds,
)


def plan_of(world: World, made: Draft) -> Plan:
    return a_plan(
        *made.actions, summary=made.summary, drift=made.drift, diagnostics=made.diagnostics
    )


@PATIENT
@given(worlds())
def test_planning_never_fails_and_accounts_for_every_address(world: World) -> None:
    made = make_draft(world)

    plan = plan_of(world, made)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    chosen = {a for a in (*world.desired, *world.state.records) if a in world.selection}
    counted = made.summary.model_dump(exclude={"recovered", "drifted", "unmanaged"})
    assert sum(counted.values()) == len(chosen)
    assert {action.address for action in made.actions} <= chosen
    check_guards(made.actions, world.state)
    list(check_outputs(made.actions, world.desired))


@PATIENT
@given(worlds())
def test_only_the_recorded_job_or_the_one_in_its_place_is_destroyed(world: World) -> None:
    owners = {record.job_id: address for address, record in world.state.records.items()}
    for action in make_draft(world).actions:
        if action.kind not in DESTROYING:
            continue
        record = world.state.records[action.address]
        if action.job_id == record.job_id:
            continue
        took_its_place = world.listing.by_id(action.job_id)
        assert action.kind is ActionKind.REPLACE
        assert record.job_id is not None
        assert world.listing.by_id(record.job_id) is None
        assert action.job_id not in owners
        assert took_its_place is not None
        assert took_its_place.name == record.name == world.desired[action.address].spec.name


@PATIENT
@given(worlds())
def test_no_job_is_aimed_at_twice(world: World) -> None:
    aims = [
        action.job_id
        for action in make_draft(world).actions
        if action.kind in (*DESTROYING, ActionKind.ADOPT)
    ]

    assert len(aims) == len(set(aims))


@PATIENT
@given(worlds())
def test_a_protected_job_is_never_destroyed_unguarded(world: World) -> None:
    actions = make_draft(world).actions

    held = {each.address for each in check_guards(actions, world.state, EVERYTHING)}

    for action in actions:
        if action.kind in DESTROYING and world.state.records[action.address].protect:
            event("a protected job is held")
            assert action.address in held


@PATIENT
@given(worlds())
def test_an_action_expects_what_it_saw(world: World) -> None:
    for action in make_draft(world).actions:
        if action.expects.job_id is None:
            holder = world.listing.by_name(action.name)
            idle = action.kind in (ActionKind.FORGET, ActionKind.BLOCKED)
            assert idle or holder is None or action.depends_on
        else:
            seen = world.listing.by_id(action.expects.job_id)
            assert seen is not None
            assert action.expects.version_id == seen.version_id


@PATIENT
@given(desired_jobs(), st.data())
def test_a_world_that_is_as_wanted_needs_nothing(
    wanted: dict[Address, DesiredJob], data: st.DataObject
) -> None:
    records, jobs = {}, []
    ids = {address: str(number) for number, address in enumerate(wanted)}
    for number, (address, job) in enumerate(wanted.items()):
        status = data.draw(st.sampled_from(Status))
        exhausted = job.lifecycle.max_attempts
        records[str(address)] = JobRecord(
            job_id=str(number),
            name=job.spec.name,
            spec=job.spec,
            protect=job.lifecycle.protect,
            retain=job.lifecycle.retain,
            ttl_after_finished=job.lifecycle.ttl_after_finished,
            attempt=exhausted if status is Status.FAILED else 1,
            depends_on={each: ids[each] for each in job.depends_on if each in ids},
        )
        jobs.append(
            ActualJob(
                job_id=str(number),
                name=job.spec.name,
                status=status,
                description=job.spec.description or data.draw(st.sampled_from(["", "theirs"])),
                spec=data.draw(st.none() | st.just(filled_in(job.spec))),
            )
        )

    made = make_draft(World(wanted, a_state(records), Listing(tuple(jobs))))

    assert (made.actions, made.drift, made.diagnostics) == ((), (), ())
    assert made.summary.noop == len(wanted)


@dataclass
class Platform:
    """A tiny platform that carries plans out to the letter, and knows nothing of planning."""

    jobs: dict[str, ActualJob]
    records: dict[Address, JobRecord]
    created: int = field(default=0)

    def carry_out(self, actions: Iterable[Action]) -> None:
        """Deletions first, then all the rest."""
        actions = [action for action in actions if action.kind is not ActionKind.BLOCKED]
        for action in actions:
            if action.kind in DESTROYING and action.strategy != "new_version":
                assert action.job_id is not None
                del self.jobs[action.job_id]
        for action in actions:
            self._finish(action)

    def _finish(self, action: Action) -> None:
        if action.kind in (ActionKind.DELETE, ActionKind.FORGET):
            known = self.records.pop(action.address)
            if action.result is not None:
                assert action.reason == "expired"
                self.records[action.address] = known.model_copy(update={"expired": True})
            return
        assert action.result is not None
        if action.strategy == "new_version":
            self.records[action.address] = self._add_version(action, action.result)
            return
        if action.strategy == "keep":
            assert action.job_id in self.jobs
            aside = kept_aside(action.address, action.job_id or "")
            kept = ("protect", "retain", "ttl_after_finished")
            treated = {name: getattr(action.result, name) for name in kept}
            self.records[aside] = self.records[action.address].model_copy(update=treated)
        if action.kind in (ActionKind.CREATE, ActionKind.REPLACE):
            self.records[action.address] = self._create(action.result)
            return
        if any(change.path == "description" for change in action.changes):
            job = self.jobs[action.job_id or ""]
            text = action.result.spec.description
            self.jobs[job.job_id] = replace(job, description=text)
        self.records[action.address] = action.result

    def _add_version(self, action: Action, result: JobRecord) -> JobRecord:
        self.created += 1
        job = replace(
            self.jobs[action.job_id or ""],
            version_id=f"v{self.created}",
            status=Status.PENDING,
            description=result.spec.description,
            spec=filled_in(result.spec),
        )
        self.jobs[job.job_id] = job
        return result.model_copy(update={"job_id": job.job_id, "version_id": job.version_id})

    def _create(self, result: JobRecord) -> JobRecord:
        assert result.name not in {job.name for job in self.jobs.values()}
        self.created += 1
        job = ActualJob(
            job_id=f"new{self.created}",
            name=result.name,
            status=Status.PENDING,
            version_id=f"v{self.created}",
            description=result.spec.description,
            created_at=NOW,
            spec=filled_in(result.spec),
        )
        self.jobs[job.job_id] = job
        return result.model_copy(update={"job_id": job.job_id, "version_id": job.version_id})


@PATIENT
@given(worlds())
def test_after_a_plan_is_carried_out_there_is_nothing_to_plan(world: World) -> None:
    made = make_draft(world)
    assume(not any(action.kind is ActionKind.BLOCKED for action in made.actions))
    platform = Platform({job.job_id: job for job in world.listing}, dict(world.state.records))
    untouched = {job.job_id for job in made.unmanaged}

    platform.carry_out(made.actions)

    assert mismatches(made.actions, platform.records) == ()
    assert untouched <= set(platform.jobs)
    after = replace(
        world,
        state=world.state.model_copy(update={"records": platform.records}),
        listing=Listing(tuple(platform.jobs.values())),
    )
    again = make_draft(after)
    lifted = {a for a, record in world.state.records.items() if record.protect} - {
        a for a, job in world.desired.items() if job.lifecycle.protect
    }
    for action in again.actions:
        if action.reason == "expired":
            event("a finished job was adopted, or set aside, whose time is over")
            continue
        event("a protection was lifted first")
        assert action.reason.startswith(("retry", "drifted", "dependency_replaced", "waits"))
        assert action.address in lifted or action.waits
    ids = [record.job_id for record in platform.records.values() if record.job_id]
    assert len(ids) == len(set(ids))


OTHER_THAN_FAILED = st.sampled_from([status for status in Status if status is not Status.FAILED])


def _alone(desired: Mapping[Address, DesiredJob]) -> dict[Address, DesiredJob]:
    """Return the jobs without what may follow when another one has succeeded."""
    return {address: replace(job, depends_on=()) for address, job in desired.items()}


@PATIENT
@given(worlds(), st.data())
def test_how_the_runs_get_on_never_changes_the_digest(world: World, data: st.DataObject) -> None:
    def at(status: st.SearchStrategy[Status]) -> World:
        jobs = (
            replace(job, status=data.draw(status), duration_ms=data.draw(st.integers(0, 9)))
            for job in world.listing
        )
        return replace(world, listing=Listing(tuple(jobs)))

    world = replace(world, now=None, desired=_alone(world.desired))
    one, other = at(OTHER_THAN_FAILED), at(OTHER_THAN_FAILED)

    assert plan_of(one, make_draft(one)).digest == plan_of(other, make_draft(other)).digest


@PATIENT
@given(worlds(), st.data())
def test_the_order_of_the_inputs_never_shows(world: World, data: st.DataObject) -> None:
    desired = data.draw(st.permutations(list(world.desired.items())))
    records = data.draw(st.permutations(list(world.state.records.items())))
    other = replace(
        world,
        desired=dict(desired),
        state=world.state.model_copy(update={"records": dict(records)}),
        listing=Listing(tuple(data.draw(st.permutations(list(world.listing))))),
    )

    one, two = plan_of(world, make_draft(world)), plan_of(other, make_draft(other))

    assert one.model_dump_json() == two.model_dump_json()
    assert list(check_outputs(one.actions, world.desired)) == list(
        check_outputs(two.actions, other.desired)
    )


@PATIENT
@given(worlds())
def test_whatever_is_put_right_was_shown_as_drift(world: World) -> None:
    made = make_draft(world)
    drifted = {drift.address: drift.kind for drift in made.drift}
    finished = {
        address
        for address, record in world.state.records.items()
        if record.outcome and record.outcome.status is Status.SUCCEEDED
    }

    for action in made.actions:
        if action.reason == "drifted":
            assert drifted[action.address] in ("changed", "replaced")
        elif action.reason == "vanished" and action.address not in finished:
            assert drifted[action.address] == "vanished"


@PATIENT
@given(worlds())
def test_drift_needs_no_definition(world: World) -> None:
    listing, records = world.listing, world.state.records

    found = find_drift(sorted(records), records, listing, {})

    seen = [drift for drift in found if drift.address in world.selection]
    assert [(d.address, d.kind, d.changes) for d in seen] == [
        (d.address, d.kind, d.changes) for d in make_draft(world).drift
    ]


@PATIENT
@given(SPECS, SPECS)
def test_specs_differ_exactly_where_changes_are_shown(one: JobSpec, other: JobSpec) -> None:
    changes = definition_changes(one, other)

    assert (changes == ()) == (one == other) == (one.digest == other.digest)
    assert [(c.path, c.after, c.before) for c in changes] == [
        (c.path, c.before, c.after) for c in definition_changes(other, one)
    ]
    assert all(change.before != change.after for change in changes)


@PATIENT
@given(SPECS, SPECS)
def test_a_spec_fits_exactly_when_nothing_written_differs(wanted: JobSpec, actual: JobSpec) -> None:
    fits = as_written(wanted, actual) == wanted.canonical

    assert fits == (drift_changes(wanted, actual) == ())
    assert drift_changes(wanted, filled_in(wanted)) == ()
