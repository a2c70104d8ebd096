"""Credentials from the environment and from clouds.yaml, with everything missing named at once."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.errors import AuthenticationError
from reconciler.model.platform import PlatformSettings
from reconciler.providers.auth.credentials import Credentials, is_header

_VARIABLES = {
    "auth_url": ("OS_AUTH_URL",),
    "username": ("OS_USERNAME",),
    "user_id": ("OS_USER_ID",),
    "password": ("OS_PASSWORD",),
    "user_domain_name": ("OS_USER_DOMAIN_NAME",),
    "user_domain_id": ("OS_USER_DOMAIN_ID",),
    "project_name": ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    "project_id": ("OS_PROJECT_ID", "OS_TENANT_ID"),
    "token": ("OS_TOKEN",),
    "access_key": ("OS_ACCESS_KEY",),
    "secret_key": ("OS_SECRET_KEY",),
    "security_token": ("OS_SECURITY_TOKEN",),
    "auth_type": ("OS_AUTH_TYPE",),
    "scope": ("RECONCILER_SIGNING_SCOPE",),
    "region": ("OS_REGION_NAME",),
}
_IDENTITY = frozenset(
    {
        *("username", "user_id", "password", "user_domain_name", "user_domain_id"),
        *("token", "access_key", "secret_key", "security_token", "auth_type"),
    }
)
_WHO = ("username", "user_id", "token", "access_key")
_PROJECT = ("project_name", "project_id")


def credentials_from_environment(
    settings: PlatformSettings,
    variables: Mapping[str, str] | None = None,
    *,
    folders: tuple[Path, ...] | None = None,
) -> Credentials:
    """Gather credentials: the definition's settings, then `OS_…` variables, then clouds.yaml.

    The latter counts when `OS_CLOUD` names an entry; `folders` are where it is looked for. An
    environment that says who we are takes nothing of that from the file, so that no password
    meets another's name. Raises `AuthenticationError` that names all that is missing, at once.
    """
    env = os.environ if variables is None else variables
    given = {name: _first(env, names) for name, names in _VARIABLES.items()}
    given = {name: value for name, value in given.items() if value}
    cloud: Mapping[str, str] = {}
    if name := env.get("OS_CLOUD", ""):
        from reconciler.providers.auth.clouds import read_cloud, search_folders

        found = search_folders(env) if folders is None else folders
        cloud = read_cloud(name, settings.api, found, env)
    values = {**_of_cloud(cloud, given), **given}
    if any(key in given for key in _PROJECT):
        values |= {key: given.get(key, "") for key in _PROJECT}
    if settings.project or settings.project_id:
        values |= {
            "project_name": settings.project or "",
            "project_id": settings.project_id or "",
        }
    values |= {"auth_url": settings.auth_url} if settings.auth_url else {}
    values |= {"region": settings.region} if settings.region else {}
    credentials = _normalised(Credentials(**values))
    _check(credentials)
    return credentials


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((env[name] for name in names if env.get(name)), "")


def _of_cloud(cloud: Mapping[str, str], given: Mapping[str, str]) -> Mapping[str, str]:
    if any(key in given for key in _WHO):
        return {key: value for key, value in cloud.items() if key not in _IDENTITY}
    return cloud


def _normalised(credentials: Credentials) -> Credentials:
    url = credentials.auth_url.strip().rstrip("/").removesuffix("/auth/tokens")
    return replace(
        credentials,
        auth_url=url if not url or url.endswith("/v3") else f"{url}/v3",
        token=credentials.token.strip(),
        access_key=credentials.access_key.strip(),
        secret_key=credentials.secret_key.strip(),
        security_token=credentials.security_token.strip(),
    )


def _check(credentials: Credentials) -> None:
    for name in ("token", "access_key", "security_token"):
        value = getattr(credentials, name)
        if value and not is_header(value):
            variable = _VARIABLES[name][0]
            raise AuthenticationError(
                f"{variable} is not a {'key' if name == 'access_key' else 'token'}",
                "It holds characters that cannot be sent.",
            )
    if missing := _missing(credentials):
        raise AuthenticationError(
            "Credentials are missing",
            "\n".join(f"- {each}" for each in missing),
            "Set them in the environment, or name an entry of clouds.yaml in OS_CLOUD. OS_TOKEN "
            "with a project id stands for a whole login; so do OS_ACCESS_KEY and OS_SECRET_KEY.",
        )


def _missing(credentials: Credentials) -> list[str]:
    project = credentials.project_name or credentials.project_id
    needs = {
        "OS_AUTH_URL (or `platform.auth_url` in the definition)": credentials.auth_url,
        "OS_PROJECT_NAME or OS_PROJECT_ID (or `platform.project` in the definition)": project,
    }
    match credentials.kind:
        case "token":
            needs["OS_TOKEN"] = credentials.token
        case "keys":
            needs |= {
                "OS_ACCESS_KEY": credentials.access_key,
                "OS_SECRET_KEY": credentials.secret_key,
            }
        case _:
            domain = credentials.user_domain_name or credentials.user_domain_id
            needs |= {
                "OS_USERNAME": credentials.user,
                "OS_PASSWORD": credentials.password,
                "OS_USER_DOMAIN_NAME (or OS_USER_DOMAIN_ID)": domain or credentials.user_id,
            }
    if credentials.kind != "password" and credentials.project_id:
        del needs["OS_AUTH_URL (or `platform.auth_url` in the definition)"]
    return [name for name, value in needs.items() if not value]
