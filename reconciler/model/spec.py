"""What a training job is to be, in names that belong to no API version."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.model.base import Model, digest


class Secret(Model):
    """A parameter or environment value that is read from the environment when it is sent.

    `secret` is the environment variable's name, `hmac` the keyed hash of its value (HMAC-SHA256
    in hex, keyed with the state's salt) once it is known; the value itself stands nowhere.
    """

    secret: str
    hmac: str | None = None


Texts = dict[str, Annotated[str | Secret, Field(union_mode="left_to_right")]]
"""Texts by name, some of which may be secrets."""


class Engine(Model):
    """A preset training engine, by name and version or by the platform's id."""

    id: str | None = None
    name: str | None = None
    version: str | None = None


class Algorithm(Model):
    """A ready-made algorithm instead of code: a managed one, or a subscribed one."""

    id: str | None = None
    subscription_id: str | None = None
    item_version_id: str | None = None


class Input(Model):
    """Where a job reads: an object storage path `/bucket/dir/`, or a version of a dataset."""

    path: str | None = None
    dataset_id: str | None = None
    dataset_version_id: str | None = None
    name: str | None = None


class Output(Model):
    """Where a job writes: an object storage path `/bucket/dir/`."""

    path: str
    name: str | None = None


class Volume(Model):
    """A mount: `source` as the storage names it, `target` inside the container."""

    type: Literal["nfs", "host_path", "pfs", "obs"]
    source: str
    target: str
    read_only: bool = False
    id: str | None = None


class Notification(Model):
    """Whom the platform tells about which events (an SMN topic)."""

    topic_urn: str
    events: tuple[str, ...] = ()


class JobSpec(Model):
    """The configuration of one training job, normalised.

    Paths of folders end in a slash, `boot_file` is a whole path below `code_dir`, numbers in
    parameters are the text that the user wrote. `None` and empty mean "not written".
    Only `description` can be changed on an existing job; every other field is fixed at its
    creation (ModelArts API Reference, "Modifying the Description of a Training Job").
    """

    name: str
    description: str = ""
    flavor: str | None = None
    pool_id: str | None = None
    workers: int = 1
    engine: Engine | None = None
    algorithm: Algorithm | None = None
    image: str | None = None
    command: str | None = None
    code_dir: str | None = None
    boot_file: str | None = None
    parameters: Texts = Field(default_factory=dict)
    environment: Texts = Field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    log_dir: str | None = None
    volumes: tuple[Volume, ...] = ()
    notification: Notification | None = None
    auto_stop_hours: int | None = None
    priority: int | None = None
    annotations: dict[str, str] = Field(default_factory=dict)

    @cached_property
    def canonical(self) -> Mapping[str, Any]:
        """Only what was written, as plain JSON values: what plans show and digests cover."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude_none=True)

    @cached_property
    def digest(self) -> str:
        """`sha256:…` of the canonical form; equal specs have equal digests."""
        return digest(self.canonical)
