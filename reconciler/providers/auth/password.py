"""Tokens from the platform's login service, for a name and a password."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.errors import AuthenticationError
from reconciler.providers.auth.answers import judge_login
from reconciler.providers.auth.credentials import Credentials
from reconciler.providers.auth.token import TOKEN_HEADER
from reconciler.providers.exchange import (
    Effect,
    Kind,
    Request,
    Signature,
    Verdict,
    parse_date,
    without,
)
from reconciler.providers.transport import Transport

RENEWAL_MARGIN = 600.0
"""Seconds before its end at which a token is replaced."""
_LIFETIME = timedelta(hours=24)


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
        verdict = self._transport.exchange(request, judge_login, redact=self.redact)
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


def _token_request(credentials: Credentials) -> Request:
    user: dict[str, Any] = {"password": credentials.password}
    if credentials.user_id and not credentials.username:
        user["id"] = credentials.user_id
    else:
        user["name"] = credentials.username
        user["domain"] = _domain(credentials)
    project = (
        {"id": credentials.project_id}
        if credentials.project_id
        else {"name": credentials.project_name}
    )
    identity: dict[str, Any] = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": project}}}
    return Request(
        "POST",
        f"{credentials.auth_url}/auth/tokens",
        {"nocatalog": "1"},
        json.dumps(body).encode(),
        Effect.READ,
    )


def _domain(credentials: Credentials) -> dict[str, str]:
    if credentials.user_domain_id:
        return {"id": credentials.user_domain_id}
    return {"name": credentials.user_domain_name}


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
