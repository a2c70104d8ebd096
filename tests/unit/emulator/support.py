"""A live emulator in a thread, and a client that checks every answer against the OpenAPI file."""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self, TypeVar

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from reconciler.emulator.app import Emulator, Settings
from reconciler.emulator.server import Endpoint, Server, serve_async
from tests.waiting import eventually

Json = dict[str, Any]
T = TypeVar("T")


def _described(version: str) -> Json:
    path = Path(__file__).parents[2] / "openapi" / f"modelarts-{version}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


OPENAPI = _described("v1")
OPENAPI_V2 = _described("v2")
_REGISTRY: Registry[Any] = Registry().with_resources(
    [
        ("urn:v1", DRAFT202012.create_resource(OPENAPI)),
        ("urn:v2", DRAFT202012.create_resource(OPENAPI_V2)),
    ]
)
TERMINAL = {3, 5, 6, 10, 11, 12, 13, 14, 16, 17, 21}

TRAIN = """
import argparse, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("--data_url"); parser.add_argument("--train_url")
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--exit", type=int, default=0)
options = parser.parse_args()
for epoch in range(options.epochs):
    print("epoch", epoch)
if options.train_url:
    pathlib.Path(options.train_url, "model.txt").write_text(options.data_url or "none")
print("rank", os.environ["RANK"], "of", os.environ["WORLD_SIZE"], file=sys.stderr)
sys.exit(options.exit)
"""

SLEEP = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("pids-" + os.environ["MA_JOB_NAME"]).write_text(f"{os.getpid()} {child.pid}")
print("sleeping", flush=True)
time.sleep(600)
"""


def description_of(path: str) -> Json:
    """The OpenAPI file that a path belongs to."""
    return OPENAPI_V2 if path.startswith("/v2/") else OPENAPI


def operation_of(method: str, path: str) -> Json | None:
    """The OpenAPI operation that a request belongs to, or None."""
    parts = path.split("?")[0].strip("/").split("/")
    for template, item in description_of(path)["paths"].items():
        wanted = template.strip("/").split("/")
        fits = len(parts) == len(wanted) and all(
            want == part or want.startswith("{") for want, part in zip(wanted, parts, strict=True)
        )
        if fits and method.lower() in item:
            return dict(item[method.lower()])
    return None


def check_schema(schema: Json, value: Any, version: str = "v1") -> None:
    """Fail unless the value fits a schema of the version's OpenAPI file."""
    absolute = json.loads(json.dumps(schema).replace('"#/', f'"urn:{version}#/'))
    Draft202012Validator(absolute, registry=_REGISTRY).validate(value)


def check_answer(method: str, path: str, answer: "Answer") -> None:
    """Fail unless the answer is one that the operation documents."""
    operation = operation_of(method, path)
    if operation is None:
        return
    response = operation["responses"].get(str(answer.status), operation["responses"]["default"])
    if "$ref" in response:
        name = response["$ref"].rsplit("/", 1)[1]
        response = description_of(path)["components"]["responses"][name]
    if "content" in response:
        schema = response["content"]["application/json"]["schema"]
        check_schema(schema, answer.body, "v2" if path.startswith("/v2/") else "v1")
    assert answer.status < 400 or answer.body.get("is_success") is not True
    assert "date" in answer.headers


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `body` is its JSON, or None if it is none."""

    status: int
    headers: dict[str, str]
    raw: bytes
    body: Any

    @property
    def code(self) -> str:
        """The error code, or an empty text."""
        return str((self.body or {}).get("error_code", ""))


@dataclass
class Client:
    """Requests over one keep-alive connection; renews nothing, repeats nothing."""

    endpoint: Endpoint
    project: str = ""
    token: str = ""
    checked: bool = True
    _connection: HTTPConnection | None = None

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request; `body` may be bytes or anything that JSON can express."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        if self.token:
            sent["X-Auth-Token"] = self.token
        answer = self._send(method, path, data, sent | (headers or {}))
        if self.checked:
            check_answer(method, path, answer)
        return answer

    def api(self, method: str, path: str, body: Any = None) -> Answer:
        """A v1 request below the project."""
        return self.call(method, f"/v1/{self.project}{path}", body)

    def v2(self, method: str, path: str, body: Any = None) -> Answer:
        """A v2 request below the project."""
        return self.call(method, f"/v2/{self.project}{path}", body)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """An admin request that must succeed; its JSON."""
        token = {"X-Admin-Token": self.endpoint["admin_token"]}
        answer = self.call(method, f"/_emulator/{path}", body, token)
        assert answer.status == 200, answer.body
        return answer.body

    def fault(self, kind: str, *, method: str = "*", path: str = "", **options: Any) -> int:
        """Put a fault in force; the number of its rule."""
        rule: Json = {name: options.pop(name) for name in ("skip", "times") if name in options}
        rule |= {"method": method, "path_regex": path, "fault": {"kind": kind, **options}}
        return int(self.admin("POST", "faults", rule)[0]["id"])

    def log_in(self, scope: Json | None = None, **user: str) -> Answer:
        """Ask for a token as the store's user, with parts of the request replaced."""
        scope = {"project": {"name": self.endpoint["project_name"]}} if scope is None else scope
        known = {"name": self.endpoint["username"], "password": self.endpoint["password"]}
        person = known | {"domain": {"name": self.endpoint["domain"]}} | user
        identity = {"methods": ["password"], "password": {"user": person}}
        auth = {"identity": identity} | ({"scope": scope} if scope else {})
        return self.call("POST", "/v3/auth/tokens", {"auth": auth})

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    # -- jobs

    def create(self, name: str, **config: Any) -> Json:
        """A job that must be accepted; the answer."""
        answer = self.api("POST", "/training-jobs", a_job(name, **config))
        assert answer.status == 200, answer.body
        return dict(answer.body)

    def details(self, job: Json) -> Json:
        """Details of the version that a create answered."""
        return dict(self.api("GET", version_path(job)).body)

    def rows(self, query: str = "") -> list[Json]:
        """The rows of one page of the list."""
        return list(self.api("GET", f"/training-jobs?per_page=1000{query}").body["jobs"])

    def wait_for(self, job: Json, *statuses: int) -> Json:
        """Wait until the version has one of the statuses (default: any final one)."""
        wanted = set(statuses) or TERMINAL
        return eventually(lambda: self.details(job), lambda found: found["status"] in wanted)

    def log(self, job: Json, worker: int = 0) -> str:
        """The whole log of one worker."""
        path = version_path(job)
        name = self.api("GET", f"{path}/log/file-names").body["log_file_list"][worker]
        return str(self.api("GET", f"{path}/aom-log?log_file={name}&lines=500").body["content"])

    def _send(self, method: str, path: str, data: bytes | None, headers: Json) -> Answer:
        if self._connection is None:
            host = self.endpoint["url"].removeprefix("http://")
            self._connection = HTTPConnection(host, timeout=30)
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            raw = response.read()
        except BaseException:
            self.close()
            raise
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, raw, _json_or_none(raw))


