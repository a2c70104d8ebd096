"""Tokens and projects."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.emulator.iam import TokenExpiredError, Tokens, TokenUnknownError
from tests.unit.emulator.support import Client


def test_a_token_names_its_project_and_life(client: Client) -> None:
    answer = client.log_in()
    token = answer.body["token"]

    assert answer.status == 201
    assert answer.headers["x-subject-token"].startswith("MII")
    assert len(answer.headers["x-subject-token"]) > 500
    assert token["project"]["id"] == client.project
    life = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["issued_at"])
    assert life == timedelta(hours=24)
    url = token["catalog"][0]["endpoints"][0]["url"]
    assert url == f"{client.endpoint['url']}/v1/{client.project}"


def test_the_service_says_which_version_it_is(client: Client) -> None:
    version = client.call("GET", "/v3").body["version"]

    assert version["id"].startswith("v3.")
    assert version["links"][0]["href"] == client.endpoint["auth_url"] + "/"


def test_the_catalog_names_both_versions_of_the_api(client: Client) -> None:
    (service,) = client.log_in().body["token"]["catalog"]

    base = client.endpoint["url"]
    urls = [endpoint["url"] for endpoint in service["endpoints"]]
    assert urls == [f"{base}/v1/{client.project}", f"{base}/v2/{client.project}"]


def test_the_catalog_can_be_left_out(client: Client) -> None:
    body = {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {
                        "name": client.endpoint["username"],
                        "password": client.endpoint["password"],
                        "domain": {"name": client.endpoint["domain"]},
                    }
                },
            },
            "scope": {"project": {"id": client.project}},
        }
    }
    answer = client.call("POST", "/v3/auth/tokens?nocatalog=true", body)

    assert answer.status == 201
    assert "catalog" not in answer.body["token"]


@pytest.mark.parametrize(
    ("wrong", "scope"),
    [
        pytest.param({"password": "guess"}, None, id="password"),
        pytest.param({"name": "nobody"}, None, id="name"),
        pytest.param({"domain": {"name": "other"}}, None, id="domain"),
        pytest.param({}, {"project": {"name": "other"}}, id="project name"),
        pytest.param({}, {"project": {"id": "0" * 32}}, id="project number"),
    ],
)
def test_wrong_credentials_give_no_token(client: Client, wrong: Any, scope: Any) -> None:
    answer = client.log_in(scope, **wrong)

    assert answer.status == answer.body["error"]["code"] == 401
    assert "x-subject-token" not in answer.headers
    assert client.endpoint["password"] not in answer.raw.decode()


@pytest.mark.parametrize("body", [b"", b"{}", b'{"auth": {"identity": {"methods": ["totp"]}}}'])
def test_other_bodies_are_refused(client: Client, body: bytes) -> None:
    assert client.call("POST", "/v3/auth/tokens", body).status == 400


def test_projects_are_listed_and_found_by_name(client: Client) -> None:
    rows = client.call("GET", "/v3/projects").body["projects"]
    named = client.call("GET", "/v3/projects?name=local").body["projects"]
    none = client.call("GET", "/v3/projects?name=other").body["projects"]

    assert client.project in {row["id"] for row in rows}
    assert [row["name"] for row in named] == ["local"]
    assert none == []


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        pytest.param("", 401, "APIG.0301", id="none"),
        pytest.param("MIIunknown", 401, "APIG.0301", id="unknown"),
    ],
)
def test_requests_need_a_token(client: Client, token: str, status: int, code: str) -> None:
    client.token = token

    answer = client.api("GET", "/training-jobs")

    assert (answer.status, answer.code) == (status, code)
    assert len(answer.body["request_id"]) == 32
    assert client.call("GET", "/v3/projects").status == 401


def test_a_token_for_no_project_is_not_enough(client: Client) -> None:
    client.token = client.log_in({"domain": {"name": "any"}}).headers["x-subject-token"]

    answer = client.api("GET", "/training-jobs")

    assert (answer.status, answer.code) == (401, "ModelArts.0212")


def test_a_token_opens_its_own_project_only(client: Client) -> None:
    answer = client.call("GET", f"/v1/{'0' * 32}/training-jobs")

    assert (answer.status, answer.code) == (403, "ModelArts.0210")


def test_an_expired_token_is_told_from_an_unknown_one(client: Client) -> None:
    client.admin("POST", "tokens/expire")

    answer = client.api("GET", "/training-jobs")

    assert (answer.status, answer.code) == (401, "ModelArts.0202")
    client.token = client.log_in().headers["x-subject-token"]
    assert client.api("GET", "/training-jobs").status == 200


def test_long_headers_and_many_requests_per_connection_are_fine(client: Client) -> None:
    long = {"X-Long": "x" * 60_000}
    statuses = {client.call("GET", "/v3/projects", headers=long).status for _ in range(20)}

    assert statuses == {200}


def test_tokens_end_with_their_life_and_are_forgotten_in_time() -> None:
    now = [1000.0]
    tokens = Tokens(lifetime=60.0, clock=lambda: now[0])
    first, token = tokens.issue(None)
    assert (tokens.check(first), token.expires) == (token, 1060.0)

    now[0] = 1060.0
    with pytest.raises(TokenExpiredError):
        tokens.check(first)
    for _ in range(1001):
        tokens.issue(None)
    with pytest.raises(TokenUnknownError):
        tokens.check(first)
