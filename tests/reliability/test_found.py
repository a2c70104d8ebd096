"""What fuzzing found once, kept: inputs that broke a reader, and what they lead to now."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from reconciler.backends import codec
from reconciler.backends.holder import Holder, from_bytes
from reconciler.definition import jobs, loader, references
from reconciler.definition.problems import LIMIT
from reconciler.errors import (
    DefinitionError,
    InvalidAnswerError,
    PlanFileError,
    ProviderError,
    ReconcilerError,
    StateDamagedError,
    UnreachableError,
)
from reconciler.model.spec import Algorithm
from reconciler.providers.exchange import Answer, Request
from reconciler.providers.modelarts.v1.client import ModelArtsV1
from reconciler.render import structured
from reconciler.render.text import format_duration
from tests.build import a_spec
from tests.reliability.fuzz import plans, seeds
from tests.reliability.fuzz.answers import DOCUMENTS, Scripted, a_provider
from tests.unit.providers.doubles import a_transport, judge_v1

MANY = "9" * 5000


def sealed(body: bytes) -> bytes:
    return body + b',\n"checksum":"sha256:' + sha256(body).hexdigest().encode() + b'"}\n'


def spoiled(old: bytes, new: bytes) -> bytes:
    body = seeds.SNAPSHOTS[0].rpartition(b',\n"checksum":')[0]
    assert old in body
    return sealed(body.replace(old, new))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(spoiled(b'"records":{', b'"recobds":{'), id="no records"),
        pytest.param(sealed(b'{"format_version":"1.0","records":7'), id="records of no kind"),
        pytest.param(f'{{"format_version":"{MANY}.0"}}'.encode(), id="a version of many digits"),
        pytest.param('{"format_version":"\u0661.\u0660"}'.encode(), id="other digits"),
        pytest.param(
            sealed(
                seeds.SNAPSHOTS[1].rpartition(b',\n"intents"')[0] + b',\n"intents":{"a":[]}',
            ),
            id="no intent",
        ),
        pytest.param(
            spoiled(b"2024-05-17T10:48:00Z", b"0001-01-01T00:00:00+14:00"), id="before all times"
        ),
        pytest.param(spoiled(b"2024-05-17T10:48:00Z", b"9999-12-31T23:59:59Z"), id="after them"),
        pytest.param(spoiled(b"2024-05-17T10:48:00Z", b"2024-05-17T10:48:00"), id="no zone"),
    ],
)
def test_a_state_that_makes_no_sense_is_damaged(data: bytes) -> None:
    with pytest.raises(StateDamagedError):
        codec.decode(data, "state/vision.json")
    with suppress(StateDamagedError):
        assert codec.count_jobs(data, "state/vision.json") >= 0


@pytest.mark.parametrize("value", [b'"2024-05-17T12:00:00"', b'"0001-01-01T00:00:00+14:00"'])
def test_a_plan_of_no_time_is_none(value: bytes) -> None:
    data = plans.REVIEWED.replace(b'"2024-05-17T12:00:00Z"', value)
    with pytest.raises(PlanFileError, match="created_at"):
        structured.plan_from_json(data)


def test_a_million_bad_actions_are_told_in_a_few_lines() -> None:
    document = json.loads(plans.REVIEWED) | {"actions": [None] * 1_000_000}
    with pytest.raises(PlanFileError) as refused:
        structured.plan_from_json(json.dumps(document))
    assert len(str(refused.value)) < 1000


def test_a_lock_that_tells_no_zone_tells_nothing() -> None:
    line = b'{"holder":"a","host":"b","pid":1,"command":"c","since":"2024-05-17T12:00:00"}'
    assert from_bytes(line) == Holder()


@pytest.mark.parametrize("milliseconds", [10**400, -(10**400), 2**63])
def test_a_duration_beyond_all_numbers_is_shown(milliseconds: int) -> None:
    assert format_duration(milliseconds)


def load(text: str, folder: Path) -> DefinitionError:
    path = folder / "jobs.yaml"
    path.write_text("version: 1\nstack: s\nplatform: {endpoint: local}\n" + text)
    with pytest.raises(DefinitionError) as refused:
        loader.load([path], variables={}, environment={})
    return refused.value


CODE = "flavor: f, engine: {id: 4}, code_dir: /b/c/, boot_file: t.py"


def test_a_definition_with_very_many_problems_is_not_read_to_its_end(tmp_path: Path) -> None:
    assert len(load("".join(f"k{n}: v\n" for n in range(50_000)), tmp_path).diagnostics) == LIMIT


def test_references_do_not_multiply_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "MAX_ADDED", 10_000)
    text = f"variables: {{big: {'x' * 1000}}}\njobs: {{a: {{{CODE}, parameters: {{p: "
    text += f"'{'${var.big}' * 1000}'}}}}}}\n"
    [problem] = load(text, tmp_path).diagnostics
    assert problem.summary == "References stand for too much text"
    assert problem.location is not None


def test_defaults_do_not_multiply_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_INHERITED", 1000)
    many = ", ".join(f"p{n}: 1" for n in range(100))
    text = f"defaults: {{{CODE}, parameters: {{{many}}}}}\njobs:\n"
    text += "".join(f"  k{n}: {{}}\n" for n in range(100))
    [problem] = load(text, tmp_path).diagnostics
    assert problem.summary == "Too many inherited values"
    assert problem.location is not None
    assert problem.location.line == 15


def a_client(kind: str, date: str = "", **fields: Any) -> ModelArtsV1:
    body = json.dumps(DOCUMENTS[kind] | fields).encode()
    return a_provider(Scripted(kind, Answer(200, CaseInsensitiveDict({"Date": date}), body)))


ROW = DOCUMENTS["list"]["jobs"][0]


@pytest.mark.parametrize(
    "fields",
    [
        {"job_total_count": 10**9},
        {"job_total_count": -1},
        {"jobs": [ROW | {"duration": 10**400}]},
        {"jobs": [None] * 1_000_000},
    ],
    ids=["too many", "fewer than none", "a duration beyond all numbers", "a million bad rows"],
)
def test_a_list_that_makes_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswerError) as told:
        a_client("list", **fields).list()
    assert len(str(told.value)) < 1000


@pytest.mark.parametrize("number", ["abc", MANY, "-1", "", "4.0", None])
def test_an_engine_whose_id_is_no_number_is_not_offered(number: object) -> None:
    engine = DOCUMENTS["engines"]["engines"][0] | {"engine_id": number}
    with pytest.raises(ProviderError):
        a_client("engines", engines=[engine]).create(a_spec())


@pytest.mark.parametrize("number", ["abc", MANY])
def test_a_spec_that_no_definition_could_hold_is_not_sent(number: str) -> None:
    spec = a_spec(engine=None, code_dir=None, boot_file=None, algorithm=Algorithm(id=number))
    with pytest.raises(ProviderError, match="Not possible"):
        a_client("create").create(spec)


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT", "soon"]
)
def test_a_date_beyond_all_calendars_is_not_the_time(date: str) -> None:
    client = a_client("list", date)
    client.list()
    assert abs((client.now() - datetime.now(UTC)).total_seconds()) < 3600


def test_halves_of_characters_in_an_answer_are_replaced() -> None:
    [job] = a_client("list", jobs=[ROW | {"job_name": "a\ud800", "job_id": "\udfff"}]).list()
    assert (job.name, job.job_id) == ("a\ufffd", "\ufffd")


def test_a_bundle_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(UnreachableError, match="No certificates to trust"):
        a_transport().exchange(Request("GET", "https://host/"), judge_v1)


def test_a_password_in_a_login_that_failed_for_a_while_is_not_told() -> None:
    said = json.dumps({"error": {"message": "x" * 490 + "pass-word-9f2c71e05b8d"}}).encode()
    client = a_provider(Scripted("login", Answer(500, CaseInsensitiveDict(), said)))
    with pytest.raises(ReconcilerError) as told:
        client.list()
    assert "pass-w" not in str(told.value)
