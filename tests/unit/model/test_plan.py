"""The plan document: what its digest covers, and that it tells tampering."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model.job import Status
from reconciler.model.plan import Action, ActionKind, Plan, Reason, StateRef
from tests.build import (
    NOW,
    a_change,
    a_diagnostic,
    a_drift,
    a_location,
    a_plan,
    a_platform,
    a_record,
    a_spec,
    a_summary,
    an_action,
    an_outcome,
)

RESULT = a_record()
ACTION = an_action("replace", changes=(a_change(),), interrupts=True, running_ms=5, result=RESULT)
PLAN = a_plan(ACTION)


def changed(model: Any, **fields: Any) -> Any:
    return model.model_copy(update=fields)


def with_action(**fields: Any) -> Plan:
    return a_plan(changed(ACTION, **fields))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_plan(ACTION, stack="other"), id="stack"),
        pytest.param(a_plan(ACTION, platform=a_platform(api="modelarts/v2")), id="api"),
        pytest.param(a_plan(ACTION, platform=a_platform(endpoint="https://x")), id="endpoint"),
        pytest.param(a_plan(ACTION, platform=a_platform(project_id="p2")), id="project"),
        pytest.param(a_plan(ACTION, platform=a_platform(workspace_id="7")), id="workspace"),
        pytest.param(a_plan(ACTION, platform=a_platform(auth_url="https://x")), id="auth_url"),
        pytest.param(a_plan(ACTION, platform=a_platform(region="eu-nl")), id="region"),
        pytest.param(a_plan(), id="no action"),
        pytest.param(a_plan(ACTION, ACTION), id="one more action"),
        pytest.param(with_action(kind=ActionKind.DELETE), id="kind"),
        pytest.param(with_action(address="other"), id="address"),
        pytest.param(with_action(name="other"), id="name"),
        pytest.param(with_action(reason=Reason.DRIFTED), id="reason"),
        pytest.param(with_action(job_id="11"), id="job"),
        pytest.param(with_action(version_id="21"), id="version"),
        pytest.param(with_action(before={"name": "x"}), id="before"),
        pytest.param(with_action(after={"name": "x"}), id="after"),
        pytest.param(with_action(changes=()), id="changes"),
        pytest.param(with_action(changes=(a_change(after="9"),)), id="one change"),
        pytest.param(with_action(expects=changed(ACTION.expects, job_id="11")), id="expected job"),
        pytest.param(
            with_action(expects=changed(ACTION.expects, version_id="21")), id="expected version"
        ),
        pytest.param(
            with_action(expects=changed(ACTION.expects, description="x")),
            id="expected description",
        ),
        pytest.param(with_action(depends_on=("other",)), id="depends_on"),
        pytest.param(with_action(result=None), id="result"),
        pytest.param(with_action(result=changed(RESULT, spec=a_spec(workers=2))), id="its spec"),
        pytest.param(with_action(result=changed(RESULT, protect=True)), id="its protection"),
        pytest.param(with_action(result=changed(RESULT, retain=True)), id="its retention"),
        pytest.param(with_action(result=changed(RESULT, attempt=2)), id="its attempt"),
    ],
)
def test_the_digest_covers_what_would_be_done_and_on_what_condition(other: Plan) -> None:
    assert other.digest != PLAN.digest


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_plan(ACTION), id="an equal plan"),
        pytest.param(a_plan(ACTION, created_at=NOW + timedelta(days=1)), id="when it was made"),
        pytest.param(a_plan(ACTION, definition=()), id="from which files"),
        pytest.param(a_plan(ACTION, reconciler_version="9"), id="by which version"),
        pytest.param(a_plan(ACTION, state=StateRef(lineage="x", serial=1)), id="from which state"),
        pytest.param(a_plan(ACTION, drift=(a_drift(),)), id="drift beside it"),
        pytest.param(a_plan(ACTION, diagnostics=(a_diagnostic("warning"),)), id="warnings"),
        pytest.param(a_plan(ACTION, diagnostics=(a_diagnostic(code="interrupt"),)), id="guards"),
        pytest.param(a_plan(ACTION, summary=a_summary(noop=9)), id="counts"),
        pytest.param(with_action(location=a_location(99, file="other.yaml")), id="location"),
        pytest.param(with_action(location=None), id="no location"),
        pytest.param(with_action(interrupts=False), id="whether it interrupts"),
        pytest.param(with_action(running_ms=9), id="how long the job has run"),
        pytest.param(
            with_action(result=changed(RESULT, outcome=an_outcome(Status.FAILED))),
            id="how the job's run ended",
        ),
        pytest.param(with_action(result=changed(RESULT, created_at=NOW)), id="when it was created"),
    ],
)
def test_the_digest_covers_no_time_status_or_place(other: Plan) -> None:
    assert other.digest == PLAN.digest


class TestSeal:
    def test_survives_a_file(self) -> None:
        read = Plan.model_validate_json(PLAN.model_dump_json())

        assert read == PLAN
        assert read.digest == read.computed_digest

    @pytest.mark.parametrize(
        ("place", "value"),
        [("job_id", "666"), ("kind", "delete"), ("expects", {"job_id": "666"})],
    )
    def test_tells_a_file_that_was_edited(self, place: str, value: Any) -> None:
        document = json.loads(PLAN.model_dump_json())
        document["actions"][0][place] = value

        edited = Plan.model_validate(document)

        assert edited.digest != edited.computed_digest

    def test_tells_a_copy_that_was_edited(self) -> None:
        edited = PLAN.model_copy(update={"actions": ()})

        assert edited.digest != edited.computed_digest
        assert edited.sealed().digest == edited.computed_digest

    def test_begins_with_its_kind(self) -> None:
        assert PLAN.digest.startswith("sha256:")
        assert len(PLAN.digest) == len("sha256:") + 64


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    spec = {"name": "a", "parameters": {"x": "1", "y": "2"}}
    turned = {"parameters": {"y": "2", "x": "1"}, "name": "a"}

    assert with_action(after=spec).digest == with_action(after=turned).digest


_PROGRAM = """
import sys
from tests.build import a_desired, a_listing, a_plan, a_spec, a_state, a_record
from reconciler.planning.planner import make_draft
from reconciler.planning.world import World
names = [f"job{number}" for number in range(20)]
jobs = {name: a_desired(a_spec(name, parameters={"b": name, "a": "1"})) for name in names}
records = {name: a_record(a_spec(name), job_id=name) for name in names[5:]}
made = make_draft(World(jobs, a_state(records), a_listing()))
plan = a_plan(*made.actions, drift=made.drift, diagnostics=made.diagnostics)
sys.stdout.write(plan.model_dump_json())
"""


def test_equal_inputs_give_equal_bytes_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(outputs) == 1
    assert len(Plan.model_validate_json(outputs.pop()).actions) == 20


@pytest.mark.parametrize(
    ("actions", "empty"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([an_action("blocked")], True, id="what is held back is not done"),
        pytest.param([an_action("blocked"), an_action("forget", "b")], False, id="one to forget"),
    ],
)
def test_a_plan_is_empty_when_apply_would_do_nothing(actions: list[Action], empty: bool) -> None:
    assert a_plan(*actions).is_empty is empty


def test_only_errors_refuse_a_plan() -> None:
    wrong, doubtful = a_diagnostic("error"), a_diagnostic("warning")

    assert a_plan(diagnostics=(doubtful, wrong)).errors == (wrong,)


def test_actions_are_found_by_their_address() -> None:
    a, b = an_action("create", "a"), an_action("delete", "b")

    assert a_plan(a, b).by_address == {"a": a, "b": b}
