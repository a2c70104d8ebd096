"""The calls of version 2: what is asked, and what every kind of answer becomes."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

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
from reconciler.model.platform import PlatformIdentity, PlatformSettings, Quota
from reconciler.planning.diff import drift_changes
from reconciler.providers.auth import TokenAuthenticator
from reconciler.providers.modelarts.v2.client import ModelArtsV2
from tests.build import a_spec
from tests.unit.providers.doubles import PROJECT, URL, FakeTime, a_transport
from tests.unit.providers.v2_documents import ID, assert_fits, filled_by_server, published

TOKEN = "MIIZ-very-secret"
BASE = f"{URL}/v2/{PROJECT}"
JOBS = f"{BASE}/training-jobs"
JOB = f"{JOBS}/{ID}"
SEARCHES = f"{BASE}/training-job-searches"
Row = dict[str, Any]


def a_client(time: FakeTime | None = None, **fields: Any) -> ModelArtsV2:
    settings = PlatformSettings(api="modelarts/v2", endpoint=URL, **fields)
    return ModelArtsV2(settings, a_transport(time), TokenAuthenticator(TOKEN, PROJECT))


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """The network, in which only what a test registers exists."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def row(number: int, **fields: Any) -> Row:
    metadata = {"id": f"id-{number}", "name": f"job-{number}", "create_time": 1_600_000_000_000}
    metadata["create_time"] = 1_600_000_000_000 + number
    return {"kind": "job", "metadata": metadata, "status": {"phase": "Running"}} | fields


def failure(code: str, message: str = "told why") -> dict[str, Any]:
    return {"error_code": code, "error_msg": message}


def in_phase(phase: str) -> Row:
    return row(1, status={"phase": phase, "tasks": ["worker-0"]})


class Listed:
    """The list of jobs, 50 at a time; `between` changes it after each answer.

    `by_job` takes an offset as the number of jobs to skip, `per_page` counts only the jobs of
    the page, and `others` are jobs of the user elsewhere.
    """

    def __init__(
        self,
        rows: list[Row],
        *,
        by_job: bool = False,
        per_page: bool = False,
        others: int = 0,
        between: Callable[["Listed", int], None] | None = None,
    ) -> None:
        self.rows, self.by_job, self.per_page, self.others = rows, by_job, per_page, others
        self.between = between
        self.calls: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def __call__(self, request: Any) -> tuple[int, dict[str, str], str]:
        asked = json.loads(request.body)
        assert_fits("Search", asked)
        with self.lock:
            self.calls.append(asked)
            limit, offset = asked["limit"], asked["offset"]
            (text,) = asked["filters"][0]["value"] if "filters" in asked else ("",)
            rows = [each for each in self.rows if text in each["metadata"]["name"]]
            rows.sort(key=lambda each: each["metadata"]["create_time"])
            start = offset if self.by_job else offset * limit
            items = rows[start : start + limit]
            answer = {
                "total": len(self.rows) + self.others,
                "count": len(items) if self.per_page else len(rows),
                "limit": limit,
                "offset": offset,
                "items": items,
            }
            if self.between:
                self.between(self, len(self.calls))
        return 200, {"Date": "Thu, 02 Jan 2025 03:04:05 GMT"}, json.dumps(answer)


def listed(web: responses.RequestsMock, rows: list[Row], **fields: Any) -> Listed:
    answer = Listed(rows, **fields)
    web.add_callback("POST", SEARCHES, answer)
    return answer


def jobs(count: int) -> list[Row]:
    return [row(number) for number in reversed(range(count))]


# Lists


@pytest.mark.parametrize(
    ("count", "requests"),
    [(0, 1), (1, 1), (49, 1), (50, 1), (51, 2), (99, 2), (100, 2), (101, 3), (1000, 20)],
)
def test_a_list_costs_a_request_per_fifty(
    web: responses.RequestsMock, count: int, requests: int
) -> None:
    answer = listed(web, jobs(count))

    listing = a_client().list()

    assert [job.job_id for job in listing] == [f"id-{number}" for number in range(count)]
    assert sorted(call["offset"] for call in answer.calls) == list(range(requests))
    assert {call["limit"] for call in answer.calls} == {50}
    assert {(call["sort_by"], call["order"]) for call in answer.calls} == {("create_time", "asc")}


