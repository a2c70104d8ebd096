"""The sections about plans: policies, limits, cost and drift."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconciler.diagnostics import Location
from reconciler.model.policy import Expression, IgnoreDrift, Limit, Policy, PolicyScope, Prices
from tests.unit.definition.conftest import told

HEAD = "version: 1\nstack: s\n"
EVERYTHING = """\
version: 1
stack: s
policies:
  team:
    scope: job
    assert: has(job.labels.team)
    severity: warning
    message: Name a team.
  long:
    when: 'action.kind == "create"'
    assert: |
      action.cost != null &&
        action.cost < 5
    message: "{address} costs ${much}"
limits: {creates: 50, replaces: 5, deletes: 0, gpu_hours: 200, cost: 99.50}
cost:
  currency: EUR
  prices: {cpu: 0.45, gpu: 4}
drift:
  ignore:
    - {address: "a*", kind: changed, path: parameters.*, reason: known, until: 2025-12-31}
    - address: b
      reason: gone for good
"""


def test_everything(loaded: Any) -> None:
    definition = loaded(EVERYTHING)
    policies = definition.policies

    assert policies.rules == (
        Policy(
            "team",
            Expression(
                "has(job.labels.team)",
                Location("jobs.yaml", 6, 13),
                (Location("jobs.yaml", 6, 13),),
            ),
            "Name a team.",
            Location("jobs.yaml", 4, 3),
            PolicyScope.JOB,
            severity="warning",
        ),
        Policy(
            "long",
            Expression(
                "action.cost != null &&\n  action.cost < 5\n",
                Location("jobs.yaml", 11, 13),
                (Location("jobs.yaml", 12, 7), Location("jobs.yaml", 13, 7)),
            ),
            "{address} costs ${much}",
            Location("jobs.yaml", 9, 3),
            guard=Expression(
                'action.kind == "create"',
                Location("jobs.yaml", 10, 11),
                (Location("jobs.yaml", 10, 12),),
            ),
        ),
    )
    assert [(each.name, each.most) for each in policies.limits] == [
        ("creates", 50),
        ("replaces", 5),
        ("deletes", 0),
        ("gpu_hours", 200),
        ("cost", Decimal("99.50")),
    ]
    assert policies.limits[0] == Limit("creates", Decimal(50), Location("jobs.yaml", 15, 10))
    assert policies.prices == Prices({"cpu": Decimal("0.45"), "gpu": Decimal(4)}, "EUR")
    assert definition.ignored_drift == (
        IgnoreDrift(
            "a*",
            "known",
            Location("jobs.yaml", 21, 7),
            "changed",
            "parameters.*",
            date(2025, 12, 31),
        ),
        IgnoreDrift("b", "gone for good", Location("jobs.yaml", 22, 7)),
    )


@pytest.mark.parametrize(
    ("written", "line", "column", "place"),
    [
        pytest.param("a == b", 1, 6, (4, 18), id="plain"),
        pytest.param('"a == b"', 1, 6, (4, 19), id="quoted"),
        pytest.param("|\n      a ||\n        b", 2, 3, (6, 9), id="a block keeps its lines"),
        pytest.param("|\n\n      a", 2, 1, (6, 7), id="a block with an empty line"),
        pytest.param(">\n      a\n      b", 1, 3, (4, 13), id="folded lines have no places"),
        pytest.param(r'"a == \"b\""', 1, 6, (4, 13), id="an escape hides the text"),
        pytest.param("a == b", 7, 1, (4, 13), id="beyond the end"),
        pytest.param("a == b", 0, 0, (4, 13), id="nowhere"),
    ],
)
def test_places_in_expressions(
    loaded: Any, written: str, line: int, column: int, place: tuple[int, int]
) -> None:
    if written[0] in "|>":
        text = f"{HEAD}policies:\n  x:\n    assert: {written}\n    message: m\n"
        place = (place[0] + 1, place[1])
    else:
        text = f"{HEAD}policies: {{x: {{message: m,\n    assert: {written}}}}}\n"
    (rule,) = loaded(text).policies.rules

    assert rule.condition.place(line, column) == Location("jobs.yaml", *place)


def test_nothing_is_demanded_by_default(loaded: Any) -> None:
    definition = loaded(HEAD + "policies:\nlimits: {}\ndrift: {ignore: []}\n")

    assert not definition.policies
    assert definition.ignored_drift == ()


def test_files_add_policies_and_ignored_drift(loaded: Any) -> None:
    other = (
        "policies: {b: {assert: 'true', message: m}}\n"
        "drift: {ignore: {address: b, reason: r}}\nlimits: {deletes: 1}\n"
    )
    definition = loaded(
        {
            "jobs.yaml": HEAD
            + "policies: {a: {assert: 'true', message: m}}\nlimits: {deletes: 1}\n"
            "drift: {ignore: [{address: a, reason: r}]}\n",
            "policies.yaml": other,
        }
    )

    assert [rule.name for rule in definition.policies.rules] == ["a", "b"]
    assert [each.address for each in definition.ignored_drift] == ["a", "b"]
    assert definition.ignored_drift[1].location == Location("policies.yaml", 2, 17)
    assert [each.most for each in definition.policies.limits] == [1]


def test_values_may_use_references_and_expressions_may_not(loaded: Any) -> None:
    definition = loaded(
        HEAD + "variables: {most: 7}\nlimits: {deletes: '${var.most}'}\n"
        "policies: {a: {assert: '\"${var.most}\" != \"\"', message: '${var.most}'}}\n"
        "drift: {ignore: {address: 'a-${var.most}', reason: r}}\n"
    )

    assert definition.policies.limits[0].most == 7
    assert definition.policies.rules[0].condition.text == '"${var.most}" != ""'
    assert definition.policies.rules[0].message == "${var.most}"
    assert definition.ignored_drift[0].address == "a-7"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("policies: {a: {assert: 'true'}}", ["3:15 Missing key"]),
        ("policies: {a: }", ["3:15 Missing key", "3:15 Missing key"]),
        ("policies: {a: {assert: x, message: m, severty: x}}", ["3:39 Unknown key"]),
        ("policies: {a: {assert: x, message: m, scope: all}}", ["3:46 Invalid value"]),
        ("policies: {a: {assert: x, message: m, severity: fatal}}", ["3:49 Invalid value"]),
        ("policies: {a: {assert: [x], message: m}}", ["3:24 Wrong type"]),
        ("policies: {-a: {assert: x, message: m}}", ["3:12 Invalid name"]),
        ("policies: [a]", ["3:11 Wrong type"]),
        ("limits: {delets: 5}", ["3:10 Unknown key"]),
        ("limits: {deletes: -1}", ["3:19 Invalid value"]),
        ("limits: {deletes: 1.5}", ["3:19 Wrong type"]),
        ("limits: {cost: much}", ["3:16 Wrong type"]),
        ("limits: {cost: -1}", ["3:16 Wrong type"]),
        ("limits: {cost: 1e3}", ["3:16 Wrong type"]),
        ("limits: 5", ["3:9 Wrong type"]),
        ("cost: {currency: EUR}", ["3:7 Missing key"]),
        ("cost: {currency: euro, prices: {}}", ["3:18 Invalid value"]),
        ("cost: {prices: {cpu: cheap}}", ["3:22 Wrong type"]),
        ("cost: {prices: [1]}", ["3:16 Wrong type"]),
        ("drift: {ignor: []}", ["3:9 Unknown key"]),
        ("drift: {ignore: [{address: a}]}", ["3:18 Missing key"]),
        ("drift: {ignore: [{address: a, reason: r, until: soon}]}", ["3:49 Invalid value"]),
        ("drift: {ignore: [{address: a, reason: r, until: 2025-02-30}]}", ["3:18 Invalid value"]),
        ("drift: {ignore: [{address: a, reason: r, kind: moved}]}", ["3:48 Invalid value"]),
        ("drift: {ignore: [{address: a, reason: ''}]}", ["3:39 Invalid value"]),
    ],
)
def test_what_is_wrong_is_told_at_its_place(refused: Any, text: str, problems: list[str]) -> None:
    assert [told(each) for each in refused(f"{HEAD}{text}\n")] == problems


@pytest.mark.parametrize(
    ("section", "other"),
    [
        ("limits: {deletes: 1}", "limits: {deletes: 2}"),
        ("cost: {prices: {}}", "cost: {prices: {a: 1}}"),
    ],
)
def test_files_that_disagree(refused: Any, section: str, other: str) -> None:
    (problem,) = refused({"a.yaml": f"{HEAD}{section}\n", "b.yaml": other})

    assert told(problem) == "1:1 Files disagree"


def test_the_estimate_of_a_job(job: Any, job_refused: Any) -> None:
    lines = "flavor: f\nimage: i\ncommand: c\nestimated_hours: "

    assert job(lines + "2.50").estimated_hours == Decimal("2.50")
    assert job("flavor: f\nimage: i\ncommand: c").estimated_hours is None
    assert job(lines + "2.50").spec == job(lines + "3").spec, "it is no part of what runs"
    assert job_refused(lines + "long") == ["4:22 Wrong type"]
