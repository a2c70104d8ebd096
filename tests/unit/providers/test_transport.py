"""The transport: what is repeated, what is not, and what a lost answer is called."""

import gzip
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import responses
from requests.exceptions import ConnectionError as NoConnection
from urllib3.exceptions import NewConnectionError

from reconciler.errors import (
    AuthenticationError,
    InvalidAnswerError,
    OutcomeUnknownError,
    ProviderError,
    UnreachableError,
)
from reconciler.providers.auth import TokenAuthenticator
from reconciler.providers.exchange import Effect, Kind, Request, Signature
from reconciler.providers.patience import Patience
from reconciler.providers.transport import Transport
from tests.unit.providers.doubles import (
    URL,
    FakeTime,
    Script,
    a_request,
    a_transport,
    body,
    judge_v1,
    raw,
    reply,
    reset,
    scripted_server,
    silence,
)

READ, REPEATABLE, ONCE = Effect.READ, Effect.REPEATABLE, Effect.ONCE
TOKEN = "MIIZmgYJKoZIhvcNAQcCoIIZizCC"
JOBS = a_request().url

LOST_ANSWERS = [
    pytest.param(reset, id="reset"),
    pytest.param(raw(b""), id="closed without an answer"),
    pytest.param(silence, id="silence"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), id="truncated body"),
    pytest.param(
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"), id="truncated chunk"
    ),
    pytest.param(
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="broken chunk"
    ),
    pytest.param(
        reply(b"no gzip", headers="Connection: close\r\nContent-Encoding: gzip\r\n"),
        id="undecodable body",
    ),
    pytest.param(raw(b"garbage\r\n\r\n"), id="not HTTP"),
    pytest.param(reply(b"", "502 Bad Gateway"), id="502 without a body"),
    pytest.param(reply(b"<html>busy</html>", "503 Service Unavailable"), id="503 with HTML"),
    pytest.param(reply(b"", "408 Request Timeout"), id="408"),
    pytest.param(reply(b"<html>hello</html>"), id="200 with HTML"),
    pytest.param(reply(b""), id="200 without a body"),
    pytest.param(reply(b"{}"), id="200 without its mark"),
    pytest.param(reply(b"[]"), id="200 with a list"),
    pytest.param(
        reply(b'{"is_success": false, "error_code": "ModelArts.0010"}', "500 Oops"),
        id="internal error",
    ),
    pytest.param(
        reply(b'{"is_success": false, "error_code": "ModelArts.0010"}'),
        id="internal error with 200",
    ),
]


@pytest.mark.parametrize("script", LOST_ANSWERS)
def test_a_request_that_must_not_happen_twice_is_sent_once_and_unknown(script: Script) -> None:
    time = FakeTime()
    with scripted_server(script) as server:
        transport = a_transport(time, read_timeout=0.2)
        with pytest.raises(OutcomeUnknownError) as caught:
            transport.exchange(a_request(ONCE, server.url), judge_v1)

    assert len(server.requests) == 1
    assert time.slept == []
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("effect", [READ, REPEATABLE])
@pytest.mark.parametrize("script", LOST_ANSWERS)
def test_a_repeatable_request_is_sent_again_until_it_succeeds(
    script: Script, effect: Effect
) -> None:
    with scripted_server(script, script, reply()) as server:
        transport = a_transport(read_timeout=0.2)
        verdict = transport.exchange(a_request(effect, server.url), judge_v1)

    assert verdict.kind is Kind.ACCEPTED
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("effect", "script", "error", "summary"),
    [
        pytest.param(READ, reset, UnreachableError, "does not answer", id="read, reset"),
        pytest.param(READ, reply(b"", "502 Bad"), ProviderError, "failed", id="read, 502"),
        pytest.param(READ, reply(b"{}"), InvalidAnswerError, "makes no sense", id="read, unmarked"),
        pytest.param(REPEATABLE, reset, OutcomeUnknownError, "was lost", id="repeatable, reset"),
        pytest.param(
            REPEATABLE, reply(b"", "502 Bad"), OutcomeUnknownError, "was lost", id="repeatable, 502"
        ),
    ],
)
def test_attempts_are_bounded(
    effect: Effect, script: Script, error: type[ProviderError], summary: str
) -> None:
    time = FakeTime()
    with scripted_server(script) as server:
        transport = a_transport(time, patience=Patience(attempts=3))
        with pytest.raises(error, match=summary) as caught:
            transport.exchange(a_request(effect, server.url), judge_v1)

    assert type(caught.value) is error
    assert len(server.requests) == 3
    assert len(time.slept) == 2
    assert 0.25 <= time.slept[0] <= 0.5 <= time.slept[1] <= 1.0


