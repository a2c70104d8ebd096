"""The jobs and requests that the emulator tells of, in either version of the API."""

from collections.abc import Mapping
from typing import Any, Literal

Api = Literal["v1", "v2"]


def job_id(row: Mapping[str, Any]) -> str:
    """Return the id under which the platform's API knows a job."""
    return str(row["uid"] or row["job_id"])


def is_mutating(method: str, path: str) -> bool:
    """Tell whether a request is to change something; a search is none, although it is a POST."""
    is_login = path.startswith("/v3/")
    return method != "GET" and not is_login and not path.endswith("/training-job-searches")


def is_created(request: Mapping[str, Any]) -> bool:
    """Tell whether a request has created a job."""
    is_create = request["method"] == "POST" and str(request["path"]).endswith("/training-jobs")
    return is_create and request["status"] in (200, 201)


def suite(name: str, api: Api) -> str:
    """Return a suite's name in the figures, where each version of the API has its own row."""
    return name if api == "v1" else f"{name}, {api}"
