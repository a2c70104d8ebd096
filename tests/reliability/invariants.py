"""What must be true after the last apply of a trial, whatever happened in the ones before."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.world import World
from tests.reliability.figures import COLUMNS, Figures
from tests.reliability.forks import Ended, Run
from tests.reliability.scenarios import Scenario
from tests.reliability.seen import is_created, is_mutating, job_id
from tests.reliability.stage import STATE, Setting, Stage, secrets_of

_JOB = re.compile(r"/training-jobs/([^/]+)$")
_ADOPTED = re.compile(r"^(\S+): adopted", re.MULTILINE)
_HANGING = -14

Problem = tuple[str, str]
"""A column of the figures, or "other", and what is wrong in words."""


@dataclass(slots=True)
class Verdicts:
    """What a suite found: how many trials it was, and what was wrong in which."""

    suite: str
    trials: int = 0
    wrong: list[tuple[str, list[Problem], str]] = field(default_factory=list)

    def add(self, case: object, problems: Iterable[Problem], evidence: object = "") -> None:
        """Count a trial; `evidence` is shown when something was wrong in it."""
        self.trials += 1
        if found := list(problems):
            self.wrong.append((str(case), found, str(evidence)))

    def report(self, figures: Figures) -> None:
        """Put the counts in the table, and fail with the first trials that went wrong."""
        counts = Counter(column for _, found, _ in self.wrong for column, _ in found)
        columns = {each: counts[each] for each in COLUMNS if each != "cases"}
        figures.add(self.suite, cases=self.trials, **columns)
        shown = "\n\n".join(
            "\n".join([case, *(f"  {column}: {text}" for column, text in found), evidence])
            for case, found, evidence in self.wrong[:5]
        )
        assert not self.wrong, f"{len(self.wrong)} of {self.trials} trials went wrong:\n{shown}"


def finish(stage: Stage, setting: Setting, former: Sequence[Ended] = ()) -> list[Problem]:
    """Apply once more without any strike, and hold everything against the invariants.

    `former` are the runs that were struck; their output is judged, too.
    """
    applied = stage.apply()
    asked = stage.asked()
    planned, again, pulled = stage.forks.start(
        Run(("plan", "--detailed-exitcode", "--state", STATE)),
        Run(stage.scenario.args),
        Run(("state", "pull", "--state", STATE)),
    ).wait()
    problems = list(speech(stage.world, [*former, applied, planned, again]))
    for what, ended in (("next apply", applied), ("plan", planned), ("apply again", again)):
        if ended.code:
            problems.append(("other", f"{what}: {ended}"))
    problems += [
        ("other", f"the second apply sent {each['method']} {each['path']}")
        for each in stage.asked()[len(asked) :]
        if is_mutating(each["method"], each["path"])
    ]
    problems += _requests(stage.scenario, setting, asked)
    problems += _adoptions(stage.scenario, [*former, applied])
    if pulled.code:
        return [*problems, ("lost", f"state pull: {pulled}")]
    state = json.loads(pulled.stdout)
    return [*problems, *_records(stage, setting, state), *_state(stage, setting, state)]


def speech(world: World, runs: Iterable[Ended]) -> Iterator[Problem]:
    """Look for tracebacks, hanging runs and secrets in what was printed."""
    for ended in runs:
        said = ended.stdout + ended.stderr
        if "Traceback" in said or "Internal error" in said:
            yield "tracebacks", said
        if ended.code == _HANGING:
            yield "hangs", str(ended)
        if any(secret in said for secret in secrets_of(world)):
            yield "other", "a secret was printed"


def read_between(stage: Stage, setting: Setting) -> list[Problem]:
    """Check that the state can be read after a strike, and is none the older for it."""
    state, before = stage.backend.read(), setting.state
    if before is None:
        return []
    if state is None:
        return [("lost", "the state is gone")]
    if state.lineage != before.lineage or state.serial < before.serial:
        return [("other", f"serial {before.serial} became {state.serial}, or the lineage changed")]
    return []


def _requests(
    scenario: Scenario, setting: Setting, asked: list[dict[str, Any]]
) -> Iterator[Problem]:
    created = sum(is_created(each) for each in asked)
    if created > len(scenario.creates):
        yield "duplicates", f"{created} jobs were created instead of {len(scenario.creates)}"
    if created < len(scenario.creates):
        yield "lost", f"only {created} of {len(scenario.creates)} jobs were created"
    approved = {
        "DELETE": {setting.ids[name] for name in scenario.deletes},
        "PUT": {setting.ids[name] for name in scenario.updates},
    }
    for each in asked:
        job = _JOB.search(each["path"])
        if each["method"] in approved and (not job or job[1] not in approved[each["method"]]):
            yield "unapproved", f"{each['method']} {each['path']}"


def _adoptions(scenario: Scenario, runs: Iterable[Ended]) -> Iterator[Problem]:
    """Look for jobs of our own that a run took over as if they were somebody else's."""
    for ended in runs:
        for name in set(_ADOPTED.findall(ended.stderr)) - scenario.adopts:
            yield "lost", f"{name} was known no more, and adopted"


def _records(stage: Stage, setting: Setting, state: dict[str, Any]) -> Iterator[Problem]:
    """Hold the state against the platform's jobs, and both against what was wanted."""
    records = state["records"]
    jobs = {job_id(each): each for each in stage.world.jobs()}
    owned = Counter(record["job_id"] for record in records.values())
    for owned_id, count in owned.items():
        if count > 1:
            yield "duplicates", f"{count} addresses record job {owned_id}"
    for address, name in stage.names.items():
        record = records.get(address)
        job = jobs.get(record["job_id"]) if record else None
        if job is None or job["name"] != name:
            yield "lost", f"{address}: recorded is {record}, and there {job}"
    for address in records.keys() - stage.names.keys():
        yield "other", f"{address} is still recorded"
    for orphan in jobs.keys() - owned.keys() - setting.strangers:
        yield "orphans", f"nobody records {jobs[orphan]}"
    for stranger in setting.strangers - jobs.keys():
        yield "unapproved", f"job {stranger} of somebody else is gone"


def _state(stage: Stage, setting: Setting, state: dict[str, Any]) -> Iterator[Problem]:
    """Check what the state says of itself, and that its folder is tidy and holds no secret."""
    before = setting.state
    if before and (state["lineage"] != before.lineage or state["serial"] <= before.serial):
        yield "other", f"serial {before.serial} became {state['serial']}, or the lineage changed"
    if state["intents"]:
        yield "other", f"intents are open: {state['intents']}"
    retried = state["records"].get("retried", {"attempt": 2})
    if retried["attempt"] != 2:
        yield "other", f"the retry counts as attempt {retried['attempt']}"
    for path in filter(Path.is_file, stage.folder.rglob("*")):
        if path.name.endswith(".tmp"):
            yield "other", f"{path.name} was left behind"
        if path.stat().st_mode & 0o077:
            yield "other", f"{path.name} can be read by others"
        if any(secret.encode() in path.read_bytes() for secret in secrets_of(stage.world)):
            yield "other", f"a secret stands in {path.name}"