def test_the_whole_time_is_bounded() -> None:
    time = FakeTime()
    busy = reply(b"", "502 Bad", "Connection: close\r\nRetry-After: 50\r\n")
    transport = a_transport(time, patience=Patience(attempts=99, total=120))
    with scripted_server(busy) as server, pytest.raises(ProviderError):
        transport.exchange(a_request(url=server.url), judge_v1)

    assert len(server.requests) == 4


@pytest.mark.parametrize("effect", Effect)
def test_a_refused_connection_was_never_sent_and_is_tried_a_few_times(effect: Effect) -> None:
    time = FakeTime()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        a_transport(time).exchange(a_request(effect, url), judge_v1)

    assert "connection refused" in str(caught.value)
    assert len(time.slept) == 3


def test_an_unknown_host_was_never_sent() -> None:
    with pytest.raises(UnreachableError) as caught:
        a_transport(patience=Patience(connects=1)).exchange(
            a_request(ONCE, "https://modelarts.invalid"), judge_v1
        )

    assert "the host name is not known" in str(caught.value)


def test_a_connection_that_takes_too_long_was_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        transport = a_transport(connect_timeout=0.2, patience=Patience(connects=1))
        with pytest.raises(UnreachableError) as caught:
            transport.exchange(a_request(ONCE, f"http://127.0.0.1:{port}"), judge_v1)
        for filler in fillers:
            filler.close()

    assert "no connection in time" in str(caught.value)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = (
        f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {folder}/key.pem -out {folder}/cert.pem"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


def reset_at_hello(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(raw(b"220 hello\r\n"), "the secure connection failed", id="speaks no TLS"),
        pytest.param(silence, "no answer in time", id="says nothing"),
        pytest.param(reset_at_hello, "connection reset by peer", id="resets"),
    ],
)
def test_a_failing_handshake_comes_before_the_request(script: Script, words: str) -> None:
    with scripted_server(script, reads=False) as server:
        url = server.url.replace("http:", "https:")
        transport = a_transport(connect_timeout=0.2, patience=Patience(connects=2))
        with pytest.raises(UnreachableError) as caught:
            transport.exchange(a_request(ONCE, url), judge_v1)

    assert words in str(caught.value)
    assert len(server.requests) == 2


def test_an_untrusted_certificate_is_told_at_once(certificate: Path) -> None:
    time = FakeTime()
    untrusted = pytest.raises(UnreachableError, match="certificate is not trusted")
    with scripted_server(reply(), tls=certificate) as server, untrusted as caught:
        a_transport(time).exchange(a_request(ONCE, server.url), judge_v1)

    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert time.slept == []


