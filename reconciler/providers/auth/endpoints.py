"""Where the service is: given in clouds.yaml, or by the catalog that comes with a token."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.errors import AuthenticationError
from reconciler.providers.auth.answers import judge_read
from reconciler.providers.auth.credentials import Credentials
from reconciler.providers.auth.token import TOKEN_HEADER
from reconciler.providers.exchange import Authenticator, Kind, Request
from reconciler.providers.transport import Transport

SERVICE = "modelarts"


def find_endpoint(
    credentials: Credentials, authenticator: Authenticator, transport: Transport
) -> str:
    """Return the service's URL without version and project; logs in unless one is given.

    A catalog names the service by its type, once for each region and version (Keystone v3,
    "Validate and show information for token"). Raises `AuthenticationError` when it does not.
    """
    if credentials.endpoint:
        return _root(credentials.endpoint)
    if credentials.kind == "keys":
        raise _not_found("An access key comes without a catalog.")
    token = authenticator.sign(Request("GET", credentials.auth_url)).headers[TOKEN_HEADER]
    answer = transport.exchange(
        Request("GET", f"{credentials.auth_url}/auth/tokens"),
        judge_read,
        _Subject(authenticator, token),
    )
    if answer.kind is not Kind.ACCEPTED:
        said = answer.words or "no reason was given"
        raise _not_found(f"The platform says: {said} (HTTP {answer.status})")
    urls = sorted(set(_urls(answer.content, credentials.region)))
    if len(urls) == 1:
        return urls[0]
    where = f" for region {credentials.region}" if credentials.region else ""
    found = f"It names {', '.join(urls)}." if urls else f"It does not name {SERVICE}{where}."
    raise _not_found(found)


class _Subject:
    """Asks about the very token that proves who asks."""

    def __init__(self, inner: Authenticator, token: str) -> None:
        self._inner = inner
        self._token = token

    @property
    def project_id(self) -> str:
        return self._inner.project_id

    def sign(self, request: Request) -> Any:
        signature = self._inner.sign(request)
        headers = {**signature.headers, "X-Subject-Token": self._token}
        return type(signature)(headers, signature.generation)

    def renew(self, generation: int) -> bool:
        return self._inner.renew(generation)

    def redact(self, text: str) -> str:
        return self._inner.redact(text)


def _urls(content: Mapping[str, Any], region: str) -> Iterator[str]:
    token = content.get("token")
    catalog = token.get("catalog") if isinstance(token, dict) else None
    for service in catalog if isinstance(catalog, list) else []:
        if not isinstance(service, dict) or not str(service.get("type")).startswith(SERVICE):
            continue
        for each in service.get("endpoints") or []:
            if not isinstance(each, dict) or each.get("interface") not in (None, "public"):
                continue
            if region and region not in (each.get("region"), each.get("region_id")):
                continue
            if isinstance(url := each.get("url"), str) and url:
                yield _root(url)


def _root(url: str) -> str:
    """Return a URL without what follows the version in its path."""
    head, separator, path = url.partition("://")
    parts = path.split("/")
    ends = [number for number, part in enumerate(parts) if part in ("v1", "v2")]
    return f"{head}{separator}{'/'.join(parts[: ends[0]] if ends else parts)}".rstrip("/")


def _not_found(detail: str) -> AuthenticationError:
    return AuthenticationError(
        "The service is not in the catalog",
        detail,
        "Write its URL: `endpoint: https://modelarts.<region>.otc.t-systems.com`.",
    )
