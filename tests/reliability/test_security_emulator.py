"""The embedded platform serves this machine's programs alone, and its jobs learn no secret."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconciler.backends import codec
from reconciler.emulator.launch import Running
from tests.acceptance.world import World, a_world, definition, job
from tests.build import a_record, a_spec, a_state
from tests.reliability.fuzz import shown

SPY = """
import os, pathlib, sys
print("ENVIRONMENT", dict(os.environ))
print("ARGUMENTS", sys.argv, pathlib.Path("/proc/self/cmdline").read_bytes())
print("BEGUN BY", pathlib.Path(f"/proc/{os.getppid()}/cmdline").read_bytes())
"""
MARKERS = {
    "OS_PASSWORD": "Marker-Pass-4d1f9c62a7",
    "OS_TOKEN": "MIIMarkerTokenx0y1z2",
    "OS_USERNAME": "marker-user-77aa",
    "OS_SECRET_KEY": "marker-secret-key-1b2c",
    "AWS_SECRET_ACCESS_KEY": "marker-aws-3d4e",
    "SOME_API_KEY": "marker-api-5f6a",
    "RECONCILER_STATE": "state",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("emulator")) as found:
        found.serve()
        yield found


def ask(
    running: Running, method: str, path: str, headers: dict[str, str], body: str = "{}"
) -> tuple[int, str]:
    connection = HTTPConnection(urlsplit(running.url).netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        connection.putheader("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def a_token(running: Running) -> str:
    user: dict[str, Any] = {"name": running.username, "password": running.password}
    user |= {"domain": {"name": running.domain}}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    auth |= {"scope": {"project": {"id": running.project_id}}}
    connection = HTTPConnection(urlsplit(running.url).netloc, timeout=30)
    connection.request("POST", "/v3/auth/tokens", json.dumps({"auth": auth}))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    token = answer.headers["X-Subject-Token"]
    assert token
    return str(token)


def test_it_listens_on_loopback_alone(world: World) -> None:
    port = urlsplit(world.emulator.url).port
    assert port is not None
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == port
    ]
    assert listening == [f"0100007F:{port:04X}"]
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", port)) != 0


PATHS_V1 = [
    *(("GET", "training-jobs"), ("POST", "training-jobs"), ("GET", "training-jobs/1/versions")),
    *(("PUT", "training-jobs/1"), ("DELETE", "training-jobs/1"), ("GET", "job/ai-engines")),
    *(("POST", "training-jobs/1/versions"), ("GET", "training-jobs/1/versions/1")),
    *(("DELETE", "training-jobs/1/versions/1"), ("POST", "training-jobs/1/versions/1/stop")),
    *(("GET", "training-jobs/1/versions/1/aom-log"), ("GET", "job/resource-specs")),
    *(("GET", "training-jobs/1/versions/1/log/file-names"), ("GET", "built-in-algorithms")),
    *(("GET", "training-job-configs"), ("POST", "training-job-configs")),
]
PATHS_V2 = [
    *(("POST", "training-jobs"), ("POST", "training-job-searches"), ("GET", "training-jobs/1")),
    *(("PUT", "training-jobs/1"), ("DELETE", "training-jobs/1"), ("GET", "training-quotas")),
    *(("POST", "training-jobs/1/actions"), ("GET", "training-jobs/1/events")),
    *(("GET", "training-jobs/1/tasks/worker-0/logs/preview"), ("GET", "training-job-names")),
    *(("GET", "training-jobs/1/tasks/worker-0/logs/url"), ("GET", "training-job-flavors")),
    *(("GET", "training-jobs/1/metrics/worker-0"), ("GET", "training-job-engines")),
]
PATHS = [
    *(("v1", method, path) for method, path in PATHS_V1),
    *(("v2", method, path) for method, path in PATHS_V2),
]
ADMIN = [
    *(("POST", "projects"), ("GET", "faults"), ("POST", "faults"), ("DELETE", "faults")),
    *(("GET", "timing"), ("PUT", "timing"), ("GET", "requests"), ("POST", "tokens/expire")),
    *(("GET", "jobs"), ("POST", "jobs"), ("PATCH", "jobs/1"), ("DELETE", "jobs/1")),
]


@pytest.mark.parametrize(("api", "method", "path"), PATHS)
@pytest.mark.parametrize("token", [None, "", "MIIwrong", "\xff", "null"], ids=ascii)
def test_nothing_without_a_token(
    world: World, api: str, method: str, path: str, token: str | None
) -> None:
    running = world.emulator
    headers = {} if token is None else {"X-Auth-Token": token}
    status, said = ask(running, method, f"/{api}/{running.project_id}/{path}", headers)
    assert status == 401, said


@pytest.mark.parametrize(("method", "path"), ADMIN)
def test_the_admin_interface_needs_its_own_token(world: World, method: str, path: str) -> None:
    running = world.emulator
    token = a_token(running)
    for headers in ({}, {"X-Admin-Token": ""}, {"X-Admin-Token": token}, {"X-Auth-Token": token}):
        assert ask(running, method, f"/_emulator/{path}", headers)[0] == 401


FOREIGN = [
    *({"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Host": "127.0.0.1.evil.example"}),
    *({"Host": "localhost.evil.example"}, {"Host": "127.0.0.1@evil.example"}, {"Host": ""}),
    *({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1.x.y"}),
    *({"Host": "[::2]"}, {"Host": "0.0.0.0"}, {"Host": "[::1"}),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_pages_in_a_browser_are_not_served(world: World, headers: dict[str, str]) -> None:
    running = world.emulator
    known = {"X-Auth-Token": a_token(running), "X-Admin-Token": running.admin_token}
    for method, path in (
        ("GET", f"/v1/{running.project_id}/training-jobs"),
        ("POST", f"/v2/{running.project_id}/training-job-searches"),
        ("GET", "/_emulator/jobs"),
        ("POST", "/v3/auth/tokens"),
    ):
        status, _ = ask(running, method, path, known | headers)
        assert status in (400, 403)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:80", "127.8.8.8:1", "[::1]:9", "LOCALHOST"]
)
def test_programs_of_this_machine_are_served(world: World, host: str) -> None:
    running = world.emulator
    headers = {"X-Auth-Token": a_token(running), "Host": host, "Origin": "http://localhost:3000"}
    status, _ = ask(running, "GET", f"/v1/{running.project_id}/training-jobs", headers)
    assert status == 200


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as found:
        yield found


def test_a_training_job_learns_no_secret(fresh: World) -> None:
    fresh.write(SPY, "buckets/data/code/spy.py")
    image = "  image:\n    image: org/name:tag\n    command: env; cat /proc/$PPID/cmdline\n"
    text = definition(job("spy", boot="spy.py", lr="1"))
    text = text.replace("  engine: {name: TensorFlow, version: TF-1.8.0-python3.6}\n", "")
    text = text.replace("  code_dir: /data/code/\n", "")
    code = "engine: {name: TensorFlow, version: TF-1.8.0-python3.6}\n    code_dir: /data/code/"
    text = text.replace("  spy:\n", f"  spy:\n    {code}\n")
    fresh.write(text + image)
    assert fresh.run("apply", "--auto-approve", "--wait", env=MARKERS).returncode == 0
    running = fresh.emulator
    secrets = [*MARKERS.values(), running.password, running.admin_token]
    secrets.remove("state")
    for name in ("spy", "image"):
        said = fresh.run("logs", name).stdout
        assert "MA_JOB_NAME" in said
        for secret in secrets:
            assert secret not in said
        assert not any(key in said for key in MARKERS)


def test_an_exported_log_stays_inside_the_buckets(fresh: World) -> None:
    outside = fresh.folder / "outside.txt"
    outside.write_text("untouched")
    logs = fresh.folder / "buckets" / "data" / "logs"
    logs.mkdir()
    (logs / "a-V0001.0.log").symlink_to(outside)
    fresh.write(definition(job("a") + "    log_dir: /data/logs/\n"))
    assert fresh.run("apply", "--auto-approve", "--wait").returncode == 0
    assert outside.read_text() == "untouched"
    (logs / "a-V0001.0.log").unlink()
    fresh.edit("parameters: {}", "parameters: {lr: 1}")
    assert fresh.run("apply", "--auto-approve", "--wait").returncode == 0
    assert "trained with" in (logs / "a-V0001.0.log").read_text()


ESCAPES = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\u202eX\r\u2066\x1bP+q\x1b\\"
LOUD = f"""
import sys
sys.stdout.write({ESCAPES!a} + "\\n")
sys.stdout.buffer.write(b"\\xff\\x1b[31m no text\\n")
sys.exit(3)
"""


def test_what_the_platform_says_moves_no_cursor(fresh: World) -> None:
    fresh.write(LOUD, "buckets/data/code/loud.py")
    name = "jobs\x1b[31m\r.yaml"
    fresh.write(definition(job("loud", boot="loud.py", text='"\\u202egnp"')), name)
    commands: tuple[tuple[str, ...], ...] = (
        ("plan", "-vv"),
        ("plan", "--json"),
        ("apply", "--auto-approve", "--wait"),
        ("logs", "loud"),
        ("status", "-vv"),
        ("status", "--json"),
        ("drift", "-vv"),
        ("state", "pull"),
        ("state", "show", "loud"),
        ("apply", "--auto-approve", "--json"),
        ("state", "mv", "loud", f"x{ESCAPES}"),
        ("state", "list"),
        ("status", f"y{ESCAPES}"),
        (f"pl\x1b[31man{ESCAPES}",),
        ("plan", f"--no\x1b[31m{ESCAPES}"),
        ("plan", "--target", f"z{ESCAPES}"),
    )
    for command in commands:
        ended = fresh.run(*command, env={"RECONCILER_FILE": name})
        assert "Traceback" not in ended.stderr
        shown.check(ended.stdout)
        shown.check(ended.stderr)
    stranger = {"project_id": fresh.emulator.project_id, "name": f"stranger{ESCAPES}"}
    fresh.admin("POST", "jobs", stranger | {"description": ESCAPES})
    for command in (("plan", "-vv"), ("drift", "-vv", "--json"), ("drift", "-vv")):
        ended = fresh.run(*command, env={"RECONCILER_FILE": name})
        shown.check(ended.stdout + ended.stderr)


def test_what_a_server_answers_with_moves_no_cursor(fresh: World) -> None:
    fresh.write(definition(job("a")))
    fresh.serve()
    for fault in (
        {"kind": "error_before", "status": 400, "code": ESCAPES, "message": ESCAPES},
        {"kind": "error_before", "status": 403, "code": "ModelArts.0108", "message": ESCAPES},
    ):
        fresh.admin("DELETE", "faults")
        rule = {"method": "GET", "path_regex": "training-jobs", "times": None, "fault": fault}
        fresh.admin("POST", "faults", rule)
        ended = fresh.run("plan")
        assert ended.returncode == 1, ended
        shown.check(ended.stderr)


def test_a_hostile_state_moves_no_cursor(fresh: World) -> None:
    fresh.write(definition(job("a")))
    spec = a_spec(f"n{ESCAPES}", description=ESCAPES, parameters={ESCAPES: ESCAPES})
    record = a_record(spec, job_id=ESCAPES, version_id=ESCAPES, name=ESCAPES)
    records = {f"a{ESCAPES}": record}
    state = a_state(records, stack="vision", platform=None, lineage=ESCAPES)
    (fresh.folder / "state").mkdir(mode=0o700)
    (fresh.folder / "state" / "vision.json").write_bytes(codec.encode(state))
    for command in (
        ("state", "list"),
        ("state", "list", "--json"),
        ("state", "show", f"a{ESCAPES}"),
        ("state", "show", f"a{ESCAPES}", "--json"),
        ("state", "pull"),
        ("state", "history"),
        ("plan", "-vv"),
        ("plan", "--json"),
        ("status", "-vv"),
        ("drift", "-vv", "--json"),
        ("wait", "--timeout", "0"),
        ("state", "rm", "a*"),
    ):
        ended = fresh.run(*command)
        assert "Traceback" not in ended.stderr
        shown.check(ended.stdout)
        shown.check(ended.stderr)