def test_a_trusted_certificate_works_and_a_break_after_sending_is_unknown(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with scripted_server(reply(), reset, tls=certificate) as server:
        transport = a_transport()
        accepted = transport.exchange(a_request(ONCE, server.url), judge_v1)
        with pytest.raises(OutcomeUnknownError):
            transport.exchange(a_request(ONCE, server.url), judge_v1)

    assert accepted.kind is Kind.ACCEPTED
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("url", "summary"),
    [
        pytest.param("http://modelarts.example.com", "Insecure", id="plain http elsewhere"),
        pytest.param("http://127.0.0.1.example.com", "Insecure", id="looks like loopback"),
        pytest.param("http://10.0.0.1", "Insecure", id="private address"),
        pytest.param("https://user@host", "Not a platform URL", id="a user"),
        pytest.param("http://evil.example\\@127.0.0.1", "Not a platform URL", id="two readings"),
        pytest.param("local", "Not a platform URL", id="no URL"),
        pytest.param("ftp://host", "Not a platform URL", id="other scheme"),
        pytest.param("https://[::1", "Not a platform URL", id="malformed"),
        pytest.param("https://a..b", "Not a platform URL", id="impossible host name"),
        pytest.param("https://host:99999", "Not a platform URL", id="impossible port"),
    ],
)
def test_nothing_is_sent_to_a_bad_url(url: str, summary: str) -> None:
    time = FakeTime()
    with pytest.raises(UnreachableError, match=summary):
        a_transport(time).exchange(a_request(url=url), judge_v1, TokenAuthenticator(TOKEN, "p"))

    assert time.slept == []


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_names_where_it_points(status: int) -> None:
    responses.get(
        JOBS, status=status, headers={"Location": "https://evil.example/x?token=1\x1b[2J"}
    )

    with pytest.raises(ProviderError, match="Redirect refused") as caught:
        a_transport().exchange(a_request(), judge_v1, TokenAuthenticator(TOKEN, "p"))

    assert URL in str(caught.value)
    assert "to https://evil.example." in str(caught.value)
    assert len(responses.calls) == 1


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 429, "body": ""}, id="429 without a body"),
        pytest.param(
            {"status": 429, "json": {"error_msg": "slow", "error_code": "APIG.0308"}},
            id="429 of the gateway",
        ),
        pytest.param(
            {"status": 200, "json": {"is_success": False, "error_code": "ModelArts.4206"}},
            id="200 that means 429",
        ),
    ],
)
@responses.activate
def test_too_many_requests_is_always_repeated(effect: Effect, answer: dict[str, Any]) -> None:
    request = a_request(effect)
    for _ in range(7):
        responses.add(request.method, JOBS, **answer)
    responses.add(request.method, JOBS, body=body())
    transport = a_transport(parallelism=8)

    assert transport.exchange(request, judge_v1).kind is Kind.ACCEPTED
    assert transport.in_flight_limit == 2


@responses.activate
def test_too_many_requests_ends_after_a_while() -> None:
    responses.post(JOBS, status=429, json={"error_msg": "limit:1,time:1 minute"})
    time = FakeTime()

    with pytest.raises(ProviderError, match="takes no more requests") as caught:
        a_transport(time, patience=Patience(throttled=60)).exchange(a_request(ONCE), judge_v1)

    assert type(caught.value) is ProviderError
    assert "limit:1,time:1 minute" in str(caught.value)
    assert 60 <= sum(time.slept) < 90


