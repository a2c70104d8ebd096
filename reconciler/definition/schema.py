"""The shape of a definition: every key, what may stand there, and what it means.

One table serves reading and the JSON Schema that editors use. Rules between keys (which exclude
each other, which need each other) are in `normalise`.
"""

import re
from typing import Any, Final

from reconciler.definition import moves, policies
from reconciler.definition.code import CodeShape
from reconciler.definition.compounds import ListOf, Named, Object, Texts
from reconciler.definition.shapes import Boolean, Duration, Integer, Number, Shape, Text
from reconciler.definition.sweeps import SweepShape
from reconciler.model.address import JOB_NAME
from reconciler.model.platform import LOCAL

SCHEMA_URL: Final = "https://json-schema.org/draft/2020-12/schema"
VERSION: Final = "1"
APIS: Final = ("modelarts/v1", "modelarts/v2")
STACK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
STACK_RULE: Final = "1 to 64 letters, digits, - or _, the first one a letter or a digit"
VARIABLE_RULE: Final = "letters, digits, - or _, the first one a letter or _"
NAME_RULE: Final = "1 to 64 letters, digits, - or _"
DESCRIPTION_LENGTH: Final = 256  # ModelArts API Reference, "Creating a Training Job"

_NOT_EMPTY = re.compile(r"[^\x00-\x1f\x7f]{1,512}")
_NAME_OF_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ANY_NAME_RULE = "one line of 1 to 512 characters"

_INPUT = Object(
    "An object storage folder, or one version of a dataset.",
    {
        "path": Text("Object storage folder, `/bucket/folder/`.", examples=("/bucket/data/",)),
        "dataset_id": Text("Dataset, by the platform's id; needs `dataset_version_id`."),
        "dataset_version_id": Text("Version of the dataset, by the platform's id."),
        "name": Text("What the platform calls this input (where it has names for inputs)."),
    },
    shorthand="path",
)
_OUTPUT = Object(
    "An object storage folder that the job writes to.",
    {
        "path": Text("Object storage folder, `/bucket/folder/`.", examples=("/bucket/model/",)),
        "name": Text("What the platform calls this output (where it has names for outputs)."),
    },
    required=("path",),
    shorthand="path",
)
_VOLUME = Object(
    "A mount inside the job's container.",
    {
        "type": Text("What is mounted.", choices=("nfs", "host_path", "pfs", "obs")),
        "source": Text("What the storage calls it, such as `192.168.8.150:/`."),
        "target": Text("Folder inside the container, an absolute path."),
        "read_only": Boolean("Whether the job may only read it (default: false)."),
        "id": Text("The storage's id; only for `nfs`."),
    },
    required=("type", "source", "target"),
)

_SECRET = Object(
    "A value that is read from the environment when it is sent, and kept as a keyed hash only.",
    {
        "secret": Text(
            "Environment variable that holds the value.",
            pattern=_NAME_OF_ENVIRONMENT,
            rule="the name of an environment variable",
            examples=("WANDB_API_KEY",),
        )
    },
    required=("secret",),
)
LIFECYCLE: Final = Object(
    "How the reconciler treats the job; none of it reaches the platform.",
    {
        "on_failure": Text(
            "When the job fails: keep it, or replace it by a new attempt (default: keep).",
            choices=("keep", "retry"),
        ),
        "max_attempts": Integer(
            "How many attempts in all, with `on_failure: retry` (default: 3).", 1, 100
        ),
        "on_missing": Text(
            "When the job is gone from the platform: accept that if it had succeeded, create it "
            "again, or stop with an error (default: accept_finished).",
            choices=("accept_finished", "recreate", "error"),
        ),
        "protect": Boolean("Never delete or replace the job (default: false)."),
        "retain": Boolean(
            "Forget the job instead of deleting it when its block is removed (default: false)."
        ),
        "ttl_after_finished": Duration(
            "Delete the job this long after its run ended, such as `12h`; its record stays."
        ),
        "on_change": Text(
            "When the definition changes: replace the job, make a new version of it, or keep it "
            "and create another one beside it (default: replace).",
            choices=("replace", "new_version", "keep"),
        ),
    },
)

