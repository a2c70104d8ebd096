"""The shapes that come back: tolerant of further fields, of nulls, and of numbers as text.

A job is one envelope in every answer: `metadata`, `status`, `algorithm`, `spec` (ModelArts API
Reference, "Training Management"). The configuration in it is read apart from the rest, so that a
stranger's job that we cannot make sense of spoils no list.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reconciler.providers.modelarts.shapes import Number, Received, Rows, ScalarText, Text


def _mapping_of(value: object) -> object:
    """Return a mapping that may come as a list of mappings (`environments` in the answers)."""
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return {key: item for each in value for key, item in each.items()}
    return value


def _or_nothing(value: object) -> object:
    """Return a mapping, or an empty one for anything else: what is not there says nothing."""
    return value if isinstance(value, dict) else {}


TextMap = Annotated[dict[str, ScalarText] | None, BeforeValidator(_mapping_of)]
Loose = Annotated[Mapping[str, Any], BeforeValidator(_or_nothing)]


class MetadataBack(Received):
    """Who a job is, as far as every row of a list must tell."""

    id: Annotated[str, Field(min_length=1)]
    name: str
    description: Text = None
    create_time: Number = None
    annotations: Any = None


class StatusBack(Received):
    """Where a job stands; tasks are what logs and metrics go by."""

    phase: Any = None
    duration: Number = None
    tasks: Any = None

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks; none before the job has any."""
        tasks = self.tasks if isinstance(self.tasks, list) else []
        return tuple(task for task in tasks if isinstance(task, str) and task)


class JobBack(Received):
    """A job in the envelope, its configuration still as it came."""

    metadata: MetadataBack
    status: Annotated[StatusBack, BeforeValidator(_or_nothing)] = StatusBack()
    algorithm: Loose = Field(default_factory=dict)
    spec: Loose = Field(default_factory=dict)


class JobPage(Received):
    """One page of the list.

    `count` is documented as the number of jobs that match; in the published example it also
    equals the number of jobs on the page. `total` counts all jobs of the user.
    """

    total: Number = None
    count: Number = None
    items: Rows[JobBack]


class ParameterBack(Received):
    """A parameter as it comes back; a managed algorithm's carry more."""

    name: str
    value: ScalarText = ""


class ObsBack(Received):
    """A folder as it comes back."""

    obs_url: Text = None


class DatasetBack(Received):
    """A dataset as it comes back, its resolved folder left aside."""

    id: Text = None
    version_id: Text = None


class RemoteBack(Received):
    """Where data is."""

    obs: ObsBack | None = None
    dataset: DatasetBack | None = None


class ChannelBack(Received):
    """An input or output; the platform adds `local_dir`, `mode` and `period`."""

    name: Text = None
    remote: RemoteBack | None = None


class EngineBack(Received):
    """An engine as it comes back."""

    engine_id: Text = None
    engine_name: Text = None
    engine_version: Text = None
    image_url: Text = None


class AlgorithmBack(Received):
    """What runs, as it comes back."""

    id: Text = None
    subscription_id: Text = None
    item_version_id: Text = None
    code_dir: Text = None
    boot_file: Text = None
    command: Text = None
    engine: EngineBack | None = None
    parameters: Rows[ParameterBack] | None = None
    inputs: Rows[ChannelBack] | None = None
    outputs: Rows[ChannelBack] | None = None
    environments: TextMap = None


class ResourceBack(Received):
    """What it runs on, as it comes back."""

    flavor_id: Text = None
    pool_id: Text = None
    node_count: Number = None


class NfsBack(Received):
    """A mount of a file system."""

    nfs_server_path: Text = None
    local_path: Text = None
    read_only: bool | None = None


class PfsBack(Received):
    """A mount of a parallel file system."""

    pfs_path: Text = None
    local_path: Text = None


class ObsMountBack(Received):
    """A mount of an object storage folder."""

    obs_path: Text = None
    local_path: Text = None


class VolumeBack(Received):
    """A mount under its kind."""

    nfs: NfsBack | None = None
    pfs: PfsBack | None = None
    obs: ObsMountBack | None = None


class AutoStopBack(Received):
    """When the platform ends a run."""

    time_unit: Text = None
    duration: Number = None


class SchedulePolicyBack(Received):
    """How a run is queued."""

    priority: Number = None


class NotificationBack(Received):
    """Whom to tell about what."""

    topic_urn: Text = None
    events: Rows[str] | None = None


class SettingsBack(Received):
    """What a job runs on, as it comes back."""

    resource: ResourceBack = ResourceBack()
    volumes: Rows[VolumeBack] | None = None
    log_export_path: ObsBack | None = None
    auto_stop: AutoStopBack | None = None
    schedule_policy: SchedulePolicyBack | None = None
    notification: NotificationBack | None = None


class LogPreview(Received):
    """The end of a task's log, sizes in bytes; before March 2022 the text was `context`."""

    content: Text = None
    context: Text = None
    current_size: Number = None
    full_size: Number = None


class LogLink(Received):
    """Where the whole log can be fetched for five minutes; whoever has the link may."""

    obs_url: Annotated[str, Field(repr=False)]


class Metric(Received):
    """One measure of a task, one value a minute; -1 where there is none."""

    metric: str
    value: Rows[float] = ()


class Metrics(Received):
    """The measures of a task."""

    metrics: Rows[Metric] | None = None


class JobEvent(Received):
    """Something that happened to a job, at a time in ISO form."""

    time: Text = None
    level: Text = None
    message: Text = None
    source: Text = None


class JobEvents(Received):
    """One page of a job's events; numbers may be texts."""

    total: Number = None
    events: Rows[JobEvent] | None = None


class Cpu(Received):
    """Cores of a flavor."""

    core_num: Text = None


class Gpu(Received):
    """Accelerators of a flavor."""

    unit_num: Number = None
    product_name: Text = None


class Memory(Received):
    """Memory of a flavor."""

    size: Text = None
    unit: Text = None


class FlavorInfo(Received):
    """What a flavor is made of."""

    max_num: Number = None
    cpu: Cpu | None = None
    gpu: Gpu | None = None
    npu: Gpu | None = None
    memory: Memory | None = None


class FlavorRow(Received):
    """A flavor on offer."""

    flavor_id: str
    max_num: Number = None
    flavor_info: FlavorInfo | None = None
    attributes: Loose = Field(default_factory=dict)


class FlavorList(Received):
    """The flavors on offer."""

    flavors: Rows[FlavorRow]


class EngineRow(Received):
    """A preset engine on offer."""

    engine_id: str
    engine_name: str
    engine_version: str


class EngineList(Received):
    """The preset engines on offer."""

    items: Rows[EngineRow]


class QuotaRow(Received):
    """How much of something may be used, and is."""

    resource: Text = None
    quota: Number = None
    used: Number = None


class QuotaList(Received):
    """The quotas; the vendor's newer editions alone."""

    quotas: Rows[QuotaRow] | None = None


class NameCheck(Received):
    """Whether a name is taken; the vendor's newer editions alone."""

    is_duplicate: bool
