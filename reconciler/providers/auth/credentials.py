"""What a login takes."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["token", "keys", "password"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login takes; never shown, never stored.

    One of a password, a ready token, or an access key with its secret (with a `security_token`
    when the key is temporary). The project is given by id or by name. `kind` says which of them
    is used when there are several. `scope` is `REGION/SERVICE` where requests are signed in the
    older, scoped form. `endpoint` and `region` help to find the service when the definition
    leaves that to the catalog.
    """

    auth_url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    user_domain_name: str = ""
    user_domain_id: str = ""
    project_name: str = ""
    project_id: str = ""
    token: str = field(default="", repr=False)
    user_id: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    auth_type: str = ""
    scope: str | None = None
    endpoint: str = ""
    region: str = ""

    @property
    def kind(self) -> Kind:
        """What is used: what was asked for, else whatever is complete.

        A ready token that names no project by id comes last: it costs a request to find it.
        """
        if (asked := self.auth_type.lower().removeprefix("v3")) in _KINDS:
            return _KINDS[asked]
        if self.token and self.project_id:
            return "token"
        if self.access_key and self.secret_key:
            return "keys"
        if self.token and not self.user:
            return "token"
        return "password"

    @property
    def user(self) -> str:
        """The user's name, or id."""
        return self.username or self.user_id

    def __str__(self) -> str:
        who = {
            "token": "a ready token",
            "keys": "an access key",
            "password": f"user {self.user or '(none)'}, "
            f"domain {self.user_domain_name or self.user_domain_id or '(none)'}",
        }[self.kind]
        return (
            f"{who}, project {self.project_name or self.project_id or '(none)'}, "
            f"at {self.auth_url or '(no login URL)'}"
        )


_KINDS: dict[str, Kind] = {
    "password": "password",
    "token": "token",
    "aksk": "keys",
    "ak_sk": "keys",
}
"""The words of `OS_AUTH_TYPE` and of `auth_type` in clouds.yaml, as OpenStack's tools have them."""


def is_header(text: str) -> bool:
    """Tell whether a text can be a header's value; any other would be told in an exception."""
    return text.isascii() and text.isprintable() and text.strip() != ""
