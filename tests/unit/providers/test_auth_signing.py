"""Signatures with access keys: published vectors, both forms, and what is sent."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from reconciler.errors import AuthenticationError
from reconciler.model.platform import PlatformSettings
from reconciler.providers.auth import (
    Credentials,
    credentials_from_environment,
    make_authenticator,
)
from reconciler.providers.auth.keys import KeyAuthenticator
from reconciler.providers.auth.signing import Key, Signable, authorization, canonical_request
from reconciler.providers.exchange import Effect, Kind, Request
from reconciler.providers.modelarts.errors import judge
from tests.unit.providers.doubles import PROJECT, FakeTime, a_transport

ACCESS, SECRET = "EXAMPLEACCESSKEY", "EXAMPLESECRETKEY"
HOST = "modelarts.eu-de.otc.t-systems.com"
JOBS = f"/v1/{PROJECT}/training-jobs"
HEADERS = {
    "Content-Type": "application/json",
    "Host": HOST,
    "X-Project-Id": PROJECT,
    "X-Sdk-Date": "20250102T030405Z",
}
NAMES = "content-type;host;x-project-id;x-sdk-date"
GET = Signable("GET", JOBS, (("per_page", "10"), ("page", "1")), HEADERS)
PUT = Signable("PUT", f"{JOBS}/567524", (), HEADERS, b'{"job_desc":"nightly"}')
IAM = "https://iam.example.com/v3"


def test_the_published_canonical_request() -> None:
    assert canonical_request(GET) == "\n".join(
        (
            "GET",
            f"{JOBS}/",
            "page=1&per_page=10",
            "content-type:application/json",
            f"host:{HOST}",
            f"x-project-id:{PROJECT}",
            "x-sdk-date:20250102T030405Z",
            "",
            NAMES,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        )
    )


@pytest.mark.parametrize(
    ("request_", "digest", "signature"),
    [
        pytest.param(
            GET,
            "5ecdbbb21db4f967c44a260964eab4e395820008813fd53d94682ba009052482",
            "0817feb6eddba7e45d7eb443705dfca9105988c6846a8940d72d62a59cb914ea",
            id="GET without a body",
        ),
        pytest.param(
            PUT,
            "0d749a40e6726f564ee4809d73d3ce07bd8e331ba61490b72db925626d1b77e8",
            "59ef0c6d9bb3931bdeecdc8da5c08e5f7fa23a64adcb410506d575cfebc4bd4e",
            id="PUT with a body",
        ),
    ],
)
def test_the_published_signatures(request_: Signable, digest: str, signature: str) -> None:
    assert hashlib.sha256(canonical_request(request_).encode()).hexdigest() == digest
    assert authorization(request_, Key(ACCESS, SECRET)) == (
        f"SDK-HMAC-SHA256 Access={ACCESS}, SignedHeaders={NAMES}, Signature={signature}"
    )


def test_the_published_signature_in_the_scoped_form() -> None:
    assert authorization(GET, Key(ACCESS, SECRET, ("eu-de", "modelarts"))) == (
        f"SDK-HMAC-SHA256 Credential={ACCESS}/20250102/eu-de/modelarts/sdk_request, "
        f"SignedHeaders={NAMES}, "
        "Signature=8fddba025ece91d376e4303fe12403b1bc64b9712e5709f0269db7a942987635"
    )


@pytest.mark.parametrize(
    ("path", "signed"),
    [
        pytest.param("", "/", id="nothing"),
        pytest.param("/", "/", id="root"),
        pytest.param("/a/b/", "/a/b/", id="trailing slash"),
        pytest.param("/a%20b/~x", "/a%20b/~x/", id="encoded once"),
        pytest.param("/a b+c", "/a%20b%2Bc/", id="not encoded yet"),
    ],
)
def test_paths_in_a_signature(path: str, signed: str) -> None:
    request = Signable("GET", path, (), HEADERS)

    assert canonical_request(request).split("\n")[1] == signed


@pytest.mark.parametrize(
    ("query", "signed"),
    [
        pytest.param((), "", id="none"),
        pytest.param((("b", ""), ("a", "x y"), ("a", "ä~")), "a=x%20y&a=%C3%A4~&b=", id="sorted"),
    ],
)
def test_queries_in_a_signature(query: tuple[tuple[str, str], ...], signed: str) -> None:
    request = Signable("GET", "/", query, HEADERS)

    assert canonical_request(request).split("\n")[2] == signed


def credentials(**fields: Any) -> Credentials:
    given = {"access_key": ACCESS, "secret_key": SECRET, "project_id": PROJECT, "auth_url": IAM}
    return Credentials(**(given | fields))


def a_request(url: str = f"https://{HOST}{JOBS}", **fields: Any) -> Request:
    return Request("GET", url, **fields)


class Fixed:
    """A transport of which only the time counts."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


