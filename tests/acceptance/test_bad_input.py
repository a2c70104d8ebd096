"""Bad input: one clear message, its exit code, never a traceback, and nothing is touched."""

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.acceptance.world import World, definition, job


def fingerprint(folder: Path) -> dict[str, str]:
    """What the state's files hold, but for the lock's."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "state").glob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.fixture
def applied(world: World) -> World:
    """A world in which one job has been applied and has ended."""
    world.write(definition(job("a")))
    assert world.run("apply", "--auto-approve", "--wait").returncode == 0
    return world


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("version: 1\njobs: [", "jobs.yaml:2:8", id="broken YAML"),
        pytest.param("version: 1\nstack: x\njobs:\n\ta: {}\n", "tab", id="a tab"),
        pytest.param(definition(job("a") + job("a")), "jobs.yaml:12:3", id="a duplicate key"),
        pytest.param(
            definition(job("a").replace("boot_file", "bot_file")), "boot_file", id="unknown key"
        ),
        pytest.param(definition(job("a") + "    workers: two\n"), "two", id="wrong type"),
        pytest.param(definition(job("a b")), "a b", id="bad name"),
        pytest.param("", "jobs.yaml", id="empty file"),
        pytest.param("\x00\x01", "jobs.yaml", id="binary"),
        pytest.param("a: &a [*a]\n", "jobs.yaml", id="recursion"),
        pytest.param(definition(job("a"), platform="password: x"), "credentials", id="a secret"),
        pytest.param(
            definition(job("a"), platform="endpoint: 'http://example.com'"),
            "https",
            id="plain http",
        ),
        pytest.param(definition(job("a", lr="${var.nope}")), "nope", id="unknown variable"),
    ],
)
def test_definition(applied: World, text: str, told: str):
    before, jobs = fingerprint(applied.folder), applied.jobs()
    applied.write(text)
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        refused = applied.run(*command)
        assert refused.returncode == 1, refused
        assert told.lower() in refused.stderr.lower()
        assert "Traceback" not in refused.stderr
        assert refused.stdout == ""
    assert fingerprint(applied.folder) == before
    assert applied.jobs() == jobs


def test_all_problems_are_told_at_once(world: World):
    world.write(definition(job("a") + "    workers: x\n" + job("b") + "    prioritty: 1\n"))
    refused = world.run("validate")
    assert "jobs.yaml:12:14:" in refused.stderr
    assert "jobs.yaml:16:5:" in refused.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("modelarts.vm.cpu.8u", "modelarts.vm.cpu.9u", "modelarts.vm.cpu.8u"),
        ("TF-1.8.0-python3.6", "TF-1.8.0-python3.7", "TF-1.8.0-python3.6"),
    ],
    ids=["flavor", "engine"],
)
def test_what_the_platform_lacks(world: World, old: str, new: str, told: str):
    world.write(definition(job("a")).replace(old, new))
    planned = world.run("plan")
    assert planned.returncode == 1
    assert f'Did you mean "{told}"?'.split()[-1].strip('"?') in planned.stdout
    applied = world.run("apply", "--auto-approve")
    assert applied.returncode == 1
    assert "jobs.yaml:" in applied.stderr
    assert world.jobs() == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace('"name"', '"nmae"', 1))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, edit, empty])
def test_a_damaged_state(applied: World, damage: Callable[[Path], None]):
    path = applied.folder / "state" / "vision.json"
    damage(path)
    before, jobs = fingerprint(applied.folder), applied.jobs()
    for command in (["plan"], ["apply", "--auto-approve"], ["state", "list"]):
        refused = applied.run(*command)
        assert refused.returncode == 1, refused
        assert "state/vision.json" in refused.stderr
        assert "state restore" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert fingerprint(applied.folder) == before
    assert applied.jobs() == jobs


def test_a_damaged_state_is_restored(applied: World):
    applied.edit("parameters: {}", "parameters: {lr: 2}")
    applied.run("apply", "--auto-approve", "--wait")
    cut(applied.folder / "state" / "vision.json")
    history = json.loads(applied.run("state", "history", "--json").stdout)["snapshots"]
    assert applied.run("state", "restore", history[-1]["name"]).returncode == 0
    assert applied.run("state", "list").returncode == 0


def test_a_newer_state_is_refused(applied: World):
    path = applied.folder / "state" / "vision.json"
    path.write_text(path.read_text().replace('"format_version":"1.0"', '"format_version":"9.0"'))
    refused = applied.run("plan")
    assert refused.returncode == 1
    assert "9.0" in refused.stderr


@pytest.mark.parametrize("content", ["", "{}", "[1]", "no json", '{"format_version": "7.0"}'])
def test_a_plan_that_is_none(world: World, content: str):
    world.write(content, "plan.json")
    for command in (["apply", "plan.json"], ["show", "plan.json"]):
        refused = world.run(*command)
        assert refused.returncode == 1, refused
        assert "Traceback" not in refused.stderr


class Strange(BaseHTTPRequestHandler):
    """Answers everything with a page for people."""

    def do_GET(self) -> None:
        body = b"<html>We are down for maintenance \x1b[31m</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the base class calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def strange() -> Iterator[str]:
    """The URL of a server that answers HTML."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Strange) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


SOMEBODY = {
    "OS_USERNAME": "me",
    "OS_PASSWORD": "open sesame",
    "OS_USER_DOMAIN_NAME": "us",
    "OS_PROJECT_ID": "0" * 32,
}


def test_html_instead_of_json(world: World, strange: str):
    world.write(definition(job("a"), platform=f"endpoint: {strange}, auth_url: {strange}/v3"))
    refused = world.run("plan", env=SOMEBODY)
    assert refused.returncode == 1
    assert "\x1b" not in refused.stderr
    assert "open sesame" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_refused_connection(world: World):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    world.write(definition(job("a"), platform=f"endpoint: {url}, auth_url: {url}/v3"))
    refused = world.run("apply", "--auto-approve", env=SOMEBODY)
    assert refused.returncode == 1
    assert url.removeprefix("http://") in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (world.folder / "state" / "vision.json").exists()


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        (("--profile", "production"), "--profile"),
        (("--target", "a"), "--target"),
        (("--exclude", "a"), "--exclude"),
        (("--var", "x=1"), "--var"),
        (("--adopt",), "--adopt"),
    ],
)
def test_a_saved_plan_takes_no_option_of_planning(
    world: World, option: tuple[str, ...], flag: str
) -> None:
    world.write(definition(job("a")))
    assert world.run("plan", "-o", "plan.json").returncode == 0

    refused = world.run("apply", "plan.json", *option)

    assert refused.returncode == 64
    assert f"It cannot be combined with {flag}." in refused.stderr
    assert world.jobs() == []
