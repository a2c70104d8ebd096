"""A token that someone else got."""

from dataclasses import dataclass, field

from reconciler.errors import AuthenticationError
from reconciler.providers.auth.credentials import Credentials
from reconciler.providers.auth.projects import ProjectById
from reconciler.providers.exchange import Request, Signature, without
from reconciler.providers.transport import Transport

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - a header's name


@dataclass(frozen=True, slots=True)
class TokenAuthenticator:
    """Uses a token that someone else got; it cannot be renewed.

    A project that is known by name alone is looked up with `credentials` over `transport`.
    """

    token: str = field(repr=False)
    given_id: str = ""
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    transport: Transport | None = field(default=None, repr=False)
    _project: ProjectById | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        project = ProjectById(self.credentials, self.transport) if self.transport else None
        object.__setattr__(self, "_project", project)

    @property
    def project_id(self) -> str:
        """The project's id: as given, else as the login service knows it by its name."""
        if self.given_id:
            return self.given_id
        if self._project is None:
            raise AuthenticationError("The token's project is not known")
        return self._project.get(self)

    def sign(self, request: Request) -> Signature:  # noqa: ARG002 - one token fits every request
        """Return the token's header."""
        return Signature({TOKEN_HEADER: self.token})

    def renew(self, generation: int) -> bool:  # noqa: ARG002 - there is only one
        """Say that there is no other token."""
        return False

    def redact(self, text: str) -> str:
        """Blank the token out."""
        return without(text, [self.token])