@pytest.mark.parametrize("others", [0, 7])
@pytest.mark.parametrize("per_page", [False, True], ids=["count of all", "count of the page"])
@pytest.mark.parametrize("by_job", [False, True], ids=["offset of pages", "offset of jobs"])
@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 101, 250, 1001])
def test_every_reading_of_offset_and_count_gives_the_whole_list(
    web: responses.RequestsMock, count: int, by_job: bool, per_page: bool, others: int
) -> None:
    answer = listed(web, jobs(count), by_job=by_job, per_page=per_page, others=others)

    listing = a_client().list()

    assert [job.job_id for job in listing] == [f"id-{number}" for number in range(count)]
    assert len(answer.calls) <= count // 50 + 3


def test_a_list_that_moves_is_read_again(web: responses.RequestsMock) -> None:
    def lose_one(answer: Listed, calls: int) -> None:
        if calls == 1:
            answer.rows = [each for each in answer.rows if each["metadata"]["id"] != "id-3"]

    time = FakeTime()
    listed(web, jobs(120), between=lose_one)

    assert {job.job_id for job in a_client(time).list()} == {
        f"id-{n}" for n in range(120) if n != 3
    }
    assert time.slept


def test_a_list_that_never_holds_still_is_not_passed_on(web: responses.RequestsMock) -> None:
    def lose_one(answer: Listed, _: int) -> None:
        answer.rows = answer.rows[:-1]

    listed(web, jobs(400), between=lose_one)

    with pytest.raises(InvalidAnswerError, match="hold still"):
        a_client().list()


def test_a_list_that_ends_too_soon_is_not_passed_on(web: responses.RequestsMock) -> None:
    page = {"total": 80, "count": 80, "items": jobs(50)}
    web.add("POST", SEARCHES, json=page)

    with pytest.raises(InvalidAnswerError, match="hold still"):
        a_client().list()


def test_a_list_carries_the_specs(web: responses.RequestsMock) -> None:
    spec = a_spec(environment={"A": "1"}, auto_stop_hours=2)
    client = a_client()
    web.add("POST", JOBS, json=published("/training-jobs", "post", "201"), status=201)
    client.create(spec)
    answer = filled_by_server(json.loads(web.calls[0].request.body or ""), phase="Completed")
    listed(web, [answer, row(7, algorithm={"engine": 5})])

    found = client.list().by_id(ID)
    stranger = client.list().by_id("id-7")

    assert found is not None
    assert found.spec is not None
    assert drift_changes(spec, found.spec) == ()
    assert (found.status, found.version_id) == (Status.SUCCEEDED, None)
    assert stranger is not None
    assert stranger.spec is None


@pytest.mark.parametrize(
    ("workspace", "sent"), [("0", None), ("ws-1", "ws-1")], ids=["default", "another"]
)
def test_only_another_workspace_is_named(
    web: responses.RequestsMock, workspace: str, sent: str | None
) -> None:
    answer = listed(web, [])
    a_client(workspace_id=workspace).list()

    assert [call.get("workspace_id") for call in answer.calls] == [sent]


def test_names_are_searched_by_part_and_compared_whole(web: responses.RequestsMock) -> None:
    answer = listed(web, jobs(120))

    (found,) = a_client().find("job-1")

    assert found.job_id == "id-1"
    assert answer.calls[0]["filters"] == [{"key": "name", "operator": "like", "value": ["job-1"]}]


@pytest.mark.parametrize(
    "body", ['{"items": [{"metadata": {"name": "a"}}]}', '{"items": 3}', '{"total": 1}']
)
def test_a_list_that_makes_no_sense(web: responses.RequestsMock, body: str) -> None:
    web.add("POST", SEARCHES, body=body)

    with pytest.raises(InvalidAnswerError):
        a_client().list()


@pytest.mark.parametrize("body", ["", "null", '""', "{}", '{"items": ['])
def test_a_lost_list_is_asked_for_again(web: responses.RequestsMock, body: str) -> None:
    web.add("POST", SEARCHES, body=body)
    listed(web, jobs(2))

    assert len(a_client().list()) == 2


# One job


