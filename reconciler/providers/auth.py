"""Who we are: credentials from the environment, and tokens from the platform's login service."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.errors import AuthenticationError
from reconciler.model.platform import PlatformSettings
from reconciler.providers.exchange import (
    Answer,
    Authenticator,
    Effect,
    Kind,
    Request,
    Signature,
    Verdict,
    json_object,
    line,
    parse_date,
    without,
    words_of,
)
from reconciler.providers.transport import Transport

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - a header's name
RENEWAL_MARGIN = 600.0
"""Seconds before its end at which a token is replaced."""
_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login takes; never shown, never stored.

    The project is given by id or by name; a token, when there is one, is used as it is and
    cannot be renewed.
    """

    auth_url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    user_domain_name: str = ""
    user_domain_id: str = ""
    project_name: str = ""
    project_id: str = ""
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        return (
            f"user {self.username or '(none)'}, "
            f"domain {self.user_domain_name or self.user_domain_id or '(none)'}, "
            f"project {self.project_name or self.project_id or '(none)'}, at {self.auth_url}"
        )


def credentials_from_environment(
    settings: PlatformSettings, variables: Mapping[str, str] | None = None
) -> Credentials:
    """Gather credentials from the `OS_…` variables; the definition's settings come first.

    Raises `AuthenticationError` that names everything that is missing, all at once.
    """
    env = os.environ if variables is None else variables
    credentials = Credentials(
        auth_url=_auth_url(settings.auth_url or env.get("OS_AUTH_URL", "")),
        username=env.get("OS_USERNAME", ""),
        password=env.get("OS_PASSWORD", ""),
        user_domain_name=env.get("OS_USER_DOMAIN_NAME", ""),
        user_domain_id=env.get("OS_USER_DOMAIN_ID", ""),
        project_name=_project_name(settings, env),
        project_id=_project_id(settings, env),
        token=env.get("OS_TOKEN", "").strip(),
    )
    if credentials.token and not _is_token(credentials.token):
        raise AuthenticationError(
            "OS_TOKEN is not a token", "It holds characters that a token cannot have."
        )
    if missing := _missing(credentials):
        raise AuthenticationError(
            "Credentials are missing",
            "\n".join(f"- {each}" for each in missing),
            "Set them in the environment. OS_TOKEN with a project id stands for a whole login.",
        )
    return credentials


def make_authenticator(credentials: Credentials, transport: Transport) -> Authenticator:
    """Choose the way to log in that the credentials allow: a ready token, else the password."""
    if credentials.token and credentials.project_id:
        return TokenAuthenticator(credentials.token, credentials.project_id)
    return PasswordAuthenticator(credentials, transport)


@dataclass(frozen=True, slots=True)
class TokenAuthenticator:
    """Uses a token that someone else got; it cannot be renewed."""

    token: str = field(repr=False)
    project_id: str

    def sign(self, request: Request) -> Signature:  # noqa: ARG002 - one token fits every request
        """Return the token's header."""
        return Signature({TOKEN_HEADER: self.token})

    def renew(self, generation: int) -> bool:  # noqa: ARG002 - there is only one
        """Say that there is no other token."""
        return False

    def redact(self, text: str) -> str:
        """Blank the token out."""
        return without(text, [self.token])


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    project_id: str
    renew_at: float
    generation: int


class PasswordAuthenticator:
    """Logs in with name and password, and again before the token ends or when it is refused.

    All threads share one token; whichever notices first renews it, the others wait. A login
    that the platform refused is not tried again: repeated failures lock an account.
    """

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the credentials; nothing is sent before the first use."""
        self._credentials = credentials
        self._transport = transport
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._refusal: AuthenticationError | None = None

    @property
    def project_id(self) -> str:
        """The project's id: as given, else as the login found it by name."""
        return self._credentials.project_id or self._current().project_id

    def sign(self, request: Request) -> Signature:  # noqa: ARG002 - one token fits every request
        """Return the token's header; logs in when there is no token, or its end is near."""
        token = self._current()
        return Signature({TOKEN_HEADER: token.text}, token.generation)

    def renew(self, generation: int) -> bool:
        """Log in again, unless another thread has done so since this login."""
        with self._lock:
            if self._token is not None and self._token.generation == generation:
                self._token = self._log_in(generation + 1)
        return True

    def redact(self, text: str) -> str:
        """Blank password and token out."""
        token = self._token
        return without(text, [self._credentials.password, token.text if token else ""])

    def _current(self) -> _Token:
        token = self._token
        if token is not None and self._monotonic() < token.renew_at:
            return token
        with self._lock:
            token = self._token
            if token is None or self._monotonic() >= token.renew_at:
                token = self._log_in(token.generation + 1 if token else 1)
                self._token = token
            return token

    def _log_in(self, generation: int) -> _Token:
        if self._refusal is not None:
            raise self._refusal
        begun = self._monotonic()
        request = _token_request(self._credentials)
        verdict = self._transport.exchange(request, _judge_login, redact=self.redact)
        if verdict.kind is not Kind.ACCEPTED:
            self._refusal = self._refused(verdict)
            raise self._refusal
        token = verdict.content["token"]
        lifetime = _lifetime(token, verdict.headers).total_seconds()
        return _Token(
            text=verdict.headers["X-Subject-Token"],
            project_id=self._project_of(token),
            renew_at=begun + lifetime - min(RENEWAL_MARGIN, lifetime / 2),
            generation=generation,
        )

    def _refused(self, verdict: Verdict) -> AuthenticationError:
        said = verdict.words or "no reason was given"
        return AuthenticationError(
            "The login was refused",
            f"{self._credentials}\nThe platform says: {said} (HTTP {verdict.status})",
            "Check OS_USERNAME, OS_PASSWORD, OS_USER_DOMAIN_NAME and the project.",
        )

    def _project_of(self, token: Mapping[str, Any]) -> str:
        project = token.get("project")
        found = project.get("id") if isinstance(project, dict) else None
        if isinstance(found, str) and found:
            return found
        raise AuthenticationError(
            "The login has no project",
            str(self._credentials),
            "Name the project in the definition, or in OS_PROJECT_NAME or OS_PROJECT_ID.",
        )


