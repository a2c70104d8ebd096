"""The identity service: tokens for the store's one user, and the list of projects.

Follows the IAM API Reference ("Obtaining a User Token Through Password Authentication",
"Querying Project Information"); errors are in the Keystone style.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.emulator.model import Project
from reconciler.emulator.store import Store

DAY = 86_400.0
_TOKEN_BYTES = 600
_MANY_TOKENS = 1000


class TokenUnknownError(Exception):
    """No such token was ever given out."""


class TokenExpiredError(Exception):
    """The token's life is over."""


@dataclass
class Token:
    """A token's scope (None: no project) and when it ends, in seconds since 1970."""

    project: Project | None
    expires: float


class Tokens:
    """The tokens given out since the server started; a new one leaves older ones valid."""

    def __init__(self, lifetime: float = DAY, clock: Callable[[], float] = time.time) -> None:
        self.lifetime = lifetime
        self.clock = clock
        self._tokens: dict[str, Token] = {}

    def issue(self, project: Project | None) -> tuple[str, Token]:
        """A new token for a project, looking like the long ones of the real service."""
        if len(self._tokens) > _MANY_TOKENS:
            self._prune()
        text = f"MII{secrets.token_urlsafe(_TOKEN_BYTES)}"
        token = Token(project, self.clock() + self.lifetime)
        self._tokens[text] = token
        return text, token

    def check(self, text: str) -> Token:
        """The token behind the text. TokenUnknownError, TokenExpiredError."""
        token = self._tokens.get(text)
        if token is None:
            raise TokenUnknownError
        if token.expires <= self.clock():
            raise TokenExpiredError
        return token

    def expire_all(self) -> None:
        """End the life of every token now."""
        for token in self._tokens.values():
            token.expires = 0.0

    def _prune(self) -> None:
        now = self.clock()
        self._tokens = {text: t for text, t in self._tokens.items() if t.expires > now}


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Domain(_Wire):
    id: str | None = None
    name: str | None = None


class _User(_Wire):
    id: str | None = None
    name: str | None = None
    password: str
    domain: _Domain | None = None


class _Password(_Wire):
    user: _User


class _Identity(_Wire):
    methods: list[str]
    password: _Password | None = None


class _ScopeProject(_Wire):
    id: str | None = None
    name: str | None = None
    domain: _Domain | None = None


class _Scope(_Wire):
    project: _ScopeProject | None = None
    domain: _Domain | None = None


class _Auth(_Wire):
    identity: _Identity
    scope: _Scope | None = None


class _TokenRequest(_Wire):
    auth: _Auth


class Iam:
    """`POST /v3/auth/tokens`, `GET /v3/projects`, and what tells clients that this is v3.

    `signed` tells whether a request without a token bears a signature that is right; it raises
    nothing.
    """

    def __init__(
        self, store: Store, tokens: Tokens, signed: Callable[[Request], Awaitable[bool]]
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._signed = signed

    def routes(self) -> list[Route]:
        """The routes of this service."""
        return [
            Route("/v3", self.show_version, methods=["GET"]),
            Route("/v3/auth/tokens", self.create_token, methods=["POST"]),
            Route("/v3/projects", self.list_projects, methods=["GET"]),
        ]

    async def show_version(self, request: Request) -> Response:
        """The description by which clients in OpenStack's manner know the service."""
        links = [{"rel": "self", "href": f"{str(request.base_url).rstrip('/')}/v3/"}]
        version = {"id": "v3.6", "status": "stable", "links": links, "media-types": []}
        return JSONResponse({"version": version})

    async def create_token(self, request: Request) -> Response:
        """Check name, password and domain, resolve the scope, and give out a token."""
        try:
            auth = _TokenRequest.model_validate_json(await request.body()).auth
        except ValidationError as error:
            return _failure(400, f"The request body is invalid: {_where(error)}.")
        if auth.identity.methods != ["password"] or auth.identity.password is None:
            return _failure(400, "Only the method 'password' is supported.")
        if not self._knows(auth.identity.password.user):
            return _failure(401, "The username or password is wrong.")
        project = None
        if auth.scope is not None and auth.scope.project is not None:
            project = self._project(auth.scope.project)
            if project is None:
                return _failure(401, "The project of the scope does not exist.")
        text, token = self._tokens.issue(project)
        body = self._describe(token)
        if not request.query_params.get("nocatalog"):
            body["catalog"] = _catalog(str(request.base_url), project)
        return JSONResponse({"token": body}, 201, {"X-Subject-Token": text})

    async def list_projects(self, request: Request) -> Response:
        """The projects that the caller may see; `name` narrows them down."""
        token = request.headers.get("x-auth-token", "")
        if not (self._is_valid(token) if token else await self._signed(request)):
            return _failure(401, "The request you have made requires authentication.")
        name = request.query_params.get("name")
        rows = [self._row(p) for p in self._store.projects() if name in (None, p.name)]
        links = {"self": str(request.url), "next": None, "previous": None}
        return JSONResponse({"projects": rows, "links": links})

    def _is_valid(self, token: str) -> bool:
        try:
            self._tokens.check(token)
        except (TokenUnknownError, TokenExpiredError):
            return False
        return True

    def _knows(self, user: _User) -> bool:
        known = self._store.credentials
        domain = user.domain or _Domain()
        named = user.name == known.username and (
            domain.name == known.domain or domain.id == self._domain_id()
        )
        right = compare_digest(user.password.encode(), known.password.encode())
        return right and (named or user.id == user_id(self._store))

    def _project(self, wanted: _ScopeProject) -> Project | None:
        for project in self._store.projects():
            if wanted.id == project.id or (wanted.id is None and wanted.name == project.name):
                return project
        return None

    def _describe(self, token: Token) -> dict[str, Any]:
        domain = {"id": self._domain_id(), "name": self._store.credentials.domain}
        body: dict[str, Any] = {
            "methods": ["password"],
            "issued_at": _stamp(token.expires - self._tokens.lifetime),
            "expires_at": _stamp(token.expires),
            "user": {
                "id": user_id(self._store),
                "name": self._store.credentials.username,
                "domain": domain,
                "password_expires_at": "",
            },
            "roles": [{"id": "0", "name": "te_admin"}],
        }
        if token.project is not None:
            project = {"id": token.project.id, "name": token.project.name, "domain": domain}
            body["project"] = project
        return body

    def _row(self, project: Project) -> dict[str, Any]:
        return {
            "id": project.id,
            "name": project.name,
            "domain_id": self._domain_id(),
            "parent_id": self._domain_id(),
            "enabled": True,
            "is_domain": False,
            "description": "",
            "links": {},
        }

    def _domain_id(self) -> str:
        return uuid5(NAMESPACE_URL, self._store.credentials.domain).hex


def user_id(store: Store) -> str:
    """The id of the store's one user."""
    return uuid5(NAMESPACE_URL, store.credentials.username).hex


def _catalog(base: str, project: Project | None) -> list[dict[str, Any]]:
    if project is None:
        return []
    endpoints = [
        {
            "id": f"modelarts-{version}",
            "interface": "public",
            "region": "local",
            "region_id": "local",
            "url": f"{base.rstrip('/')}/{version}/{project.id}",
        }
        for version in ("v1", "v2")
    ]
    return [{"id": "modelarts", "name": "modelarts", "type": "modelarts", "endpoints": endpoints}]


def _failure(status: int, message: str) -> JSONResponse:
    title = {400: "Bad Request", 401: "Unauthorized"}[status]
    return JSONResponse({"error": {"code": status, "message": message, "title": title}}, status)


def _where(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