def test_a_job_is_read_with_its_spec(web: responses.RequestsMock) -> None:
    web.add("GET", JOB, json=published("/training-jobs/{training_job_id}", "get", "200"))

    job = a_client().get(ID, "of no meaning")

    assert (job.job_id, job.name, job.status) == (ID, "mnist-torch", Status.RUNNING)
    assert job.spec is not None
    assert job.spec.environment == {"SEED": "7"}


def test_a_configuration_that_makes_no_sense_is_told_without_it(
    web: responses.RequestsMock,
) -> None:
    web.add("GET", JOB, json=row(1, algorithm={"engine": "hunter2"}))

    with pytest.raises(InvalidAnswerError) as caught:
        a_client().get(ID, None)
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)


GONE = failure("ModelArts.2775", "Training job not found.")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda client: client.get(ID, None), id="get"),
        pytest.param(lambda client: client.update_description(ID, "x"), id="update"),
        pytest.param(lambda client: client.stop(ID, None), id="stop"),
        pytest.param(lambda client: client.logs(ID, None), id="logs"),
        pytest.param(lambda client: client.events(ID), id="events"),
        pytest.param(lambda client: client.metrics(ID, "worker-0"), id="metrics"),
        pytest.param(lambda client: client.log_link(ID, "worker-0"), id="link"),
    ],
)
def test_a_job_that_is_gone(
    web: responses.RequestsMock, call: Callable[[ModelArtsV2], object]
) -> None:
    paths = ("", "/actions", "/events", "/metrics/worker-0", "/tasks/worker-0/logs/url")
    for method in ("GET", "PUT", "POST"):
        for path in paths:
            web.add(method, JOB + path, json=GONE, status=400)

    with pytest.raises(JobNotFoundError):
        call(a_client())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(404, "", id="404 without a body"),
        pytest.param(404, '{"error_code": "APIG.0101", "error_msg": "no such API"}', id="gateway"),
        pytest.param(400, json.dumps(failure("ModelArts.0102")), id="no such workspace"),
    ],
)
def test_only_the_services_own_word_means_gone(
    web: responses.RequestsMock, status: int, body: str
) -> None:
    web.add("GET", JOB, body=body, status=status)
    web.add("DELETE", JOB, body=body, status=status)

    with pytest.raises(ProviderError) as caught:
        a_client().get(ID, None)
    assert not isinstance(caught.value, JobNotFoundError)
    with pytest.raises(ProviderError):
        a_client().delete(ID)


# Changes


def test_a_creation(web: responses.RequestsMock) -> None:
    web.add("POST", JOBS, json=published("/training-jobs", "post", "201"), status=201)

    job = a_client(workspace_id="ws-1").create(a_spec("mnist-torch"))

    body = json.loads(web.calls[0].request.body or "")
    assert_fits("JobCreate", body)
    assert body["metadata"]["workspace_id"] == "ws-1"
    assert (job.job_id, job.name, job.status) == (ID, "mnist-torch", Status.PENDING)
    assert job.version_id is None


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ModelArts.2751", NameTakenError),
        (400, "ModelArts.2815", QuotaExceededError),
        (400, "ModelArts.2833", QuotaExceededError),
        (400, "ModelArts.0118", QuotaExceededError),
        (400, "ModelArts.2755", ProviderError),
        (403, "ModelArts.2785", AuthenticationError),
        (404, "ModelArts.2786", AuthenticationError),
        (401, "ModelArts.0203", AuthenticationError),
        (403, "ModelArts.2784", AuthenticationError),
        (500, "ModelArts.2950", OutcomeUnknownError),
        (502, "", OutcomeUnknownError),
    ],
)
def test_a_creation_that_fails(
    web: responses.RequestsMock, status: int, code: str, error: type[ProviderError]
) -> None:
    body = json.dumps(failure(code)) if code else ""
    web.add("POST", JOBS, body=body, status=status)

    with pytest.raises(ProviderError) as caught:
        a_client().create(a_spec())
    assert type(caught.value) is error
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("body", ["", "null", "{}", '{"metadata": {}}', '{"metadata": {"id": ""}}'])
def test_a_creation_with_an_answer_that_makes_no_sense_is_unknown(
    web: responses.RequestsMock, body: str
) -> None:
    web.add("POST", JOBS, body=body, status=201)

    with pytest.raises(OutcomeUnknownError):
        a_client().create(a_spec())
    assert len(web.calls) == 1