NOON = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_authenticator(now: datetime = NOON, **fields: Any) -> KeyAuthenticator:
    return KeyAuthenticator(credentials(**fields), Fixed(now))  # type: ignore[arg-type]


def test_what_is_sent_is_what_was_signed() -> None:
    request = Request("PUT", f"https://{HOST}{JOBS}/567524", body=PUT.body)

    headers = an_authenticator().sign(request).headers

    assert headers == {**HEADERS, "Authorization": authorization(PUT, Key(ACCESS, SECRET))}


def test_a_temporary_key_brings_its_token_along() -> None:
    headers = an_authenticator(security_token="temporary").sign(a_request()).headers

    assert headers["X-Security-Token"] == "temporary"
    assert "x-security-token" in headers["Authorization"]


def test_the_scoped_form_is_used_where_it_is_asked_for() -> None:
    headers = an_authenticator(scope="eu-de/modelarts").sign(a_request()).headers

    assert "Credential=" in headers["Authorization"]
    assert "/eu-de/modelarts/sdk_request" in headers["Authorization"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://x.example:443/a", "x.example"),
        ("https://x.example:8443/a", "x.example:8443"),
        ("http://127.0.0.1:80/a", "127.0.0.1"),
        ("http://127.0.0.1:443/a", "127.0.0.1:443"),
    ],
)
def test_the_host_names_no_default_port(url: str, host: str) -> None:
    assert an_authenticator().sign(a_request(url)).headers["Host"] == host


@responses.activate
def test_the_wire_carries_the_signed_headers() -> None:
    responses.get(f"https://{HOST}{JOBS}", json={"is_success": True})
    transport = a_transport()

    verdict = transport.exchange(
        a_request(query={"page": "1"}), lambda a: judge(a, flagged=True), an_authenticator()
    )

    assert verdict.kind is Kind.ACCEPTED
    sent = responses.calls[0].request.headers
    assert sent["Authorization"].startswith("SDK-HMAC-SHA256 Access=")
    assert (sent["Host"], sent["X-Project-Id"]) == (HOST, PROJECT)
    assert "X-Auth-Token" not in sent


REFUSED = {"error_code": "APIG.0301", "error_msg": "Incorrect IAM authentication information"}


@responses.activate
def test_a_refused_signature_is_not_sent_again() -> None:
    responses.get(f"https://{HOST}{JOBS}", json=REFUSED, status=401)
    transport = a_transport()
    authenticator = KeyAuthenticator(credentials(), transport)

    with pytest.raises(AuthenticationError):
        transport.exchange(a_request(), lambda a: judge(a, flagged=True), authenticator)
    assert len(responses.calls) == 1


@responses.activate
def test_a_clock_that_was_far_off_is_corrected_once() -> None:
    date = {"Date": "Thu, 02 Jan 2020 03:04:05 GMT"}
    responses.get(f"https://{HOST}{JOBS}", json=REFUSED, status=401, headers=date)
    responses.get(f"https://{HOST}{JOBS}", json={"is_success": True}, headers=date)
    transport = a_transport(FakeTime())
    authenticator = KeyAuthenticator(credentials(), transport)

    verdict = transport.exchange(
        a_request(effect=Effect.ONCE), lambda a: judge(a, flagged=True), authenticator
    )

    assert verdict.kind is Kind.ACCEPTED
    assert responses.calls[1].request.headers["X-Sdk-Date"] == "20200102T030405Z"


