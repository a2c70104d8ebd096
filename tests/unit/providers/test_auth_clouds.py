"""clouds.yaml, secure.yaml, ready tokens, and the catalog."""

from pathlib import Path
from typing import Any

import pytest
import responses

from reconciler.errors import AuthenticationError
from reconciler.model.platform import PlatformSettings
from reconciler.providers.auth import (
    Credentials,
    PasswordAuthenticator,
    TokenAuthenticator,
    credentials_from_environment,
    make_authenticator,
)
from reconciler.providers.auth.endpoints import find_endpoint
from reconciler.providers.modelarts.v2.client import connect
from tests.unit.providers.doubles import PROJECT, a_transport
from tests.unit.providers.test_auth import COMPLETE, IAM, a_token, credentials

CLOUDS = """
clouds:
  otc:
    profile: otc
    region_name: eu-nl
    auth:
      username: ann
      password: in-clouds
      user_domain_name: OTC-1
      project_name: eu-nl_ml
  keys:
    auth_type: aksk
    auth: {auth_url: https://iam.example.com/v3, ak: AK-1, sk: SK-1, project_id: p-1}
  bare:
    auth: {auth_url: https://iam.example.com, user_id: u-1, project_id: p-1}
    modelartsv1_endpoint_override: http://127.0.0.1:8080/v1/%(project_id)s
    modelartsv2_endpoint_override: http://127.0.0.1:8080/other/v2/%(project_id)s
"""
SECURE = "clouds: {bare: {auth: {password: in-secure}}, otc: {auth: {password: in-secure}}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clouds.yaml."""
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    return tmp_path


def found(folder: Path, cloud: str, settings: PlatformSettings | None = None, **env: str) -> Any:
    variables = {"OS_CLOUD": cloud, **env}
    return credentials_from_environment(
        settings or PlatformSettings(), variables, folders=(folder,)
    )


def test_an_entry_stands_for_a_whole_login(folder: Path) -> None:
    known = found(folder, "otc")

    assert (known.username, known.password, known.user_domain_name) == (
        "ann",
        "in-clouds",
        "OTC-1",
    )
    assert (known.project_name, known.region) == ("eu-nl_ml", "eu-nl")
    assert known.auth_url == "https://iam.eu-nl.otc.t-systems.com/v3"
    assert isinstance(make_authenticator(known, a_transport()), PasswordAuthenticator)


def test_keys_may_stand_in_an_entry(folder: Path) -> None:
    known = found(folder, "keys")

    assert (known.kind, known.access_key, known.secret_key) == ("keys", "AK-1", "SK-1")


@pytest.mark.parametrize("cloud", ["otc", "bare"])
def test_secrets_may_stand_in_secure_yaml(folder: Path, cloud: str) -> None:
    (folder / "secure.yaml").write_text(SECURE)

    assert found(folder, cloud).password == "in-secure"


def test_the_first_folder_counts(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    variables = {"OS_CLOUD": "otc"}

    known = credentials_from_environment(PlatformSettings(), variables, folders=(empty, folder))

    assert known.username == "ann"


def test_files_may_be_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SECURE)
    files = {
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "OS_CLIENT_SECURE_FILE": str(tmp_path / "s.yaml"),
    }

    assert found(tmp_path / "nowhere", "otc", **files).password == "in-secure"


