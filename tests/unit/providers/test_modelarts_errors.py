"""What answers mean: every shape of error, on every status."""

import json
from typing import Any

import pytest

from reconciler.errors import (
    AuthenticationError,
    JobNotFoundError,
    NameTakenError,
    ProviderError,
    QuotaExceededError,
)
from reconciler.providers.exchange import Answer, Effect, Kind
from reconciler.providers.modelarts.errors import error_for, judge
from tests.unit.providers.doubles import a_request

SHAPES = [
    pytest.param(
        {"is_success": False, "error_message": "told", "error_code": "{}"}, id="A service"
    ),
    pytest.param({"is_success": False, "error_msg": "told", "error_code": "{}"}, id="B older"),
    pytest.param({"error_code": "{}", "error_message": "told"}, id="C unmarked"),
    pytest.param({"error_msg": "told", "error_code": "{}"}, id="D generic"),
    pytest.param({"error_msg": "told", "error_code": "{}", "request_id": "0f"}, id="E gateway"),
]
CODES = [
    ("ModelArts.0103", 400, NameTakenError),
    ("ModelArts.2751", 400, NameTakenError),
    ("ModelArts.0116", 400, QuotaExceededError),
    ("ModelArts.0118", 400, QuotaExceededError),
    ("ModelArts.0102", 400, JobNotFoundError),
    ("ModelArts.0015", 404, JobNotFoundError),
    ("ModelArts.2775", 400, JobNotFoundError),
    ("ModelArts.0101", 400, ProviderError),
    ("ModelArts.0104", 400, ProviderError),
    ("ModelArts.0107", 400, ProviderError),
    ("ModelArts.1003", 400, ProviderError),
    ("ModelArts.9999", 409, ProviderError),
    ("ModelArts.0108", 403, AuthenticationError),
    ("ModelArts.0112", 401, AuthenticationError),
    ("ModelArts.0206", 401, AuthenticationError),
    ("ModelArts.0210", 403, AuthenticationError),
    ("APIG.0302", 403, AuthenticationError),
    ("APIGW.0310", 403, AuthenticationError),
    ("APIG.0101", 404, ProviderError),
]


def an_answer(content: object, status: int = 200) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status, {}, body)


def with_code(shape: dict[str, Any], code: str) -> dict[str, Any]:
    return {**shape, "error_code": code}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("code", "status", "error"), CODES, ids=lambda value: str(value)[-16:])
@pytest.mark.parametrize("as_200", [False, True], ids=["own status", "HTTP 200"])
def test_every_code_in_every_shape(
    shape: dict[str, Any], code: str, status: int, error: type[ProviderError], as_200: bool
) -> None:
    verdict = judge(an_answer(with_code(shape, code), 200 if as_200 else status), flagged=True)

    assert verdict.kind is Kind.REFUSED
    assert verdict.words == "told"
    refusal = error_for(verdict, a_request(), job="7")
    assert type(refusal) is error
    assert "told" in refusal.detail
    assert code.replace("APIGW", "APIG") in refusal.detail
    assert "GET /v1/" in refusal.detail


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ModelArts.4206", 429, Kind.THROTTLED),
        ("ModelArts.2799", 429, Kind.THROTTLED),
        ("APIG.0308", 429, Kind.THROTTLED),
        ("APIGW.0308", 429, Kind.THROTTLED),
        ("ModelArts.0201", 401, Kind.UNAUTHORISED),
        ("ModelArts.0202", 401, Kind.UNAUTHORISED),
        ("ModelArts.0203", 403, Kind.UNAUTHORISED),
        ("APIG.0301", 401, Kind.UNAUTHORISED),
        ("APIGW.0307", 401, Kind.UNAUTHORISED),
        ("ModelArts.0010", 500, Kind.LOST),
        ("APIG.0601", 500, Kind.LOST),
        ("APIGW.0613", 503, Kind.LOST),
    ],
)
@pytest.mark.parametrize("as_200", [False, True], ids=["own status", "HTTP 200"])
def test_codes_that_another_attempt_may_cure(
    shape: dict[str, Any], code: str, status: int, kind: Kind, as_200: bool
) -> None:
    answer = an_answer(with_code(shape, code), 200 if as_200 else status)

    assert judge(answer, flagged=True).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Kind.REFUSED),
        (401, Kind.UNAUTHORISED),
        (403, Kind.REFUSED),
        (404, Kind.REFUSED),
        (408, Kind.LOST),
        (409, Kind.REFUSED),
        (413, Kind.REFUSED),
        (429, Kind.THROTTLED),
        (500, Kind.LOST),
        (502, Kind.LOST),
        (503, Kind.LOST),
        (504, Kind.LOST),
        (599, Kind.LOST),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html><h1>Bad</h1></html>", id="HTML"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b'{"detail": 5}', id="unknown shape"),
        pytest.param(b'{"error_code": null, "error_msg": ["x"]}', id="odd types"),
        pytest.param(b"\xff\x00", id="bytes"),
    ],
)
def test_unknown_shapes_go_by_status(status: int, kind: Kind, body: bytes) -> None:
    verdict = judge(Answer(status, {}, body), flagged=True)

    assert verdict.kind is kind
    message = str(error_for(verdict, a_request(Effect.ONCE), job="7"))
    assert f"HTTP {status}" in message
    assert "POST /v1/" in message