def _auth_url(url: str) -> str:
    trimmed = url.strip().rstrip("/").removesuffix("/auth/tokens")
    return trimmed if not trimmed or trimmed.endswith("/v3") else f"{trimmed}/v3"


def _project_name(settings: PlatformSettings, env: Mapping[str, str]) -> str:
    if settings.project or settings.project_id:
        return settings.project or ""
    return env.get("OS_PROJECT_NAME", "") or env.get("OS_TENANT_NAME", "")


def _project_id(settings: PlatformSettings, env: Mapping[str, str]) -> str:
    if settings.project or settings.project_id:
        return settings.project_id or ""
    return env.get("OS_PROJECT_ID", "")


def _is_token(text: str) -> bool:
    """Tell whether a text can be a header's value; any other would be told in an exception."""
    return text.isascii() and text.isprintable() and text.strip() != ""


def _missing(credentials: Credentials) -> list[str]:
    if credentials.token and credentials.project_id:
        return []
    needs = {
        "OS_AUTH_URL (or `platform.auth_url` in the definition)": credentials.auth_url,
        "OS_USERNAME": credentials.username,
        "OS_PASSWORD": credentials.password,
        "OS_USER_DOMAIN_NAME (or OS_USER_DOMAIN_ID)": (
            credentials.user_domain_name or credentials.user_domain_id
        ),
        "OS_PROJECT_NAME or OS_PROJECT_ID (or `platform.project` in the definition)": (
            credentials.project_name or credentials.project_id
        ),
    }
    return [name for name, value in needs.items() if not value]


def _token_request(credentials: Credentials) -> Request:
    domain = (
        {"id": credentials.user_domain_id}
        if credentials.user_domain_id
        else {"name": credentials.user_domain_name}
    )
    user = {"name": credentials.username, "password": credentials.password, "domain": domain}
    project = (
        {"id": credentials.project_id}
        if credentials.project_id
        else {"name": credentials.project_name}
    )
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": project}}}
    return Request(
        "POST",
        f"{credentials.auth_url}/auth/tokens",
        {"nocatalog": "1"},
        json.dumps(body).encode(),
        Effect.READ,
    )


def _judge_login(answer: Answer) -> Verdict:
    """Judge an answer of the login service (IAM API Reference, "Obtaining a User Token")."""
    content = json_object(answer.body)
    words, code = words_of(content), line(str(content.get("error_code") or ""))
    if answer.status in (200, 201):
        token = answer.headers.get("X-Subject-Token", "")
        complete = _is_token(token) and isinstance(content.get("token"), dict)
        kind = Kind.ACCEPTED if complete else Kind.LOST
        words = "" if complete else "the answer to the login holds no token"
    elif answer.status == 429:
        kind = Kind.THROTTLED
    elif answer.status >= 500 or answer.status == 408:
        kind = Kind.LOST
    else:
        kind = Kind.REFUSED
    return Verdict(kind, answer.status, code, words, content, answer.headers)


def _lifetime(token: Mapping[str, Any], headers: Mapping[str, str]) -> timedelta:
    """Return how long a token lasts by the server's clock; a day when it does not say."""
    ends = _parse_time(token.get("expires_at"))
    begins = _parse_time(token.get("issued_at")) or parse_date(headers.get("Date", ""))
    if ends is None:
        return _LIFETIME
    return max(timedelta(), ends - (begins or datetime.now(UTC)))


def _parse_time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