@responses.activate
def test_a_project_is_found_by_its_name_once() -> None:
    projects = [{"id": "p-0", "name": "eu-de_other"}, {"id": PROJECT, "name": "eu-de_ml"}]
    responses.get(f"{IAM}/projects", json={"projects": projects})
    transport = a_transport()
    authenticator = KeyAuthenticator(credentials(project_id="", project_name="eu-de_ml"), transport)

    assert authenticator.project_id == PROJECT
    assert authenticator.sign(a_request()).headers["X-Project-Id"] == PROJECT
    assert len(responses.calls) == 1
    sent = responses.calls[0].request
    assert sent.url == f"{IAM}/projects?name=eu-de_ml"
    assert "X-Project-Id" not in sent.headers


@pytest.mark.parametrize(
    ("projects", "words"),
    [
        pytest.param([], "no such project", id="none"),
        pytest.param([{"id": "p", "name": "ml2"}], "no such project", id="only part of it"),
        pytest.param(
            [{"id": "p", "name": "ml"}, {"id": "q", "name": "ml"}], "not unique", id="two"
        ),
        pytest.param([{"name": "ml"}], "no such project", id="without an id"),
    ],
)
@responses.activate
def test_a_project_that_cannot_be_told(projects: list[dict[str, str]], words: str) -> None:
    responses.get(f"{IAM}/projects", json={"projects": projects})
    known = credentials(project_id="", project_name="ml")

    with pytest.raises(AuthenticationError, match=words) as caught:
        _ = KeyAuthenticator(known, a_transport()).project_id
    assert SECRET not in str(caught.value)
    assert ACCESS not in str(caught.value)


def test_keys_stay_out_of_texts() -> None:
    known = credentials(security_token="temporary")
    authenticator = KeyAuthenticator(known, a_transport())
    shown = f"{known} {known!r} {authenticator!r} {authenticator.sign(a_request())!r}"

    for secret in (ACCESS, SECRET, "temporary"):
        assert secret not in shown
        assert authenticator.redact(f"said {secret}") == "said ***"


@pytest.mark.parametrize(
    ("variables", "fields"),
    [
        pytest.param({}, {"scope": None, "security_token": ""}, id="current form"),
        pytest.param({"OS_SECURITY_TOKEN": "t"}, {"security_token": "t"}, id="temporary"),
        pytest.param(
            {"RECONCILER_SIGNING_SCOPE": "eu-de/modelarts"},
            {"scope": "eu-de/modelarts"},
            id="scoped form",
        ),
        pytest.param({"OS_USERNAME": "ann", "OS_PASSWORD": "p"}, {}, id="before a password"),
    ],
)
def test_keys_from_the_environment(variables: dict[str, str], fields: dict[str, Any]) -> None:
    given = {"OS_ACCESS_KEY": ACCESS, "OS_SECRET_KEY": f" {SECRET} ", "OS_PROJECT_ID": PROJECT}

    found = credentials_from_environment(PlatformSettings(), given | variables)

    assert (found.access_key, found.secret_key) == (ACCESS, SECRET)
    assert {name: getattr(found, name) for name in fields} == fields
    assert isinstance(make_authenticator(found, a_transport()), KeyAuthenticator)


def test_half_a_key_is_told() -> None:
    given = {"OS_ACCESS_KEY": ACCESS, "OS_AUTH_TYPE": "aksk", "OS_PROJECT_NAME": "ml"}
    with pytest.raises(AuthenticationError, match="missing") as caught:
        credentials_from_environment(PlatformSettings(), given)

    assert "OS_SECRET_KEY" in caught.value.detail
    assert "OS_AUTH_URL" in caught.value.detail
    assert "OS_PASSWORD" not in caught.value.detail
    assert ACCESS not in str(caught.value)