@pytest.mark.parametrize(
    ("settings", "env", "expected"),
    [
        pytest.param({}, {"OS_PASSWORD": "mine"}, {"password": "mine"}, id="password alone"),
        pytest.param(
            {},
            {"OS_PROJECT_ID": "p-9"},
            {"project_id": "p-9", "project_name": ""},
            id="project of the environment",
        ),
        pytest.param(
            {"project": "eu-nl"}, {"OS_PROJECT_ID": "p-9"}, {"project_name": "eu-nl"}, id="ours"
        ),
        pytest.param(
            {"region": "eu-de"}, {"OS_REGION_NAME": "x"}, {"region": "eu-de"}, id="region"
        ),
        pytest.param(
            {"auth_url": "https://iam.x/v3"}, {}, {"auth_url": "https://iam.x/v3"}, id="login URL"
        ),
        pytest.param(
            {},
            {"OS_USERNAME": "bob", "OS_PASSWORD": "bobs", "OS_USER_DOMAIN_NAME": "d"},
            {"username": "bob", "password": "bobs", "project_name": "eu-nl_ml"},
            id="another user",
        ),
        pytest.param(
            {},
            {"OS_ACCESS_KEY": "a", "OS_SECRET_KEY": "s"},
            {"kind": "keys", "password": "", "username": ""},
            id="keys instead",
        ),
    ],
)
def test_what_comes_first(
    folder: Path, settings: dict[str, str], env: dict[str, str], expected: dict[str, str]
) -> None:
    known = found(folder, "otc", PlatformSettings(**settings), **env)

    assert {name: getattr(known, name) for name in expected} == expected


def test_no_password_meets_anothers_name(folder: Path) -> None:
    with pytest.raises(AuthenticationError, match="missing") as caught:
        found(folder, "otc", OS_USERNAME="bob")

    assert "OS_PASSWORD" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        pytest.param(None, "There is no clouds.yaml", id="no file"),
        pytest.param("clouds: {other: {}}", "There is no such cloud", id="no entry"),
        pytest.param("clouds: [", "The file is not YAML", id="not YAML"),
        pytest.param("password: hunter2", "The file names no clouds", id="no clouds"),
        pytest.param("clouds: {otc: {auth: hunter2}}", "Credentials are missing", id="no login"),
        pytest.param("clouds: {otc: hunter2}", "There is no such cloud", id="no mapping"),
        pytest.param("clouds: {hunter2: &a [*a", "The file is not YAML", id="cut off"),
        pytest.param("[" * 5000, "The file is not YAML", id="nested too deep"),
    ],
)
def test_what_is_wrong_is_told_without_the_contents(
    tmp_path: Path, text: str | None, summary: str
) -> None:
    if text is not None:
        (tmp_path / "clouds.yaml").write_text(text)

    with pytest.raises(AuthenticationError, match=summary) as caught:
        found(tmp_path, "otc")
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(AuthenticationError, match="cannot be read"):
        found(tmp_path, "otc")


def test_without_os_cloud_no_file_is_read(folder: Path) -> None:
    with pytest.raises(AuthenticationError, match="missing"):
        credentials_from_environment(PlatformSettings(), {}, folders=(folder,))


@responses.activate
def test_a_user_may_be_named_by_id(folder: Path) -> None:
    responses.post(f"{IAM}/auth/tokens", **a_token())
    known = found(folder, "bare", OS_PASSWORD="p")

    PasswordAuthenticator(known, a_transport()).renew(0)
    _ = PasswordAuthenticator(known, a_transport()).sign(None)  # type: ignore[arg-type]

    sent = responses.calls[0].request.body or b""
    assert b'"user": {"password": "p", "id": "u-1"}' in (
        sent if isinstance(sent, bytes) else sent.encode()
    )


# Ready tokens


@responses.activate
def test_a_token_finds_its_project_by_name() -> None:
    projects = [{"id": PROJECT, "name": "eu-de_ml"}]
    responses.get(f"{IAM}/projects", json={"projects": projects})
    known = credentials_from_environment(
        PlatformSettings(project="eu-de_ml"), {"OS_AUTH_URL": IAM, "OS_TOKEN": "t-1"}
    )
    authenticator = make_authenticator(known, a_transport())

    assert isinstance(authenticator, TokenAuthenticator)
    assert authenticator.project_id == PROJECT
    assert authenticator.project_id == PROJECT
    assert len(responses.calls) == 1
    assert responses.calls[0].request.headers["X-Auth-Token"] == "t-1"


def test_an_asked_for_kind_comes_first() -> None:
    variables = COMPLETE | {"OS_TOKEN": "t", "OS_PROJECT_ID": "p", "OS_AUTH_TYPE": "v3password"}

    assert credentials_from_environment(PlatformSettings(), variables).kind == "password"


