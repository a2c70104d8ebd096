"""A folder, a platform and forked runs: where a scenario is set up again for every trial."""

import contextlib
import os
import queue
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reconciler.backends.local import LocalBackend
from reconciler.definition import loader
from reconciler.model.address import Address
from reconciler.model.job import Outcome, Status
from reconciler.model.platform import PlatformSettings
from reconciler.model.spec import JobSpec
from reconciler.model.state import Observed, State
from reconciler.providers.auth import Credentials
from reconciler.providers.base import Provider
from reconciler.providers.modelarts.v1 import client as v1
from reconciler.providers.modelarts.v2 import client as v2
from tests.acceptance.world import World, a_world
from tests.reliability.forks import Ended, Forks
from tests.reliability.interpose import Strike
from tests.reliability.scenarios import Scenario, document
from tests.reliability.seen import Api

Case = TypeVar("Case")
Ending = TypeVar("Ending")

STATE = "recorded"
STACK = "vision"
_CONNECT: Mapping[Api, Callable[..., Provider]] = {"v1": v1.connect, "v2": v2.connect}
_LIVED = 12
"""How many snapshots the state has had, so that the oldest kept one has to go."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What was true before the trial: the ids of the jobs by name, and the state.

    `strangers` are the jobs that must stay although no record may speak of them.
    """

    ids: dict[str, str]
    strangers: frozenset[str]
    state: State | None


