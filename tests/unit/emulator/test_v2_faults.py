"""Every fault that tests can switch on reaches the clients of v2 as well."""

from collections.abc import Iterator
from http.client import IncompleteRead, RemoteDisconnected

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator.jobs_v2 import a_job, create, get, names, path_of, phase, search
from tests.unit.emulator.support import Client, Local

SEARCH = "/training-job-searches"
JOBS = "/training-jobs$"


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


def test_errors_before_and_after_the_effect(client: Client) -> None:
    client.fault("error_before", method="POST", path=JOBS, status=503, variant="D")
    client.fault("error_after", method="POST", path=JOBS, status=502, variant="G", skip=1)

    before = client.v2("POST", "/training-jobs", a_job("before"))
    after = client.v2("POST", "/training-jobs", a_job("after"))

    assert (before.status, set(before.body)) == (503, {"error_msg", "error_code"})
    assert (after.status, set(after.body)) == (502, {"error_msg", "error_code", "error_solution"})
    assert names(client) == ["after"]


@pytest.mark.parametrize(
    ("mode", "error"), [("reset", ConnectionResetError), ("close", RemoteDisconnected)]
)
def test_dropped_connections(client: Client, mode: str, error: type[Exception]) -> None:
    client.fault("drop_before", method="POST", path=JOBS, mode=mode)
    client.fault("drop_after", method="POST", path=JOBS, mode=mode, skip=1)

    for name in ("before", "after"):
        with pytest.raises(error):
            client.v2("POST", "/training-jobs", a_job(name))

    assert names(client) == ["after"]


def test_bodies_cut_off_and_bodies_that_are_no_json(client: Client) -> None:
    client.fault("truncate", path=SEARCH)
    client.fault("invalid_json", path=SEARCH, skip=1)

    with pytest.raises(IncompleteRead):
        client.v2("POST", SEARCH, {})
    answer = client.v2("POST", SEARCH, {})

    assert (answer.status, answer.body) == (200, None)


def test_distorted_answers(client: Client) -> None:
    job = create(client, a_job("odd", top={"description": "text"}))
    create(client, a_job("even"))

    client.fault("numbers_as_strings", path=SEARCH)
    assert search(client)["count"] == "2"
    client.fault("null_fields", fields=["description"], path=path_of(job))
    assert get(client, job)["metadata"]["description"] is None
    client.fault("unknown_status", value=7, times=2)
    assert phase(get(client, job)) == "Phase7"
    assert {phase(item) for item in search(client)["items"]} == {"Phase7"}
    assert phase(get(client, job)) == "Completed"
    client.fault("duplicate_row", path=SEARCH)
    assert names(client) == ["even", "odd", "even"]


def test_a_list_is_stale_for_a_while(client: Client) -> None:
    create(client, a_job("old"))
    client.fault("stale_list", path=SEARCH)
    create(client, a_job("new"))

    assert [names(client) for _ in range(2)] == [["old"], ["new", "old"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("how", "second_page"),
    [
        pytest.param("insert", ["b", "c"], id="a row comes in before the page"),
        pytest.param("delete", ["d"], id="a row before the page goes"),
        pytest.param("reorder", ["d", "a"], id="a row moves to the end"),
    ],
)
def test_rows_move_between_pages(
    client: Client, how: str, second_page: list[str], order: str
) -> None:
    for number, name in enumerate("abcd" if order == "asc" else "dcba"):
        uid = create(client, a_job(name))["metadata"]["id"]
        client.admin("PATCH", f"jobs/{uid}", {"created": 1000 + number})
    client.fault("move_rows", path=SEARCH, how=how)

    pages = [names(client, limit=2, offset=page, order=order) for page in (0, 1)]

    assert pages == [["a", "b"], second_page]


def test_requests_are_counted_by_kind(client: Client) -> None:
    job = create(client, a_job("counted"))
    client.admin("DELETE", "requests")

    search(client)
    get(client, job)
    client.v2("GET", "/training-job-flavors")
    client.v2("GET", "/training-job-engines")
    client.v2("GET", "/training-quotas")
    client.v2("PUT", path_of(job), {"description": "x"})
    client.v2("POST", f"{path_of(job)}/actions", {"action_type": "terminate"})
    client.v2("DELETE", path_of(job))

    counts = client.admin("GET", "requests")["counts"]
    kinds = {"list": 1, "detail": 1, "catalog": 2, "other": 1, "mutating": 3}
    assert counts == kinds | {"total": 8}
