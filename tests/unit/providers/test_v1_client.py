"""The calls of version 1: what is asked, and what every kind of answer becomes."""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from reconciler.errors import (
    AuthenticationError,
    InvalidAnswerError,
    JobNotFoundError,
    NameTakenError,
    OutcomeUnknownError,
    ProviderError,
    QuotaExceededError,
)
from reconciler.model.job import Status
from reconciler.model.platform import LogChunk, PlatformIdentity, PlatformSettings
from reconciler.model.spec import Engine
from reconciler.providers.auth import Credentials, TokenAuthenticator
from reconciler.providers.modelarts.v1.client import ModelArtsV1, connect
from tests.build import a_spec
from tests.unit.providers.doubles import PROJECT, URL, FakeTime, a_transport
from tests.unit.providers.v1_documents import (
    PUBLISHED_CREATED,
    PUBLISHED_DETAILS,
    assert_fits,
)

TOKEN = "MIIZ-very-secret"
BASE = f"{URL}/v1/{PROJECT}"
JOBS = f"{BASE}/training-jobs"
JOB = f"{JOBS}/567524"
VERSION = f"{JOB}/versions/1108482"
OK = {"is_success": True}
ENGINES = {
    "is_success": True,
    "engines": [
        {"engine_id": 3, "engine_name": "TensorFlow", "engine_version": "TF-1.8.0-python2.7"},
        {"engine_id": "4", "engine_name": "TensorFlow", "engine_version": "TF-1.8.0-python3.6"},
    ],
}
Row = dict[str, Any]


def settings(**fields: Any) -> PlatformSettings:
    return PlatformSettings(endpoint=URL, **fields)


