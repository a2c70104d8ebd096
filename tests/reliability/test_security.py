"""Credentials stay where they belong: in the environment, and on the way to the platform."""

import json
import logging
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from reconciler.definition.loader import load
from reconciler.errors import DefinitionError, ReconcilerError, UnreachableError
from reconciler.model.platform import PlatformSettings
from reconciler.providers.auth import (
    Credentials,
    credentials_from_environment,
    make_authenticator,
)
from reconciler.providers.exchange import Answer
from reconciler.providers.modelarts.v1.client import ModelArtsV1
from reconciler.providers.modelarts.v2.client import ModelArtsV2
from reconciler.providers.transport import Transport
from reconciler.render.messages import render_error
from tests.acceptance.world import PATIENCE, World, a_world, definition, job
from tests.build import a_spec
from tests.reliability.figures import Figures
from tests.reliability.fuzz import shown
from tests.reliability.fuzz.answers import Scripted
from tests.reliability.fuzz.answers_v2 import ScriptedV2
from tests.unit.providers.doubles import PROJECT, reply, scripted_server
from tests.unit.providers.test_transport import certificate

PASSWORD = "Marker-Pass-4d1f9c62a7"
TOKEN = "MIIMarkerToken" + "x0y1z2" * 200
OWN_TOKEN = "OwnMarkerToken" + "q9" * 60
MARKERS = (PASSWORD, TOKEN, OWN_TOKEN, TOKEN[:60], OWN_TOKEN[:40])
SOMEBODY = {
    "OS_USERNAME": "me",
    "OS_PASSWORD": PASSWORD,
    "OS_USER_DOMAIN_NAME": "us",
    "OS_PROJECT_ID": PROJECT,
}

__all__ = ["certificate"]


