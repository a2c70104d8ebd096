"""Policies: what jobs, actions and plans are judged by, and how a violation is told."""

from typing import Any

import pytest

from reconciler.diagnostics import Location, Severity
from reconciler.model.address import Address
from reconciler.model.job import Lifecycle
from reconciler.model.plan import Estimate, Summary
from reconciler.model.policy import Expression, Policies, Policy, PolicyScope
from reconciler.model.spec import JobSpec, Secret
from reconciler.planning.cost import plain
from reconciler.planning.policy import Case, check_expressions, check_jobs, check_policies
from reconciler.planning.subjects import NAMES, spec_row
from tests.build import (
    a_change,
    a_desired,
    a_drift,
    a_location,
    a_spec,
    a_summary,
    an_action,
)

HERE = Location("policies.yaml", 7, 3)


def a_policy(condition: str, scope: str = "action", **overrides: Any) -> Policy:
    """Return a policy; overrides are fields of Policy, `when` is the text of its guard."""
    guard = overrides.pop("when", None)
    fields: dict[str, Any] = {
        "name": "rule",
        "message": "no",
        "location": HERE,
        "guard": Expression(guard, HERE) if guard else None,
    }
    return Policy(
        condition=Expression(condition, HERE), scope=PolicyScope(scope), **(fields | overrides)
    )


def judged(policy: Policy, **case: Any) -> list[str]:
    """Return `summary address` of each violation."""
    found = check_policies(Policies((policy,)), Case(**case))
    return [f"{each.summary} {each.address or '-'}" for each in found]


FULL = a_desired(
    a_spec(
        "full",
        pool_id="pool",
        environment={"A": "b"},
        auto_stop_hours=4,
        priority=2,
        workers=3,
    ),
    lifecycle=Lifecycle(protect=True, max_attempts=5),
    labels={"team": "vision"},
)
BARE = a_desired(JobSpec(name="bare", image="swr/x:1", command="run"), address="bare")


@pytest.mark.parametrize(
    ("job", "condition", "is_kept"),
    [
        (FULL, 'job.address == "full" && job.name == "full"', True),
        (FULL, 'job.flavor == "modelarts.vm.cpu.8u" && job.pool_id == "pool"', True),
        (FULL, "job.workers <= 2", False),
        (FULL, 'job.engine.name == "TensorFlow" && job.engine.id == ""', True),
        (FULL, 'job.parameters.lr == "0.1" && job.environment.A == "b"', True),
        (FULL, 'job.inputs.all(each, each.path.startsWith("/bucket/"))', True),
        (FULL, 'job.outputs[0].path == "/bucket/output/full/"', True),
        (FULL, "job.auto_stop_hours <= 3", False),
        (FULL, "job.lifecycle.protect && job.lifecycle.max_attempts == 5", True),
        (FULL, 'job.labels.team == "vision"', True),
        (FULL, "job.estimated_hours == null", True),
        (BARE, "job.workers == 1 && job.priority == 0 && job.auto_stop_hours == 0", True),
        (BARE, 'job.flavor == "" && job.engine.version == "" && job.code_dir == ""', True),
        (BARE, "job.volumes.size() + job.inputs.size() + job.parameters.size() == 0", True),
        (BARE, 'job.notification.topic_urn == "" && size(job.notification.events) == 0', True),
        (BARE, "has(job.labels.team)", False),
        (BARE, "job.lifecycle.on_failure == 'keep'", True),
    ],
)
def test_jobs(job: Any, condition: str, is_kept: bool) -> None:
    violations = judged(a_policy(condition, "job"), jobs=[job])

    assert violations == ([] if is_kept else [f"Policy violated {job.address}"])


REPLACING = an_action(
    "replace",
    "bert",
    changes=(a_change(), a_change("description", "a", "b", forces_replace=False)),
    interrupts=True,
    running_ms=90_000,
    depends_on=(Address("data"),),
)