@dataclass(slots=True)
class Stage:
    """A platform of its own, on which one scenario is played at a time."""

    world: World
    forks: Forks
    providers: Mapping[Api, Provider]
    scenario: Scenario = field(init=False)
    names: dict[str, str] = field(init=False)
    _kept: State | None = field(init=False)
    _foreign: list[JobSpec] = field(init=False)
    state: str = STATE
    """Where two stacks keep their states; scenarios that begin with one keep it in the folder."""

    def play(self, scenario: Scenario) -> None:
        """Prepare a scenario; `names` are the job names that it wants, by address."""
        self.scenario = scenario
        self._clear()
        shutil.rmtree(self._template, ignore_errors=True)
        self._foreign = list(self._load(scenario.strangers).values())
        self._kept = self._live() if scenario.before else None
        self.names = {at: spec.name for at, spec in self._load(scenario.wanted).items()}
        self.world.write(document(scenario.wanted, scenario.api))

    @property
    def provider(self) -> Provider:
        """A connection of our own, in the scenario's version of the API."""
        return self.providers[self.scenario.api]

    @property
    def folder(self) -> Path:
        """The folder of the state."""
        return self.world.folder / STATE

    @property
    def backend(self) -> LocalBackend:
        """The state itself."""
        return LocalBackend(self.folder, STACK)

    def apply(self, strike: Strike | None = None) -> Ended:
        """Apply what the scenario wants; by the real clock when the platform takes its time."""
        is_hasty = not self.scenario.delays
        return self.forks.run(*self.scenario.args, strike=strike, is_hasty=is_hasty)

    def other_forks(self) -> Forks:
        """Return a further server of forked runs, for runs that outlast others."""
        return Forks(self.world.folder, self.world.environment())

    def reset(self) -> Setting:
        """Set the scenario up anew: jobs, statuses, state, and an empty log of requests."""
        self._clear()
        ids = {spec.name: self.provider.create(spec).job_id for spec in self._foreign}
        strangers = set(ids.values())
        state = self._restore(ids)
        strangers |= {ids[name] for name in self.scenario.leaves}
        for name, number in self.scenario.statuses.items():
            self.world.admin("PATCH", f"jobs/{ids[name]}", {"status": number})
        self.world.admin("PUT", "timing", dict(self.scenario.delays))
        self.world.admin("DELETE", "requests")
        return Setting(ids, frozenset(strangers), state)

    def _restore(self, ids: dict[str, str]) -> State | None:
        """Create the recorded jobs again, and write the state that records them."""
        kept = self._kept
        if kept is None:
            return None
        records = {}
        for address, record in kept.records.items():
            made = self.provider.create(record.spec)
            known = {"job_id": made.job_id, "version_id": made.version_id}
            records[address] = record.model_copy(update=known | {"created_at": made.created_at})
            ids[record.name] = made.job_id
            if record.name in self.scenario.gone:
                self.world.admin("DELETE", f"jobs/{made.job_id}")
        shutil.copytree(self._template, self.folder)
        state = kept.model_copy(update={"records": records, "serial": kept.serial + 1})
        with self.backend.lock(command="setting the stage") as writer:
            writer.checkpoint(state)
            ended = Outcome(status=Status.SUCCEEDED, seen_at=self.provider.now())
            kept_at = Address("kept")
            job_id = records[kept_at].job_id or ""
            writer.append([Observed(address=kept_at, job_id=job_id, outcome=ended)])
        return self.backend.read()

    @property
    def _template(self) -> Path:
        return self.world.folder / "template"

    def _live(self) -> State | None:
        """Apply what was there before, and let the state grow as old as states do."""
        self.world.write(document(self.scenario.before, self.scenario.api))
        done = self.forks.run("apply", "--auto-approve", "--state", STATE)
        assert done.code == 0, done
        for _ in range(_LIVED):
            with self.backend.lock(command="growing old") as writer:
                state = self.backend.read()
                assert state
                writer.checkpoint(state.model_copy(update={"serial": state.serial + 1}))
        kept = self.backend.read()
        shutil.move(self.folder, self._template)
        return kept

    def asked(self) -> list[dict[str, Any]]:
        """Return the requests that the platform has seen since the stage was set up."""
        asked: list[dict[str, Any]] = self.world.admin("GET", "requests")["requests"]
        return asked

    def _clear(self) -> None:
        self.world.admin("PUT", "timing", {})
        for each in self.world.jobs():
            self.world.admin("DELETE", f"jobs/{each['job_id']}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _load(self, jobs: str) -> dict[str, JobSpec]:
        if not jobs:
            return {}
        path = self.world.write(document(jobs, self.scenario.api), "others.yml")
        loaded = loader.load([path], variables={}, environment={})
        return {address: each.spec for address, each in loaded.jobs.items()}


@contextlib.contextmanager
def a_stage(folder: Path, *options: str) -> Iterator[Stage]:
    """Open a stage in a new folder; `options` go to the emulator."""
    folder.mkdir(parents=True)
    with a_world(folder) as world:
        world.serve("--simulate", *options)
        with Forks(folder, world.environment()) as forks, contextlib.ExitStack() as stack:
            providers = {api: stack.enter_context(a_provider(world, api)) for api in _CONNECT}
            yield Stage(world, forks, providers)


@contextlib.contextmanager
def a_provider(world: World, api: Api) -> Iterator[Provider]:
    """A connection of our own to the world's platform; nothing is sent yet."""
    running = world.emulator
    credentials = Credentials(
        auth_url=running.auth_url,
        username=running.username,
        password=running.password,
        user_domain_name=running.domain,
        project_id=running.project_id,
    )
    settings = PlatformSettings(api=f"modelarts/{api}")
    provider = _CONNECT[api](settings, credentials, url=running.url)
    try:
        yield provider
    finally:
        provider.close()


def secrets_of(world: World) -> list[str]:
    """What must never be shown or written: the platform's password and token."""
    running = world.emulator
    return [running.password, running.admin_token]


@dataclass(frozen=True, slots=True)
class Crew:
    """Stages that play the same scenario side by side."""

    stages: tuple[Stage, ...]

    def play(self, scenario: Scenario) -> None:
        """Prepare a scenario on every stage."""
        for stage in self.stages:
            stage.play(scenario)

    def each(self, cases: Iterable[Case], trial: Callable[[Stage, Case], Ending]) -> list[Ending]:
        """Try every case on some stage; return the results in the order of the cases."""
        free: queue.SimpleQueue[Stage] = queue.SimpleQueue()
        for stage in self.stages:
            free.put(stage)

        def on_a_stage(case: Case) -> Ending:
            stage = free.get()
            try:
                return trial(stage, case)
            finally:
                free.put(stage)

        with ThreadPoolExecutor(len(self.stages)) as pool:
            return list(pool.map(on_a_stage, cases))


@contextlib.contextmanager
def a_crew(folder: Path, *options: str) -> Iterator[Crew]:
    """Open as many stages as there are processors, at least two."""
    with contextlib.ExitStack() as stack:
        names = [folder / f"stage{n}" for n in range(max(2, min(8, os.cpu_count() or 1)))]
        yield Crew(tuple(stack.enter_context(a_stage(name, *options)) for name in names))