def a_client(time: FakeTime | None = None, **fields: Any) -> ModelArtsV1:
    return ModelArtsV1(settings(**fields), a_transport(time), TokenAuthenticator(TOKEN, PROJECT))


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """The network, in which only what a test registers exists."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def row(number: int, **fields: Any) -> Row:
    return {
        "job_id": number,
        "job_name": f"job-{number}",
        "status": 8,
        "version_id": number + 1_000_000,
        "create_time": 1_600_000_000_000 + number,
        "duration": 5,
        "job_desc": None,
    } | fields


def failure(code: str, message: str = "told why") -> dict[str, Any]:
    return {"is_success": False, "error_code": code, "error_message": message}


def query(call: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.request.url).query).items()}


class Listed:
    """The list of jobs, page by page; `between` changes it after each answer."""

    def __init__(self, rows: list[Row], between: Callable[["Listed", int], None] | None = None):
        self.rows = rows
        self.between = between
        self.calls: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def __call__(self, request: Any) -> tuple[int, dict[str, str], str]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        with self.lock:
            self.calls.append(asked)
            rows = [r for r in self.rows if asked.get("search_content", "") in r["job_name"]]
            rows.sort(key=lambda r: r[asked["sortBy"]])
            size, page = int(asked["per_page"]), int(asked["page"])
            answer = {
                "is_success": True,
                "job_total_count": len(rows),
                "job_count_limit": 7,
                "quotas": 20_000,
                "jobs": rows[(page - 1) * size : page * size],
            }
            if self.between:
                self.between(self, len(self.calls))
        return 200, {"Date": "Thu, 02 Jan 2025 03:04:05 GMT"}, json.dumps(answer)


def listed(web: responses.RequestsMock, rows: list[Row], **fields: Any) -> Listed:
    answer = Listed(rows, **fields)
    web.add_callback("GET", JOBS, answer)
    return answer


# Lists


@pytest.mark.parametrize(
    ("count", "requests"), [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (10_000, 10)]
)
def test_a_list_costs_a_request_per_thousand(
    web: responses.RequestsMock, count: int, requests: int
) -> None:
    answer = listed(web, [row(n) for n in reversed(range(count))])

    listing = a_client().list()

    assert [job.job_id for job in listing] == [str(n) for n in range(count)]
    assert len(answer.calls) == requests
    assert sorted(int(call["page"]) for call in answer.calls) == list(range(1, requests + 1))
    assert {call["per_page"] for call in answer.calls} == {"1000"}
    assert {(call["sortBy"], call["order"]) for call in answer.calls} == {("create_time", "asc")}


def test_a_list_tells_quota_and_rows(web: responses.RequestsMock) -> None:
    listed(web, [row(1, status="10", job_desc="said", duration="12"), row(2, version_id=None)])

    listing = a_client(workspace_id="ws-1").list()

    assert listing.quota is not None
    assert (listing.quota.limit, listing.quota.left) == (20_000, 7)
    first, second = listing
    assert (first.status, first.description, first.duration_ms) == (Status.SUCCEEDED, "said", 12)
    assert first.created_at == datetime(2020, 9, 13, 12, 26, 40, 1000, tzinfo=UTC)
    assert (second.version_id, second.description, second.spec) == (None, "", None)
    assert query(web.calls[0])["workspace_id"] == "ws-1"


def delete_first(answer: Listed, calls: int) -> None:
    if calls == 1:
        del answer.rows[0]


def create_one(answer: Listed, calls: int) -> None:
    if calls == 1:
        answer.rows.append(row(9000))


def always_moving(answer: Listed, calls: int) -> None:
    answer.rows.append(row(9000 + calls))


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        pytest.param(delete_first, {*range(1, 2500)}, id="a job went while pages were read"),
        pytest.param(create_one, {*range(2500), 9000}, id="a job came while pages were read"),
    ],
)
def test_a_list_that_moved_is_read_again(
    web: responses.RequestsMock, between: Callable[[Listed, int], None], expected: set[int]
) -> None:
    answer = listed(web, [row(n) for n in range(2500)], between=between)
    time = FakeTime()

    listing = a_client(time).list()

    assert {int(job.job_id) for job in listing} == expected
    assert len(answer.calls) == 6
    assert len(time.slept) == 1


def test_a_list_that_never_settles_is_an_error_and_no_list(web: responses.RequestsMock) -> None:
    answer = listed(web, [row(n) for n in range(1500)], between=always_moving)

    with pytest.raises(InvalidAnswerError, match="does not hold still"):
        a_client().list()

    assert len(answer.calls) == 10


def test_a_stopped_run_does_not_wait_for_the_list_to_settle(web: responses.RequestsMock) -> None:
    answer = listed(web, [row(n) for n in range(1500)], between=always_moving)
    transport = a_transport()
    transport.cancel()

    with pytest.raises(InvalidAnswerError, match="does not hold still"):
        ModelArtsV1(settings(), transport, TokenAuthenticator(TOKEN, PROJECT)).list()

    assert len(answer.calls) == 2


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(1), row(1)], id="a row twice"),
        pytest.param([row(1)], id="a row missing"),
        pytest.param([row(1), row(2), row(3)], id="a row too many"),
    ],
)
def test_a_list_must_have_as_many_jobs_as_it_states(
    web: responses.RequestsMock, rows: list[Row]
) -> None:
    web.get(JOBS, json={"is_success": True, "job_total_count": 2, "jobs": rows})

    with pytest.raises(InvalidAnswerError, match="does not hold still"):
        a_client().list()


def test_equal_creation_times_do_not_hide_jobs(web: responses.RequestsMock) -> None:
    """Rows of one moment may come in another order on each page; names cannot."""
    rows = [row(n, create_time=1) for n in range(1500)]

    def shuffled(request: Any) -> tuple[int, dict[str, str], str]:
        asked = parse_qs(urlsplit(request.url).query)
        page = int(asked["page"][0])
        ordered = rows if asked["sortBy"] == ["job_name"] or page == 1 else list(reversed(rows))
        jobs = ordered[(page - 1) * 1000 : page * 1000]
        answer = {"is_success": True, "job_total_count": 1500, "jobs": jobs}
        return 200, {}, json.dumps(answer)

    web.add_callback("GET", JOBS, shuffled)

    assert len(a_client().list()) == 1500


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"jobs": []}, id="no total"),
        pytest.param({"job_total_count": 1, "jobs": None}, id="rows null"),
        pytest.param({"job_total_count": 1, "jobs": [{"job_name": "a"}]}, id="row without id"),
        pytest.param(
            {"job_total_count": 1, "jobs": [{"job_id": "", "job_name": "a"}]}, id="empty id"
        ),
        pytest.param({"job_total_count": 1, "jobs": [5]}, id="row is a number"),
        pytest.param({"job_total_count": "many", "jobs": []}, id="total is a word"),
    ],
)
def test_a_list_that_makes_no_sense(web: responses.RequestsMock, answer: dict[str, Any]) -> None:
    web.get(JOBS, json=OK | answer)

    with pytest.raises(InvalidAnswerError, match="makes no sense"):
        a_client().list()


def test_finding_compares_whole_names(web: responses.RequestsMock) -> None:
    answer = listed(web, [row(n, job_name=name) for n, name in enumerate(["net", "net-2", "Net"])])

    (found,) = a_client().find("net")

    assert (found.name, found.job_id) == ("net", "0")
    assert answer.calls[0]["search_content"] == "net"


def test_finding_reads_every_page(web: responses.RequestsMock) -> None:
    rows = [row(n, job_name=f"net-{n}", create_time=n) for n in range(1200)]
    answer = listed(web, [*rows, row(5000, job_name="net")])

    assert [job.job_id for job in a_client().find("net")] == ["5000"]
    assert len(answer.calls) == 2


def test_finding_ends_with_a_server_that_ignores_pages(web: responses.RequestsMock) -> None:
    rows = [row(n) for n in range(1000)]
    web.get(JOBS, json={"is_success": True, "job_total_count": 5000, "jobs": rows})

    assert a_client().find("job-5")[0].job_id == "5"
    assert len(web.calls) == 2


# Details


def test_details_by_version(web: responses.RequestsMock) -> None:
    web.get(VERSION, json=PUBLISHED_DETAILS)

    job = a_client().get("567524", "1108482")

    assert job.spec is not None
    assert (job.name, job.spec.flavor) == ("jobtest_TF", "modelarts.vm.cpu.8u")


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param([{"version_id": 9}, {"version_id": 1108482}], id="by id"),
        pytest.param(
            [
                {"version_id": 1108482, "create_time": 20},
                {"version_id": 1108481, "create_time": "10"},
            ],
            id="by time",
        ),
    ],
)
def test_details_of_the_newest_version(
    web: responses.RequestsMock, versions: list[dict[str, Any]]
) -> None:
    web.get(f"{JOB}/versions", json=OK | {"job_id": 567524, "versions": versions})
    web.get(VERSION, json=PUBLISHED_DETAILS)

    assert a_client().get("567524", None).version_id == "1108482"


def test_a_job_without_a_version(web: responses.RequestsMock) -> None:
    answer = OK | {"job_id": 567524, "job_name": "empty", "job_desc": "d", "versions": []}
    web.get(f"{JOB}/versions", json=answer)

    job = a_client().get("567524", None)

    assert (job.name, job.status, job.version_id) == ("empty", Status.UNKNOWN, None)
    assert job.spec is not None
    assert job.spec.name == "empty"


def test_a_job_without_a_version_has_nothing_to_stop_and_no_log(
    web: responses.RequestsMock,
) -> None:
    web.get(f"{JOB}/versions", json=OK | {"versions": []})
    client = a_client()
    client.stop("567524", None)

    assert client.logs("567524", None, cursor="{}") == LogChunk("", "{}")


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, failure("ModelArts.0102")),
        (404, failure("ModelArts.0015")),
        (200, failure("ModelArts.0102")),
        (404, {"is_success": False, "error_msg": "no"}),
    ],
)
def test_a_job_that_is_gone(
    web: responses.RequestsMock, status: int, answer: dict[str, Any]
) -> None:
    web.get(VERSION, status=status, json=answer)
    web.get(f"{JOB}/versions", status=status, json=answer)
    web.put(JOB, status=status, json=answer)
    client = a_client()

    for call in (
        lambda: client.get("567524", "1108482"),
        lambda: client.get("567524", None),
        lambda: client.update_description("567524", "x"),
    ):
        with pytest.raises(JobNotFoundError, match="567524"):
            call()


def test_ids_cannot_leave_their_place_in_the_path(web: responses.RequestsMock) -> None:
    web.get(f"{JOBS}/..%2F..%2Fx/versions/1%3Fa", status=404, json=failure("ModelArts.0015"))

    with pytest.raises(JobNotFoundError):
        a_client().get("../../x", "1?a")


# Creation


def created(web: responses.RequestsMock, **answer: Any) -> None:
    web.get(f"{BASE}/job/ai-engines", json=ENGINES)
    web.post(JOBS, **({"json": PUBLISHED_CREATED} | answer))


def test_a_creation(web: responses.RequestsMock) -> None:
    created(web)

    job = a_client(workspace_id="ws-1").create(a_spec("jobtest_TF", description="d"))

    assert (job.job_id, job.version_id, job.status) == ("567524", "1108482", Status.PENDING)
    assert job.created_at == datetime(2020, 12, 28, 2, 17, 17, tzinfo=UTC)
    sent = json.loads(web.calls[1].request.body or "")
    assert_fits("JobCreate", sent)
    assert sent["config"]["engine_id"] == 4
    assert sent["workspace_id"] == "ws-1"
    assert query(web.calls[0]) == {"job_type": "train"}


VERSIONS = f"{JOBS}/567524/versions"


def test_a_version(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/job/ai-engines", json=ENGINES)
    answer = {"version_id": "7", "status": "1", "create_time": "1609121837000"}
    web.post(VERSIONS, json=OK | {"job_id": 567524} | answer)

    job = a_client().create_version("567524", "6", a_spec("jobtest_TF", description="d"))

    assert (job.job_id, job.version_id, job.status) == ("567524", "7", Status.PENDING)
    assert job.created_at == datetime(2020, 12, 28, 2, 17, 17, tzinfo=UTC)
    sent = json.loads(web.calls[1].request.body or "")
    assert_fits("VersionCreate", sent)
    assert (sent["config"]["pre_version_id"], sent["config"]["engine_id"]) == (6, 4)
    assert sent["job_desc"] == "d"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"json": OK}, id="no version id"),
        pytest.param({"body": b"<html>"}, id="no JSON"),
        pytest.param({"status": 502}, id="gateway"),
        pytest.param({"body": ConnectionError()}, id="reset"),
    ],
)
def test_a_version_whose_answer_is_lost_is_told_and_not_repeated(
    web: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    web.get(f"{BASE}/job/ai-engines", json=ENGINES)
    web.post(VERSIONS, **answer)

    with pytest.raises(OutcomeUnknownError):
        a_client().create_version("567524", "6", a_spec())

    assert len(web.calls) == 2


@pytest.mark.parametrize(
    ("version_id", "fields"),
    [("latest", {}), ("6", {"outputs": ()})],
    ids=["no number", "nothing to write to"],
)
def test_a_version_that_cannot_be_asked_for_is_not_sent(
    web: responses.RequestsMock, version_id: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(ProviderError):
        a_client().create_version("567524", version_id, a_spec(**fields))

    assert len(web.calls) == 0


def test_the_engine_is_looked_up_once_and_not_for_a_number(web: responses.RequestsMock) -> None:
    created(web)
    client = a_client()
    client.create(a_spec("a", engine=Engine(id="130")))
    client.create(a_spec("b"))
    client.create(a_spec("c"))

    assert [call.request.method for call in web.calls] == ["POST", "GET", "POST", "POST"]
    assert json.loads(web.calls[0].request.body or "")["config"]["engine_id"] == 130


def test_an_image_needs_no_engine(web: responses.RequestsMock) -> None:
    created(web)
    a_client().create(a_spec(engine=None, image="swr/team/train:1.0", command="python x.py"))

    (call,) = web.calls
    assert "engine_id" not in json.loads(call.request.body or "")["config"]


def test_an_unknown_engine_sends_no_creation(web: responses.RequestsMock) -> None:
    created(web)

    with pytest.raises(ProviderError, match="Unknown engine"):
        a_client().create(a_spec(engine=Engine(name="TensorFlow", version="9")))

    assert len(web.calls) == 1


@pytest.mark.parametrize(
    ("fields", "version", "status"),
    [
        pytest.param({"job_id": "567524", "status": "1"}, "1108482", Status.PENDING, id="text"),
        pytest.param({"version_id": None}, None, Status.PENDING, id="no version"),
        pytest.param({"create_time": None}, "1108482", Status.PENDING, id="no time"),
        pytest.param({"status": None}, "1108482", Status.UNKNOWN, id="no status"),
        pytest.param({"status": 99}, "1108482", Status.UNKNOWN, id="a new status"),
    ],
)
def test_a_creation_needs_no_more_than_an_id(
    web: responses.RequestsMock, fields: dict[str, Any], version: str | None, status: Status
) -> None:
    created(web, json=PUBLISHED_CREATED | fields)

    job = a_client().create(a_spec())

    assert (job.job_id, job.version_id, job.status) == ("567524", version, status)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(
            {"status": 400, "json": failure("ModelArts.0103", "Job name:a is existed")},
            NameTakenError,
            id="name taken",
        ),
        pytest.param({"json": failure("ModelArts.0103")}, NameTakenError, id="name taken, 200"),
        pytest.param(
            {"status": 400, "json": failure("ModelArts.0116")}, QuotaExceededError, id="quota"
        ),
        pytest.param(
            {"status": 400, "json": failure("ModelArts.0118")}, QuotaExceededError, id="quota too"
        ),
        pytest.param(
            {"status": 400, "json": failure("ModelArts.0104")}, ProviderError, id="parameter"
        ),
        pytest.param(
            {"status": 400, "json": failure("ModelArts.0102")}, ProviderError, id="workspace"
        ),
        pytest.param(
            {"status": 400, "json": {"is_success": False, "error_message": "Invalid OBS path"}},
            ProviderError,
            id="no code",
        ),
        pytest.param(
            {"status": 403, "json": failure("ModelArts.0108")}, AuthenticationError, id="forbidden"
        ),
        pytest.param({"status": 404, "body": "<html>"}, ProviderError, id="no such place"),
        pytest.param({"status": 500, "json": failure("ModelArts.0010")}, OutcomeUnknownError),
        pytest.param({"json": failure("ModelArts.0010")}, OutcomeUnknownError, id="internal, 200"),
        pytest.param({"status": 502, "body": ""}, OutcomeUnknownError, id="502"),
        pytest.param({"status": 504, "body": "<html>"}, OutcomeUnknownError, id="504"),
        pytest.param({"body": "<html>"}, OutcomeUnknownError, id="HTML"),
        pytest.param({"json": {"job_id": 7}}, OutcomeUnknownError, id="no mark"),
        pytest.param({"json": OK}, OutcomeUnknownError, id="no id"),
        pytest.param({"json": OK | {"job_id": None}}, OutcomeUnknownError, id="id null"),
        pytest.param({"json": OK | {"job_id": ""}}, OutcomeUnknownError, id="id empty"),
        pytest.param({"json": OK | {"job_id": [1]}}, OutcomeUnknownError, id="id a list"),
    ],
)
def test_a_creation_that_fails_is_sent_once(
    web: responses.RequestsMock, answer: dict[str, Any], error: type[ProviderError]
) -> None:
    created(web, **({"json": None} if "body" in answer else {}) | answer)
    parameters = {"password": "private-value"}

    with pytest.raises(error) as caught:
        a_client().create(a_spec(parameters=parameters))

    assert type(caught.value) is error
    assert len(web.calls) == 2
    assert "private-value" not in str(caught.value)


# Changes


def test_a_description_is_set_and_repeated_if_need_be(web: responses.RequestsMock) -> None:
    web.put(JOB, status=502)
    web.put(JOB, json=OK)

    a_client().update_description("567524", "")

    assert [json.loads(call.request.body or "") for call in web.calls] == [{"job_desc": ""}] * 2


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(200, OK, id="accepted"),
        pytest.param(400, failure("ModelArts.0102"), id="no such job"),
        pytest.param(404, failure("ModelArts.0015"), id="no such resource"),
        pytest.param(400, failure("ModelArts.6357"), id="already on its way"),
        pytest.param(200, failure("ModelArts.6357"), id="already on its way, 200"),
        pytest.param(404, {"is_success": False, "error_message": "gone"}, id="404 of the service"),
    ],
)
def test_a_deletion_that_is_as_good_as_done(
    web: responses.RequestsMock, status: int, answer: dict[str, Any]
) -> None:
    web.delete(JOB, status=status, json=answer)

    a_client().delete("567524")

    assert len(web.calls) == 1


@pytest.mark.parametrize(
    ("answers", "error", "calls"),
    [
        pytest.param([(500, failure("ModelArts.0010")), (200, OK)], None, 2, id="internal error"),
        pytest.param([(502, None), (400, failure("ModelArts.0102"))], None, 2, id="was done"),
        pytest.param(
            [(500, failure("ModelArts.0010"))], OutcomeUnknownError, 5, id="stays internal"
        ),
        pytest.param([(200, failure("ModelArts.0010"))], OutcomeUnknownError, 5, id="and with 200"),
        pytest.param([(400, failure("ModelArts.0104"))], ProviderError, 1, id="refused"),
        pytest.param([(403, failure("ModelArts.0108"))], AuthenticationError, 1, id="forbidden"),
        pytest.param([(404, None)], ProviderError, 1, id="404 of who knows whom"),
    ],
)
def test_a_deletion_that_fails(
    web: responses.RequestsMock,
    answers: list[tuple[int, dict[str, Any] | None]],
    error: type[ProviderError] | None,
    calls: int,
) -> None:
    for status, answer in answers:
        web.delete(JOB, status=status, json=answer)
    if error is None:
        a_client().delete("567524")
    else:
        with pytest.raises(error) as caught:
            a_client().delete("567524")
        assert type(caught.value) is error

    assert len(web.calls) == calls


@pytest.mark.parametrize(
    ("answer", "now", "error"),
    [
        pytest.param((200, OK), 8, None, id="accepted"),
        pytest.param((400, failure("ModelArts.6357")), 8, None, id="already so"),
        pytest.param((400, failure("ModelArts.0104")), 10, None, id="over"),
        pytest.param((400, failure("ModelArts.0104")), 8, ProviderError, id="refused"),
        pytest.param((400, failure("ModelArts.0102")), 8, JobNotFoundError, id="gone"),
        pytest.param((502, None), 8, OutcomeUnknownError, id="no answer"),
    ],
)
def test_stopping(
    web: responses.RequestsMock,
    answer: tuple[int, dict[str, Any] | None],
    now: int,
    error: type[ProviderError] | None,
) -> None:
    web.get(f"{JOB}/versions", json=OK | {"versions": [{"version_id": 1108482}]})
    web.post(f"{VERSION}/stop", status=answer[0], json=answer[1])
    web.get(VERSION, json=PUBLISHED_DETAILS | {"status": now})
    if error is None:
        a_client().stop("567524", None)
    else:
        with pytest.raises(error):
            a_client().stop("567524", "1108482")


# Logs


class Log:
    """One log file of numbered lines that is read by cursor."""

    def __init__(self, lines: int) -> None:
        self.lines = lines

    def __call__(self, request: Any) -> tuple[int, dict[str, str], str]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        count, base = int(asked["lines"]), asked.get("base_line")
        assert count <= 500
        if base is None:
            first, last = max(0, self.lines - count), self.lines
        elif asked["order"] == "desc":
            first, last = int(base) + 1, min(self.lines, int(base) + 1 + count)
        else:
            first, last = max(0, int(base) - count), int(base)
        content = "\n".join(f"{asked['log_file']}:{n}" for n in range(first, last))
        shown = last - first
        answer = {
            "content": content,
            "lines": shown,
            "start_line": first if shown else "",
            "end_line": str(last - 1) if shown else None,
        }
        return 200, {}, json.dumps(OK | answer)


def with_log(web: responses.RequestsMock, lines: int, files: list[str]) -> Log:
    log = Log(lines)
    web.get(f"{VERSION}/log/file-names", json=OK | {"log_file_list": files})
    web.add_callback("GET", f"{VERSION}/aom-log", log)
    return log


def numbers(chunk: LogChunk) -> list[int]:
    return [int(line.rpartition(":")[2]) for line in chunk.text.splitlines()]


@pytest.mark.parametrize(
    ("written", "lines", "expected"),
    [
        (3, 50, range(3)),
        (100, 50, range(50, 100)),
        (1300, 500, range(800, 1300)),
        (1300, 1200, range(100, 1300)),
        (1300, 5000, range(1300)),
        (1000, 5000, range(1000)),
    ],
)
def test_the_last_lines_of_a_log(
    web: responses.RequestsMock, written: int, lines: int, expected: range
) -> None:
    with_log(web, written, ["job-a.0"])

    assert numbers(a_client().logs("567524", "1108482", lines=lines)) == list(expected)


def test_following_a_log(web: responses.RequestsMock) -> None:
    log = with_log(web, 10, ["job-a.0"])
    client = a_client()
    chunk = client.logs("567524", "1108482", lines=2)
    seen = numbers(chunk)
    for total in (10, 13, 13, 800):
        log.lines = total
        chunk = client.logs("567524", "1108482", cursor=chunk.cursor)
        seen += numbers(chunk)
    chunk = client.logs("567524", "1108482", cursor=chunk.cursor)

    assert seen + numbers(chunk) == list(range(8, 800))


def test_several_nodes_say_who_speaks(web: responses.RequestsMock) -> None:
    log = with_log(web, 1, ["job-a.0", "job-a.1"])
    client = a_client()
    first = client.logs("567524", "1108482")
    log.lines = 2
    second = client.logs("567524", "1108482", cursor=first.cursor)

    assert first.text == "[0] job-a.0:0\n[1] job-a.1:0\n"
    assert second.text == "[0] job-a.0:1\n[1] job-a.1:1\n"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(200, OK | {"log_file_list": []}, id="no file"),
        pytest.param(200, OK | {"log_file_list": None}, id="files null"),
        pytest.param(400, failure("ModelArts.0806"), id="no log, 400"),
        pytest.param(200, failure("ModelArts.0806"), id="no log, 200"),
    ],
)
def test_no_log_yet(web: responses.RequestsMock, status: int, answer: dict[str, Any]) -> None:
    web.get(f"{VERSION}/log/file-names", status=status, json=answer)

    assert a_client().logs("567524", "1108482") == LogChunk("", None)
    assert a_client().logs("567524", "1108482", cursor='{"f": "1"}').cursor == '{"f": "1"}'


def test_a_file_that_has_no_text_yet(web: responses.RequestsMock) -> None:
    web.get(f"{VERSION}/log/file-names", json=OK | {"log_file_list": ["f"]})
    web.get(f"{VERSION}/aom-log", status=400, json=failure("ModelArts.0806"))

    assert a_client().logs("567524", "1108482") == LogChunk("", None)


@pytest.mark.parametrize("cursor", ["", "[]", "x", "5", '"text"'])
def test_a_cursor_that_is_not_ours(web: responses.RequestsMock, cursor: str) -> None:
    with_log(web, 1, ["f"])

    with pytest.raises(ProviderError, match="place in the log"):
        a_client().logs("567524", "1108482", cursor=cursor)


def test_the_log_of_a_job_that_is_gone(web: responses.RequestsMock) -> None:
    web.get(f"{VERSION}/log/file-names", status=400, json=failure("ModelArts.0102"))

    with pytest.raises(JobNotFoundError):
        a_client().logs("567524", "1108482")


# Catalog, identity, secrets


def test_the_catalog_is_read_once(web: responses.RequestsMock) -> None:
    spec = {"spec_id": 27, "spec_code": "cpu.8u", "max_num": "4", "core": 8, "cpu": "32"}
    web.get(f"{BASE}/job/resource-specs", json=OK | {"specs": [spec | {"no_resource": True}]})
    web.get(f"{BASE}/job/ai-engines", json=ENGINES)
    client = a_client()
    for _ in range(3):
        (flavor,) = client.flavors()
        engines = client.engines()

    assert (flavor.code, flavor.max_workers, flavor.sold_out) == ("cpu.8u", 4, True)
    assert (flavor.cpus, flavor.memory_gb) == ("8", "32")
    assert [engine.id for engine in engines] == ["3", "4"]
    assert len(web.calls) == 2


def test_identity_and_time(web: responses.RequestsMock) -> None:
    listed(web, [])
    client = a_client(workspace_id="ws-1")
    client.list()

    assert client.identity == PlatformIdentity(
        api="modelarts/v1", endpoint=URL, project_id=PROJECT, workspace_id="ws-1"
    )
    assert client.now() == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    client.close()


def test_connecting_sends_nothing_and_reaches_another_url(web: responses.RequestsMock) -> None:
    credentials = Credentials(token=TOKEN, project_id=PROJECT)
    client = connect(PlatformSettings(), credentials, url=f"{URL}/")
    assert len(web.calls) == 0
    listed(web, [])

    assert len(client.list()) == 0
    assert client.identity.endpoint == "local"


def test_connecting_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OS_USERNAME", "OS_TOKEN", "OS_PASSWORD", "OS_AUTH_URL", "OS_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(AuthenticationError, match="Credentials are missing"):
        connect(settings())


@pytest.mark.parametrize(
    "status", [200, 301, 400, 401, 403, 404, 409, 413, 418, 429, 500, 501, 502, 503, 504]
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>MIIZ-very-secret</html>",
        b"null",
        b"[]",
        b'{"is_success": false}',
        b'{"error_msg": "token MIIZ-very-secret expired", "error_code": "APIG.0301"}',
        b'{"is_success": true, "jobs": [{"job_id": {}}], "log_file_list": 5}',
        b"\x00\xff",
    ],
)
def test_every_answer_to_every_call_ends_in_an_error_that_tells_no_secret(
    web: responses.RequestsMock, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    for method in ("GET", "PUT", "POST", "DELETE"):
        web.add_callback(method, re.compile(".*"), lambda _: (status, {}, body))
    client = a_client()
    spec = a_spec(engine=Engine(id="4"), parameters={"password": "private-value"})
    for call in (
        client.list,
        lambda: client.find("private"),
        lambda: client.get("1", None),
        lambda: client.create(spec),
        lambda: client.logs("1", "2"),
        client.flavors,
        client.engines,
    ):
        with pytest.raises(ProviderError) as caught:
            call()
        text = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caplog.text}"
        assert "MIIZ" not in text
        assert "private" not in text
