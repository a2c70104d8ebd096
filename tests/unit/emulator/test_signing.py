"""Signed requests: the published examples, and what is let in and what is not."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.emulator.app import Settings
from reconciler.emulator.signing import (
    KeyPair,
    Keys,
    SignatureError,
    Signed,
    canonical_request,
    sign,
)
from tests.unit.emulator.jobs_v2 import a_job
from tests.unit.emulator.support import Answer, Client, Local

PROJECT = "0123456789abcdef0123456789abcdef"
NAMES = ("content-type", "host", "x-project-id", "x-sdk-date")
HEADERS = {
    "content-type": "application/json",
    "host": "modelarts.eu-de.otc.t-systems.com",
    "x-project-id": PROJECT,
    "x-sdk-date": "20250102T030405Z",
}
LIST = Signed("GET", f"/v1/{PROJECT}/training-jobs", "per_page=10&page=1", HEADERS, b"")
CHANGE = Signed(
    "PUT", f"/v1/{PROJECT}/training-jobs/567524", "", HEADERS, b'{"job_desc":"nightly"}'
)
BARE = ("host", "x-sdk-date")
SCOPE = ("20250102", "eu-de", "modelarts", "sdk_request")
NOW = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("request_", "scope", "expected"),
    [
        pytest.param(
            LIST, (), "0817feb6eddba7e45d7eb443705dfca9105988c6846a8940d72d62a59cb914ea", id="get"
        ),
        pytest.param(
            CHANGE, (), "59ef0c6d9bb3931bdeecdc8da5c08e5f7fa23a64adcb410506d575cfebc4bd4e", id="put"
        ),
        pytest.param(
            LIST,
            SCOPE,
            "8fddba025ece91d376e4303fe12403b1bc64b9712e5709f0269db7a942987635",
            id="scoped",
        ),
    ],
)
def test_published_examples(request_: Signed, scope: tuple[str, ...], expected: str) -> None:
    assert sign(request_, NAMES, "EXAMPLESECRETKEY", scope) == expected


def test_the_canonical_request_of_the_example() -> None:
    assert canonical_request(LIST, NAMES).splitlines()[:4] == [
        "GET",
        f"/v1/{PROJECT}/training-jobs/",
        "page=1&per_page=10",
        "content-type:application/json",
    ]


def signed(secret: str = "EXAMPLESECRETKEY", **headers: str) -> Signed:
    """The example with an authorization by its key."""
    signature = sign(LIST, NAMES, secret)
    text = f"SDK-HMAC-SHA256 Access=KEY, SignedHeaders={';'.join(NAMES)}, Signature={signature}"
    return Signed(
        LIST.method, LIST.path, LIST.query, HEADERS | {"authorization": text} | headers, b""
    )


def refusal(keys: Keys, request_: Signed, now: float = NOW) -> str:
    try:
        keys.check(request_, now)
    except SignatureError as error:
        return str(error)
    return ""


def test_a_key_is_locked_after_too_many_failures() -> None:
    keys = Keys([KeyPair("KEY", "EXAMPLESECRETKEY")])
    wrong = [refusal(keys, signed("guess")) for _ in range(6)]

    locked = refusal(keys, signed(), NOW + 200)
    later = refusal(keys, signed(), NOW + 301)

    assert wrong == ["verify aksk signature fail"] * 6
    assert locked == "AK access failed to reach the limit,forbidden"
    assert later == ""


@pytest.mark.parametrize("seconds", [-901, 901])
def test_a_clock_that_is_wrong_is_refused(seconds: float) -> None:
    keys = Keys([KeyPair("KEY", "EXAMPLESECRETKEY")])

    assert refusal(keys, signed(), NOW + seconds) == "verify aksk signature fail"
    assert refusal(keys, signed(), NOW + seconds / 1.01) == ""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    settings = Settings(idle_timeout=0, simulate=0.0)
    with Local(tmp_path_factory.mktemp("signing"), settings) as server:
        yield server


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    client = local.new_client()
    client.token = ""
    yield client
    client.close()


def call(
    client: Client,
    method: str,
    path: str,
    body: Any = None,
    *,
    keys: str = "",
    scoped: bool = False,
    ago: float = 0.0,
    sent_body: Any = None,
    signed_names: tuple[str, ...] = (),
    **changes: str | None,
) -> Answer:
    """A request signed by one of the store's key pairs; `changes` made after signing."""
    target, _, query = path.partition("?")
    data = b"" if body is None else json.dumps(body).encode()
    stamp = datetime.now(UTC) - timedelta(seconds=ago)
    headers = {
        "host": client.endpoint["url"].removeprefix("http://"),
        "x-project-id": client.project,
        "x-sdk-date": stamp.strftime("%Y%m%dT%H%M%SZ"),
        "content-type": "application/json",
    }
    if keys:
        headers["x-security-token"] = client.endpoint["security_token"]
    names = signed_names or tuple(sorted(headers))
    access = client.endpoint[f"{keys}access_key"]
    scope = (headers["x-sdk-date"][:8], "", "", "sdk_request") if scoped else ()
    secret = client.endpoint[f"{keys}secret_key"]
    signature = sign(Signed(method, target, query, headers, data), names, secret, scope)
    who = f"Credential={access}/{'/'.join(scope)}" if scoped else f"Access={access}"
    headers["authorization"] = (
        f"SDK-HMAC-SHA256 {who}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    sent = {name: value for name, value in (headers | changed).items() if value is not None}
    return client.call(method, path, sent_body or data or None, sent)


@pytest.mark.parametrize("scoped", [False, True], ids=["plain", "scoped"])
@pytest.mark.parametrize("keys", ["", "temporary_"], ids=["lasting", "temporary"])
def test_signed_requests_are_let_in(client: Client, keys: str, scoped: bool) -> None:
    base, name = client.project, f"signed{keys}{scoped}"

    made = call(client, "POST", f"/v2/{base}/training-jobs", a_job(name), keys=keys, scoped=scoped)
    path = f"/v1/{base}/training-jobs?search_content=a%20b&per_page=10"
    listed = call(client, "GET", path, keys=keys, scoped=scoped)

    assert (made.status, listed.status) == (201, 200)


def test_projects_are_found_with_a_signature(client: Client) -> None:
    name = client.endpoint["project_name"]

    found = call(client, "GET", f"/v3/projects?name={name}", x_project_id=None, signed_names=BARE)
    unsigned = client.call("GET", "/v3/projects")

    assert [row["id"] for row in found.body["projects"]] == [client.project]
    assert unsigned.status == 401


def test_what_is_not_let_in(client: Client) -> None:
    path = f"/v2/{client.project}/training-quotas"

    def code(**changes: Any) -> tuple[int, str, str]:
        answer = call(client, "GET", path, **changes)
        return answer.status, answer.code, str(answer.body.get("error_msg"))

    prefix = "Incorrect IAM authentication information: "
    failed = (401, "APIG.0301", f"{prefix}verify aksk signature fail")
    assert code(x_project_id="other") == failed
    assert code(ago=1000) == failed
    assert call(client, "GET", path, None).status == 200
    assert code(keys="temporary_", x_security_token=None) == failed
    assert code(authorization="SDK-HMAC-SHA256 nonsense") == failed
    unknown = "SDK-HMAC-SHA256 Access=NOBODY, SignedHeaders=host;x-sdk-date, Signature=00"
    assert code(authorization=unknown) == (401, "APIG.0301", f"{prefix}Get secretKey failed")
    other = call(client, "GET", "/v2/other/training-quotas")
    assert (other.status, other.code) == (403, "ModelArts.0210")
    both = call(client, "GET", path, x_auth_token="guess")
    assert both.body["error_msg"] == f"{prefix}decrypt token fail"


def test_what_was_changed_after_signing_is_not_let_in(client: Client) -> None:
    path = f"/v2/{client.project}/training-jobs"
    right = call(client, "POST", path, a_job("right"))

    body = call(client, "POST", path, a_job("wrong"), sent_body=a_job("other"))
    header = call(client, "POST", path, a_job("wrong"), content_type="text/json")

    assert (right.status, body.status, header.status) == (201, 401, 401)