_COMMON_FIELDS: dict[str, Shape] = {
    "description": Text(
        "What the job is for; the only thing that can be changed on an existing job.",
        max_length=DESCRIPTION_LENGTH,
        lines=True,
        empty=True,
    ),
    "flavor": Text(
        "Machine type; with `pool_id`, a flavor of that pool.", examples=("modelarts.vm.cpu.8u",)
    ),
    "pool_id": Text("Dedicated resource pool, by the platform's id."),
    "workers": Integer("How many machines work on the job (default: 1).", 1),
    "engine": Object(
        "Preset engine that runs the code: `name` and `version`, or the platform's `id`.",
        {
            "id": Text("Engine, by the platform's id.", examples=("4",)),
            "name": Text("Engine name.", examples=("TensorFlow",)),
            "version": Text("Engine version.", examples=("TF-1.8.0-python3.6",)),
        },
    ),
    "algorithm": Object(
        "Ready-made algorithm instead of code: its id, or a subscription.",
        {
            "id": Text("Algorithm, by the platform's id."),
            "subscription_id": Text("Subscribed algorithm; needs `item_version_id`."),
            "item_version_id": Text("Version of the subscribed algorithm."),
        },
        shorthand="id",
    ),
    "image": Text(
        "Container image instead of an engine.",
        examples=("swr.eu-de.otc.t-systems.com/org/name:tag",),
    ),
    "command": Text("Command that the container image runs.", lines=True),
    "code_dir": Text("Object storage folder of the code.", examples=("/bucket/code/",)),
    "boot_file": Text(
        "File that starts the training: relative to `code_dir`, or a whole path inside it.",
        examples=("train.py",),
    ),
    "code_digest": CodeShape(),
    "inputs": ListOf("What the job reads.", _INPUT),
    "output": _OUTPUT,
    "outputs": ListOf(
        "What the job writes, when it is more than one folder; instead of `output`.",
        _OUTPUT,
        key="path",
    ),
    "log_dir": Text("Object storage folder for the logs.", examples=("/bucket/logs/",)),
    "parameters": Texts(
        "Hyperparameters. Values reach the job exactly as written: `1e-3` stays `1e-3`.",
        _NOT_EMPTY,
        _ANY_NAME_RULE,
        secret=_SECRET,
    ),
    "environment": Texts(
        "Environment variables of the job.",
        _NAME_OF_ENVIRONMENT,
        "letters, digits and _, and not start with a digit",
        secret=_SECRET,
    ),
    "volumes": ListOf("Mounts inside the job's container.", _VOLUME),
    "notification": Object(
        "Whom the platform tells about the job.",
        {
            "topic_urn": Text("Topic of the notification service (SMN)."),
            "events": ListOf(
                "Which events are told.", Text("Event.", examples=("JobCompleted", "JobFailed"))
            ),
        },
        required=("topic_urn",),
    ),
    "auto_stop_hours": Integer("Stop the job after this many hours.", 1, 100_000),
    "priority": Integer("Priority in a dedicated pool.", 0, 1_000_000),
    "annotations": Texts("Annotations that the platform understands.", _NOT_EMPTY, _ANY_NAME_RULE),
    "labels": Texts(
        "Labels for filters and policies; they stay with us and never reach the platform.",
        _NOT_EMPTY,
        _ANY_NAME_RULE,
    ),
    "estimated_hours": Number(
        "How long you think that a run takes; for costs and limits, it never reaches the platform."
    ),
    "lifecycle": LIFECYCLE,
}

_OTHER_NAMES = {
    "job_name": "name",
    "job_desc": "description",
    "desc": "description",
    "spec_code": "flavor",
    "flavor_id": "flavor",
    "worker_server_num": "workers",
    "node_count": "workers",
    "engine_id": "engine",
    "model_id": "algorithm",
    "algorithm_id": "algorithm",
    "app_url": "code_dir",
    "boot_file_url": "boot_file",
    "parameter": "parameters",
    "hyperparameters": "parameters",
    "env": "environment",
    "environments": "environment",
    "data_url": "inputs",
    "data_source": "inputs",
    "train_url": "output",
    "log_url": "log_dir",
    "user_image_url": "image",
    "image_url": "image",
    "user_command": "command",
}
"""Words of the platform's API, and the key that stands for them here."""

NAME: Final = Text(
    "Name on the platform (default: the key). Changing it replaces the job.",
    pattern=JOB_NAME,
    rule=NAME_RULE,
    is_name=True,
)
DEPENDS_ON: Final = ListOf(
    "Jobs that have to succeed before this one is created: addresses, keys of sweeps, globs.",
    Text("Address, key of a sweep, or glob.", examples=("prepare", "resnet", "resnet[*]")),
)
JOB: Final = Object(
    "A training job. Every change but to the description replaces it.",
    {"name": NAME, "sweep": SweepShape(), "depends_on": DEPENDS_ON, **_COMMON_FIELDS},
    other_names=_OTHER_NAMES,
)
_NAME_IN_DEFAULTS = (
    "Unknown key",
    '"defaults" cannot hold "name", since no two jobs may bear the same one.',
    "Write `name` in the job, or leave it out: the job's key is its name.",
)
_ONLY_IN_JOBS = (
    "Unknown key",
    '"defaults" cannot hold "sweep" or "depends_on": they would hold for every job.',
    "Write it in the jobs that it is meant for.",
)
DEFAULTS: Final = Object(
    "What every job inherits unless it says otherwise. A job's texts and lists replace the "
    "defaults; its mappings (parameters, labels …) are merged with them key by key.",
    _COMMON_FIELDS,
    other_names=_OTHER_NAMES,
    refused=(
        (re.compile("name"), _NAME_IN_DEFAULTS),
        (re.compile("sweep|depends_on"), _ONLY_IN_JOBS),
    ),
)

