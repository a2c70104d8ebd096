"""A stand-in for the service that answers from memory, as fast as one Python process can.

It speaks as much of IAM and of both API versions as `plan` and `apply` need, keeps no files and
runs nothing, so that what is measured is the client. `python -m benchmarks.platform` serves until
its standard input closes and prints `{"port": …}` first; `GET /figures` returns what was counted.
"""

import asyncio
import json
import sys
import time
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "benchmark"
FLAVOR = "modelarts.vm.cpu.8u"
ENGINE = {"engine_type": 1, "engine_id": 4, "engine_name": "TensorFlow", "engine_version": "TF-1"}
_SPEC = {
    "spec_id": 2,
    "spec_code": FLAVOR,
    "core": "8",
    "cpu": "32",
    "gpu_num": 0,
    "gpu_type": "",
    "max_num": 100,
    "no_resource": False,
}
_TOKEN = {
    "token": {
        "expires_at": "2999-01-01T00:00:00.000000Z",
        "project": {"id": PROJECT, "name": PROJECT},
        "user": {"id": "u", "name": "u"},
        "catalog": [],
    }
}


class Platform:
    """The jobs, and what was asked about them; `latency` is in seconds for each answer."""

    def __init__(self, latency: float = 0.0) -> None:
        """Begin without jobs."""
        self.latency = latency
        self.jobs: dict[int, dict[str, Any]] = {}
        self.rows: dict[int, bytes] = {}
        self.requests: dict[str, int] = {}
        self._last = 100_000

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Return status and JSON text of one request."""
        url = urlsplit(target)
        parts = url.path.strip("/").split("/")
        if parts[-1] == "figures":
            return 200, json.dumps(self._figures()).encode()
        if parts[:2] == ["v3", "auth"]:
            return 201, json.dumps(_TOKEN).encode()
        kind = f"{method} {parts[2] if len(parts) == 3 else '/'.join(parts[2:4:2])}"
        self.requests[kind] = self.requests.get(kind, 0) + 1
        if parts[0] == "v2":
            return self._answer_v2(method, parts[2:], body)
        if parts[2:4] == ["job", "resource-specs"]:
            return 200, json.dumps({"is_success": True, "specs": [_SPEC]}).encode()
        if parts[2:4] == ["job", "ai-engines"]:
            return 200, json.dumps({"is_success": True, "engines": [ENGINE]}).encode()
        if method == "POST":
            return 200, self._create(json.loads(body))
        if len(parts) == 3:
            return 200, self._list(parse_qs(url.query))
        job = self.jobs.get(int(parts[3]))
        if job is None:
            return 404, b'{"is_success":false,"error_code":"ModelArts.0201","error_msg":"no job"}'
        if method == "DELETE":
            del self.jobs[job["job_id"]], self.rows[job["job_id"]]
            return 200, b'{"is_success":true}'
        if method == "PUT":
            job["job_desc"] = json.loads(body)["job_desc"]
            self._index(job)
            return 200, b'{"is_success":true}'
        return 200, json.dumps({"is_success": True, **job, **job["config"]}).encode()

    def _answer_v2(self, method: str, parts: list[str], body: bytes) -> tuple[int, bytes]:
        match parts:
            case ["training-job-searches"]:
                return 200, self._search(json.loads(body))
            case ["training-job-flavors"]:
                flavor = {"flavor_id": FLAVOR, "max_num": 100, "flavor_info": {"max_num": 100}}
                return 200, json.dumps({"total_count": 1, "flavors": [flavor]}).encode()
            case ["training-job-engines"]:
                return 200, json.dumps(
                    {"total": 1, "items": [ENGINE | {"engine_id": "4"}]}
                ).encode()
            case ["training-jobs"]:
                return 201, self._create_v2(json.loads(body))
            case _ if method == "DELETE":
                del self.rows[int(parts[1].removeprefix("job-"))]
                return 202, b""
            case _:
                return 404, b'{"error_code":"ModelArts.0404","error_msg":"no such call"}'

    def _create_v2(self, wanted: dict[str, Any]) -> bytes:
        self._last += 1
        own = {"id": f"job-{self._last}", "create_time": int(time.time() * 1000)}
        wanted["metadata"] |= own
        wanted["status"] = {"phase": "Completed", "duration": 1000, "tasks": ["worker-0"]}
        self.rows[self._last] = json.dumps(wanted).encode()
        return self.rows[self._last]

    def _search(self, query: dict[str, int]) -> bytes:
        size, page = query["limit"], query["offset"]
        rows = list(self.rows.values())[page * size : (page + 1) * size]
        count = len(self.rows)
        head = f'{{"total":{count},"count":{count},"limit":{size},"offset":{page},"items":['
        return head.encode() + b",".join(rows) + b"]}"

    def _figures(self) -> dict[str, Any]:
        return {"jobs": len(self.rows), "requests": self.requests, "cpu_s": time.process_time()}

    def _create(self, wanted: dict[str, Any]) -> bytes:
        self._last += 1
        job = {
            "job_id": self._last,
            "job_name": wanted["job_name"],
            "job_desc": wanted.get("job_desc", ""),
            "version_id": self._last + 10_000_000,
            "status": 10,
            "create_time": int(time.time() * 1000),
            "duration": 1000,
            "version_count": 1,
            "user": {"name": "u"},
            "config": wanted["config"] | {"flavor_code": FLAVOR, "spec_code": FLAVOR},
        }
        self.jobs[self._last] = job
        self._index(job)
        return json.dumps({"is_success": True, **job} | {"config": None, "status": 1}).encode()

    def _index(self, job: dict[str, Any]) -> None:
        row = {key: value for key, value in job.items() if key != "config"}
        self.rows[job["job_id"]] = json.dumps(row).encode()

    def _list(self, query: dict[str, list[str]]) -> bytes:
        size, page = int(query["per_page"][0]), int(query["page"][0])
        rows = list(self.rows.values())[(page - 1) * size : page * size]
        head = (
            f'{{"is_success":true,"job_total_count":{len(self.rows)},"job_count_limit":1000000,'
            f'"quotas":2000000,"jobs":['
        )
        return head.encode() + b",".join(rows) + b"]}"


class _Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one at a time, as HTTP/1.1 clients send them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.split(b"\r\n")
        size = next(
            (int(line[15:]) for line in lines if line[:15].lower() == b"content-length:"), 0
        )
        if len(rest) < size:
            return
        self._received = rest[size:]
        method, target, _ = lines[0].decode().split(" ")
        status, body = self._platform.answer(method, target, rest[:size])
        if self._platform.latency:
            asyncio.get_running_loop().call_later(self._platform.latency, self._send, status, body)
        else:
            self._send(status, body)

    def _send(self, status: int, body: bytes) -> None:
        head = (
            f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nDate: {formatdate(usegmt=True)}\r\n"
            "X-Subject-Token: token\r\n\r\n"
        )
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def _serve(latency: float) -> None:
    loop = asyncio.get_running_loop()
    platform = Platform(latency)
    server = await loop.create_server(lambda: _Connection(platform), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0))