@dataclass
class Echo:
    """A platform that lets everybody in, and otherwise fails, repeating all that it was sent."""

    url: str = ""
    login: int = 201
    status: int = 500
    location: str = ""
    cut: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def an_echo(**settings: Any) -> Iterator[Echo]:
    echo = Echo(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told = f"{self.path} {self.headers} {body.decode()}"
            echo.requests.append(told.encode())
            is_login = self.path.startswith("/v3/auth")
            status = echo.login if is_login else echo.status
            said = "x" * echo.cut + told
            answer: dict[str, Any] = {"error_msg": said, "error_message": said, "error": {}}
            answer |= {"error_code": told[:40], "is_success": False, "error": {"message": said}}
            if is_login and status == 201:
                answer = {"token": {"project": {"id": PROJECT}, "expires_at": None}}
            self._send(status, json.dumps(answer).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("X-Subject-Token", TOKEN)
            self.send_header("Content-Length", str(len(body)))
            if echo.location:
                self.send_header("Location", echo.location)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that the base class calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        echo.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield echo
        finally:
            server.shutdown()


def remote(echo: Echo) -> str:
    return f"endpoint: '{echo.url}', auth_url: '{echo.url}/v3'"


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()


def assert_no_marker(where: str, text: str | bytes, markers: tuple[str, ...] = MARKERS) -> None:
    data = text.encode(errors="replace") if isinstance(text, str) else text
    for marker in markers:
        assert marker.encode() not in data, f"{marker[:8]}… is in {where}"


LOUD = (
    "import logging, sys; logging.basicConfig(level=logging.DEBUG)\n"
    "from reconciler.cli.main import main; main(sys.argv[1:])"
)


def run_loud(
    world: World, *args: str, env: dict[str, str], umask: int = -1
) -> subprocess.CompletedProcess[str]:
    """Run the command with every library's debug log on, and a traceback for every defect."""
    return subprocess.run(
        [sys.executable, "-c", LOUD, *args],
        cwd=world.folder,
        env=world.environment({"RECONCILER_TRACEBACK": "1"} | env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        umask=umask,
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as found:
        yield found


FAILURES = [
    pytest.param({"login": 401}, id="login refused"),
    pytest.param({"login": 400}, id="login not understood"),
    pytest.param({"login": 307, "location": "https://evil.example/x"}, id="login redirected"),
    pytest.param({"status": 400}, id="bad request"),
    pytest.param({"status": 401}, id="token refused"),
    pytest.param({"status": 403}, id="forbidden"),
    pytest.param({"status": 403, "cut": 470}, id="cut in the middle of a secret"),
    pytest.param({"status": 404}, id="not found"),
    pytest.param({"status": 302, "location": "https://evil.example/x"}, id="redirected"),
    pytest.param({"status": 200}, id="200 without success"),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_no_secret_in_a_failing_run(
    world: World, figures: Figures, failure: dict[str, Any]
) -> None:
    with an_echo(**failure) as echo:
        world.write(definition(job("a"), platform=remote(echo)))
        for env, loud in ((SOMEBODY, "-v"), (SOMEBODY | {"OS_TOKEN": OWN_TOKEN}, "-vv")):
            ended = run_loud(world, "apply", "--auto-approve", loud, env=env)
            assert ended.returncode == 1, ended
            assert "Traceback" not in ended.stderr
            assert_no_marker("stdout", ended.stdout)
            assert_no_marker("stderr", ended.stderr)
        for name, data in everything(world.folder):
            assert_no_marker(name, data)
        assert any(PASSWORD.encode() in each for each in echo.requests), "nothing was sent at all"
        figures.add("secrets", cases=2)


def test_no_secret_in_a_run_that_works(world: World) -> None:
    running = world.serve()
    platform = f"endpoint: '{running.url}', auth_url: '{running.auth_url}'"
    world.write(definition(job("a") + job("b", boot="fail.py"), platform=platform))
    env = {
        "OS_USERNAME": running.username,
        "OS_PASSWORD": running.password,
        "OS_USER_DOMAIN_NAME": running.domain,
        "OS_PROJECT_ID": running.project_id,
    }
    markers = (running.password, running.admin_token)
    commands = (
        ("plan", "-vv", "-o", "plan.json"),
        ("apply", "-vv", "plan.json"),
        ("wait", "-vv"),
        *((name, "-vv") for name in ("status", "drift", "plan")),
        *((name, "-vv", "--json") for name in ("status", "plan")),
        ("state", "pull"),
        ("logs", "b"),
        ("destroy", "--auto-approve", "-vv", "--json"),
    )
    for command in commands:
        ended = run_loud(world, *command, env=env)
        assert "Traceback" not in ended.stderr
        assert_no_marker("stdout", ended.stdout, markers)
        assert_no_marker("stderr", ended.stderr, markers)
    own = {"credentials.json", "endpoint.json"}
    for name, data in everything(world.folder):
        if Path(name).name not in own:
            assert_no_marker(name, data, markers)
            assert b"MII" not in data, f"a token is in {name}"


def an_answer(status: int, said: str) -> Answer:
    content = {"error_code": said, "error_msg": said, "is_success": False}
    body = json.dumps(content | {"error": {"message": said}}).encode()
    return Answer(status, CaseInsensitiveDict({"X-Subject-Token": TOKEN}), body)


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 408, 429, 500, 503])
@pytest.mark.parametrize("kind", ["login", "list", "create", "done"])
@pytest.mark.parametrize("before", [0, 480, 495], ids=["whole", "cut", "cut at its beginning"])
@pytest.mark.parametrize(
    ("client", "scripted"), [(ModelArtsV1, Scripted), (ModelArtsV2, ScriptedV2)], ids=["v1", "v2"]
)
def test_no_secret_in_an_exception(
    client: type[ModelArtsV1 | ModelArtsV2],
    scripted: type[Scripted],
    status: int,
    kind: str,
    before: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    said = "x" * before + f"{shown.PASSWORD} \x1b[31m{shown.TOKEN}"
    transport = scripted(kind, an_answer(status, said))
    credentials = Credentials("https://iam/v3", "me", shown.PASSWORD, "us", project_id=PROJECT)
    authenticator = make_authenticator(credentials, transport)
    provider = client(PlatformSettings(endpoint="https://x"), transport, authenticator)
    calls = {
        "create": lambda: provider.create(a_spec()),
        "done": lambda: provider.update_description("1", ""),
    }
    with pytest.raises(ReconcilerError) as caught:
        calls.get(kind, provider.list)()
    told = [*traceback.format_exception(caught.value), repr(caught.value), repr(transport)]
    told += [repr(credentials), repr(authenticator), str(credentials), caplog.text]
    known = [shown.PASSWORD] if kind == "login" else [shown.PASSWORD, shown.TOKEN]
    for secret in known:
        assert secret[:12] not in "".join(told)
    shown.check(render_error(caught.value))


def test_a_token_that_is_no_header_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    login = Answer(
        201, CaseInsensitiveDict({"X-Subject-Token": f"{TOKEN}\r\nX: y"}), b'{"token":{}}'
    )
    transport = Scripted("login", login)
    credentials = Credentials("https://iam/v3", "me", PASSWORD, "us", project_id=PROJECT)
    authenticator = make_authenticator(credentials, transport)
    with pytest.raises(ReconcilerError) as caught:
        ModelArtsV1(PlatformSettings(endpoint="https://x"), transport, authenticator).list()
    assert_no_marker("the error", "".join(traceback.format_exception(caught.value)) + caplog.text)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("login", [True, False], ids=["login", "list"])
def test_no_redirect_takes_a_secret_along(status: int, login: bool, tmp_path: Path) -> None:
    with an_echo() as other, a_world(tmp_path) as world:
        settings = {"login": status} if login else {"status": status}
        with an_echo(location=f"{other.url}/v3/auth/tokens", **settings) as echo:
            world.write(definition(job("a"), platform=remote(echo)))
            ended = run_loud(world, "plan", env=SOMEBODY)
        assert ended.returncode == 1
        assert "Redirect refused" in ended.stderr
        assert other.requests == []


SWITCHES = [
    {},
    {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""},
    {"PYTHONHTTPSVERIFY": "0", "SSL_NO_VERIFY": "1"},
    {"REQUESTS_CA_BUNDLE": "False"},
    {"REQUESTS_CA_BUNDLE": "0"},
    {"CURL_CA_BUNDLE": "/nowhere.pem"},
]


@pytest.mark.parametrize("env", SWITCHES, ids=str)
def test_a_certificate_that_nobody_vouches_for_is_refused(
    world: World, certificate: Path, env: dict[str, str]
) -> None:
    with scripted_server(reply(), tls=certificate) as server:
        world.write(
            definition(job("a"), platform=f"endpoint: '{server.url}', auth_url: '{server.url}'")
        )
        ended = run_loud(world, "plan", env=SOMEBODY | env)
        assert server.requests == []
    assert ended.returncode == 1
    assert "REQUESTS_CA_BUNDLE" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_certificate_of_the_users_own_authority_is_trusted(
    world: World, certificate: Path
) -> None:
    with scripted_server(reply(), tls=certificate) as server:
        world.write(
            definition(job("a"), platform=f"endpoint: '{server.url}', auth_url: '{server.url}'")
        )
        env = SOMEBODY | {"REQUESTS_CA_BUNDLE": str(certificate)}
        run_loud(world, "plan", env=env)
        assert any(b"/v3/auth/tokens" in each for each in server.requests)


ELSEWHERE = [
    *("http://example.com", "http://127.0.0.1.evil.example", "http://localhost.evil.example"),
    *("http://127.0.0.1@evil.example", "http://127.0.0.1:80@evil.example", "http://[::2]"),
    *("http://evil.example\\@127.0.0.1", "http://evil.example\\\\@127.0.0.1/", "http://0.0.0.0"),
    *("http://evil.example%5c@127.0.0.1", "http://127.0.0.1\\@evil.example", "http://10.0.0.1"),
    *("http://evil.example#@127.0.0.1", "http://evil.example?@127.0.0.1", "http://user@127.0.0.1"),
    *("http://localhosT.", "http://127.1", "http://0x7f000001", "http://2130706433", "http://0"),
    *("http://[::ffff:10.0.0.1]", "http://evil.example:80#127.0.0.1", "HTTP://evil.example"),
    *("http://127.0.0.1\t.evil.example", "http://①②⑦.⓪.⓪.①", "http://loc\u0430lhost"),
    *("ftp://127.0.0.1", "file:///etc/passwd", "//evil.example", "http:/evil.example", "http://"),
    *("gopher://127.0.0.1", "http://localhost\x00.evil.example", "http://evil.example;@127.0.0.1"),
]


@pytest.mark.parametrize("url", ELSEWHERE, ids=ascii)
@pytest.mark.parametrize("way", ["endpoint", "auth_url", "OS_AUTH_URL", "plan endpoint"])
def test_plain_http_leads_to_this_machine_alone(
    url: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", lambda *a, **_: sent.append(a))
    if way in ("endpoint", "auth_url"):
        written = json.dumps(url)
        path = tmp_path / "jobs.yaml"
        path.write_text(f"version: 1\nstack: s\nplatform: {{{way}: {written}}}\njobs: {{}}\n")
        with pytest.raises(DefinitionError):
            load([path], variables={}, environment={})
        return
    good = "https://iam.example"
    endpoint, auth_url = (url, good) if way == "plan endpoint" else (good, url)
    settings = PlatformSettings(endpoint=endpoint, project_id=PROJECT)
    env = SOMEBODY | {"OS_AUTH_URL": auth_url} | ({"OS_TOKEN": "t"} if way != "OS_AUTH_URL" else {})
    transport = Transport()
    authenticator = make_authenticator(credentials_from_environment(settings, env), transport)
    with pytest.raises(UnreachableError):
        ModelArtsV1(settings, transport, authenticator).list()
    assert sent == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_files_are_their_owners_alone(world: World, umask: int) -> None:
    world.write(definition(job("a")))
    commands: tuple[tuple[str, ...], ...] = (
        ("plan", "-o", "plan.json"),
        ("apply", "plan.json"),
        ("wait",),
        ("state", "list"),
    )
    if umask == 0o777:
        (world.folder / "state" / "local").mkdir(parents=True, mode=0o700)
        (world.folder / "state").chmod(0o700)
        world.serve()
        commands = (("apply", "--auto-approve"), ("state", "list"))
    for command in commands:
        ended = run_loud(world, *command, env={}, umask=umask)
        assert ended.returncode == 0, ended
    world.edit("parameters: {}", "parameters: {lr: 1}")
    assert run_loud(world, "apply", "--auto-approve", "--wait", env={}, umask=umask).returncode == 0
    checked = [world.folder / "plan.json"] if umask != 0o777 else []
    checked += [world.folder / "state", *(world.folder / "state").rglob("*")]
    for path in checked:
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"
    assert (world.folder / "state" / "backups").is_dir()
