"""What runs cost, and the limits for a plan."""

from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from reconciler.model.policy import Limit, Prices
from reconciler.planning.cost import check_limits, estimate, run_cost, run_gpu_hours, run_hours
from tests.build import a_desired, a_location, a_spec, an_action

PRICES = Prices({"cpu": Decimal("0.50"), "gpu": Decimal(4), "free": Decimal(0)}, "EUR")
GPUS = {"cpu": 0, "gpu": 2}


def a_job(
    flavor: str | None = "gpu", hours: str | None = "2.5", stop: int | None = None, **spec: Any
) -> DesiredJob:
    return a_desired(
        a_spec("train", flavor=flavor, auto_stop_hours=stop, **spec),
        estimated_hours=Decimal(hours) if hours else None,
    )


@pytest.mark.parametrize(
    ("job", "hours", "cost", "gpu_hours"),
    [
        pytest.param(a_job(), "2.5", "10", "5", id="estimated"),
        pytest.param(a_job(workers=3), "2.5", "30", "15", id="several workers"),
        pytest.param(a_job(hours=None, stop=4), "4", "16", "8", id="stopped after some hours"),
        pytest.param(a_job(hours="9", stop=4), "4", "16", "8", id="stopped before the estimate"),
        pytest.param(a_job(hours="1", stop=4), "1", "4", "2", id="estimated below the stop"),
        pytest.param(a_job(hours=None), None, None, None, id="for nobody knows how long"),
        pytest.param(a_job("cpu"), "2.5", "1.25", "0", id="without GPUs"),
        pytest.param(a_job("cpu", None), None, None, "0", id="without GPUs, however long"),
        pytest.param(a_job("free", None), None, "0", None, id="free, however long"),
        pytest.param(a_job("other"), "2.5", None, None, id="an unknown flavor"),
        pytest.param(a_job(None, pool_id="pool"), "2.5", None, None, id="in a pool"),
    ],
)
def test_a_run(job: DesiredJob, hours: str | None, cost: str | None, gpu_hours: str | None) -> None:
    found = (run_hours(job), run_cost(job, PRICES), run_gpu_hours(job, GPUS))

    assert found == tuple(
        None if each is None else Decimal(each) for each in (hours, cost, gpu_hours)
    )


def test_an_estimate_sums_up_and_names_what_nobody_can_tell() -> None:
    vague = a_desired(a_spec("vague", flavor="gpu"))

    found = estimate([a_job(), a_job("cpu"), vague], PRICES)

    assert found is not None
    assert (found.cost, found.currency) == (Decimal("11.25"), "EUR")
    assert found.unknown == (Address("vague"),)
    assert estimate([a_job()], None) is None


ACTIONS = [
    *(an_action("create", f"c{number}") for number in range(3)),
    *(an_action("replace", f"r{number}") for number in range(2)),
    an_action("delete", "d"),
    an_action("update", "u"),
]


@pytest.mark.parametrize(
    ("name", "most", "exceeded"),
    [
        ("creates", "3", ""),
        ("creates", "2", 'Limit "creates": 3 jobs would be created, 2 are allowed.'),
        ("replaces", "2", ""),
        ("replaces", "1", 'Limit "replaces": 2 jobs would be replaced, 1 are allowed.'),
        ("deletes", "1", ""),
        ("deletes", "0", 'Limit "deletes": 1 job would be deleted, 0 are allowed.'),
        ("gpu_hours", "5", ""),
        ("gpu_hours", "4.9", 'Limit "gpu_hours": 2 jobs would take 5 GPU hours, 4.9 GPU hours are'),
        ("cost", "11.25", ""),
        ("cost", "11.24", 'Limit "cost": 2 jobs would take 11.25 EUR, 11.24 EUR are allowed.'),
    ],
)
def test_a_limit_is_the_most_that_is_allowed(name: str, most: str, exceeded: str) -> None:
    limit = Limit(name, Decimal(most), a_location(3, 11))

    found = [*check_limits([limit], ACTIONS, [a_job(), a_job("cpu")], PRICES, GPUS)]

    assert len(found) == bool(exceeded)
    for each in found:
        assert each.detail.startswith(exceeded)
        assert (each.summary, each.code) == ("Limit exceeded", "limit")
        assert each.location == a_location(3, 11)
        assert each.severity == "error"


@pytest.mark.parametrize("name", ["gpu_hours", "cost"])
def test_a_limit_that_cannot_be_checked_refuses(name: str) -> None:
    limit = Limit(name, Decimal(100), a_location())

    (found,) = check_limits([limit], [], [a_job(), a_job(hours=None)], PRICES, GPUS)

    assert (found.summary, found.severity) == ("Limit cannot be checked", "error")
    assert "1 job" in found.detail
    assert "train" in found.detail
    assert "estimated_hours" in found.hint


@pytest.mark.parametrize(("count", "named", "more"), [(10, 10, False), (11, 10, True)])
def test_of_many_jobs_that_nobody_can_tell_of_some_are_named(
    count: int, named: int, more: bool
) -> None:
    vague = [a_desired(a_spec(f"vague-{n}", flavor="gpu")) for n in range(count)]

    (found,) = check_limits([Limit("cost", Decimal(1), a_location())], [], vague, PRICES, GPUS)

    assert (found.detail.count("vague-"), "…" in found.detail) == (named, more)


def test_a_limit_of_cost_without_prices_refuses() -> None:
    limit = Limit("cost", Decimal(100), a_location())

    assert [*check_limits([limit], [], [], None, {})] == []
    (found,) = check_limits([limit], [], [a_job()], None, {})
    assert found.summary == "Limit cannot be checked"


def test_what_is_exceeded_already_is_told_though_something_is_unknown() -> None:
    limit = Limit("cost", Decimal(5), a_location())

    (found,) = check_limits([limit], [], [a_job(), a_job(hours=None)], PRICES, GPUS)

    assert found.summary == "Limit exceeded"
    assert "1 job would take 10 EUR (and 1 job more that nobody can tell of)" in found.detail
