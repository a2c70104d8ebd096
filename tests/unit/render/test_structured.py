"""Documents for programs: what they hold, that they are canonical, and plans read back."""

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PlanFileError
from reconciler.model.address import Address
from reconciler.model.plan import Plan
from reconciler.render import structured
from reconciler.render.schemas import plan_schema
from reconciler.render.structured import event_line, plan_from_json, plan_json
from tests.build import (
    NOW,
    a_change,
    a_diagnostic,
    a_drift,
    a_flavor,
    a_plan,
    a_record,
    a_report,
    a_snapshot_info,
    a_spec,
    a_status_row,
    an_action,
    an_action_result,
    an_actual,
    an_apply_result,
    an_engine,
    an_event,
)

Golden = Callable[[str, str], None]
KINDS = ("create", "replace", "update", "delete", "adopt", "forget", "blocked")


def a_full_plan() -> Plan:
    changes = (
        a_change("inputs", [{"path": "/b/a/"}], None),
        a_change("parameters.ü", "数", "\x9b"),
    )
    actions = [an_action(kind, f"job-{kind}") for kind in KINDS]
    replaced = an_action(
        "replace", changes=changes, interrupts=True, running_ms=5, result=a_record(job_id=None)
    )
    return a_plan(*actions, replaced, noop=3, drift=(a_drift(),), diagnostics=(a_diagnostic(),))


PLANS = {"empty": a_plan(), "one": a_plan(an_action()), "full": a_full_plan()}


@pytest.mark.parametrize("name", PLANS)
def test_plan_document(name: str, golden: Golden) -> None:
    golden(f"json/plan-{name}.json", plan_json(PLANS[name]))


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_read_back_is_the_same_plan(name: str) -> None:
    plan = PLANS[name]

    again = plan_from_json(plan_json(plan))

    assert again == plan
    assert again.computed_digest == plan.digest
    assert plan_json(again) == plan_json(plan)
    assert plan_from_json(plan_json(plan).encode()) == plan


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_fits_its_schema(name: str) -> None:
    schema = plan_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(
        json.loads(plan_json(PLANS[name])), schema, cls=jsonschema.Draft202012Validator
    )


@pytest.mark.parametrize(
    "change",
    [{"actions": [{"kind": "explode"}]}, {"surprise": 1}, {"summary": {"create": "many"}}],
    ids=["unknown kind", "unknown key", "wrong type"],
)
def test_the_schema_refuses_what_is_no_plan(change: dict[str, Any]) -> None:
    document = json.loads(plan_json(PLANS["one"])) | change

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, plan_schema(), cls=jsonschema.Draft202012Validator)


def test_the_order_in_which_parameters_were_written_makes_no_difference() -> None:
    texts = {
        plan_json(
            a_plan(
                an_action(
                    "replace",
                    spec=a_spec(parameters=parameters),
                    changes=(a_change("parameters", parameters, None),),
                    result=a_record(a_spec(parameters=parameters)),
                )
            )
        )
        for parameters in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    }

    assert len(texts) == 1


def test_no_document_holds_a_character_that_a_terminal_would_obey() -> None:
    text = plan_json(a_plan(an_action(spec=a_spec(description="\x1b\x9b\u202e\x7f数"))))

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert json.loads(text)["actions"][0]["after"]["description"] == "\x1b\x9b\u202e\x7f数"


def without(key: str) -> str:
    document = json.loads(plan_json(PLANS["one"]))
    del document[key]
    return json.dumps(document)