@pytest.mark.parametrize(
    ("value", "shortest", "longest"),
    [
        pytest.param("7", 7, 7.1, id="seconds"),
        pytest.param("Thu, 02 Jan 2025 03:04:25 GMT", 19, 21, id="date, by the server's clock"),
        pytest.param("soon", 0.25, 0.5, id="nonsense"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
@responses.activate
def test_the_wait_that_the_platform_asks_for_is_kept(
    value: str, shortest: float, longest: float, status: int
) -> None:
    date = "Thu, 02 Jan 2025 03:04:05 GMT"
    responses.get(JOBS, status=status, headers={"Retry-After": value, "Date": date})
    responses.get(JOBS, body=body())
    time = FakeTime()

    a_transport(time).exchange(a_request(), judge_v1)

    assert len(time.slept) == 1
    assert shortest <= time.slept[0] <= longest


@responses.activate
def test_refusals_are_not_repeated() -> None:
    responses.get(JOBS, status=400, json={"error_code": "ModelArts.0104", "error_msg": "bad"})

    verdict = a_transport().exchange(a_request(), judge_v1)

    assert (verdict.kind, verdict.code) == (Kind.REFUSED, "ModelArts.0104")
    assert len(responses.calls) == 1


class CountingAuthenticator:
    """Logs in by counting; tells how often."""

    project_id = "p"

    def __init__(self, *, renewable: bool = True) -> None:
        self.generation = 1
        self.renewable = renewable
        self.lock = threading.Lock()

    def sign(self, request: Request) -> Signature:
        return Signature({"X-Auth-Token": f"token-{self.generation}"}, self.generation)

    def renew(self, generation: int) -> bool:
        with self.lock:
            if self.renewable and generation == self.generation:
                self.generation += 1
        return self.renewable

    def redact(self, text: str) -> str:
        return text.replace("token-", "***")


def by_token(good: str) -> Callable[[Any], tuple[int, dict[str, str], str]]:
    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        if request.headers["X-Auth-Token"] == good:
            return 200, {}, body()
        return 401, {}, '{"error_code": "APIG.0301", "error_msg": "rejects token-1"}'

    return answer


@pytest.mark.parametrize("effect", Effect)
@responses.activate
def test_a_refused_login_is_renewed_once_for_all_threads(effect: Effect) -> None:
    request = a_request(effect)
    responses.add_callback(request.method, JOBS, by_token("token-2"))
    authenticator, transport = CountingAuthenticator(), a_transport()

    with ThreadPoolExecutor(10) as pool:
        done = pool.map(
            lambda _: transport.exchange(request, judge_v1, authenticator).kind, range(10)
        )

    assert set(done) == {Kind.ACCEPTED}
    assert authenticator.generation == 2


@pytest.mark.parametrize(("renewable", "calls"), [(True, 2), (False, 1)])
@responses.activate
def test_a_login_that_stays_refused_ends_the_request(renewable: bool, calls: int) -> None:
    responses.add_callback("POST", JOBS, by_token("another"))

    with pytest.raises(AuthenticationError, match="rejects our credentials") as caught:
        a_transport().exchange(
            a_request(ONCE), judge_v1, CountingAuthenticator(renewable=renewable)
        )

    assert len(responses.calls) == calls
    assert "rejects ***1" in str(caught.value)


@pytest.mark.parametrize("effect", [READ, ONCE])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(reply(b"x" * 3000), id="plain"),
        pytest.param(
            reply(
                gzip.compress(b"x" * 3000),
                headers="Connection: close\r\nContent-Encoding: gzip\r\n",
            ),
            id="gzip",
        ),
    ],
)
def test_an_answer_has_a_largest_size(effect: Effect, script: Script) -> None:
    error = InvalidAnswerError if effect is READ else OutcomeUnknownError
    with scripted_server(script) as server, pytest.raises(error, match="too large"):
        a_transport(largest_answer=2000).exchange(a_request(effect, server.url), judge_v1)


def test_compressed_answers_are_read() -> None:
    text = body(job_id=1).encode()
    with scripted_server(
        reply(gzip.compress(text), headers="Connection: close\r\nContent-Encoding: gzip\r\n")
    ) as server:
        verdict = a_transport().exchange(a_request(url=server.url), judge_v1)

    assert verdict.content == {"is_success": True, "job_id": 1}


def test_what_is_sent() -> None:
    with scripted_server(reply()) as server:
        request = a_request(ONCE, server.url, query={"a b": "c&d"})
        a_transport().exchange(request, judge_v1, TokenAuthenticator(TOKEN, "p"))

    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0].startswith("POST /v1/")
    assert lines[0].endswith("?a+b=c%26d HTTP/1.1")
    assert f"X-Auth-Token: {TOKEN}" in lines
    assert "Content-Type: application/json" in lines
    assert sent == request.body


def test_connections_are_kept() -> None:
    peers = set()

    def serve(connection: socket.socket) -> None:
        peers.add(connection.getpeername())
        for _ in range(3):
            reply(headers="")(connection)
            if not connection.recv(65536):
                return

    with scripted_server(serve) as server:
        transport = a_transport()
        for _ in range(3):
            transport.exchange(a_request(url=server.url), judge_v1)
        transport.close()

    assert len(peers) == 1


def test_cookies_are_neither_kept_nor_sent() -> None:
    with scripted_server(reply(headers="Connection: close\r\nSet-Cookie: track=me\r\n")) as server:
        transport = a_transport()
        for _ in range(2):
            transport.exchange(a_request(url=server.url), judge_v1)

    assert b"cookie" not in server.requests[1].lower()


