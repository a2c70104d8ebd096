"""What v2 refuses, with which status, code and message."""

from typing import Any

import pytest

from tests.unit.emulator import jobs_v2 as v2
from tests.unit.emulator.jobs_v2 import a_job, an_algorithm, channel, create, parameters, path_of
from tests.unit.emulator.support import Client, Json, Local

NO_CODE: Json = {"code_dir": None, "boot_file": None, "engine": None}
IMAGE: Json = {"engine": {"image_url": "team/i:1"}}
NFS = {"nfs_server_path": "10.0.0.1:/", "local_path": "/mnt"}
UUID = "00000000-0000-4000-8000-000000000000"


def algorithm(title: str, code: str, message: str = "", /, **changes: Any) -> Any:
    return pytest.param({"algorithm": an_algorithm(**changes)}, code, message, id=title)


def spec(title: str, code: str, message: str = "", /, **changes: Any) -> Any:
    return pytest.param({"spec": v2.a_spec(**changes)}, code, message, id=title)


def top(title: str, code: str, message: str = "", /, **changes: Any) -> Any:
    return pytest.param(changes, code, message, id=title)


def metadata(title: str, code: str, message: str = "", /, **changes: Any) -> Any:
    return pytest.param({"metadata": {"name": "refused"} | changes}, code, message, id=title)


