"""A stack moves to another version of the platform's API: what goes along, and what stands against.

The way of the state from one place to another is another matter: see test_migrating.
"""

from collections.abc import Callable

import pytest

from reconciler.engine.migration import migrate
from reconciler.engine.request import Request
from reconciler.errors import InterruptedRunError, PlanStaleError, RefusedError
from reconciler.model.address import Address
from reconciler.model.job import Status
from reconciler.model.migration import Fate, Migration
from reconciler.model.report import Report
from tests.build import a_spec
from tests.unit.engine.support import PLATFORM, World, a_request, first, job
from tests.unit.engine.tape import Died

NEXT = PLATFORM.model_copy(update={"api": "memory/next"})
JOBS = (job("ended"), job("failed"), job("gone"))


class Sides:
    """A stack on the platform that it leaves, and the one that it goes to."""

    def __init__(self) -> None:
        self.here, self.there = World(), World()
        self.there.store = self.here.store
        self.shown: list[tuple[Migration, Report]] = []

    def settled(self) -> "Sides":
        """Let each job come to an end: well, badly, and without a trace."""
        self.here.apply(*JOBS)
        self.here.platform.set_status("ended", Status.SUCCEEDED, 1000)
        self.here.platform.set_status("failed", Status.FAILED, 1000)
        self.here.platform.remove("gone")
        return self

    def migrate(
        self, *, approve: bool = True, meanwhile: Callable[[], object] = lambda: None
    ) -> Migration | None:
        def ask(migration: Migration, report: Report) -> bool:
            self.shown.append((migration, report))
            meanwhile()
            return approve

        request: Request = a_request(*JOBS, platform=NEXT)
        here, there = self.here.context(), self.there.context()
        return migrate(here, there, request, NEXT.identity, ask)


@pytest.fixture
def sides() -> Sides:
    return Sides().settled()


def test_records_of_runs_that_ended_well_go_along(sides: Sides) -> None:
    moved = sides.migrate()

    assert moved is not None
    fates = {str(each.address): each.fate for each in moved.records}
    assert fates == {"ended": Fate.KEPT, "failed": Fate.DROPPED, "gone": Fate.DROPPED}
    assert sides.here.state.records.keys() == {"ended"}
    assert sides.here.state.platform == NEXT.identity


def test_no_job_is_touched_on_either_side(sides: Sides) -> None:
    sides.here.tape.clear()

    sides.migrate()

    assert (sides.here.mutations(), sides.there.mutations()) == ([], [])


def test_what_is_asked_for_shows_the_plan_that_follows(sides: Sides) -> None:
    sides.migrate()

    ((migration, report),) = sides.shown
    assert migration.target == NEXT.identity
    assert {str(a.address): str(a.kind) for a in report.plan.actions} == {
        "failed": "create",
        "gone": "create",
    }


def test_what_is_not_approved_leaves_the_state_as_it_was(sides: Sides) -> None:
    before = sides.here.state

    assert sides.migrate(approve=False) is None
    assert sides.here.state == before


def test_a_state_that_changed_meanwhile_is_not_written_over(sides: Sides) -> None:
    def apply_there() -> None:
        sides.here.apply(job("ended"), job("failed"), job("gone"), job("more"))

    with pytest.raises(PlanStaleError, match="changed meanwhile"):
        sides.migrate(meanwhile=apply_there)

    assert "more" in sides.here.state.records
    assert sides.here.state.platform == PLATFORM.identity


def test_a_run_that_was_stopped_while_asking_writes_nothing(sides: Sides) -> None:
    before = sides.here.state

    with pytest.raises(InterruptedRunError):
        sides.migrate(meanwhile=lambda: sides.here.stop.set())

    assert sides.here.state == before


def test_a_job_under_way_stands_against_it() -> None:
    sides = Sides()
    sides.here.apply(job("ended"))

    with pytest.raises(RefusedError) as refused:
        sides.migrate()

    (problem,) = refused.value.diagnostics
    assert problem.summary == "Job is under way"
    assert sides.here.state.platform == PLATFORM.identity


def test_an_apply_that_was_cut_off_stands_against_it(sides: Sides) -> None:
    def die() -> None:
        raise Died

    sides.here.around["create"] = first(die)
    with pytest.raises(Died):
        sides.here.apply(job("ended"), job("failed"), job("gone"), job("cut"))

    with pytest.raises(RefusedError) as refused:
        sides.migrate()

    assert "An apply was cut off" in {each.summary for each in refused.value.diagnostics}
    assert Address("cut") in sides.here.state.intents


def test_a_taken_name_on_the_other_side_stands_against_it(sides: Sides) -> None:
    sides.there.platform.add(a_spec("ended"))

    with pytest.raises(RefusedError) as refused:
        sides.migrate()

    assert [each.summary for each in refused.value.diagnostics] == ["Name is taken"]


def test_there_must_have_been_an_apply() -> None:
    with pytest.raises(ValueError, match="never applied"):
        Sides().migrate()
