"""What v2 requests look like: closed shapes and strict types.

After the ModelArts API Reference, "Creating a Training Job", "Querying a Training Job List",
"Modifying the Description of a Training Job" and "Terminating a Training Job". What the vendor's
newer models add (`Any` below) is accepted and has no effect.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from reconciler.emulator.bodies import Wire
from reconciler.emulator.v2.algorithms import Algorithm, NotNull, Text

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Description = Annotated[str, StringConstraints(max_length=256)]
Number = Annotated[int, Field(ge=1)]


class Metadata(Wire):
    """Who the job is."""

    name: Name
    workspace_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "0"
    description: Description | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    training_experiment_reference: Any = None


class Resource(Wire):
    """On what, and on how much of it."""

    flavor_id: Annotated[str, StringConstraints(min_length=1)] = ""
    node_count: Number = 1
    pool_id: Annotated[str, StringConstraints(min_length=1)] = ""
    pool_group_id: str = ""
    main_container_customized_flavor: dict[str, Any] = Field(default_factory=dict)


class NfsVolume(Wire):
    """A folder of the file service."""

    nfs_server_path: str = ""
    local_path: str = ""
    read_only: bool = False


class PfsVolume(Wire):
    """A folder of the parallel file system."""

    pfs_path: str = ""
    local_path: str = ""


class ObsVolume(Wire):
    """A folder of object storage."""

    obs_path: str = ""
    local_path: str = ""


class Volume(Wire):
    """Exactly one kind of volume."""

    nfs: Annotated[NfsVolume | None, NotNull] = None
    pfs: Annotated[PfsVolume | None, NotNull] = None
    obs: Annotated[ObsVolume | None, NotNull] = None


class LogExportPath(Wire):
    """Where logs go as well."""

    obs_url: Text = ""
    host_path: str = ""


def _hours(unit: str) -> str:
    if unit != "HOURS":
        raise ValueError("only HOURS is possible")
    return unit


class AutoStop(Wire):
    """After how long a run is stopped."""

    time_unit: Annotated[str, AfterValidator(_hours)]
    duration: Number


class Affinity(Wire):
    """Which machines a job needs side by side."""

    affinity_type: Literal["cabinet", "hyperinstance"] = "cabinet"
    affinity_group_size: Annotated[Number | None, NotNull] = None


class SchedulePolicy(Wire):
    """How a job is scheduled; accepted, and without effect."""

    required_affinity: Annotated[Affinity | None, NotNull] = None
    preferred_affinity: dict[str, Any] = Field(default_factory=dict)
    priority: int = 1
    preemptible: bool = False


class Notification(Wire):
    """Whom to tell; accepted, and nobody is told."""

    topic_urn: str = ""
    events: list[
        Literal[
            "JobStarted",
            "JobCompleted",
            "JobFailed",
            "JobTerminated",
            "JobRestarted",
            "JobHanged",
            "JobPreempted",
        ]
    ] = Field(default_factory=list)


class Spec(Wire):
    """Where and how long to run."""

    resource: Resource
    volumes: list[Volume] = Field(default_factory=list)
    log_export_path: Annotated[LogExportPath | None, NotNull] = None
    auto_stop: Annotated[AutoStop | None, NotNull] = None
    schedule_policy: Annotated[SchedulePolicy | None, NotNull] = None
    notification: Annotated[Notification | None, NotNull] = None
    runtime_type: Any = None
    log_export_config: Any = None
    custom_metrics: Any = None
    output_model: Any = None
    asset_model: Any = None
    asset_id: Any = None
    retention: Any = None
    reserved_time: Any = None


class Ssh(Wire):
    """Whose keys open a shell."""

    key_pair_names: list[str] = Field(default_factory=list)


class Endpoints(Wire):
    """Ways into a running job; accepted, and not made."""

    ssh: Annotated[Ssh | None, NotNull] = None


class Run(Wire):
    """What makes a run: a create request without the job's identity."""

    kind: Literal["job", "visualization_job"]
    algorithm: Annotated[Algorithm | None, NotNull] = None
    spec: Annotated[Spec | None, NotNull] = None
    tasks: list[dict[str, Any]] = Field(default_factory=list)
    endpoints: Annotated[Endpoints | None, NotNull] = None


class JobCreate(Run):
    """Body of `POST /training-jobs`."""

    metadata: Metadata


class JobUpdate(Wire):
    """Body of `PUT /training-jobs/{training_job_id}`."""

    description: Annotated[Description | None, NotNull] = None


class Action(Wire):
    """Body of `POST /training-jobs/{training_job_id}/actions`."""

    action_type: str


class Filter(Wire):
    """One condition of a search."""

    key: str
    operator: str
    value: list[str]


class Search(Wire):
    """Body of `POST /training-job-searches`."""

    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=50)] = 50
    sort_by: str = "create_time"
    order: Literal["asc", "desc"] = "desc"
    group_by: str = ""
    filters: list[Filter] = Field(default_factory=list)
    workspace_id: str = "0"
    train_type: Any = None
