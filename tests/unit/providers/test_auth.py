"""Credentials from the environment, and logins that are shared, renewed and never shown."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import responses

from reconciler.errors import AuthenticationError, InvalidAnswerError, UnreachableError
from reconciler.model.platform import PlatformSettings
from reconciler.providers.auth import (
    Credentials,
    PasswordAuthenticator,
    TokenAuthenticator,
    credentials_from_environment,
    make_authenticator,
)
from reconciler.providers.patience import Patience
from tests.unit.providers.doubles import FakeTime, a_request, a_transport

IAM = "https://iam.example.com/v3"
PASSWORD = "correct horse"
TOKENS = f"{IAM}/auth/tokens"
COMPLETE = {
    "OS_AUTH_URL": IAM,
    "OS_USERNAME": "ann",
    "OS_PASSWORD": PASSWORD,
    "OS_USER_DOMAIN_NAME": "OTC-1",
    "OS_PROJECT_NAME": "eu-de",
}


def settings(**fields: Any) -> PlatformSettings:
    return PlatformSettings(endpoint="https://modelarts.example.com", **fields)


def credentials(**fields: Any) -> Credentials:
    complete: dict[str, Any] = {
        "auth_url": IAM,
        "username": "ann",
        "password": PASSWORD,
        "user_domain_name": "OTC-1",
        "project_name": "eu-de",
    }
    return Credentials(**(complete | fields))


def a_token(text: str = "token-1", **fields: Any) -> dict[str, Any]:
    token = {
        "issued_at": "2025-01-02T03:04:05.678000Z",
        "expires_at": "2025-01-03T03:04:05.678000Z",
        "project": {"id": "p-1", "name": "eu-de"},
    }
    return {
        "status": 201,
        "headers": {"X-Subject-Token": text},
        "json": {"token": token | fields},
    }


@pytest.mark.parametrize(
    ("fields", "changes", "expected"),
    [
        pytest.param({}, {}, {"project_name": "eu-de", "project_id": ""}, id="environment alone"),
        pytest.param(
            {"project": "eu-de_ml"}, {}, {"project_name": "eu-de_ml"}, id="definition's project"
        ),
        pytest.param(
            {"project_id": "p-9"},
            {"OS_PROJECT_ID": "p-1"},
            {"project_name": "", "project_id": "p-9"},
            id="definition's project id",
        ),
        pytest.param(
            {"project": "eu-de_ml"},
            {"OS_PROJECT_ID": "p-1"},
            {"project_name": "eu-de_ml", "project_id": ""},
            id="definition's name beats the environment's id",
        ),
        pytest.param(
            {"auth_url": "https://iam.other.example"},
            {},
            {"auth_url": "https://iam.other.example/v3"},
            id="definition's login URL, version added",
        ),
        pytest.param(
            {}, {"OS_AUTH_URL": f"{IAM}/auth/tokens"}, {"auth_url": IAM}, id="whole token URL"
        ),
        pytest.param({}, {"OS_AUTH_URL": f" {IAM}/ "}, {"auth_url": IAM}, id="trailing slash"),
        pytest.param(
            {},
            {"OS_PROJECT_NAME": "", "OS_TENANT_NAME": "t"},
            {"project_name": "t"},
            id="tenant is the older word",
        ),
        pytest.param(
            {},
            {"OS_USER_DOMAIN_NAME": "", "OS_USER_DOMAIN_ID": "d-1"},
            {"user_domain_id": "d-1"},
            id="domain by id",
        ),
    ],
)
def test_where_credentials_come_from(
    fields: dict[str, str], changes: dict[str, str], expected: dict[str, str]
) -> None:
    found = credentials_from_environment(settings(**fields), COMPLETE | changes)

    assert {name: getattr(found, name) for name in expected} == expected


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)

    assert credentials_from_environment(settings()) == credentials_from_environment(
        settings(), COMPLETE
    )


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(AuthenticationError, match="Credentials are missing") as caught:
        credentials_from_environment(settings(), {"OS_USERNAME": "ann", "OS_TOKEN": "t-1"})

    detail = caught.value.detail
    for name in ("OS_AUTH_URL", "OS_PASSWORD", "OS_USER_DOMAIN_NAME", "OS_PROJECT_NAME"):
        assert name in detail
    assert "OS_USERNAME" not in detail
    assert "t-1" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        pytest.param(COMPLETE, PasswordAuthenticator, id="password"),
        pytest.param(
            {"OS_TOKEN": "t-1", "OS_PROJECT_ID": "p-1"}, TokenAuthenticator, id="ready token"
        ),
        pytest.param(
            COMPLETE | {"OS_TOKEN": "t-1", "OS_PROJECT_ID": "p-1"},
            TokenAuthenticator,
            id="ready token before password",
        ),
        pytest.param(
            COMPLETE | {"OS_TOKEN": "t-1"}, PasswordAuthenticator, id="a token lacks the project id"
        ),
    ],
)
def test_how_to_log_in(variables: dict[str, str], kind: type) -> None:
    found = credentials_from_environment(settings(), variables)

    assert isinstance(make_authenticator(found, a_transport()), kind)


@pytest.mark.parametrize("token", ["a\nb", "tökén", "a\x00"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationError, match="OS_TOKEN is not a token") as caught:
        credentials_from_environment(settings(), {"OS_TOKEN": token, "OS_PROJECT_ID": "p"})

    assert token not in str(caught.value)


def test_secrets_stay_out_of_texts() -> None:
    found = credentials(token="MIIZ-secret")
    authenticator = TokenAuthenticator("MIIZ-secret", "p-1")
    shown = f"{found} {found!r} {authenticator!r} {authenticator.sign(a_request())!r}"

    assert PASSWORD not in shown
    assert "MIIZ" not in shown
    assert "ann" in shown
    assert authenticator.redact("sent MIIZ-secret") == "sent ***"


@pytest.mark.parametrize(
    ("fields", "user", "project"),
    [
        pytest.param({}, {"name": "OTC-1"}, {"name": "eu-de"}, id="by names"),
        pytest.param(
            {"user_domain_id": "d-1", "project_id": "p-1"},
            {"id": "d-1"},
            {"id": "p-1"},
            id="by ids",
        ),
    ],
)
@responses.activate
def test_the_login_request(
    fields: dict[str, str], user: dict[str, str], project: dict[str, str]
) -> None:
    responses.post(TOKENS, **a_token())
    authenticator = PasswordAuthenticator(credentials(**fields), a_transport())

    assert authenticator.sign(a_request()).headers == {"X-Auth-Token": "token-1"}
    assert authenticator.project_id == "p-1"
    sent = responses.calls[0].request
    assert sent.url == f"{TOKENS}?nocatalog=1"
    assert json.loads(sent.body or "") == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "ann", "password": PASSWORD, "domain": user}},
            },
            "scope": {"project": project},
        }
    }
    assert "X-Auth-Token" not in sent.headers


@responses.activate
def test_a_known_project_id_needs_no_login() -> None:
    assert PasswordAuthenticator(credentials(project_id="p-7"), a_transport()).project_id == "p-7"


@pytest.mark.parametrize(
    ("times", "lasts"),
    [
        pytest.param({}, 86400 - 600, id="a day, less ten minutes"),
        pytest.param(
            {"issued_at": "2025-01-02T03:04:05Z", "expires_at": "2025-01-02T04:04:05Z"},
            3000,
            id="an hour, without fractions",
        ),
        pytest.param(
            {"issued_at": None, "expires_at": "2025-01-02T04:04:05Z"},
            3000,
            id="counted from the Date header",
        ),
        pytest.param(
            {"issued_at": "2025-01-02T03:04:05Z", "expires_at": "2025-01-02T03:05:05Z"},
            30,
            id="a minute: half of it",
        ),
        pytest.param({"expires_at": "one day"}, 86400 - 600, id="unreadable: a day"),
    ],
)
@responses.activate
def test_a_token_is_replaced_before_its_end(times: dict[str, Any], lasts: float) -> None:
    time = FakeTime()
    for text in ("token-1", "token-2"):
        answer = a_token(text, **times)
        answer["headers"]["Date"] = "Thu, 02 Jan 2025 03:04:05 GMT"
        responses.post(TOKENS, **answer)
    authenticator = PasswordAuthenticator(
        credentials(), a_transport(time), monotonic=time.monotonic
    )
    seen = []
    for moment in (0.0, lasts - 1, lasts + 1):
        time.seconds = 1000.0 + moment
        seen.append(authenticator.sign(a_request()).headers["X-Auth-Token"])

    assert seen == ["token-1", "token-1", "token-2"]


@responses.activate
def test_threads_share_one_login_and_one_renewal() -> None:
    for text in ("token-1", "token-2", "token-3"):
        responses.post(TOKENS, **a_token(text))
    authenticator = PasswordAuthenticator(credentials(), a_transport())
    together = threading.Barrier(10)

    def renewed(_: int) -> str:
        together.wait(10)
        signature = authenticator.sign(a_request())
        together.wait(10)
        assert authenticator.renew(signature.generation)
        return authenticator.sign(a_request()).headers["X-Auth-Token"]

    with ThreadPoolExecutor(10) as pool:
        tokens = set(pool.map(renewed, range(10)))

    assert tokens == {"token-2"}
    assert len(responses.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@responses.activate
def test_a_refused_login_says_who_and_where_and_is_not_repeated(status: int) -> None:
    message = f"The password {PASSWORD} of ann is wrong"
    responses.post(
        TOKENS, status=status, json={"error": {"code": status, "message": message, "title": "No"}}
    )
    authenticator = PasswordAuthenticator(credentials(), a_transport())
    for _ in range(3):
        with pytest.raises(AuthenticationError, match="login was refused") as caught:
            authenticator.sign(a_request())

    text = str(caught.value)
    assert "user ann, domain OTC-1, project eu-de" in text
    assert IAM in text
    assert "The password *** of ann is wrong" in text
    assert len(responses.calls) == 1


@responses.activate
def test_a_login_is_repeated_like_a_read() -> None:
    responses.post(TOKENS, status=503)
    responses.post(TOKENS, status=429)
    responses.post(TOKENS, status=201, json={"token": {}})
    responses.post(TOKENS, **a_token())

    authenticator = PasswordAuthenticator(credentials(), a_transport())

    assert authenticator.sign(a_request()).headers == {"X-Auth-Token": "token-1"}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        pytest.param(
            {"status": 201, "body": "<html>"}, InvalidAnswerError, "holds no token", id="HTML"
        ),
        pytest.param(
            a_token(project=None), AuthenticationError, "login has no project", id="no project"
        ),
        pytest.param(
            a_token(project={"name": "x"}), AuthenticationError, "has no project", id="no id"
        ),
    ],
)
@responses.activate
def test_a_login_that_is_of_no_use(
    answer: dict[str, Any], error: type[Exception], words: str
) -> None:
    responses.post(TOKENS, **answer)

    with pytest.raises(error) as caught:
        PasswordAuthenticator(credentials(), a_transport()).sign(a_request())

    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_login_over_plain_http_is_refused() -> None:
    found = credentials(auth_url="http://iam.example.com/v3")
    transport = a_transport(patience=Patience(connects=1))

    with pytest.raises(UnreachableError, match="Insecure"):
        PasswordAuthenticator(found, transport).sign(a_request())
