"""Every fault that tests can switch on is seen by a client."""

import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator.support import Client, Json, Local, a_job
from tests.waiting import eventually

LIST = "/training-jobs"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    settings = Settings(idle_timeout=0, simulate=0.0)
    with Local(tmp_path_factory.mktemp("faults"), settings) as server:
        yield server


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    client = local.new_client()
    client.checked = False
    yield client
    client.admin("DELETE", "faults")
    client.admin("PUT", "timing", {})
    for job in client.admin("GET", "jobs"):
        client.admin("DELETE", f"jobs/{job['job_id']}")
    client.close()


def names(client: Client) -> list[str]:
    return [job["name"] for job in client.admin("GET", "jobs")]


@pytest.mark.parametrize(
    ("variant", "keys"),
    [
        ("A", {"is_success", "error_message", "error_code"}),
        ("B", {"is_success", "error_msg", "error_code"}),
        ("C", {"error_message", "error_code"}),
        ("D", {"error_msg", "error_code"}),
        ("E", {"error_msg", "error_code", "request_id"}),
    ],
)
def test_error_bodies(client: Client, variant: str, keys: set[str]) -> None:
    client.fault("error_before", status=404, code="X.1", message="why", variant=variant)

    answer = client.api("GET", LIST)

    assert (answer.status, answer.code, set(answer.body)) == (404, "X.1", keys)


@pytest.mark.parametrize(("variant", "body"), [("F", b""), ("html", b"<html>")])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_error_bodies_that_are_not_json(
    client: Client, variant: str, body: bytes, status: int
) -> None:
    client.fault("error_before", status=status, variant=variant)

    answer = client.api("GET", LIST)

    assert (answer.status, answer.body) == (status, None)
    assert answer.raw.startswith(body)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 409, 429])
def test_errors_before_and_after_the_effect(client: Client, status: int) -> None:
    client.fault("error_before", method="POST", status=status)
    client.fault("error_after", method="POST", status=status, skip=1)

    before = client.api("POST", LIST, a_job("before"))
    after = client.api("POST", LIST, a_job("after"))

    assert (before.status, after.status) == (status, status)
    assert before.body["is_success"] is after.body["is_success"] is False
    assert names(client) == ["after"]


def test_retry_after_in_each_form(client: Client) -> None:
    client.fault("error_before", status=429, retry_after=7)
    client.fault("error_before", status=429, retry_after=100, as_date=True, skip=1)
    client.fault("error_before", status=429, skip=2)

    seconds, date, none = [client.api("GET", LIST).headers.get("retry-after") for _ in range(3)]

    assert seconds == "7"
    assert 90 < parsedate_to_datetime(str(date)).timestamp() - time.time() < 101
    assert none is None


@pytest.mark.parametrize(
    ("mode", "error"), [("reset", ConnectionResetError), ("close", RemoteDisconnected)]
)
def test_dropped_connections(client: Client, mode: str, error: type[Exception]) -> None:
    client.fault("drop_before", method="POST", mode=mode)
    client.fault("drop_after", method="POST", mode=mode, skip=1)

    for name in ("before", "after"):
        with pytest.raises(error) as caught:
            client.api("POST", LIST, a_job(name))
        assert caught.type is error

    assert names(client) == ["after"]
    log = client.admin("GET", "requests")["requests"]
    assert [entry["status"] for entry in log[-2:]] == [0, 0]


def test_a_body_is_cut_off(client: Client) -> None:
    client.fault("truncate")

    with pytest.raises(IncompleteRead):
        client.api("GET", LIST)


def test_a_body_is_not_json(client: Client) -> None:
    client.fault("invalid_json")

    answer = client.api("GET", LIST)

    assert (answer.status, answer.body) == (200, None)
    assert answer.headers["content-type"] == "application/json"


def test_an_answer_is_late(client: Client) -> None:
    client.fault("latency", seconds=0.2)
    began = time.monotonic()

    assert client.api("GET", LIST).status == 200
    assert time.monotonic() - began >= 0.2


def test_numbers_come_as_texts_and_fields_as_null(client: Client) -> None:
    job = client.create("odd", job_desc="text")
    client.fault("numbers_as_strings")
    assert client.rows()[0]["job_id"] == str(job["job_id"])
    client.fault("null_fields", fields=["job_desc", "duration"])
    (row,) = client.rows()
    assert (row["job_desc"], row["duration"], row["job_id"]) == (None, None, job["job_id"])
    client.fault("unknown_status", value=77)
    assert client.rows()[0]["status"] == 77
    assert client.rows()[0]["status"] == 10


def test_all_tokens_expire(client: Client) -> None:
    client.fault("expire_tokens", skip=1)

    codes = [client.api("GET", LIST).code for _ in range(3)]

    assert codes == ["", "ModelArts.0202", "ModelArts.0202"]


def test_a_list_is_stale_for_a_while(client: Client) -> None:
    client.create("old")
    client.fault("stale_list", method="GET", path=LIST, times=2)
    client.create("new")

    seen = [[row["job_name"] for row in client.rows()] for _ in range(3)]

    assert seen == [["old"], ["old"], ["new", "old"]]


def test_a_row_comes_twice(client: Client) -> None:
    client.create("a")
    client.create("b")
    client.fault("duplicate_row", path=LIST)

    assert [row["job_name"] for row in client.rows()] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("how", "second_page"),
    [
        pytest.param("insert", ["b", "c"], id="a row comes in before the page"),
        pytest.param("delete", ["d"], id="a row before the page goes"),
        pytest.param("reorder", ["d", "a"], id="a row moves to the end"),
    ],
)
def test_rows_move_between_pages(client: Client, how: str, second_page: list[str]) -> None:
    for number, name in enumerate("abcd"):
        job = client.create(name)
        client.admin("PATCH", f"jobs/{job['job_id']}", {"created": 1000 + number})
    client.fault("move_rows", path=LIST, how=how)

    pages = [
        [row["job_name"] for row in client.api("GET", f"{LIST}?{query}").body["jobs"]]
        for query in (f"sortBy=create_time&per_page=2&page={page}" for page in (1, 2))
    ]

    assert pages == [["a", "b"], second_page]