# The catalog

CATALOG = [
    {"type": "obs", "endpoints": [{"region": "eu-de", "url": "https://obs.example.com"}]},
    {
        "type": "modelarts",
        "endpoints": [
            {
                "interface": "public",
                "region": "eu-de",
                "url": f"https://modelarts.eu-de.example.com/v1/{PROJECT}",
            },
            {
                "interface": "public",
                "region": "eu-nl",
                "url": "https://modelarts.eu-nl.example.com/v1/$(tenant_id)s",
            },
            {"interface": "internal", "region": "eu-de", "url": "https://inside.example.com"},
        ],
    },
    {
        "type": "modelartsv2",
        "endpoints": [
            {"region_id": "eu-de", "url": f"https://modelarts.eu-de.example.com/v2/{PROJECT}"},
        ],
    },
]


def validated(catalog: Any = CATALOG) -> dict[str, Any]:
    return {"json": {"token": {"expires_at": "2025-01-03T03:04:05Z", "catalog": catalog}}}


def endpoint(known: Credentials) -> str:
    transport = a_transport()
    return find_endpoint(known, make_authenticator(known, transport), transport)


@pytest.mark.parametrize("region", ["eu-de", "eu-nl"])
@responses.activate
def test_the_catalog_names_the_service(region: str) -> None:
    responses.post(f"{IAM}/auth/tokens", **a_token())
    responses.get(f"{IAM}/auth/tokens", **validated())

    assert endpoint(credentials(region=region)) == f"https://modelarts.{region}.example.com"
    asked = responses.calls[1].request.headers
    assert (asked["X-Auth-Token"], asked["X-Subject-Token"]) == ("token-1", "token-1")


@pytest.mark.parametrize(
    ("fields", "answer", "words"),
    [
        pytest.param({}, validated(), "It names", id="several regions"),
        pytest.param({"region": "eu-xx"}, validated(), "eu-xx", id="not there"),
        pytest.param({"region": "eu-de"}, validated(None), "eu-de", id="no catalog"),
        pytest.param({"region": "eu-de"}, validated(["x", {"type": "modelarts"}]), "", id="odd"),
        pytest.param(
            {}, {"json": {"error": {"message": "no"}}, "status": 403}, "403", id="refused"
        ),
    ],
)
@responses.activate
def test_a_catalog_that_does_not_help(
    fields: dict[str, str], answer: dict[str, Any], words: str
) -> None:
    responses.post(f"{IAM}/auth/tokens", **a_token())
    responses.get(f"{IAM}/auth/tokens", **answer)

    with pytest.raises(AuthenticationError, match="not in the catalog") as caught:
        endpoint(credentials(**fields))
    assert words in caught.value.detail
    assert "token-1" not in str(caught.value)


def test_a_given_endpoint_needs_no_catalog(folder: Path) -> None:
    v1 = found(folder, "bare", OS_PASSWORD="p")
    v2 = found(folder, "bare", PlatformSettings(api="modelarts/v2"), OS_PASSWORD="p")

    assert endpoint(v1) == "http://127.0.0.1:8080"
    assert endpoint(v2) == "http://127.0.0.1:8080/other"


def test_keys_come_without_a_catalog() -> None:
    with pytest.raises(AuthenticationError, match="not in the catalog"):
        endpoint(Credentials(auth_url=IAM, access_key="a", secret_key="s", project_id="p"))


@responses.activate
def test_a_platform_of_the_catalog_is_known_by_its_url() -> None:
    responses.post(f"{IAM}/auth/tokens", **a_token())
    responses.get(f"{IAM}/auth/tokens", **validated())
    settings = PlatformSettings(api="modelarts/v2", endpoint="catalog", region="eu-de")

    provider = connect(settings, credentials(region="eu-de"))

    assert provider.identity.endpoint == "https://modelarts.eu-de.example.com"
