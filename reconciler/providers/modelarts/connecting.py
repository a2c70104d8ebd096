"""What it takes to reach the platform, whichever API version is spoken."""

import threading
from dataclasses import dataclass

from reconciler.model.platform import CATALOG, PlatformSettings
from reconciler.providers.auth import (
    Credentials,
    credentials_from_environment,
    make_authenticator,
)
from reconciler.providers.exchange import Authenticator
from reconciler.providers.transport import Transport


@dataclass(frozen=True, slots=True)
class Connection:
    """Settings whose endpoint is known, a pool of connections, and who we are."""

    settings: PlatformSettings
    transport: Transport
    authenticator: Authenticator


def open_connection(
    settings: PlatformSettings,
    credentials: Credentials | None = None,
    *,
    parallelism: int = 10,
    stop: threading.Event | None = None,
) -> Connection:
    """Return a way to the platform that logs in at its first call.

    `credentials` default to the environment's. Nothing is sent yet, unless the endpoint has to
    be found in the catalog. Setting `stop` ends the waits between attempts.
    """
    transport = Transport(parallelism=parallelism, stop=stop)
    found = credentials or credentials_from_environment(settings)
    authenticator = make_authenticator(found, transport)
    if settings.endpoint == CATALOG:
        from reconciler.providers.auth.endpoints import find_endpoint

        endpoint = find_endpoint(found, authenticator, transport)
        settings = settings.model_copy(update={"endpoint": endpoint})
    return Connection(settings, transport, authenticator)