def test_what_cannot_be_expressed_is_not_sent(web: responses.RequestsMock) -> None:
    with pytest.raises(ProviderError, match="dollar"):
        a_client().create(a_spec(environment={"A": "$HOME"}))
    assert len(web.calls) == 0


@pytest.mark.parametrize("body", ["", "null", '""', "{}"])
def test_changes_are_accepted_by_their_status(web: responses.RequestsMock, body: str) -> None:
    web.add("PUT", JOB, body=body)
    web.add("DELETE", JOB, body=body, status=202)
    web.add("POST", f"{JOB}/actions", body=body, status=202)
    client = a_client()

    client.update_description(ID, "")
    client.delete(ID)
    client.stop(ID, None)

    bodies = [call.request.body for call in web.calls]
    assert bodies == [b'{"description":""}', None, b'{"action_type":"terminate"}']


def test_a_job_that_is_gone_is_deleted(web: responses.RequestsMock) -> None:
    web.add("DELETE", JOB, json=GONE, status=400)

    a_client().delete(ID)


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Abnormal", "Terminated", "Terminating"])
def test_a_run_that_is_over_needs_no_stop(web: responses.RequestsMock, phase: str) -> None:
    web.add("POST", f"{JOB}/actions", json=failure("ModelArts.2796"), status=409)
    web.add("GET", JOB, json=in_phase(phase))

    a_client().stop(ID, None)


def test_a_run_that_goes_on_and_cannot_be_stopped(web: responses.RequestsMock) -> None:
    web.add("POST", f"{JOB}/actions", json=failure("ModelArts.2796"), status=409)
    web.add("GET", JOB, json=in_phase("Running"))

    with pytest.raises(ProviderError, match=r"ModelArts\.2796"):
        a_client().stop(ID, None)


def test_a_stop_that_meets_a_change_of_phase_is_asked_for_again(
    web: responses.RequestsMock,
) -> None:
    web.add("POST", f"{JOB}/actions", json=failure("ModelArts.2878"), status=409)
    web.add("POST", f"{JOB}/actions", json=in_phase("Terminating"), status=202)
    web.add("GET", JOB, json=in_phase("Running"))

    a_client().stop(ID, None)

    assert len(web.calls) == 3


# Logs, metrics, events

PREVIEW = f"{JOB}/tasks/worker-0/logs/preview"


def preview(text: str, full: int | None = None) -> dict[str, Any]:
    size = len(text.encode())
    return {"content": text, "current_size": size, "full_size": full or size}


def test_a_log_is_followed_by_its_bytes(web: responses.RequestsMock) -> None:
    web.add("GET", JOB, json=in_phase("Running"))
    client = a_client()
    web.add("GET", PREVIEW, json=preview("one\ntwö\nthree\n"))
    chunk = client.logs(ID, None, lines=2)
    web.replace("GET", PREVIEW, json=preview("three\nfour\n", full=20))
    after = client.logs(ID, None, cursor=chunk.cursor)
    nothing = client.logs(ID, None, cursor=after.cursor)

    assert chunk.text == "twö\nthree\n"
    assert after.text == "four\n"
    assert (nothing.text, nothing.cursor) == ("", after.cursor)


def test_a_log_that_began_anew_is_read_from_its_start(web: responses.RequestsMock) -> None:
    web.add("GET", JOB, json=in_phase("Running"))
    web.add("GET", PREVIEW, json=preview("again\n"))

    assert a_client().logs(ID, None, cursor='{"worker-0": 5000}').text == "again\n"


@pytest.mark.parametrize("tasks", [[], None, 5])
def test_a_job_without_tasks_has_no_log(web: responses.RequestsMock, tasks: Any) -> None:
    web.add("GET", JOB, json=row(1, status={"phase": "Pending", "tasks": tasks}))

    assert a_client().logs(ID, None, cursor="{}").text == ""


