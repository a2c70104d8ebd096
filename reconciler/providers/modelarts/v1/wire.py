"""The shapes that travel: closed for what we send, tolerant of what comes back.

Answers may carry further fields, numbers as text, text as numbers, and null for anything that
was not asked for (ModelArts API Reference, "Training Management (Old Version)").
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.providers.modelarts.shapes import Number, Received, Rows, ScalarText, Sent, Text


class Parameter(Sent):
    """A hyperparameter; an environment variable where a custom image runs."""

    label: str
    value: str


class DataSource(Sent):
    """One input. The version is `dataset_version` here, `dataset_version_id` one level up."""

    type: Literal["obs", "dataset"]
    data_url: Text = None
    dataset_id: Text = None
    dataset_version: Text = None


class FlavorRef(Sent):
    """A flavor by its code, which means the same on every installation; numbers do not."""

    code: str


class Mount(Sent):
    """A mount of either kind; `id` names an SFS Turbo file system."""

    id: Text = None
    src_path: str
    dest_path: str
    read_only: bool = False


class Volume(Sent):
    """A mount under the one key that says its kind."""

    nfs: Mount | None = None
    host_path: Mount | None = None


class Notification(Sent):
    """Whom to tell; never returned."""

    topic_urn: str = ""
    events: tuple[str, ...] = ()


class JobConfig(Sent):
    """Settings of the first version: one kind of input, of resource and of code."""

    worker_server_num: int
    parameter: tuple[Parameter, ...] = ()
    flavor: FlavorRef | None = None
    pool_id: Text = None
    train_url: Text = None
    log_url: Text = None
    engine_id: int | None = None
    model_id: int | None = None
    app_url: Text = None
    boot_file_url: Text = None
    user_image_url: Text = None
    user_command: Text = None
    data_source: tuple[DataSource, ...] | None = None
    dataset_id: Text = None
    dataset_version_id: Text = None
    volumes: tuple[Volume, ...] | None = None


class JobCreate(Sent):
    """Body of "Creating a Training Job"."""

    job_name: str
    job_desc: str = ""
    config: JobConfig
    notification: Notification | None = None
    workspace_id: str = "0"


class VersionConfig(Sent):
    """Settings of a further version: those of a job, but for what only a whole job has."""

    pre_version_id: int
    worker_server_num: int
    parameter: tuple[Parameter, ...] = ()
    flavor: FlavorRef | None = None
    pool_id: Text = None
    train_url: Text = None
    log_url: Text = None
    engine_id: int | None = None
    model_id: int | None = None
    app_url: Text = None
    boot_file_url: Text = None
    user_image_url: Text = None
    user_command: Text = None
    data_source: tuple[DataSource, ...] | None = None
    dataset_id: Text = None
    dataset_version_id: Text = None


class VersionCreate(Sent):
    """Body of "Creating a Training Job Version"."""

    job_desc: str = ""
    config: VersionConfig


class VersionCreated(Received):
    """Answer to the creation of a version; without its id the version cannot be told apart."""

    version_id: Annotated[str, Field(min_length=1)]
    status: Any = None
    create_time: Number = None


class DescriptionUpdate(Sent):
    """Body of "Modifying the Description of a Training Job"."""

    job_desc: str


class JobCreated(Received):
    """Answer to a creation; only the id is indispensable."""

    job_id: Annotated[str, Field(min_length=1)]
    version_id: Text = None
    status: Any = None
    create_time: Number = None


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job in the list; slotted, because a list holds up to 100,000 of them at a time."""

    __pydantic_config__ = Received.model_config

    job_id: Annotated[str, Field(min_length=1)]
    job_name: str
    version_id: Text = None
    status: Any = None
    create_time: Number = None
    duration: Number = None
    job_desc: Text = None


class JobList(Received):
    """One page of the list; `job_count_limit` is how many more jobs may be created."""

    job_total_count: Annotated[int, Field(ge=0, le=10_000_000)]
    job_count_limit: Number = None
    quotas: Number = None
    jobs: Rows[JobRow]


class ParameterBack(Received):
    """A parameter as it comes back; those of built-in algorithms carry more."""

    label: str
    value: ScalarText = ""


class DataSourceBack(Received):
    """An input as it comes back."""

    type: Text = None
    data_url: Text = None
    dataset_id: Text = None
    dataset_version: Text = None


class MountBack(Received):
    """A mount as it comes back."""

    id: Text = None
    src_path: Text = None
    dest_path: Text = None
    read_only: bool | None = None


class VolumeBack(Received):
    """A mount under its kind, as it comes back."""

    nfs: MountBack | None = None
    host_path: MountBack | None = None


class VersionRow(Received):
    """What the list of versions tells, as far as it matters for choosing one."""

    version_id: Annotated[str, Field(min_length=1)]
    create_time: Number = None


class VersionList(Received):
    """The versions of one job."""

    job_id: Text = None
    job_name: Text = None
    job_desc: Text = None
    versions: Rows[VersionRow]


class VersionDetails(Received):
    """One version with its job's name and description, as far as our spec can express it."""

    job_id: Annotated[str, Field(min_length=1)]
    job_name: str
    job_desc: Text = None
    version_id: Text = None
    status: Any = None
    create_time: Number = None
    duration: Number = None
    app_url: Text = None
    boot_file_url: Text = None
    engine_id: Text = None
    engine_name: Text = None
    engine_version: Text = None
    model_id: Text = None
    parameter: Rows[ParameterBack] | None = None
    data_url: Text = None
    data_source: Rows[DataSourceBack] | None = None
    dataset_id: Text = None
    dataset_version_id: Text = None
    train_url: Text = None
    log_url: Text = None
    user_image_url: Text = None
    user_command: Text = None
    worker_server_num: Number = None
    spec_code: Text = None
    flavor_code: Text = None
    pool_id: Text = None
    volumes: Rows[VolumeBack] | None = None


class LogFiles(Received):
    """Names of log files, one for each node."""

    log_file_list: Rows[str] | None = None


class LogText(Received):
    """A piece of one log file; the lines are named by time stamps of 19 digits."""

    content: Text = None
    lines: Number = None
    start_line: Text = None
    end_line: Text = None


class Spec(Received):
    """A flavor on offer. `cpu` counts gigabytes of memory, despite its name."""

    spec_id: str
    spec_code: str
    max_num: Number = None
    no_resource: bool | None = None
    core: Text = None
    cpu: Text = None
    gpu_num: Number = None
    gpu_type: Text = None


class SpecList(Received):
    """The flavors on offer."""

    specs: Rows[Spec]


class EngineRow(Received):
    """A preset engine on offer."""

    engine_id: str
    engine_name: str
    engine_version: str


class EngineList(Received):
    """The preset engines on offer."""

    engines: Rows[EngineRow]