def test_rules_choose_by_method_path_and_count(client: Client) -> None:
    rule = client.fault("error_before", method="GET", path=r"page=2", skip=1, times=2)

    statuses = [client.api("GET", f"{LIST}?page={page}").status for page in (1, 2, 2, 1, 2, 2)]

    assert statuses == [200, 200, 500, 200, 500, 200]
    (entry,) = client.admin("GET", "faults")
    assert (entry["id"], entry["seen"], entry["hits"]) == (rule, 4, 2)


def test_a_rule_without_end_lasts_until_it_is_lifted(client: Client) -> None:
    rule = client.fault("error_before", times=None)
    assert {client.api("GET", LIST).status for _ in range(5)} == {500}

    client.admin("DELETE", f"faults/{rule}")

    assert client.api("GET", LIST).status == 200


def test_a_deletion_takes_its_time_and_the_name_longer(client: Client) -> None:
    client.admin("PUT", "timing", {"delete_delay": 0.3, "name_hold": 0.4})
    job = client.create("slow")
    path = f"{LIST}/{job['job_id']}"

    assert client.api("DELETE", path).status == 200
    assert [row["job_name"] for row in client.rows()] == ["slow"]
    assert client.api("DELETE", path).code == "ModelArts.6357"
    assert client.api("PUT", path, {"job_desc": "x"}).code == "ModelArts.6357"
    eventually(client.rows, lambda rows: not rows)
    assert client.api("POST", LIST, a_job("slow")).code == "ModelArts.0103"
    eventually(lambda: client.api("POST", LIST, a_job("slow")).status, lambda s: s == 200)


def test_a_deletion_fails(client: Client) -> None:
    client.admin("PUT", "timing", {"delete_fails": 1})
    job = client.create("sticky")
    path = f"{LIST}/{job['job_id']}"

    assert client.api("DELETE", path).status == 200
    assert client.rows()[0]["status"] == 6
    assert client.api("DELETE", path).status == 200
    assert client.rows() == []


def test_a_new_job_is_listed_late(client: Client) -> None:
    client.admin("PUT", "timing", {"list_lag": 0.3})

    job = client.create("lagging")

    assert client.rows() == []
    assert client.details(job)["job_name"] == "lagging"
    assert client.api("POST", LIST, a_job("lagging")).code == "ModelArts.0103"
    eventually(client.rows, lambda rows: len(rows) == 1)


def test_jobs_change_behind_the_back(client: Client) -> None:
    job = client.create("mine", job_desc="before")
    path = f"jobs/{job['job_id']}"

    client.admin("PATCH", path, {"status": 11, "description": "after", "started": 5, "ended": 9})
    details = client.details(job)
    client.admin("POST", f"{path}/versions", {"changes": {"engine_id": 3}})
    (row,) = client.rows()
    new = client.admin("POST", f"{path}/recreate")

    assert (details["status"], details["job_desc"], details["duration"]) == (11, "after", 4)
    assert row["version_count"] == 2
    assert (new["name"], new["job_id"] != job["job_id"]) == ("mine", True)
    shown = client.details(new | {"version_id": new["versions"][0]["version_id"]})
    assert (shown["engine_id"], shown["job_desc"]) == (3, "after")
    client.admin("DELETE", f"jobs/{new['job_id']}")
    assert client.rows() == []


def test_somebody_else_makes_a_job(client: Client) -> None:
    config = a_job("x")["config"]
    request: Json = {"project_id": client.project, "name": "theirs", "config": config}

    made = client.admin("POST", "jobs", request)

    assert made["versions"]
    assert [row["job_name"] for row in client.rows()] == ["theirs"]


def test_requests_are_counted_by_kind(client: Client) -> None:
    job = client.create("counted")
    client.admin("DELETE", "requests")

    client.log_in()
    client.rows()
    client.details(job)
    client.api("GET", "/job/ai-engines")
    client.api("PUT", f"{LIST}/{job['job_id']}", {"job_desc": "x"})
    client.api("GET", "/nothing")
    seen = client.admin("GET", "requests")

    kinds = ("token", "list", "detail", "catalog", "mutating", "other")
    assert seen["counts"] == dict.fromkeys(kinds, 1) | {"total": 6}
    assert seen["requests"][1]["query"] == "per_page=1000"
    assert [entry["status"] for entry in seen["requests"]] == [201, 200, 200, 200, 200, 404]


@pytest.mark.parametrize("token", ["", "guess"])
def test_the_admin_interface_needs_its_own_token(client: Client, token: str) -> None:
    answer = client.call("GET", "/_emulator/requests", headers={"X-Admin-Token": token})

    assert answer.status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"fault": {"kind": "unheard-of"}}),
        ("faults", {"path_regex": "(", "fault": {"kind": "latency"}}),
        ("faults", b"{"),
        ("jobs", {"project_id": "x"}),
    ],
)
def test_admin_requests_are_checked(client: Client, path: str, body: Any) -> None:
    token = {"X-Admin-Token": client.endpoint["admin_token"]}

    answer = client.call("POST", f"/_emulator/{path}", body, token)

    assert answer.status == 400
    assert json.loads(answer.raw)["error"]