def test_lines_of_several_tasks_say_whose_they_are(web: responses.RequestsMock) -> None:
    web.add("GET", JOB, json=row(1, status={"phase": "Running", "tasks": ["worker-0", "ps-0"]}))
    web.add("GET", PREVIEW, json=preview("a\nb\n"))
    web.add("GET", f"{JOB}/tasks/ps-0/logs/preview", json={"context": "c"})

    assert a_client().logs(ID, None).text == "[worker-0] a\n[worker-0] b\n[ps-0] c\n"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(204, "", id="not ready"),
        pytest.param(400, json.dumps(failure("ModelArts.2818")), id="not generated"),
        pytest.param(400, json.dumps(failure("ModelArts.2819")), id="cleared"),
        pytest.param(400, json.dumps(failure("ModelArts.2820")), id="not found"),
    ],
)
def test_there_is_no_log_or_metric(web: responses.RequestsMock, status: int, body: str) -> None:
    web.add("GET", JOB, json=in_phase("Running"))
    for path in ("tasks/worker-0/logs/preview", "tasks/worker-0/logs/url", "metrics/worker-0"):
        web.add("GET", f"{JOB}/{path}", body=body, status=status)
    client = a_client()

    assert client.logs(ID, None).text == ""
    assert client.log_link(ID, "worker-0") is None
    assert client.metrics(ID, "worker-0") == {}


def test_a_place_in_the_log_that_is_none(web: responses.RequestsMock) -> None:
    web.add("GET", JOB, json=in_phase("Running"))

    with pytest.raises(ProviderError, match="place in the log"):
        a_client().logs(ID, None, cursor="[1]")


def test_link_metrics_and_events(web: responses.RequestsMock) -> None:
    job = "/training-jobs/{training_job_id}"
    link = published(f"{job}/tasks/{{task_id}}/logs/url", "get", "200")
    web.add("GET", f"{JOB}/tasks/worker-0/logs/url", json=link)
    metrics = published(f"{job}/metrics/{{task_id}}", "get", "200")
    web.add("GET", f"{JOB}/metrics/worker-0", json=metrics)
    web.add("GET", f"{JOB}/events", json=published(f"{job}/events", "get", "200"))
    client = a_client()

    assert client.log_link(ID, "worker-0") == link["obs_url"]
    assert client.metrics(ID, "worker-0")["cpuUsage"] == (-1, 2.43, 4.524)
    assert [event.message for event in client.events(ID)] == ["Training job created."]


# The catalog, and what older services lack


def test_the_catalog_is_asked_for_once(web: responses.RequestsMock) -> None:
    web.add(
        "GET",
        f"{BASE}/training-job-flavors",
        json=published("/training-job-flavors", "get", "200"),
    )
    web.add(
        "GET",
        f"{BASE}/training-job-engines",
        json=published("/training-job-engines", "get", "200"),
    )
    client = a_client()

    assert [flavor.code for flavor in client.flavors()] == ["modelarts.vm.cpu.8u"]
    assert [engine.name for engine in client.engines()] == ["PyTorch"]
    client.flavors()
    client.engines()
    assert len(web.calls) == 2


def test_quota_and_name_where_the_service_has_them(web: responses.RequestsMock) -> None:
    web.add("GET", f"{BASE}/training-quotas", json=published("/training-quotas", "get", "200"))
    web.add("GET", f"{BASE}/training-job-names", json={"is_duplicate": True})
    client = a_client()

    assert client.quota() == Quota(limit=10000, left=9975)
    assert client.is_name_taken("a") is True


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, json.dumps(failure("APIG.0101"))),
        (404, "<html>"),
        (405, json.dumps(failure("ModelArts.2803"))),
        (400, json.dumps(failure("ModelArts.2836"))),
    ],
)
def test_older_services_lack_them(web: responses.RequestsMock, status: int, body: str) -> None:
    web.add("GET", f"{BASE}/training-quotas", body=body, status=status)
    web.add("GET", f"{BASE}/training-job-names", body=body, status=status)
    client = a_client()

    assert client.quota() is None
    assert client.is_name_taken("a") is None


def test_a_refused_quota_is_not_taken_for_a_missing_one(web: responses.RequestsMock) -> None:
    web.add("GET", f"{BASE}/training-quotas", json=failure("ModelArts.0108"), status=403)

    with pytest.raises(AuthenticationError):
        a_client().quota()


def test_identity() -> None:
    assert a_client(workspace_id="ws-1").identity == PlatformIdentity(
        api="modelarts/v2", endpoint=URL, project_id=PROJECT, workspace_id="ws-1"
    )