@pytest.mark.parametrize(
    ("action", "condition", "is_kept"),
    [
        (an_action("create", "a"), 'action.kind == "create" && action.reason == "new"', True),
        (an_action("create", "a"), 'action.after.workers == 1 && action.before.name == ""', True),
        (an_action("delete", "a"), 'action.kind != "delete"', False),
        (an_action("delete", "a"), 'action.after.workers == 0 && action.before.name == "a"', True),
        (an_action("delete", "a"), 'action.job_id == "10" && action.version_id == "20"', True),
        (an_action("delete", "a"), "action.cost == 0.0", True),
        (REPLACING, 'action.changes.exists(c, c.path == "parameters.lr")', True),
        (REPLACING, "action.changes.all(c, c.forces_replace)", False),
        (REPLACING, "action.interrupts && action.running_ms < 60000", False),
        (REPLACING, 'action.depends_on == ["data"]', True),
        (REPLACING, 'action.labels.team == "nlp"', True),
    ],
)
def test_actions(action: Any, condition: str, is_kept: bool) -> None:
    violations = judged(
        a_policy(condition), actions=[action], labels={Address("bert"): {"team": "nlp"}}
    )

    assert violations == ([] if is_kept else [f"Policy violated {action.address}"])


@pytest.mark.parametrize(
    ("condition", "is_kept"),
    [
        ("plan.summary.create <= 1 && plan.summary.noop == 9", True),
        ("plan.summary.delete == 0", False),
        ("size(plan.actions) == 2 && size(plan.jobs) == 2", True),
        ('plan.actions.all(a, a.kind != "delete" || a.before.workers < 1)', False),
        ('plan.actions.exists(a, a.after.flavor == "modelarts.vm.cpu.8u")', True),
        ("plan.jobs.exists_one(job, has(job.labels.team) && job.lifecycle.protect)", True),
        ('plan.jobs.all(job, job.engine.name != "")', False),
        ('plan.drift.all(d, d.kind == "changed" && d.changes[0].path == "parameters.lr")', True),
        ("plan.cost <= 20", True),
        ("plan.cost <= 10", False),
    ],
)
def test_plans(condition: str, is_kept: bool) -> None:
    actions = [an_action("create", "full"), an_action("delete", "old")]

    violations = judged(
        a_policy(condition, "plan"),
        jobs=[FULL, BARE],
        actions=actions,
        drift=[a_drift()],
        summary=a_summary(actions, noop=9),
        estimate=Estimate(currency="EUR", cost="12.50"),
    )

    assert violations == ([] if is_kept else ["Policy violated -"])


def test_a_guard_says_where_a_policy_asks_for_something() -> None:
    policy = a_policy("action.after.workers > 1", when='action.kind == "create"')

    assert judged(policy, actions=[an_action("create", "a"), an_action("delete", "b")]) == [
        "Policy violated a"
    ]


