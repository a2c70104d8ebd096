"""What v2 requests say about the algorithm: closed shapes and strict types.

After the ModelArts API Reference, "Creating a Training Job".
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from reconciler.emulator.bodies import Wire


def _refuse_null(value: object) -> object:
    if value is None:
        raise ValueError("null is not allowed here")
    return value


NotNull = BeforeValidator(_refuse_null)
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
FullText = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")]


class Constraint(Wire):
    """What a hyperparameter's value must be."""

    type: str = "String"
    editable: bool = True
    required: bool = False
    sensitive: bool = False
    valid_type: str = ""
    valid_range: list[str] = Field(default_factory=list)


class Translation(Wire):
    """A description in another language."""

    language: str = ""
    description: str = ""


class Parameter(Wire):
    """A hyperparameter."""

    name: FullText
    value: Annotated[Text | None, NotNull] = None
    description: str = ""
    constraint: Annotated[Constraint | None, NotNull] = None
    i18n_description: Translation | None = None


class Obs(Wire):
    """A place in object storage."""

    obs_url: FullText


class Dataset(Wire):
    """A version of a data set."""

    id: str
    version_id: str


class InputRemote(Wire):
    """Where an input comes from: exactly one of the two."""

    obs: Annotated[Obs | None, NotNull] = None
    dataset: Annotated[Dataset | None, NotNull] = None


class OutputRemote(Wire):
    """Where an output goes."""

    obs: Obs


Access = Literal["parameter", "env"]


class Input(Wire):
    """A named way for data into the job."""

    name: FullText
    description: str = ""
    local_dir: str = ""
    access_method: Access = "parameter"
    remote: InputRemote
    remote_constraint: list[dict[str, Any]] = Field(default_factory=list)


class Output(Wire):
    """A named way for data out of the job."""

    name: FullText
    description: str = ""
    local_dir: str = ""
    access_method: Access = "parameter"
    remote: OutputRemote


class Engine(Wire):
    """The framework: by id, by name and version, or as an image."""

    engine_id: str = ""
    engine_name: str = ""
    engine_version: str = ""
    image_url: str = ""
    install_sys_packages: bool = False


class Reward(Wire):
    """What a search optimises."""

    name: str = ""
    mode: Literal["max", "min"] = "max"
    regex: str = ""


class SearchParameter(Wire):
    """A hyperparameter that is searched."""

    name: str = ""
    param_type: Literal["continuous", "discrete"] = "continuous"
    lower_bound: str = ""
    upper_bound: str = ""
    discrete_points_num: str = ""
    discrete_values: list[str] = Field(default_factory=list)


class SearchSetting(Wire):
    """A setting of a search algorithm."""

    key: str = ""
    value: str = ""
    type: str = ""


class SearchAlgorithm(Wire):
    """How a search goes on."""

    name: str = ""
    params: list[SearchSetting] = Field(default_factory=list)


class AutoSearch(Wire):
    """A search for hyperparameters; accepted, and not carried out."""

    skip_search_params: str = ""
    reward_attrs: list[Reward] = Field(default_factory=list)
    search_params: list[SearchParameter] = Field(default_factory=list)
    algo_configs: list[SearchAlgorithm] = Field(default_factory=list)


class Policies(Wire):
    """Policies of a job."""

    auto_search: AutoSearch | None = None


class Pfs(Wire):
    """A place in the parallel file system."""

    pfs_path: str


class LogDirectory(Wire):
    """Where a summary is kept."""

    pfs: Pfs


class SourceJob(Wire):
    """A job that a summary tells of."""

    job_id: str


class SummarySource(Wire):
    """One source of a summary."""

    job: SourceJob


class Summary(Wire):
    """A visualisation; accepted, and without effect."""

    log_type: Literal["tensorboard", "mindstudio-insight", ""] = ""
    log_dir: Annotated[LogDirectory | None, NotNull] = None
    data_sources: list[SummarySource] = Field(default_factory=list)


_EnvironmentName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=8192)
]
_EnvironmentValue = Annotated[str, StringConstraints(pattern=r"^[^$\x00]*$", max_length=4096)]


class Algorithm(Wire):
    """What to run: managed or subscribed, code and boot file, or image and command."""

    id: str = ""
    name: str = ""
    subscription_id: str = ""
    item_version_id: str = ""
    code_dir: Text = ""
    boot_file: Text = ""
    autosearch_config_path: str = ""
    autosearch_framework_path: str = ""
    command: Text = ""
    parameters: list[Parameter] = Field(default_factory=list)
    policies: Annotated[Policies | None, NotNull] = None
    inputs: list[Input] = Field(default_factory=list)
    outputs: list[Output] = Field(default_factory=list)
    engine: Annotated[Engine | None, NotNull] = None
    local_code_dir: Annotated[str, StringConstraints(pattern=r"^/home(/|$)")] = "/home"
    working_dir: str = ""
    environments: Annotated[dict[_EnvironmentName, _EnvironmentValue], Field(max_length=100)] = (
        Field(default_factory=dict)
    )
    summary: Annotated[Summary | None, NotNull] = None
