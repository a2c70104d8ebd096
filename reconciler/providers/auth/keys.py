"""Signing every request with an access key, permanent or temporary."""

from urllib.parse import urlsplit

from reconciler.providers.auth.credentials import Credentials
from reconciler.providers.auth.projects import ProjectById
from reconciler.providers.auth.signing import (
    DATE_HEADER,
    Key,
    Signable,
    authorization,
    format_date,
)
from reconciler.providers.exchange import Request, Signature, without
from reconciler.providers.transport import Transport

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_CLOCK_TOLERANCE = 300
"""Seconds by which our clock may differ; the gateway takes 15 minutes."""


class KeyAuthenticator:
    """Proves who we are with a signature per request; nothing has to be renewed.

    The time in a signature is the server's, as its last answer told it. A refused signature is
    not sent again, since failures lock the key for minutes, unless the refusal has just told that
    our clock was far off.
    """

    def __init__(self, credentials: Credentials, transport: Transport) -> None:
        """Keep the key; nothing is sent before the first use."""
        self._credentials = credentials
        self._transport = transport
        self._project = ProjectById(credentials, transport)
        self._key = Key(credentials.access_key, credentials.secret_key, _scope(credentials.scope))

    @property
    def project_id(self) -> str:
        """The project's id: as given, else as the login service knows it by its name."""
        return self._project.get(self)

    def sign(self, request: Request) -> Signature:
        """Return the headers for a request; its generation is the time that was signed."""
        moment = self._transport.now()
        headers = {"Host": _host(request.url), DATE_HEADER: format_date(moment)}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if self._credentials.security_token:
            headers["X-Security-Token"] = self._credentials.security_token
        if not request.url.startswith(f"{self._credentials.auth_url or '-'}/"):
            headers["X-Project-Id"] = self.project_id
        signable = Signable(
            request.method,
            urlsplit(request.url).path,
            tuple(request.query.items()),
            headers,
            request.body or b"",
        )
        signed = {**headers, "Authorization": authorization(signable, self._key)}
        return Signature(signed, int(moment.timestamp()))

    def renew(self, generation: int) -> bool:
        """Tell whether signing again could help: only when our clock was far off."""
        return abs(self._transport.now().timestamp() - generation) > _CLOCK_TOLERANCE

    def redact(self, text: str) -> str:
        """Blank the key out, its secret and the token that goes with a temporary one."""
        known = self._credentials
        return without(text, [known.secret_key, known.security_token, known.access_key])


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))


def _scope(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    region, _, service = text.partition("/")
    return region, service
