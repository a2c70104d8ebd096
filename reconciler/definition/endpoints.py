"""URLs of a platform: https, or plain http to this machine, and nothing secret in them."""

import ipaddress
from urllib.parse import urlsplit


class EndpointError(ValueError):
    """A URL that cannot be used; `str()` says why, and never repeats the URL."""


def url(text: str) -> str:
    """Return a URL without its trailing slash, or raise EndpointError."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise EndpointError("is not a URL") from error
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in text):
        raise EndpointError("must be a URL such as https://modelarts.eu-de.otc.t-systems.com")
    if "@" in parts.netloc:
        raise EndpointError("must not contain a user or a password: credentials never stand here")
    if "?" in text or "#" in text:
        raise EndpointError("must not contain a query or a fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise EndpointError("must start with https: plain http goes to this machine only")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