def resource(title: str, code: str, message: str = "", /, **changes: Any) -> Any:
    return spec(title, code, message, resource=changes)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        top("unknown field", "ModelArts.2788", "colour", colour="red"),
        top("unknown kind", "ModelArts.2788", "kind", kind="task"),
        top("tasks", "ModelArts.2788", "tasks", tasks=[{}]),
        top("algorithm null", "ModelArts.2788", "algorithm", algorithm=None),
        top("algorithm a text", "ModelArts.2825", "algorithm", algorithm="train.py"),
        metadata("number as name", "ModelArts.2825", "metadata.name", name=7),
        metadata("space in the name", "ModelArts.2788", "metadata.name", name="a b"),
        metadata("name too long", "ModelArts.2788", "metadata.name", name="x" * 65),
        metadata("line end in the name", "ModelArts.2788", "metadata.name", name="x\n"),
        metadata("id of one's own", "ModelArts.2788", "metadata.id", id=UUID),
        metadata("description too long", "ModelArts.2788", "description", description="d" * 257),
        metadata(
            "too many retries",
            "ModelArts.2788",
            "job-retry-num",
            annotations={"fault-tolerance/job-retry-num": "4"},
        ),
        metadata("number as annotation", "ModelArts.2825", "annotations", annotations={"a": 1}),
        algorithm("no code at all", "ModelArts.2788", "one of", **NO_CODE),
        algorithm("boot file without code", "ModelArts.2788", "code_dir", code_dir=None),
        algorithm("boot file and command", "ModelArts.2788", "only one", command="true"),
        algorithm("image without command", "ModelArts.2806", **NO_CODE | IMAGE),
        algorithm("command without image", "ModelArts.2806", boot_file=None, command="true"),
        algorithm("algorithm unknown", "ModelArts.2755", **NO_CODE | {"id": UUID}),
        algorithm(
            "subscription unknown",
            "ModelArts.2755",
            **NO_CODE | {"subscription_id": "s", "item_version_id": "v"},
        ),
        algorithm(
            "half a subscription",
            "ModelArts.2788",
            "together",
            **NO_CODE | {"subscription_id": "s"},
        ),
        algorithm(
            "managed algorithm with an engine",
            "ModelArts.2814",
            code_dir=None,
            boot_file=None,
            id="01c399ae-8593-4ef5-9e4d-085950aacde1",
        ),
        algorithm("engine missing", "ModelArts.2830", engine=None),
        algorithm("engine unknown", "ModelArts.2780", "caffe", engine={"engine_id": "caffe"}),
        algorithm(
            "engine version unknown",
            "ModelArts.2780",
            "PyTorch 9",
            engine={"engine_name": "PyTorch", "engine_version": "9"},
        ),
        algorithm(
            "half an engine", "ModelArts.2788", "together", engine={"engine_name": "PyTorch"}
        ),
        algorithm("number as engine id", "ModelArts.2825", "engine_id", engine={"engine_id": 4}),
        algorithm(
            "packages without an image",
            "ModelArts.2788",
            "install_sys_packages",
            engine={"engine_id": v2.PYTORCH, "install_sys_packages": True},
        ),
        algorithm(
            "number as parameter value",
            "ModelArts.2825",
            "parameters.0.value",
            parameters=[{"name": "lr", "value": 0.1}],
        ),
        algorithm("parameter twice", "ModelArts.2767", parameters=parameters(a="1") * 2),
        algorithm("parameter without value", "ModelArts.2766", parameters=[{"name": "a"}]),
        algorithm("NUL in a parameter", "ModelArts.2788", parameters=parameters(a="\0")),
        algorithm(
            "two channels of a name",
            "ModelArts.2753",
            inputs=[channel("a", "/demo/data/")],
            outputs=[channel("a", "/demo/out/")],
        ),
        algorithm(
            "input from two places",
            "ModelArts.2753",
            inputs=[
                {
                    "name": "a",
                    "remote": {
                        "obs": {"obs_url": "/demo/data/"},
                        "dataset": {"id": "d", "version_id": "v"},
                    },
                }
            ],
        ),
        algorithm("input from nowhere", "ModelArts.2753", inputs=[{"name": "a", "remote": {}}]),
        algorithm(
            "output into a data set",
            "ModelArts.2788",
            "outputs.0.remote",
            outputs=[{"name": "a", "remote": {"dataset": {"id": "d", "version_id": "v"}}}],
        ),
        algorithm(
            "list as environment", "ModelArts.2825", "environments", environments=[{"A": "1"}]
        ),
        algorithm("dollar in a value", "ModelArts.2788", environments={"A": "$HOME"}),
        algorithm("digit begins a name", "ModelArts.2788", environments={"1A": "x"}),
        algorithm("value too long", "ModelArts.2788", environments={"A": "x" * 4097}),
        algorithm(
            "too many variables",
            "ModelArts.2788",
            "environments",
            environments={f"A{n}": "" for n in range(101)},
        ),
        algorithm("code elsewhere in the image", "ModelArts.2788", local_code_dir="/root"),
        algorithm(
            "code folder missing",
            "ModelArts.2802",
            "Invalid codeDir path: /demo/missing/.",
            code_dir="/demo/missing/",
            boot_file="/demo/missing/train.py",
        ),
        algorithm("boot file missing", "ModelArts.2758", boot_file="/demo/code/missing.py"),
        algorithm("boot file elsewhere", "ModelArts.2792", boot_file="/demo/other/train.py"),
        algorithm(
            "data missing",
            "ModelArts.2791",
            "Invalid obs path: /demo/no-data/",
            inputs=[channel("data_url", "obs://demo/no-data/")],
        ),
        algorithm(
            "output bucket missing",
            "ModelArts.2791",
            "/nowhere/out/",
            outputs=[channel("train_url", "/nowhere/out/")],
        ),
        algorithm(
            "data climbs",
            "ModelArts.2791",
            inputs=[channel("data_url", "/demo/../../etc/")],
        ),
        spec("log path climbs", "ModelArts.2791", log_export_path={"obs_url": "/demo/%2e%2e/x/"}),
        top("no spec", "ModelArts.2788", "spec", spec=None),
        resource("no resource", "ModelArts.2788", "flavor_id or pool_id"),
        resource("flavor unknown", "ModelArts.2781", "npu.9", flavor_id="npu.9"),
        resource("pool flavor alone", "ModelArts.2763", flavor_id="modelarts.pool.visual.xlarge"),
        resource(
            "too many nodes", "ModelArts.2793", "(1)", flavor_id="modelarts.vm.cpu.8u", node_count=2
        ),
        resource(
            "no nodes",
            "ModelArts.2788",
            "node_count",
            flavor_id="modelarts.vm.cpu.8u",
            node_count=0,
        ),
        resource(
            "text as nodes",
            "ModelArts.2825",
            "node_count",
            flavor_id="modelarts.vm.cpu.8u",
            node_count="1",
        ),
        spec("volume of no kind", "ModelArts.2788", "volumes", volumes=[{}]),
        spec("volume twice in a place", "ModelArts.2788", "repeated", volumes=[{"nfs": NFS}] * 2),
        spec(
            "too many volumes",
            "ModelArts.2788",
            "more than 8",
            volumes=[{"nfs": NFS | {"local_path": f"/mnt/{n}"}} for n in range(9)],
        ),
        spec("minutes", "ModelArts.2788", auto_stop={"time_unit": "MINUTES", "duration": 5}),
        spec("no time", "ModelArts.2788", auto_stop={"time_unit": "HOURS", "duration": 0}),
        spec("auto stop without unit", "ModelArts.2788", auto_stop={"duration": 1}),
        spec("unheard-of event", "ModelArts.2788", notification={"events": ["JobDone"]}),
        spec("text as priority", "ModelArts.2825", schedule_policy={"priority": "1"}),
        spec(
            "affinity without a size",
            "ModelArts.2788",
            "affinity_group_size",
            schedule_policy={"required_affinity": {"affinity_type": "hyperinstance"}},
        ),
    ],
)
def test_requests_that_are_refused(client: Client, changes: Json, code: str, message: str) -> None:
    body = a_job("refused") | changes
    body = {name: value for name, value in body.items() if value is not None or name == "algorithm"}

    answer = client.v2("POST", "/training-jobs", body)

    assert (answer.status, answer.code) == (400, code)
    assert message in answer.body["error_msg"]
    assert "is_success" not in answer.body
    assert v2.names(client, filters=v2.like("refused")) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param([], id="list for an object"),
        pytest.param(b"{", id="broken JSON"),
        pytest.param(b"", id="no body"),
        pytest.param(b"[" * 5000, id="deeply nested"),
        pytest.param(b'{"kind": "\xff"}', id="not UTF-8"),
    ],
)
@pytest.mark.parametrize("path", ["/training-jobs", "/training-job-searches"])
def test_bodies_that_are_no_object(client: Client, path: str, body: Any) -> None:
    answer = client.v2("POST", path, body)

    assert answer.status == 400
    assert answer.code in ("ModelArts.2787", "ModelArts.2825")