@pytest.mark.parametrize(
    ("policy", "case"),
    [
        pytest.param(a_policy('job.labels.team == "x"', "job"), {"jobs": [BARE]}, id="job"),
        pytest.param(
            a_policy("true", when='action.labels.team == "x"'),
            {"actions": [an_action("create", "bare")]},
            id="the guard of an action",
        ),
        pytest.param(
            a_policy("action.cost < 5"),
            {"actions": [an_action("create", "bare")], "started": {Address("bare"): BARE}},
            id="a cost that nobody can tell",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_a_violation(policy: Policy, case: dict[str, Any]) -> None:
    assert judged(policy, **case) == ["Policy cannot be checked bare"]


def test_a_cost_that_nobody_can_tell_completely_is_none() -> None:
    partly = Estimate(cost="1", unknown=(Address("a"),))

    assert judged(a_policy("plan.cost < 5", "plan"), estimate=partly) == [
        "Policy cannot be checked -"
    ]


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize(
    ("policy", "case", "detail", "location"),
    [
        pytest.param(
            a_policy("false", "job", message="{name} is bad"),
            {"jobs": [FULL]},
            'Policy "rule", job "full": full is bad',
            a_location(),
            id="a job, where it is defined",
        ),
        pytest.param(
            a_policy("false", message="not {address}"),
            {"actions": [an_action("create", "a")]},
            'Policy "rule", create of job "a": not a',
            a_location(),
            id="an action, where its job is defined",
        ),
        pytest.param(
            a_policy("false"),
            {"actions": [an_action("delete", "a")]},
            'Policy "rule", delete of job "a": no',
            HERE,
            id="an action whose job is gone, at the policy",
        ),
        pytest.param(
            a_policy("false", "plan", message="{address}?"),
            {},
            'Policy "rule", the plan: {address}?',
            HERE,
            id="the plan, at the policy",
        ),
    ],
)
def test_a_violation_says_which_what_where(
    policy: Policy, case: dict[str, Any], detail: str, location: Location, severity: Severity
) -> None:
    rule = Policy(
        policy.name,
        policy.condition,
        policy.message,
        policy.location,
        policy.scope,
        severity=severity,
    )

    (found,) = check_policies(Policies((rule,)), Case(**case))

    assert (found.severity, found.detail, found.location) == (severity, detail, location)
    assert (found.code, found.hint) == ("policy", f"The policy stands at {HERE}.")


def test_every_subject_is_judged_by_every_rule_in_order() -> None:
    rules = (
        a_policy("plan.summary.noop > 0", "plan", name="p"),
        a_policy("job.workers > 8", "job", name="j1"),
        a_policy("job.workers > 9", "job", name="j2"),
        a_policy('action.kind == "update"', name="a"),
    )
    case = Case(jobs=[FULL, BARE], actions=[an_action("create", "x"), an_action("delete", "y")])

    found = check_policies(Policies(rules), case)

    assert [each.detail.split(":")[0] for each in found] == [
        'Policy "j1", job "full"',
        'Policy "j2", job "full"',
        'Policy "j1", job "bare"',
        'Policy "j2", job "bare"',
        'Policy "a", create of job "x"',
        'Policy "a", delete of job "y"',
        'Policy "p", the plan',
    ]
    assert found == check_policies(Policies(rules), case)


def test_offline_only_jobs_are_judged() -> None:
    rules = (a_policy("false"), a_policy("false", "plan"), a_policy("job.workers < 2", "job"))

    assert [each.address for each in check_jobs(Policies(rules), [FULL, BARE])] == ["full"]


def test_wrong_expressions_are_told_at_their_places() -> None:
    lines = (Location("jobs.yaml", 12, 9), Location("jobs.yaml", 13, 11))
    rule = Policy(
        "rule",
        Expression("action.kind == 1 ||\naction.knd", Location("jobs.yaml", 11, 13), lines),
        "no",
        HERE,
        guard=Expression("job.name", Location("jobs.yaml", 10, 13)),
    )

    found = check_expressions([rule])

    assert [f"{each.location} {each.summary}" for each in found] == [
        "jobs.yaml:10:13 Unknown name",
        "jobs.yaml:12:21 Wrong type",
        "jobs.yaml:13:11 Unknown name",
    ]
    assert all(each.severity is Severity.ERROR for each in found)
    assert found[0].detail.startswith('Policy "rule": ')


@pytest.mark.parametrize("scope", list(PolicyScope))
def test_every_name_has_a_value_whatever_was_written(scope: PolicyScope) -> None:
    whole = " && ".join(f"type({name}) != type" for name in NAMES[scope])
    rules = [a_policy(part, scope) for part in whole.split(" && ")]
    bare = {"jobs": [BARE], "actions": [an_action("delete", "bare")]}

    assert check_expressions(rules) == ()
    assert check_policies(Policies(tuple(rules)), Case(**bare)) == ()


def test_every_field_of_a_job_has_a_name() -> None:
    assert spec_row({}).keys() == JobSpec.model_fields.keys()
    names = {name.split(".")[1] for name in NAMES[PolicyScope.JOB]}
    assert names >= JobSpec.model_fields.keys() | {"address", "labels", "lifecycle"}
    lifecycle = {name.removeprefix("job.lifecycle.") for name in NAMES[PolicyScope.JOB]}
    assert lifecycle >= Lifecycle.model_fields.keys()
    assert {f"plan.summary.{name}" for name in Summary.model_fields} <= NAMES[
        PolicyScope.PLAN
    ].keys()


def test_numbers_are_shown_plainly() -> None:
    from decimal import Decimal

    shown = [plain(Decimal(text)) for text in ("12.50", "200", "0.0", "1E+3", "0.125")]
    assert shown == ["12.5", "200", "0", "1000", "0.125"]


@pytest.mark.parametrize(
    ("token", "is_kept"),
    [(Secret(secret="WANDB"), True), (Secret(secret="OTHER"), False), ("in the open", False)],
    ids=["that secret", "another secret", "no secret"],
)
def test_a_rule_sees_that_a_value_is_secret_and_which(token: str | Secret, is_kept: bool) -> None:
    job = a_desired(a_spec("a", parameters={"token": token}))
    rule = a_policy('job.parameters.token.secret == "WANDB"', scope="job")

    assert (judged(rule, jobs=[job]) == []) is is_kept