def test_the_environment_neither_logs_in_nor_diverts_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password private")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    with scripted_server(reply()) as server:
        a_transport().exchange(a_request(url=server.url), judge_v1)

    assert b"authorization" not in server.requests[0].lower()


def test_a_proxy_is_used_elsewhere_and_its_failure_is_never_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted_server(reply(b"", "403 Forbidden")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:private@"))
        with pytest.raises(UnreachableError) as caught:
            a_transport(patience=Patience(connects=1)).exchange(a_request(ONCE), judge_v1)

    assert proxy.requests[0].startswith(b"CONNECT modelarts.example.com:443")
    assert "the proxy does not let us through" in str(caught.value)
    assert "private" not in str(caught.value)


@responses.activate
def test_the_time_is_the_servers() -> None:
    date = "Thu, 02 Jan 2025 03:04:05 GMT"
    responses.get(JOBS, body=body(), headers={"Date": date})
    time = FakeTime()
    transport = a_transport(time)
    transport.exchange(a_request(), judge_v1)
    time.seconds += 90.5

    assert transport.now() == datetime(2025, 1, 2, 3, 5, 35, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("later", "seconds"),
    [
        pytest.param("Thu, 02 Jan 2025 03:04:06 GMT", 6.0, id="nearer to the truth"),
        pytest.param("Thu, 02 Jan 2025 03:04:05 GMT", 5.5, id="the same second keeps"),
        pytest.param("Thu, 02 Jan 2025 03:04:04 GMT", 5.5, id="a late answer changes nothing"),
        pytest.param("Thu, 02 Jan 2025 03:00:00 GMT", -240.0 + 0, id="a clock set back counts"),
        pytest.param("nonsense", 5.5, id="nonsense changes nothing"),
    ],
)
@responses.activate
def test_the_servers_time_is_never_early(later: str, seconds: float) -> None:
    time = FakeTime()
    transport = a_transport(time)
    for date in ("Thu, 02 Jan 2025 03:04:05 GMT", later):
        responses.get(JOBS, body=body(), headers={"Date": date})
        transport.exchange(a_request(), judge_v1)
        time.seconds += 0.5
    time.seconds -= 0.5

    assert (transport.now() - datetime(2025, 1, 2, 3, 4, tzinfo=UTC)).total_seconds() == seconds


def test_without_an_answer_the_time_is_ours() -> None:
    before = datetime.now(UTC)

    assert before <= a_transport().now() <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("effect", "status", "error"),
    [
        pytest.param(READ, 502, ProviderError, id="read"),
        pytest.param(ONCE, 429, ProviderError, id="create that was turned away"),
        pytest.param(REPEATABLE, 502, OutcomeUnknownError, id="delete whose answer was lost"),
    ],
)
@responses.activate
def test_stopping_ends_a_wait_and_tells_what_failed(
    effect: Effect, status: int, error: type[ProviderError]
) -> None:
    request = a_request(effect)
    responses.add(request.method, JOBS, status=status, headers={"Retry-After": "3600"})
    transport = Transport()
    threading.Timer(0.05, transport.cancel).start()

    with pytest.raises(error) as caught:
        transport.exchange(request, judge_v1)

    assert type(caught.value) is error
    assert len(responses.calls) == 1


@responses.activate
def test_an_interrupt_is_not_swallowed() -> None:
    def interrupt(request: Any) -> Any:
        raise KeyboardInterrupt

    responses.add_callback("GET", JOBS, interrupt)

    with pytest.raises(KeyboardInterrupt):
        a_transport().exchange(a_request(), judge_v1)


@responses.activate
def test_a_lost_answer_is_remembered_when_later_attempts_find_no_connection() -> None:
    responses.post(JOBS, status=502)
    refused = NewConnectionError(Mock(), "refused")
    responses.post(JOBS, body=NoConnection(refused))

    with pytest.raises(OutcomeUnknownError):
        a_transport().exchange(a_request(REPEATABLE), judge_v1)
