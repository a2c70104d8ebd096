"""Policies in plan and apply: nothing is changed that they refuse, whichever way it is applied."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconciler.errors import DefinitionError, PlanStaleError, RefusedError
from reconciler.model.job import Lifecycle
from reconciler.model.plan import Plan
from reconciler.model.policy import (
    Expression,
    IgnoreDrift,
    Limit,
    Policies,
    Policy,
    PolicyScope,
    Prices,
)
from reconciler.planning.world import Selection
from tests.build import a_desired, a_diagnostic, a_location, a_spec
from tests.unit.engine.support import World, a_request, job, outcome_of

NOT_B = Policies(
    rules=(
        Policy(
            "not-b",
            Expression('action.address != "b"', a_location()),
            "no b",
            a_location(),
            PolicyScope.ACTION,
        ),
    )
)
NO_DELETES = Policies(limits=(Limit("deletes", Decimal(0), a_location(9, 3)),))


def codes(made: Plan) -> list[str]:
    return [f"{each.severity} {each.code}" for each in made.diagnostics]


def test_a_plan_shows_what_its_policies_refuse() -> None:
    made = World().plan(job("a"), job("b"), policies=NOT_B).plan

    assert codes(made) == ["error policy"]
    assert [each.address for each in made.policy_errors] == ["b"]
    assert [action.address for action in made.actions] == ["a", "b"]


def test_an_apply_that_a_policy_refuses_changes_nothing() -> None:
    world = World()

    with pytest.raises(RefusedError, match="policy") as refused:
        world.apply(request=a_request(job("a"), job("b"), policies=NOT_B))

    assert refused.value.exit_code == 5
    assert world.created == []
    assert outcome_of(world.apply(request=a_request(job("a"), policies=NOT_B))) == {"a": "done"}


def test_a_warning_refuses_nothing() -> None:
    world = World()
    warned = Policies(rules=(replace(NOT_B.rules[0], severity="warning"),))

    made = world.plan(job("b"), policies=warned).plan
    result = world.apply(request=a_request(job("b"), policies=warned))

    assert codes(made) == ["warning policy"]
    assert outcome_of(result) == {"b": "done"}


def without_errors(plan: Plan) -> Plan:
    return plan.model_copy(update={"diagnostics": ()})


def only_warned(plan: Plan) -> Plan:
    weaker = tuple(replace(each, severity="warning") for each in plan.diagnostics)
    return plan.model_copy(update={"diagnostics": weaker})


def as_a_guard(plan: Plan) -> Plan:
    other = tuple(replace(each, code="interrupt") for each in plan.diagnostics)
    return plan.model_copy(update={"diagnostics": other})


@pytest.mark.parametrize(
    ("edit", "error", "exit_code"),
    [
        pytest.param(lambda plan: plan, RefusedError, 5, id="as it is"),
        pytest.param(without_errors, PlanStaleError, 3, id="error removed"),
        pytest.param(only_warned, PlanStaleError, 3, id="error made a warning"),
        pytest.param(as_a_guard, PlanStaleError, 3, id="error made a guard's"),
    ],
)
@pytest.mark.parametrize("policies", [NOT_B, NO_DELETES], ids=["policy", "limit"])
def test_a_saved_plan_does_not_get_past_its_policies(
    policies: Policies, edit: Callable[[Plan], Plan], error: type[Exception], exit_code: int
) -> None:
    world = World()
    world.apply(job("old"))
    before = len(world.platform.mutating_calls())
    saved = world.plan(job("b"), policies=policies).plan
    assert codes(saved) in (["error policy"], ["error limit"])

    with pytest.raises(error) as refused:
        world.apply_saved(edit(saved))

    assert getattr(refused.value, "exit_code", None) == exit_code
    assert len(world.platform.mutating_calls()) == before


def test_a_reviewed_digest_is_no_way_around_either() -> None:
    world = World()
    reviewed = world.plan(job("b")).plan
    refused = world.plan(job("b"), policies=NOT_B).plan
    assert reviewed.digest != refused.digest

    with pytest.raises(RefusedError):
        world.apply(request=a_request(job("b"), policies=NOT_B), expect=reviewed.digest)
    with pytest.raises(PlanStaleError):
        world.apply_saved(without_errors(refused).sealed(), expect=refused.digest)

    assert world.created == []


def test_a_plan_that_also_has_other_errors_must_be_mended() -> None:
    world = World()
    saved = world.plan(job("b"), policies=NOT_B).plan
    both = saved.model_copy(update={"diagnostics": (*saved.diagnostics, a_diagnostic())}).sealed()

    with pytest.raises(DefinitionError, match="Unknown flavor"):
        world.apply_saved(both)


def test_destroy_is_judged_too_by_the_labels_that_are_defined() -> None:
    rule = Policy(
        "keep",
        Expression('action.labels.tier != "prod"', a_location()),
        "no",
        a_location(),
        guard=Expression('action.kind == "delete"', a_location()),
    )
    world = World()
    world.apply(job("a"))

    def destroying(tier: str) -> Any:
        labels = {"a": {"tier": tier}}
        policies = Policies(rules=(rule,))
        return a_request(destroying=True, policies=policies, labels=labels)

    with pytest.raises(RefusedError):
        world.apply(request=destroying("prod"))
    assert outcome_of(world.apply(request=destroying("dev"))) == {"a": "done"}


def test_what_is_not_selected_is_not_judged() -> None:
    no_jobs = Policies(
        rules=(
            Policy(
                "none",
                Expression('job.address != "b"', a_location()),
                "no",
                a_location(),
                PolicyScope.JOB,
            ),
        )
    )

    selected = World().plan(job("a"), job("b"), policies=no_jobs, selection=Selection(("a",)))

    assert codes(selected.plan) == []
    assert codes(World().plan(job("a"), job("b"), policies=no_jobs).plan) == ["error policy"]


def test_the_estimate_stands_in_the_plan() -> None:
    priced = Policies(prices=Prices({"modelarts.vm.cpu.8u": Decimal("0.5")}, "EUR"))
    long = a_desired(a_spec("long"), estimated_hours=Decimal(3))

    world = World()
    made = world.plan(long, policies=priced).plan
    assert made.estimate is not None
    assert made.estimate.model_dump(mode="json") == {
        "currency": "EUR",
        "cost": "1.5",
        "unknown": [],
    }
    assert world.plan(long).plan.estimate is None
    assert world.plan(long).plan.digest == made.digest, "a price changes nothing that is done"


def test_the_gpus_of_a_flavor_come_from_the_catalog() -> None:
    limit = Policies(limits=(Limit("gpu_hours", Decimal(0), a_location()),))

    assert codes(World().plan(job("a"), policies=limit).plan) == [], "a flavor without GPUs"


def test_known_drift_does_not_count_and_is_set_right() -> None:
    entry = IgnoreDrift("a", "as agreed", a_location(), until=date(2025, 1, 31))
    world = World()
    world.apply(job("a", lifecycle=Lifecycle(on_missing="recreate")))
    world.platform.remove("a")
    wanted = job("a", lifecycle=Lifecycle(on_missing="recreate"))

    on_time = world.plan(wanted, ignored_drift=(entry,), today=date(2025, 1, 31))
    too_late = world.plan(wanted, ignored_drift=(entry,), today=date(2025, 2, 1))

    assert [each.ignored_because for each in on_time.plan.known_drift] == ["as agreed"]
    assert (on_time.plan.drift, on_time.plan.summary.drifted) == ((), 0)
    assert [action.kind for action in on_time.plan.actions] == ["create"]
    assert on_time.plan.digest == too_late.plan.digest
    assert [each.kind for each in too_late.plan.drift] == ["vanished"]
    assert codes(too_late.plan) == ["warning known_drift"]


def test_an_entry_that_fits_nothing_is_noted_when_everything_was_looked_at() -> None:
    entry = IgnoreDrift("nobody", "r", a_location())
    world = World()

    whole = world.plan(job("a"), ignored_drift=(entry,)).report
    part = world.plan(job("a"), ignored_drift=(entry,), selection=Selection(("a",))).report

    assert len(whole.notes) == 1
    assert part.notes == ()


def test_without_policies_nothing_of_them_is_loaded() -> None:
    program = (
        "import sys\n"
        "from tests.unit.engine.support import World, job\n"
        "world = World(); world.apply(job('a')); world.plan(job('b'))\n"
        "loaded = {'cel_expr_python', 'reconciler.planning.policy'} & set(sys.modules)\n"
        "sys.exit(', '.join(loaded) or 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )

    assert (done.returncode, done.stderr) == (0, "")
