"""Policies: the conditions that a definition demands of its jobs, actions and plans."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from reconciler.diagnostics import Diagnostic, Location, Severity
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from reconciler.model.plan import Action, Drift, Estimate, Summary
from reconciler.model.policy import Expression, Policies, Policy, PolicyScope
from reconciler.planning import expressions
from reconciler.planning.cost import check_limits, run_cost
from reconciler.planning.subjects import NAMES, action_row, job_row, pick, plan_row


@dataclass(frozen=True, slots=True)
class Case:
    """The plan that is judged, and what belongs to it.

    `jobs` are the desired jobs in question, `started` those that the actions create or replace,
    by address; `labels` are the definition's, `gpus` is how many each flavor of the catalog has.
    """

    jobs: Sequence[DesiredJob] = ()
    actions: Sequence[Action] = ()
    started: Mapping[Address, DesiredJob] = field(default_factory=dict)
    drift: Sequence[Drift] = ()
    summary: Summary = field(default_factory=Summary)
    estimate: Estimate | None = None
    labels: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)
    gpus: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A policy whose expressions are checked."""

    policy: Policy
    condition: expressions.Condition
    guard: expressions.Condition | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.condition.names, *(self.guard.names if self.guard else ()))

    def is_kept(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the values keep to the rule; raises `UndecidedError`."""
        if self.guard is not None and not self.guard.holds(values):
            return True
        return self.condition.holds(values)


@dataclass(frozen=True, slots=True)
class _Subject:
    """One job or action, or the whole plan: its row, and how messages speak of it."""

    row: Mapping[str, Any]
    words: str = "the plan"
    address: Address | None = None
    name: str = ""
    location: Location | None = None


def check_expressions(rules: Iterable[Policy]) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the expressions of the rules, each problem at its place.

    Raises `ReconcilerError` when there are rules, and the library that reads them is missing.
    """
    found: list[Diagnostic] = []
    for rule in rules:
        for expression in rule.expressions:
            try:
                _language(rule.scope).compile(expression.text)
            except expressions.ExpressionError as wrong:
                found += [_told(rule, expression, problem) for problem in wrong.problems]
    return tuple(found)


def check_jobs(policies: Policies, jobs: Iterable[DesiredJob]) -> tuple[Diagnostic, ...]:
    """Judge desired jobs by the rules of the scope `job`, offline."""
    rules = policies.of(PolicyScope.JOB)
    return tuple(_judge(rules, (_of_job(job) for job in jobs))) if rules else ()


def check_policies(policies: Policies, case: Case) -> tuple[Diagnostic, ...]:
    """Judge a plan by every rule and every limit of a definition that `check_expressions` passed.

    A pure function: the same values give the same answer. What cannot be evaluated counts as a
    violation of its rule.
    """
    actions, plans = policies.of(PolicyScope.ACTION), policies.of(PolicyScope.PLAN)
    rows = _action_rows(policies, case) if actions or plans else []
    by_action = map(_of_action, case.actions, rows)
    return (
        *check_jobs(policies, case.jobs),
        *(_judge(actions, by_action) if actions else ()),
        *(_judge(plans, [_of_plan(case, rows)]) if plans else ()),
        *check_limits(
            policies.limits, case.actions, tuple(case.started.values()), policies.prices, case.gpus
        ),
    )


@cache
def _language(scope: PolicyScope) -> expressions.Language:
    return expressions.Language(NAMES[scope])


def _judge(rules: Sequence[Policy], subjects: Iterable[_Subject]) -> Iterator[Diagnostic]:
    """Yield every violation, subject by subject and rule by rule."""
    compiled = [_compiled(rule) for rule in rules]
    scope, names = rules[0].scope, {name for rule in compiled for name in rule.names}
    for subject in subjects:
        values = pick(scope, subject.row, names)
        for rule in compiled:
            try:
                if not rule.is_kept(values):
                    yield _violated(rule.policy, subject)
            except expressions.UndecidedError as why:
                yield _undecided(rule.policy, subject, str(why))


def _compiled(rule: Policy) -> _Rule:
    language = _language(rule.scope)
    guard = language.compile(rule.guard.text) if rule.guard else None
    return _Rule(rule, language.compile(rule.condition.text), guard)


def _action_rows(policies: Policies, case: Case) -> list[dict[str, Any]]:
    rows = []
    for action in case.actions:
        job = case.started.get(action.address)
        cost = run_cost(job, policies.prices) if job else Decimal(0)
        rows.append(action_row(action, case.labels.get(action.address, {}), cost))
    return rows


def _of_job(job: DesiredJob) -> _Subject:
    words = f'job "{job.address}"'
    return _Subject(job_row(job), words, job.address, job.spec.name, job.location)


def _of_action(action: Action, row: Mapping[str, Any]) -> _Subject:
    words = f'{action.kind} of job "{action.address}"'
    return _Subject(row, words, action.address, action.name, action.location)


def _of_plan(case: Case, rows: Iterable[Mapping[str, Any]]) -> _Subject:
    jobs = (job_row(job) for job in case.jobs)
    return _Subject(plan_row(rows, jobs, case.drift, case.summary, case.estimate))


def _violated(rule: Policy, subject: _Subject) -> Diagnostic:
    message = rule.message.replace("{address}", subject.address or "{address}")
    message = message.replace("{name}", subject.name or "{name}")
    return _diagnostic(rule, subject, "Policy violated", message)


def _undecided(rule: Policy, subject: _Subject, why: str) -> Diagnostic:
    return _diagnostic(rule, subject, "Policy cannot be checked", f"{why}.")


def _diagnostic(rule: Policy, subject: _Subject, summary: str, said: str) -> Diagnostic:
    return Diagnostic(
        rule.severity,
        summary,
        f'Policy "{rule.name}", {subject.words}: {said}',
        f"The policy stands at {rule.location}.",
        address=subject.address,
        location=subject.location or rule.location,
        code="policy",
    )


def _told(rule: Policy, expression: Expression, problem: expressions.Problem) -> Diagnostic:
    return Diagnostic(
        Severity.ERROR,
        problem.summary,
        f'Policy "{rule.name}": {problem.detail}',
        problem.hint,
        location=expression.place(problem.line, problem.column),
        code="expression",
    )