_CREDENTIAL = (
    "Credentials in a definition",
    "Credentials never stand in a definition: it is kept in Git, and read by many.",
    "Use the environment (OS_USERNAME, OS_PASSWORD …) or clouds.yaml; renew what was shared.",
)
_CREDENTIAL_KEY = re.compile(
    r".*(password|passwd|secret|token|credential|user|access_?key|api_?key|private).*|ak|sk"
)

PLATFORM: Final = Object(
    "Which platform the stack lives on. Credentials never stand here.",
    {
        "api": Text("API version.", choices=APIS),
        "endpoint": Text(
            "`local` for the embedded platform, the URL of the service, or `catalog` to ask the "
            "login service for it.",
            examples=(LOCAL, "https://modelarts.eu-de.otc.t-systems.com"),
        ),
        "auth_url": Text(
            "URL of the identity service.", examples=("https://iam.eu-de.otc.t-systems.com/v3",)
        ),
        "region": Text("Region.", examples=("eu-de",)),
        "project": Text("Project, by name; or write `project_id`.", examples=("eu-de_ml",)),
        "project_id": Text("Project, by id; or write `project`."),
        "workspace_id": Text('Workspace (default: "0").'),
    },
    refused=((_CREDENTIAL_KEY, _CREDENTIAL),),
)

VARIABLE: Final = Object(
    "A variable that texts below use as `${var.NAME}`.",
    {
        "default": Text("Its value unless --var NAME=VALUE gives another.", lines=True, empty=True),
        "description": Text("What it is for.", lines=True, empty=True),
    },
    shorthand="default",
)

PROFILE: Final = Object(
    "What is laid over the rest with --profile NAME.",
    {
        "stack": Text("Stack, and with it the state, of this profile."),
        "platform": PLATFORM,
        "variables": Named("Values of variables.", VARIABLE),
        "defaults": DEFAULTS,
        "jobs": Named("Parts of jobs, or jobs of this profile alone.", JOB),
    },
)

TOP_LEVEL: Final = (
    "version",
    "stack",
    "platform",
    "variables",
    "defaults",
    "jobs",
    "profiles",
    "policies",
    "limits",
    "cost",
    "drift",
    "moved",
    "removed",
)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a definition file, for editors.

    It knows keys, types and descriptions. Rules between keys, and between files, are checked by
    loading alone. Loading takes an explicit null as not written; the schema does not offer it.
    """
    return {
        "$schema": SCHEMA_URL,
        "title": "reconciler definition",
        "description": "Training jobs as code: which jobs should exist, and where.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"description": "Version of the format.", "enum": [1, "1"]},
            "stack": {
                "description": "Names the state: what belongs together and is applied together.",
                "type": ["string", "number"],
                "pattern": f"^{STACK_NAME.pattern}$",
            },
            "platform": PLATFORM.json(),
            "variables": _named(VARIABLE, "Variables.", VARIABLE_NAME),
            "defaults": DEFAULTS.json(),
            "jobs": _named(JOB, "The jobs that should exist, by address.", JOB_NAME),
            "profiles": {
                "description": "Parts that are laid over the rest, chosen by --profile NAME.",
                "type": ["object", "null"],
                "additionalProperties": {"anyOf": [PROFILE.json(), {"type": "null"}]},
            },
            "policies": _named(
                policies.POLICY, "What jobs, actions and plans must keep to.", policies.POLICY_NAME
            ),
            "limits": policies.LIMITS.json(),
            "cost": policies.COST.json(),
            "drift": policies.DRIFT.json(),
            "moved": moves.MOVED.json(),
            "removed": moves.REMOVED.json(),
        },
    }


def _named(item: Shape, description: str, names: re.Pattern[str]) -> dict[str, Any]:
    """Return the schema of a mapping from names to items, each of which may be empty."""
    return {
        "description": description,
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{names.pattern}$"},
        "additionalProperties": {"anyOf": [item.json(), {"type": "null"}]},
    }