def test_a_body_of_another_type_is_refused(client: Client) -> None:
    path, other = f"/v2/{client.project}/training-jobs", {"Content-Type": "text/plain"}

    assert client.call("POST", path, a_job("typed"), other).code == "ModelArts.2787"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"limit": 0}, "ModelArts.2788", id="limit too small"),
        pytest.param({"limit": 51}, "ModelArts.2788", id="limit too large"),
        pytest.param({"offset": -1}, "ModelArts.2788", id="offset below 0"),
        pytest.param({"offset": "0"}, "ModelArts.2825", id="offset as text"),
        pytest.param({"order": "up"}, "ModelArts.2788", id="unknown order"),
        pytest.param({"page": 1}, "ModelArts.2788", id="unknown field"),
        pytest.param({"sort_by": "colour"}, "ModelArts.2790", id="unknown sorting"),
        pytest.param({"filters": [{"key": "name"}]}, "ModelArts.2788", id="half a filter"),
        pytest.param(
            {"filters": [{"key": "colour", "operator": "in", "value": ["x"]}]},
            "ModelArts.2807",
            id="unknown key",
        ),
        pytest.param(
            {"filters": [{"key": "name", "operator": "is", "value": ["x"]}]},
            "ModelArts.2808",
            id="unknown operator",
        ),
        pytest.param(
            {"filters": [{"key": "name", "operator": "between", "value": ["a", "b"]}]},
            "ModelArts.2808",
            id="operator of another key",
        ),
        pytest.param(
            {"filters": [{"key": "create_time", "operator": "between", "value": ["1"]}]},
            "ModelArts.2809",
            id="half a range",
        ),
    ],
)
def test_searches_that_are_refused(client: Client, body: Json, code: str) -> None:
    answer = client.v2("POST", "/training-job-searches", body)

    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("PATCH", "/training-jobs", 405, "ModelArts.2803", id="other method"),
        pytest.param("GET", "/training-jobs", 405, "ModelArts.2803", id="list by GET"),
        pytest.param("GET", "/training-job", 404, "ModelArts.2836", id="other path"),
        pytest.param("GET", "/job/training-job-engines", 404, "ModelArts.2836", id="use case"),
        pytest.param("GET", f"/training-jobs/{UUID}", 400, "ModelArts.2775", id="details"),
        pytest.param("GET", "/training-jobs/100001", 400, "ModelArts.2775", id="number"),
        pytest.param("DELETE", f"/training-jobs/{UUID}", 400, "ModelArts.2775", id="delete"),
        pytest.param("PUT", f"/training-jobs/{UUID}", 400, "ModelArts.2775", id="change"),
        pytest.param("POST", f"/training-jobs/{UUID}/actions", 400, "ModelArts.2775", id="act"),
        pytest.param("GET", f"/training-jobs/{UUID}/events", 400, "ModelArts.2775", id="events"),
        pytest.param("GET", "/training-job-flavors?flavor_type=TPU", 400, "ModelArts.2764", id="t"),
        pytest.param("GET", "/training-job-names", 400, "ModelArts.2764", id="no name"),
        pytest.param("GET", "/training-job-names?job_name=a.b", 400, "ModelArts.2764", id="name"),
        pytest.param("GET", "/training-job-names?job_name=%C3%A4", 400, "ModelArts.2764", id="ae"),
        pytest.param("GET", "/training-quotas?resource=gpu", 400, "ModelArts.2764", id="resource"),
    ],
)
def test_requests_that_lead_nowhere(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.v2(method, path)

    assert (answer.status, answer.code) == (status, code)
    assert answer.body["error_msg"]


def test_queries_about_a_job_that_are_refused(client: Client) -> None:
    job = create(client, a_job("asked-v2"))
    path = path_of(job)
    v2.wait_for(client, job)

    def code(method: str, tail: str, body: Any = None) -> str:
        return client.v2(method, f"{path}{tail}", body).code

    assert code("POST", "/actions", {"action_type": "restart"}) == "ModelArts.2812"
    assert code("POST", "/actions", {}) == "ModelArts.2788"
    assert code("PUT", "", {"description": "d" * 257}) == "ModelArts.2788"
    assert code("PUT", "", {"description": 1}) == "ModelArts.2825"
    assert code("PUT", "", {"name": "other"}) == "ModelArts.2788"
    for query in ("limit=0", "limit=101", "offset=x", "level=Fatal", "order=up", "start_time=1"):
        assert code("GET", f"/events?{query}") == "ModelArts.50004000"


def test_a_mistake_of_the_emulators_own_is_an_internal_error(
    local: Local, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr(local.emulator.jobs.listing, "find", fail)

    answer = client.v2("POST", "/training-job-searches", {})

    client.close()
    assert (answer.status, answer.code) == (500, "ModelArts.0010")
    assert "inner workings" not in answer.raw.decode()


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        pytest.param("", 401, "APIG.0301", id="no token"),
        pytest.param("guess", 401, "APIG.0301", id="unknown token"),
    ],
)
def test_who_is_not_let_in(client: Client, token: str, status: int, code: str) -> None:
    client.token = token

    answer = client.v2("POST", "/training-job-searches", {})

    assert (answer.status, answer.code) == (status, code)
    assert answer.body["request_id"]


def test_a_token_of_another_project_and_one_that_expired(client: Client) -> None:
    other = client.call("POST", "/v2/another-project/training-job-searches", {})
    client.admin("POST", "tokens/expire")
    expired = client.v2("POST", "/training-job-searches", {})

    assert (other.status, other.code) == (403, "ModelArts.0210")
    assert (expired.status, expired.code) == (401, "ModelArts.0202")
    assert set(expired.body) == {"error_msg", "error_code"}
