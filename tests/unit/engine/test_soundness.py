"""A plan is held against itself and against the state, however it came about."""

from typing import Any

import pytest

from reconciler.engine.soundness import check_whole, misfits
from reconciler.engine.staleness import fitting
from reconciler.errors import PlanFileError, PlanStaleError
from reconciler.model.address import Address
from reconciler.model.job import JobRecord
from reconciler.model.plan import Action, Expectation
from tests.build import a_listing, a_plan, a_record, a_spec, a_state, an_action, an_actual

OTHER_ID = a_record(job_id="11")
UNMADE = a_record(job_id=None, version_id=None, created_at=None)


def planned(kind: str, address: str = "resnet", **overrides: Any) -> Action:
    """Return an action with all that `plan` puts into one of its kind."""
    spec = a_spec(address)
    fields: dict[str, Any] = {}
    if kind in ("create", "replace"):
        fields["result"] = UNMADE.model_copy(update={"name": address, "spec": spec})
    elif kind in ("update", "adopt"):
        fields["result"] = a_record(spec)
    if kind in ("replace", "update", "delete", "adopt", "forget"):
        fields["expects"] = Expectation(job_id="10")
    return an_action(kind, address, **(fields | overrides))


@pytest.mark.parametrize("kind", ["create", "replace", "update", "delete", "adopt", "forget"])
def test_an_action_as_plans_have_it_is_whole(kind: str) -> None:
    check_whole(a_plan(planned(kind), planned("create", "other")))


@pytest.mark.parametrize(
    ("kind", "overrides", "told"),
    [
        ("create", {"result": None}, "a create without its result"),
        ("replace", {"result": None}, "a replace without its result"),
        ("update", {"result": None}, "a update without its result"),
        ("adopt", {"result": None}, "a adopt without its result"),
        ("delete", {"job_id": None}, "a delete that names no job"),
        ("update", {"job_id": ""}, "a update that names no job"),
        ("delete", {"result": a_record()}, "a delete that leaves the record of a job"),
        ("create", {"result": a_record()}, "a create whose result has an id already"),
        ("create", {"name": "another"}, "a create of another name than its result's"),
        ("update", {"result": OTHER_ID}, "a update of another job than its result's"),
        ("adopt", {"result": OTHER_ID}, "a adopt of another job than its result's"),
    ],
)
def test_an_action_that_contradicts_itself_is_refused(
    kind: str, overrides: dict[str, Any], told: str
) -> None:
    plan = a_plan(planned(kind, **overrides))

    with pytest.raises(PlanFileError) as refused:
        check_whole(plan)

    assert refused.value.summary == "The plan contradicts itself"
    assert f'Job "resnet": {told}' in refused.value.detail


def test_an_address_stands_in_a_plan_once() -> None:
    with pytest.raises(PlanFileError, match="contradicts") as refused:
        check_whole(a_plan(planned("create"), planned("create")))

    assert 'Job "resnet": it stands there twice' in refused.value.detail


def test_every_contradiction_is_told() -> None:
    plan = a_plan(planned("create", result=None), planned("delete", "other", job_id=None))

    with pytest.raises(PlanFileError) as refused:
        check_whole(plan)

    assert [line.split(":")[0] for line in refused.value.detail.splitlines()] == [
        'Job "resnet"',
        'Job "other"',
    ]


def of(action: Action, records: dict[str, JobRecord], *jobs: str, given_up: str = "") -> list[str]:
    """Return the misfits of an action where these records and jobs (by id) are."""
    listing = a_listing(*(an_actual(job_id=job_id) for job_id in jobs))
    names = {Address(given_up)} if given_up else set()
    return list(misfits(action, a_state(records), listing, names))


RECORDED = {"resnet": a_record()}
CHANGED = {"resnet": OTHER_ID}
KEEPING = {"strategy": "keep", "job_id": "10"}


@pytest.mark.parametrize(
    ("action", "records", "jobs", "told"),
    [
        (an_action("create"), {}, [], []),
        (an_action("create"), RECORDED, [], []),
        (an_action("create"), RECORDED, ["10"], ["job_id was none, is 10"]),
        (an_action("create", **KEEPING), RECORDED, ["10"], []),
        (an_action("create", **KEEPING), CHANGED, ["11"], ["job_id was 10, is 11"]),
        (an_action("create", **KEEPING), {}, [], ["job_id was 10, is not recorded"]),
        (an_action("adopt"), {}, ["10"], []),
        (an_action("adopt"), CHANGED, ["10", "11"], ["job_id was none, is 11"]),
        (an_action("update"), RECORDED, ["10"], []),
        (an_action("update"), CHANGED, ["11"], ["job_id was 10, is 11"]),
        (an_action("update"), {}, ["10"], ["job_id was 10, is not recorded"]),
        (an_action("delete"), RECORDED, ["10"], []),
        (an_action("delete"), CHANGED, ["10", "11"], ["job_id was 10, is 11"]),
        (an_action("forget"), RECORDED, [], []),
        (an_action("forget"), {}, [], ["job_id was 10, is not recorded"]),
        (an_action("replace"), RECORDED, ["10"], []),
        (an_action("replace"), {}, ["10"], ["job_id was 10, is not recorded"]),
        (an_action("replace"), CHANGED, ["10", "11"], ["job_id was 10, is 11"]),
        (an_action("replace"), CHANGED, ["10"], []),
        (an_action("replace"), CHANGED, [], []),
    ],
)
def test_an_action_fits_the_record_that_it_was_planned_for(
    action: Action, records: dict[str, JobRecord], jobs: list[str], told: list[str]
) -> None:
    assert of(action, records, *jobs) == told


@pytest.mark.parametrize("kind", ["replace", "adopt"])
def test_a_job_that_another_address_records_is_not_taken(kind: str) -> None:
    records = {"other": a_record(a_spec("other"))}
    if kind == "replace":
        records["resnet"] = a_record()
    told = 'job_id 10 is recorded at "other"'

    assert of(an_action(kind), records, "10") == [told]
    assert of(an_action(kind), records, "10", given_up="other") == []


def test_a_job_of_another_name_did_not_take_the_place_of_one_that_is_gone() -> None:
    listing = a_listing(an_actual(a_spec("somebody"), job_id="10"))

    assert list(misfits(an_action("replace"), a_state(CHANGED), listing, ())) == [
        "job_id was 10, is 11"
    ]


@pytest.mark.parametrize("kind", ["forget", "update", "replace", "delete"])
def test_only_a_plan_that_forgets_a_job_gives_it_to_another_address(kind: str) -> None:
    plan = a_plan(planned("adopt"), planned(kind, "other"))
    state = a_state({"other": a_record(a_spec("other"))})
    listing = a_listing(an_actual(job_id="10"))

    if kind == "forget":
        assert len(fitting(plan, listing, state)) == 2
    else:
        with pytest.raises(PlanStaleError, match='"resnet": job_id 10 is recorded at "other"'):
            fitting(plan, listing, state)