@dataclass
class Local:
    """A server in a thread of this process, on a store that may be used again."""

    folder: Path
    settings: Settings = field(default_factory=lambda: Settings(idle_timeout=0, grace=0.5))

    def __post_init__(self) -> None:
        self.store, self.buckets = self.folder / "store", self.folder / "buckets"
        self.endpoint: Endpoint = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        write_code(self.buckets)
        self._thread.start()
        assert self._ready.wait(60)
        self.client = self.new_client()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.on_loop(self.server.end)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def new_client(self) -> Client:
        """A logged-in client with a connection of its own."""
        client = Client(self.endpoint, self.endpoint["project_id"])
        client.token = client.log_in().headers["x-subject-token"]
        return client

    def on_loop(self, act: Callable[[], T]) -> T:
        """Run something on the server's event loop and wait for it."""

        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await serve_async(self.store, self.buckets, self.settings, self._started, self._parts)

    def _started(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._ready.set()

    def _parts(self, server: Server, emulator: Emulator) -> None:
        self.server, self.emulator = server, emulator


def write_code(buckets: Path) -> None:
    """The code and data that the jobs of these tests refer to."""
    for folder in ("demo/code", "demo/data", "demo-bucket/mnist/code", "demo-bucket/mnist/data"):
        (buckets / folder).mkdir(parents=True, exist_ok=True)
    (buckets / "demo-bucket/data").mkdir(exist_ok=True)
    (buckets / "demo-bucket/mnist/code/train.py").write_text(TRAIN)
    (buckets / "demo/code/train.py").write_text(TRAIN)
    (buckets / "demo/code/sleep.py").write_text(SLEEP)


def a_config(**changes: Any) -> Json:
    """Settings of a run that prints and ends; None removes a field."""
    config = {
        "worker_server_num": 1,
        "flavor": {"code": "modelarts.vm.cpu.8u"},
        "engine_id": 4,
        "app_url": "/demo/code/",
        "boot_file_url": "/demo/code/train.py",
    }
    return {name: value for name, value in (config | changes).items() if value is not None}


def a_job(name: str, **changes: Any) -> Json:
    """A create request."""
    top = {key: changes.pop(key) for key in ("job_desc", "workspace_id") if key in changes}
    return {"job_name": name, "config": a_config(**changes)} | top


def a_sleeper(name: str, **changes: Any) -> Json:
    """Settings of a run that sleeps until it is killed, with a child of its own."""
    return a_job(name, boot_file_url="/demo/code/sleep.py", **changes)


def version_path(job: Json) -> str:
    """Where the version of a create answer is found."""
    return f"/training-jobs/{job['job_id']}/versions/{job['version_id']}"


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def pids_of(local: Local, name: str) -> list[int]:
    """The processes that a sleeping job has noted, once it has."""
    path = local.buckets / "demo/code" / f"pids-{name}"
    text = eventually(lambda: path.read_text() if path.exists() else "", lambda t: " " in t)
    return [int(pid) for pid in text.split()]


def _json_or_none(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
