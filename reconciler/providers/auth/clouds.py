"""clouds.yaml and secure.yaml, the files of OpenStack's tools; read here and nowhere shown.

Read with PyYAML alone: openstacksdk's own loader takes 0.45 s to import.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import AuthenticationError

_LARGEST = 1 << 20
_PROFILES = {"otc": "https://iam.{region}.otc.t-systems.com/v3"}
"""Where the vendors that openstacksdk knows by a profile have their login service."""
_NAMES = {
    "auth_url": ("auth_url",),
    "username": ("username", "user_name"),
    "user_id": ("user_id",),
    "password": ("password",),
    "user_domain_name": ("user_domain_name", "domain_name"),
    "user_domain_id": ("user_domain_id", "domain_id"),
    "project_name": ("project_name", "tenant_name"),
    "project_id": ("project_id", "tenant_id"),
    "token": ("token",),
    "access_key": ("access_key", "ak"),
    "secret_key": ("secret_key", "sk"),
    "security_token": ("security_token",),
}


def search_folders(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where the files are looked for, the first one first, as openstacksdk does."""
    home = env.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return (Path(), Path(home) / "openstack", Path("/etc/openstack"))


def read_cloud(
    name: str, api: str, folders: tuple[Path, ...], env: Mapping[str, str]
) -> Mapping[str, str]:
    """Return an entry as the fields of `Credentials`, the secrets of secure.yaml laid over it.

    `OS_CLIENT_CONFIG_FILE` and `OS_CLIENT_SECURE_FILE` may name the files. Raises
    `AuthenticationError` when there is no file, no such entry, or no sense in it; the message
    quotes nothing of the contents but the names of entries.
    """
    config = _find("clouds", env.get("OS_CLIENT_CONFIG_FILE"), folders)
    if config is None:
        raise AuthenticationError(
            "There is no clouds.yaml",
            f'OS_CLOUD names the entry "{name}". Looked in '
            + ", ".join(str(each.absolute()) for each in folders)
            + ".",
            "Create the file, or unset OS_CLOUD and set the OS_… variables.",
        )
    entries = _entries(config)
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise AuthenticationError(
            "There is no such cloud",
            f'OS_CLOUD names the entry "{name}"; {config} has {known}.',
            "Correct OS_CLOUD, or add the entry.",
        )
    entry = entries[name]
    if (secure := _find("secure", env.get("OS_CLIENT_SECURE_FILE"), folders)) is not None:
        entry = _laid_over(entry, _entries(secure).get(name, {}))
    return dict(_fields(entry, api))


def _find(stem: str, given: str | None, folders: tuple[Path, ...]) -> Path | None:
    places = (
        [Path(given)] if given else [f / f"{stem}{e}" for f in folders for e in (".yaml", ".yml")]
    )
    return next((place for place in places if place.is_file()), None)


def _entries(path: Path) -> Mapping[str, Mapping[str, Any]]:
    import yaml

    try:
        if path.stat().st_size > _LARGEST:
            raise AuthenticationError(f"{path} is too large", "It has more than 1 MiB.")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise AuthenticationError("The file is not YAML", f"{place} cannot be read.") from None
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not UTF-8"
        raise AuthenticationError("The file cannot be read", f"{path}: {reason}.") from None
    except RecursionError:
        raise AuthenticationError("The file is not YAML", f"{path} is nested too deep.") from None
    clouds = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(clouds, dict):
        raise AuthenticationError("The file names no clouds", f"{path} has no mapping `clouds`.")
    return {str(key): value for key, value in clouds.items() if isinstance(value, dict)}


def _laid_over(entry: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an entry with another's values over its own, mappings key by key."""
    merged = dict(entry)
    for key, value in other.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = {**below, **value} if both else value  # type: ignore[dict-item]
    return merged


def _fields(entry: Mapping[str, Any], api: str) -> Iterator[tuple[str, str]]:
    auth = entry.get("auth")
    auth = auth if isinstance(auth, dict) else {}
    for field, names in _NAMES.items():
        values = (_text(each.get(name)) for name in names for each in (auth, entry))
        if value := next(filter(None, values), ""):
            yield field, value
    region = _text(entry.get("region_name"))
    profile = _PROFILES.get(_text(entry.get("profile")))
    if profile and region and not auth.get("auth_url"):
        yield "auth_url", profile.format(region=region)
    version = api.partition("/")[2]
    overrides = (f"modelarts{version}_endpoint_override", "modelarts_endpoint_override")
    yield "endpoint", next(filter(None, (_text(entry.get(each)) for each in overrides)), "")
    yield "region", region
    yield "auth_type", _text(entry.get("auth_type"))


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
