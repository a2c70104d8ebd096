"""The project's id, found by its name (IAM API Reference, "Querying Projects")."""

import threading
from collections.abc import Mapping

from reconciler.errors import AuthenticationError, InvalidAnswerError
from reconciler.providers.auth.answers import judge_read
from reconciler.providers.auth.credentials import Credentials
from reconciler.providers.exchange import Authenticator, Kind, Request
from reconciler.providers.transport import Transport


class ProjectById:
    """Looks a project up at its first use, once for all threads."""

    def __init__(self, credentials: Credentials, transport: Transport) -> None:
        """Keep where to look, and for what; nothing is sent yet."""
        self._credentials = credentials
        self._transport = transport
        self._lock = threading.Lock()
        self._found = credentials.project_id

    def get(self, authenticator: Authenticator) -> str:
        """Return the id: the given one, else the one that the login service knows."""
        if self._found:
            return self._found
        with self._lock:
            if not self._found:
                self._found = self._look_up(authenticator)
            return self._found

    def _look_up(self, authenticator: Authenticator) -> str:
        name = self._credentials.project_name
        url = f"{self._credentials.auth_url}/projects"
        verdict = self._transport.exchange(
            Request("GET", url, {"name": name}), judge_read, authenticator
        )
        if verdict.kind is not Kind.ACCEPTED:
            said = verdict.words or "no reason was given"
            raise AuthenticationError(
                "The project cannot be looked up",
                f"{self._credentials}\nThe platform says: {said} (HTTP {verdict.status})",
                "Give the project by id, in `platform.project_id` or OS_PROJECT_ID.",
            )
        projects = verdict.content.get("projects")
        if not isinstance(projects, list):
            raise InvalidAnswerError(
                "The platform's answer makes no sense", f"GET {url}: it holds no projects."
            )
        ids = [each["id"] for each in projects if _is_named(each, name)]
        if len(ids) == 1:
            return str(ids[0])
        raise AuthenticationError(
            "There is no such project" if not ids else "The project's name is not unique",
            f'"{name}", for {self._credentials}.',
            "Check `platform.project`, or give the project by id.",
        )


def _is_named(project: object, name: str) -> bool:
    """Tell whether this is a project of that name; one without an id is none."""
    if not isinstance(project, Mapping) or project.get("name") != name:
        return False
    found = project.get("id")
    return isinstance(found, str) and found != ""
