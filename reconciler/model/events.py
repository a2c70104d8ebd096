"""What happens during a run, one value per event, for progress and for `--json` streams."""

from typing import Any, Literal

from pydantic import Field

from reconciler.model.base import Model


class Event(Model):
    """One thing that happened.

    `type` is what (`refresh`, `plan`, `started`, `done`, `failed`, `skipped`, `waiting`,
    `status`, `retry`, `recovered`, `notice`, `summary`), `address` and `action` to which job and
    in which verb, `done` and `total` count; `message` is for people, `data` for programs.
    """

    type: Literal[
        "refresh",
        "plan",
        "started",
        "done",
        "failed",
        "skipped",
        "waiting",
        "status",
        "recovered",
        "notice",
        "summary",
    ]
    address: str | None = None
    action: str | None = None
    message: str = ""
    done: int | None = None
    total: int | None = None
    data: dict[str, Any] = Field(default_factory=dict)