@pytest.mark.parametrize(
    ("content", "flagged", "kind"),
    [
        pytest.param({"is_success": True}, True, Kind.ACCEPTED, id="marked"),
        pytest.param({"is_success": "true"}, True, Kind.LOST, id="marked in another type"),
        pytest.param({"is_success": False}, True, Kind.REFUSED, id="marked as failed, no code"),
        pytest.param({"job_id": 1}, True, Kind.LOST, id="mark missing"),
        pytest.param({}, True, Kind.LOST, id="empty object"),
        pytest.param(b"", True, Kind.LOST, id="no body"),
        pytest.param(
            {"is_success": True, "error_code": "ModelArts.4907"},
            True,
            Kind.ACCEPTED,
            id="a failed job's own error is not the request's",
        ),
        pytest.param({"metadata": {}}, False, Kind.ACCEPTED, id="unflagged: an object"),
        pytest.param(b"", False, Kind.ACCEPTED, id="unflagged: no body"),
        pytest.param(b'""', False, Kind.ACCEPTED, id="unflagged: the empty string"),
        pytest.param(b"<html>", False, Kind.LOST, id="unflagged: HTML"),
        pytest.param({"error_code": "ModelArts.0104"}, False, Kind.REFUSED, id="unflagged: code"),
    ],
)
def test_what_counts_as_success(content: object, flagged: bool, kind: Kind) -> None:
    assert judge(an_answer(content), flagged=flagged).kind is kind


@pytest.mark.parametrize(
    ("status", "content"),
    [
        pytest.param(404, b"", id="no body"),
        pytest.param(404, b"<html>not found</html>", id="HTML of a proxy"),
        pytest.param(404, {"error_code": "APIG.0101", "error_msg": "no API"}, id="gateway"),
        pytest.param(404, {"error_msg": "?"}, id="unmarked"),
    ],
)
def test_only_the_service_itself_says_that_a_job_is_gone(status: int, content: object) -> None:
    verdict = judge(an_answer(content, status), flagged=True)

    assert type(error_for(verdict, a_request(), job="7")) is ProviderError


def test_a_404_of_the_service_without_a_code_says_so() -> None:
    verdict = judge(an_answer({"is_success": False, "error_message": "?"}, 404), flagged=True)

    assert type(error_for(verdict, a_request(), job="7")) is JobNotFoundError


def test_a_missing_workspace_is_no_missing_job() -> None:
    content = {"is_success": False, "error_code": "ModelArts.0102", "error_message": "workspace"}
    verdict = judge(an_answer(content, 400), flagged=True)

    assert type(error_for(verdict, a_request())) is ProviderError


def test_texts_are_cleaned() -> None:
    content = {"is_success": False, "error_code": "A\x1b[2J.1", "error_message": "a\x1b[31mb\nc"}
    verdict = judge(an_answer(content, 400), flagged=True)

    assert (verdict.code, verdict.words) == ("A.1", "ab c")
