"""Who we are: credentials from environment and files, and the ways to prove them."""

from reconciler.providers.auth.credentials import Credentials
from reconciler.providers.auth.gathering import credentials_from_environment
from reconciler.providers.auth.password import RENEWAL_MARGIN, PasswordAuthenticator
from reconciler.providers.auth.token import TOKEN_HEADER, TokenAuthenticator
from reconciler.providers.exchange import Authenticator
from reconciler.providers.transport import Transport

__all__ = [
    "RENEWAL_MARGIN",
    "TOKEN_HEADER",
    "Credentials",
    "PasswordAuthenticator",
    "TokenAuthenticator",
    "credentials_from_environment",
    "make_authenticator",
]


def make_authenticator(credentials: Credentials, transport: Transport) -> Authenticator:
    """Choose the way to prove who we are that the credentials allow; sends nothing yet."""
    match credentials.kind:
        case "token":
            return TokenAuthenticator(
                credentials.token, credentials.project_id, credentials, transport
            )
        case "keys":
            from reconciler.providers.auth.keys import KeyAuthenticator

            return KeyAuthenticator(credentials, transport)
        case _:
            return PasswordAuthenticator(credentials, transport)
