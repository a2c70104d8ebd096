"""The shapes that we send: closed, with the documented fields alone.

A job is one envelope: `metadata`, `algorithm`, `spec` (ModelArts API Reference, "Training
Management"). What comes back is in `answers`.
"""

from typing import Literal

from reconciler.providers.modelarts.shapes import Sent, Text


class Metadata(Sent):
    """Who a job is."""

    name: str
    workspace_id: str = "0"
    description: str = ""
    annotations: dict[str, str] | None = None


class Parameter(Sent):
    """A hyperparameter."""

    name: str
    value: str


class Obs(Sent):
    """A folder in object storage."""

    obs_url: str


class Dataset(Sent):
    """A version of a dataset."""

    id: str
    version_id: str


class Remote(Sent):
    """Where data is: exactly one of the two."""

    obs: Obs | None = None
    dataset: Dataset | None = None


class Channel(Sent):
    """An input or an output, which the code knows by its name."""

    name: str
    remote: Remote


class Engine(Sent):
    """A preset engine by id, or by name and version; or an image."""

    engine_id: Text = None
    engine_name: Text = None
    engine_version: Text = None
    image_url: Text = None


class Algorithm(Sent):
    """What runs: a managed or subscribed algorithm, code, or an image with a command."""

    id: Text = None
    subscription_id: Text = None
    item_version_id: Text = None
    code_dir: Text = None
    boot_file: Text = None
    command: Text = None
    engine: Engine | None = None
    parameters: tuple[Parameter, ...] | None = None
    inputs: tuple[Channel, ...] | None = None
    outputs: tuple[Channel, ...] | None = None
    environments: dict[str, str] | None = None


class Resource(Sent):
    """What it runs on."""

    flavor_id: Text = None
    pool_id: Text = None
    node_count: int = 1


class NfsMount(Sent):
    """A mount of a file system."""

    nfs_server_path: str
    local_path: str
    read_only: bool = False


class PfsMount(Sent):
    """A mount of a parallel file system."""

    pfs_path: str
    local_path: str


class ObsMount(Sent):
    """A mount of an object storage folder."""

    obs_path: str
    local_path: str


class Volume(Sent):
    """A mount under the one key that says its kind."""

    nfs: NfsMount | None = None
    pfs: PfsMount | None = None
    obs: ObsMount | None = None


class AutoStop(Sent):
    """When the platform ends a run."""

    time_unit: Literal["HOURS"] = "HOURS"
    duration: int


class SchedulePolicy(Sent):
    """How a run is queued."""

    priority: int


class Notification(Sent):
    """Whom to tell about what."""

    topic_urn: str
    events: tuple[str, ...] = ()


class Settings(Sent):
    """What a job runs on, and with what around it (`spec` of the envelope)."""

    resource: Resource
    volumes: tuple[Volume, ...] | None = None
    log_export_path: Obs | None = None
    auto_stop: AutoStop | None = None
    schedule_policy: SchedulePolicy | None = None
    notification: Notification | None = None


class JobCreate(Sent):
    """Body of "Creating a Training Job"."""

    kind: Literal["job"] = "job"
    metadata: Metadata
    algorithm: Algorithm
    spec: Settings


class JobUpdate(Sent):
    """Body of "Updating the Description of a Training Job"."""

    description: str


class JobAction(Sent):
    """Body of "Terminating a Training Job"."""

    action_type: Literal["terminate"] = "terminate"


class Filter(Sent):
    """One condition of a search."""

    key: str
    operator: Literal["between", "like", "in", "not"]
    value: tuple[str, ...]


class Search(Sent):
    """Body of "Querying a Training Job List".

    Only the vendor's newer editions know `workspace_id`; without it the default workspace is
    meant.
    """

    offset: int
    limit: int
    sort_by: str = "create_time"
    order: Literal["asc", "desc"] = "asc"
    filters: tuple[Filter, ...] | None = None
    workspace_id: Text = None
