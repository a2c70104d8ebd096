"""Valid inputs to begin from."""

import json
from datetime import timedelta
from pathlib import Path

from reconciler.backends import codec, journal
from reconciler.definition import schema
from reconciler.model.address import Address
from reconciler.model.job import Status
from reconciler.model.spec import Algorithm, Notification, Output, Volume
from reconciler.model.state import (
    Bound,
    Closed,
    Entry,
    Moved,
    Observed,
    Opened,
    Recorded,
    Removed,
    State,
)
from tests.build import (
    EARLIER,
    a_listing,
    a_platform,
    a_record,
    a_spec,
    a_state,
    an_actual,
    an_intent,
    an_outcome,
)

KEYS = (*schema.TOP_LEVEL, *schema.JOB.fields, *schema.PLATFORM.fields, *schema.LIFECYCLE.fields)
EXAMPLES = Path(__file__).parents[3] / "examples"

_FULL = """\
version: 1
stack: vision
platform:
  api: modelarts/v1
  endpoint: https://modelarts.eu-de.otc.t-systems.com
  auth_url: https://iam.eu-de.otc.t-systems.com/v3
  region: eu-de
  project: eu-de_ml
variables:
  bucket: {default: test, description: OBS bucket}
  x:
defaults: &defaults
  flavor: modelarts.vm.cpu.8u
  labels: {team: ml}
  lifecycle: {on_failure: retry, max_attempts: 3}
jobs:
  jobtest_TF: # a comment
    description: |
      several
      lines of ${job.name}
    engine: {name: TensorFlow, version: TF-1.8.0-python3.6}
    code_dir: /${var.bucket}/code/
    boot_file: train.py
    inputs: [/${var.bucket}/data/, {dataset_id: a, dataset_version_id: "b"}]
    output: "/${var.bucket}/out/\\u00e9"
    parameters: &p {learning_rate: 1e-3, batch_size: 032, x: "${var.x}", "": no}
  other:
    image: swr/org/name:tag
    command: 'echo ${env.HOME}'
    parameters: *p
    workers: 2
    volumes: [{type: nfs, id: "1", source: "1.2.3.4:/", target: /mnt, read_only: true}]
    notification: {topic_urn: urn, events: [JobFailed]}
  third: {algorithm: 12, outputs: {model: /b/c/}, auto_stop_hours: 3, priority: 1}
"""
_SMALL = """\
version: 1
stack: s
platform: {endpoint: local}
jobs:
  a: {flavor: f, engine: {id: 4}, code_dir: /b/c/, boot_file: t.py}
"""
_FLAT = {
    "version": 1,
    "stack": "s",
    "platform": {"endpoint": "local", "workspace_id": "0"},
    "variables": {"bucket": "b", "y": {"default": 1}},
    "defaults": {"flavor": "f", "engine": {"id": 4}},
    "jobs": {
        "a": {
            "code_dir": "/${var.bucket}/c/",
            "boot_file": "t.py",
            "parameters": {"lr": 0.1, "n": 3, "flag": True},
            "inputs": ["/b/d/", {"path": "/b/e"}],
            "output": "/b/o/",
            "lifecycle": {"protect": True, "retain": False, "on_missing": "recreate"},
            "labels": {"team": "ml"},
        },
        "b": {"image": "i", "command": "c", "workers": 2, "description": "\u00e9 \u2728"},
        "c": {"algorithm": {"id": "7"}, "log_dir": "/b/l/", "name": "c-1"},
        "d": {"code_dir": "/b/c", "boot_file": "t.py", "engine": {"name": "T", "version": "1"}},
    },
}

DEFINITIONS: tuple[bytes, ...] = (
    _FULL.encode(),
    _SMALL.encode(),
    json.dumps(_FLAT).encode(),
    json.dumps(_FLAT, indent=1, ensure_ascii=False).encode(),
    *(path.read_bytes() for path in sorted(EXAMPLES.glob("*/jobs.yaml"))),
)

_RICH = a_spec(
    "rich",
    description="what it is for\nin lines",
    outputs=(Output(path="/b/o/", name="out"),),
    volumes=(Volume(type="nfs", source="1.2.3.4:/", target="/mnt", id="1"),),
    notification=Notification(topic_urn="urn:smn:x", events=("JobFailed",)),
    algorithm=Algorithm(id="7"),
    annotations={"a": "b"},
    priority=3,
)
STATE: State = a_state(
    {
        "resnet": a_record(outcome=an_outcome()),
        "rich": a_record(_RICH, job_id="11", version_id=None, protect=True, retain=True, attempt=2),
        "half": a_record(a_spec("half"), job_id=None, version_id=None, created_at=None),
    },
    serial=7,
    intents={
        Address("half"): (
            an_intent("replace", a_spec("half"), job_id="12"),
            an_intent("create", a_spec("half")),
        ),
        Address("gone"): (an_intent("delete", a_spec("gone"), job_id="13", result=None),),
        Address("rich"): (an_intent("update", _RICH, job_id="11"),),
    },
)
_EMPTY = a_state(serial=0, platform=None)
SNAPSHOTS: tuple[bytes, ...] = (codec.encode(STATE), codec.encode(_EMPTY))

LISTING = a_listing(
    an_actual(),
    an_actual(_RICH, job_id="11", version_id="21", status=Status.FAILED),
    an_actual(a_spec("half"), job_id="99", created_at=EARLIER + timedelta(hours=1)),
)

_ENTRIES: tuple[Entry, ...] = (
    Bound(platform=a_platform().identity),
    Opened(intent=an_intent(spec=_RICH)),
    Recorded(address=Address("rich"), record=a_record(_RICH, job_id="14")),
    Opened(intent=an_intent("replace", job_id="10")),
    Removed(address=Address("resnet"), job_id="10"),
    Recorded(address=Address("resnet"), record=a_record(outcome=an_outcome(Status.FAILED))),
    Observed(address=Address("resnet"), job_id="10", outcome=an_outcome()),
    Moved(source=Address("resnet"), target=Address("moved")),
    Closed(address=Address("half")),
    Recorded(address=Address("rich"), record=None),
)
JOURNALS: tuple[bytes, ...] = (
    journal.encode([journal.header_for(STATE), *_ENTRIES], 0)[0],
    journal.encode([journal.header_for(_EMPTY), *_ENTRIES[:3]], 0)[0],
)