def with_changed(**changes: Any) -> str:
    return json.dumps(json.loads(plan_json(PLANS["one"])) | changes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("{", "line 1 column 1", id="cut off"),
        pytest.param(b"\xff\xfe", "not JSON", id="not text"),
        pytest.param("[" * 100_000, "not JSON", id="nested too deeply"),
        pytest.param("NaN", "not JSON", id="not a number"),
        pytest.param("[]", "not a JSON object", id="a list"),
        pytest.param("{}", "names no format version", id="nothing in it"),
        pytest.param(with_changed(format_version=1.0), "names no format version", id="a number"),
        pytest.param(without("state"), "state: Field required", id="a part is missing"),
        pytest.param(with_changed(surprise=1), "surprise: Extra inputs", id="unknown key"),
        pytest.param(
            with_changed(actions=[{"kind": "explode"}]),
            "actions[0].kind: Input should be",
            id="unknown kind",
        ),
        pytest.param(with_changed(**{"x\x1b[2J": 1}), "x\\x1b[2J: Extra", id="hostile key"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(text: str | bytes, told: str) -> None:
    with pytest.raises(PlanFileError) as caught:
        plan_from_json(text)

    assert told in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("version", ["1.1", "2.0", "10.0"])
def test_a_newer_plan_is_refused_in_one_clear_line(version: str) -> None:
    with pytest.raises(PlanFileError, match="newer version") as caught:
        plan_from_json(with_changed(format_version=version, surprise=1))

    assert f"format {version}" in caught.value.detail
    assert "\n" not in caught.value.detail


@given(st.one_of(st.binary(), st.text(), st.recursive(st.none(), st.lists).map(json.dumps)))
def test_reading_anything_ends_in_a_plan_or_a_message(text: bytes | str) -> None:
    with pytest.raises(PlanFileError):
        plan_from_json(text)


@given(st.integers(min_value=0), st.sampled_from(["", "}", "\x00", "9", '"', "é", "[", "null"]))
def test_reading_a_damaged_plan_ends_in_a_plan_or_a_message(at: int, damage: str) -> None:
    whole = plan_json(PLANS["full"])
    at %= len(whole)

    with contextlib.suppress(PlanFileError):
        assert isinstance(plan_from_json(whole[:at] + damage + whole[at + 1 :]), Plan)


DOCUMENTS = {
    "report": structured.report_json(a_report()),
    "drift": structured.drift_json(
        a_report(
            a_plan(drift=(a_drift(),), diagnostics=(a_diagnostic(),)),
            unmanaged=(an_actual(name="by-hand"),),
            recovered=("lost",),
        )
    ),
    "status": structured.status_json(
        [a_status_row(), a_status_row("b", "failed", is_gone=True, created_at=None)]
    ),
    "apply": structured.apply_json(
        an_apply_result(
            an_action_result(),
            an_action_result(an_action("delete", "b"), "failed", error="Refused"),
            recovered=("lost",),
        )
    ),
    "flavors": structured.flavors_json([a_flavor()]),
    "engines": structured.engines_json([an_engine()]),
    "history": structured.history_json([a_snapshot_info()]),
    "state-list": structured.state_list_json({Address("a"): a_record()}),
    "record": structured.record_json(Address("a"), a_record()),
    "diagnostics": structured.diagnostics_json([a_diagnostic()]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document(name: str, golden: Golden) -> None:
    golden(f"json/{name}.json", DOCUMENTS[name])
    assert isinstance(json.loads(DOCUMENTS[name]), dict)


def test_a_sweeps_job_has_its_values_and_metrics_as_numbers() -> None:
    row = a_status_row("s[lr=1e-3,n=2]", metrics={"accuracy": "0.950", "loss": "nan"})
    plain = json.loads(structured.status_line(a_status_row()))

    document = json.loads(structured.status_line(row))

    assert document["values"] == {"lr": "1e-3", "n": "2"}
    assert document["metrics"] == {"accuracy": 0.95, "loss": None}
    assert plain.keys() == document.keys() - {"values", "metrics"}
    (only,) = json.loads(structured.status_json([row]))["jobs"]
    assert only == document


def test_the_report_is_a_plan_that_apply_takes() -> None:
    assert plan_from_json(DOCUMENTS["report"]) == a_report().plan


def test_a_stream_may_hold_the_documents() -> None:
    held = {"plan": structured.plan_document(PLANS["full"])}
    held["result"] = structured.apply_document(an_apply_result())

    told = json.loads(event_line(an_event("summary", data=held)))

    assert told["data"]["plan"] == json.loads(plan_json(PLANS["full"]))
    assert told["data"]["result"]["results"][0]["kind"] == "create"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        pytest.param(
            an_event(data={"job_id": "5"}, done=1, total=2),
            '{"type":"done","address":"resnet","action":"create","done":1,"total":2,'
            '"data":{"job_id":"5"}}',
            id="counts and data",
        ),
        pytest.param(
            an_event("notice", address=None, action=None, message="é\n\x1b\ud800\u2028"),
            '{"type":"notice","message":"\\u00e9\\n\\u001b\\ud800\\u2028"}',
            id="one line of ASCII whatever it says",
        ),
        pytest.param(
            an_event("status", action=None, data={"at": NOW}),
            '{"type":"status","address":"resnet","data":{"at":"2024-05-17T12:00:00Z"}}',
            id="times in data",
        ),
    ],
)
def test_event_line(event: Any, line: str) -> None:
    assert event_line(event) == line
