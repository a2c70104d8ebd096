"""Nobody but programs of this machine: no page that a browser shows is let in.

A page can have its own host name resolve to 127.0.0.1 and then talk to any server there; the
`Host` header still bears that name. A page of any other site names itself in `Origin`.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.emulator.failures import Failure


class Guard:
    """Lets through what is addressed to this machine by its own name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it before anything looks at it."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if not is_here(f"//{headers.get('host', '')}") or not (origin is None or is_here(origin)):
            refusal = Failure(403, "APIG.0306", "Only programs of this machine are served.")
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_here(url: str) -> bool:
    """Tell whether a URL names this machine's loopback interface."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
