"""What a plan costs, and drift that is known: shown in brief, in full with -v."""

import json
from datetime import date
from typing import Any

import pytest

from reconciler.model.plan import Estimate, KnownDrift
from reconciler.model.report import Report
from reconciler.render.structured import drift_json, plan_from_json, plan_json
from reconciler.render.terminal import render_drift, render_plan
from tests.build import a_change, a_drift, a_plan, a_report, an_action

REASON = "the platform team renames things"


def a_known_drift(address: str = "bert", **overrides: Any) -> KnownDrift:
    """Return drift that is ignored; overrides are fields of KnownDrift."""
    fields = a_drift(address, changes=(a_change("description", "a", "b"),)).model_dump()
    return KnownDrift(**(fields | {"ignored_because": REASON} | overrides))


def a_report_of(*known: KnownDrift, **overrides: Any) -> Report:
    return a_report(a_plan(an_action(), known_drift=known, **overrides))


@pytest.mark.parametrize("render", [render_drift, render_plan], ids=["drift", "plan"])
def test_known_drift_is_counted_and_listed_on_request(render: Any) -> None:
    report = a_report_of(a_known_drift(until=date(2025, 12, 31)), a_known_drift("gpt"))

    brief, full = render(report), render(report, verbose=1)

    assert "Known drift ignored: 2 entries (-v lists it)." in brief
    assert REASON not in brief
    assert "Known drift ignored: 2 entries.\n" in full
    assert f"      ignored: {REASON} (until 2025-12-31)\n" in full
    assert "~   bert  changed on the platform\n      description  a → b\n" in full


def test_known_drift_is_no_drift() -> None:
    shown = render_drift(a_report_of(a_known_drift()))

    assert "No drift: every recorded job is as it was left.\n" in shown
    assert "Next:" not in shown


def test_notes_are_for_those_who_want_to_know_more() -> None:
    report = a_report(notes=("jobs.yaml:3:5: nothing drifted\x1b[2J.",))

    assert "note: " not in render_drift(report)
    assert "note: jobs.yaml:3:5: nothing drifted\\x1b[2J." in render_drift(report, verbose=1)


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        pytest.param(Estimate(currency="EUR", cost="1234.5"), "1,234.50 EUR.", id="cost"),
        pytest.param(Estimate(cost="0.126"), "0.13.", id="no currency"),
        pytest.param(
            Estimate(currency="EUR", cost="2", unknown=("a", "b")),
            "2.00 EUR, and more for 2 jobs of unknown cost: a, b.",
            id="partly unknown",
        ),
    ],
)
def test_the_estimated_cost(estimate: Estimate, shown: str) -> None:
    assert f"\nEstimated cost: {shown}\n" in render_plan(a_report_of(estimate=estimate))


@pytest.mark.parametrize("estimate", [None, Estimate(currency="EUR", cost=0)])
def test_a_plan_that_costs_nothing_speaks_of_no_cost(estimate: Estimate | None) -> None:
    assert "cost" not in render_plan(a_report_of(estimate=estimate))


def test_documents_have_both_and_are_read_back() -> None:
    report = a_report_of(a_known_drift(), estimate=Estimate(currency="EUR", cost="2.50"))

    document, drift = json.loads(plan_json(report.plan)), json.loads(drift_json(report))

    assert document["estimate"] == {"currency": "EUR", "cost": "2.50", "unknown": []}
    assert document["known_drift"] == drift["known_drift"]
    assert document["known_drift"][0]["ignored_because"] == REASON
    assert plan_from_json(plan_json(report.plan)) == report.plan
