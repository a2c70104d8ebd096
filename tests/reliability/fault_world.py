"""One small world for each cell of the fault matrix: a story, its repair, and what must hold."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.backends.local import LocalBackend
from reconciler.emulator.logs import Logs
from reconciler.engine import jobs as single_jobs
from reconciler.engine import logs
from reconciler.engine.apply import Approval, apply
from reconciler.engine.context import Context, Timing
from reconciler.engine.outcomes import wait
from reconciler.engine.plan import plan
from reconciler.engine.request import Request
from reconciler.errors import ReconcilerError
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.model.plan import PlanPlatform
from reconciler.model.platform import PlatformSettings
from reconciler.model.report import ApplyResult, Result
from reconciler.model.state import State
from reconciler.planning.guards import Consent
from reconciler.providers.auth import Credentials, PasswordAuthenticator
from reconciler.providers.exchange import Request as HttpRequest
from reconciler.providers.modelarts.v1.client import ModelArtsV1
from reconciler.providers.modelarts.v2.client import ModelArtsV2
from reconciler.providers.patience import Patience
from reconciler.providers.transport import Transport
from tests.build import a_desired, a_spec
from tests.reliability.fault_calls import Sort
from tests.reliability.fault_cells import Cell
from tests.reliability.fault_parts import Admin, Announcing, Clock, Ending
from tests.reliability.proxy import Proxy, Silence, Stall
from tests.reliability.seen import is_mutating, job_id

LOG = "one\ntwo\nthree\n"
STRANGERS = ("stranger", "created_elsewhere")
_TIMING = Timing(grace=0.3, name_hold=1.5, delete_timeout=2.0, poll_first=0.01, poll_most=0.05)
_BELIEVING = replace(_TIMING, grace=30.0)
"""For jobs that the list does not show yet: they are new for longer than a slow machine takes."""
_PATIENCE = Patience(total=5.0, throttled=0.5, first=0.01, longest=0.05)
_PROVIDERS = {"v1": ModelArtsV1, "v2": ModelArtsV2}
_STALLS = {"unseen": Stall.UNSEEN, "unanswered": Stall.UNANSWERED}
PROTECTED = Lifecycle(protect=True)


def _jobs(*specs: tuple[str, str, str]) -> dict[Address, DesiredJob]:
    found = {}
    for name, lr, description in specs:
        spec = a_spec(name, parameters={"lr": lr}, description=description)
        lifecycle = PROTECTED if name == "kept" else Lifecycle()
        found[Address(name)] = a_desired(spec, lifecycle=lifecycle)
    return found


BASE = _jobs(("deleted", "1", ""), ("kept", "1", ""), ("replaced", "1", ""), ("updated", "1", ""))
WANTED = _jobs(
    ("adopted", "1", "ours"),
    ("created", "1", "new"),
    ("kept", "1", ""),
    ("replaced", "2", ""),
    ("updated", "1", "ours"),
)
DELETABLE = ("deleted", "replaced")
MADE = 2
"""How many jobs the wanted definition makes: `created`, and `replaced` anew."""


@dataclass(slots=True)
class World:
    """A workspace of the emulator, a folder with state, and the way between them."""

    admin: Admin
    folder: Path
    workspace: str
    cell: Cell
    proxy: Proxy | None = None
    ids: dict[str, str] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    first_state: State | None = None
    last_made: int = 0
    rule_id: int | None = None
    hits: int = 0
    _seen: int = 0
    _matched: int = 0

    # -- before

    def set_up(self) -> None:
        """Make the jobs of others, then our own; switch on what must know the world before."""
        with self._connected("setup") as (context, _):
            for name in (*STRANGERS, "adopted"):
                spec = a_spec(name, parameters={"lr": "1"}, description="theirs")
                self.ids[name] = context.provider.create(spec).job_id
        if self.cell.fault.name == "stale page":
            self._add_rule(skip=1)
        if self._is_listed_late and self.cell.call.story != "apply":
            self.admin("PUT", "timing", self.cell.fault.timing)
        if self.cell.call.nameless_versions:
            nulls = {"kind": "null_fields", "fields": ["version_id"]}
            rule = {"method": "POST", "path_regex": "/training-jobs$", "times": None}
            (made,) = self.admin("POST", "faults", rule | {"fault": nulls})
            self._apply(BASE)
            self.admin("DELETE", f"faults/{made['id']}")
        else:
            self._apply(BASE)
        self.first_state = self.state
        self.ids |= {str(a): r.job_id or "" for a, r in self.state.records.items()}
        if self.cell.call.story in ("wait", "stop"):
            self._set_status(8)
        if self.cell.call.story == "logs":
            self._write_log()
        self.admin("DELETE", "requests")
        self.last_made = self._newest_id()

    def switch_on(self) -> None:
        """Put the cell's fault in force."""
        fault = self.cell.fault
        if fault.timing:
            self.admin("PUT", "timing", fault.timing)
        if fault.wire:
            silence = None
            if stall := _STALLS.get(fault.wire):
                silence = Silence(
                    stall, self.cell.call.method, self._pattern, self._skip, self._times
                )
            self.proxy = Proxy(self.admin.port, silence)
            if fault.wire == "refuse" and self.cell.call.sort is Sort.LOGIN:
                self.hits += 1
                self.proxy.refuse()
        elif fault.rule and fault.name != "stale page":
            self._add_rule()

    def switch_off(self) -> None:
        """Lift the fault, and wait until what it held up has come to its end."""
        if self.rule_id is not None:
            rules = self.admin("GET", "faults")
            rule = next(rule for rule in rules if rule["id"] == self.rule_id)
            self.hits, self._matched = rule["hits"], rule["seen"]
            self.rule_id = None
        self.admin("DELETE", "faults")
        self.admin("PUT", "timing", {})
        if self.proxy:
            self.hits += self.proxy.silence.hits if self.proxy.silence else 0
            self.proxy.close()
            self.proxy = None
        if self.cell.fault.rule.get("kind") == "latency":
            self._await_late_effects()

    # -- the stories

    def tell(self) -> Ending:
        """Run the cell's story once; return how it ended."""
        tellers = {
            "apply": self.repair,
            "wait": self._tell_wait,
            "stop": self._tell_stop,
            "logs": self._tell_logs,
            "adopt": self._tell_adopt,
        }
        try:
            result = tellers[self.cell.call.story]()
        except ReconcilerError as error:
            return Ending((str(error),), error.exit_code)
        failed = tuple(each.error for each in (result.of(Result.FAILED) if result else ()))
        return Ending(failed, 1 if failed else 0)

    def repair(self) -> ApplyResult:
        """Apply the wanted definition: the story that is disturbed most, and what mends it."""
        return self._apply(WANTED)

    def _tell_wait(self) -> None:
        with self._connected("wait", lambda: self._set_status(10)) as (context, _):
            result = wait(context, [Address("kept"), Address("updated")], timeout=self._limit)
        found = {row.status for row in result.rows}
        assert found == {Status.SUCCEEDED} or (self.cell.for_ever and result.timed_out), result

    def _tell_stop(self) -> None:
        with self._connected("stop") as (context, _):
            (row,) = single_jobs.stop_jobs(context, [Address("kept")], timeout=self._limit)
        for_ever = (Status.UNKNOWN,) if self.cell.for_ever else ()
        assert row.status in (Status.STOPPED, *for_ever), row

    def _tell_logs(self) -> None:
        with self._connected("logs") as (context, _):
            found = logs.follow_logs(context, [Address("kept")], lines=50, follow=False)
            parts = [text for _, text in found]
        is_bare = self.cell.fault.name in ("nulls", "no content", "no content after")
        assert "".join(parts) in ((LOG, "") if is_bare else (LOG,)), parts

    def _tell_adopt(self) -> None:
        with self._connected("adopt") as (context, request):
            single_jobs.adopt(context, request(WANTED), Address("adopted"), None)

    def _apply(self, jobs: Mapping[Address, DesiredJob]) -> ApplyResult:
        with self._connected("apply") as (context, request):
            return apply(context, request(jobs), Approval())

    # -- after

    def plan(self) -> tuple[str, ...]:
        """Return what a plan would still do or complain about."""
        with self._connected("plan") as (context, request):
            made = plan(context, request(WANTED)).plan
        return (
            *(f"{each.kind} {each.address}: {each.reason}" for each in made.actions),
            *(str(each) for each in made.errors),
            *(f"drift of {each.address}" for each in made.drift),
        )

    def mutating(self) -> list[str]:
        """Return the changing requests that reached the platform since the last count."""
        seen = self.admin("GET", "requests")["requests"]
        self.admin("DELETE", "requests")
        return [
            f"{each['method']} {each['path']}"
            for each in seen
            if is_mutating(each["method"], each["path"])
        ]

    @property
    def state(self) -> State:
        """The state with its journal folded in."""
        state = LocalBackend(self.folder, "matrix").read()
        assert state is not None
        return state

    def live(self) -> dict[str, list[str]]:
        """Return the ids of this workspace's jobs by name, as the emulator itself knows them."""
        found: dict[str, list[str]] = {}
        for job in self._all():
            found.setdefault(job["name"], []).append(job_id(job))
        return found

    def made_since(self) -> int:
        """Return how many jobs were made since the story began, by whomever."""
        return self._newest_id() - self.last_made - 1

    def leaks(self, texts: tuple[str, ...]) -> list[str]:
        """Return where a credential stands: the texts, or the files of the state."""
        secrets = {*self.secrets, self.admin.running.password}
        places = {f"message {n}": text for n, text in enumerate(texts)}
        for path in (each for each in self.folder.rglob("*") if each.is_file()):
            places[path.name] = path.read_text("utf-8", "replace")
        return [where for where, text in places.items() if any(each in text for each in secrets)]

    @property
    def has_met_its_fault(self) -> bool:
        """Whether as many requests were made as the cell passes over, and one more."""
        return self.hits > 0 or not (self.cell.fault.rule or self.cell.fault.wire)

    def clean_up(self) -> None:
        """Take this workspace's jobs away."""
        self.switch_off()
        for job in self._all():
            self.admin("DELETE", f"jobs/{job['job_id']}")

    # -- inside

    @contextmanager
    def _connected(
        self, command: str, at_first_pause: Callable[[], object] = lambda: None
    ) -> Iterator[tuple[Context, Callable[[Mapping[Address, DesiredJob]], Request]]]:
        running, stop = self.admin.running, threading.Event()
        url = self.proxy.url if self.proxy else running.url
        read_timeout = self.cell.fault.read_timeout
        transport = Transport(read_timeout=read_timeout, patience=_PATIENCE, sleep=self._pause)
        inner = PasswordAuthenticator(
            Credentials(
                auth_url=f"{url}/v3",
                username=running.username,
                password=running.password,
                user_domain_name=running.domain,
                project_id=running.project_id,
            ),
            transport,
        )
        authenticator = Announcing(inner, self._announced, self.secrets)
        api = self.cell.call.api
        settings = PlatformSettings(api=f"modelarts/{api}", workspace_id=self.workspace)
        provider = _PROVIDERS[api](settings, transport, authenticator, url=url)
        context = Context(
            provider=provider,
            backend=LocalBackend(self.folder, "matrix"),
            command=command,
            stop=stop,
            clock=Clock(stop, at_first_pause),
            parallelism=1,
            timing=_BELIEVING if self._is_listed_late else _TIMING,
        )

        def request(jobs: Mapping[Address, DesiredJob]) -> Request:
            return Request(
                stack="matrix",
                platform=PlanPlatform(**provider.identity.model_dump()),
                desired=jobs,
                consent=Consent(interrupt_running=True),
                adopt=True,
                command=command,
            )

        try:
            yield context, request
        finally:
            provider.close()

    @property
    def _limit(self) -> float:
        """How many seconds to wait for jobs; few where their status never comes to be known."""
        return 2.0 if self.cell.for_ever else 20.0

    @property
    def _is_listed_late(self) -> bool:
        return self.cell.fault.name in ("stale page", "jobs listed late")

    @property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.cell.call.path.format_map(self.ids) if self.ids else "")

    @property
    def _skip(self) -> int:
        return self.cell.call.skip + self.cell.number - 1

    @property
    def _times(self) -> int | None:
        return None if self.cell.for_ever else 1

    def _add_rule(self, skip: int = 0) -> None:
        call, fault = self.cell.call, dict(self.cell.fault.rule)
        if fault["kind"] == "null_fields":
            fault.setdefault("fields", list(call.nulls))
        rule = {
            "method": call.method,
            "path_regex": self._pattern.pattern,
            "skip": self._skip + skip,
            "times": self._times,
            "fault": fault,
        }
        (added,) = self.admin("POST", "faults", rule)
        self.rule_id = added["id"]

    def _announced(self, request: HttpRequest) -> None:
        """Break the way just before the request that the cell is about."""
        fault, proxy = self.cell.fault, self.proxy
        if proxy is None or fault.wire not in ("refuse", "close_idle", "forget_idle"):
            return
        if request.method != self.cell.call.method or not self._pattern.search(request.target):
            return
        self._seen += 1
        if self._seen <= self._skip or (self._times is not None and self.hits >= self._times):
            return
        self.hits += 1
        {
            "refuse": proxy.refuse,
            "close_idle": proxy.close_idle,
            "forget_idle": proxy.forget_idle,
        }[fault.wire]()

    def _pause(self, seconds: float) -> None:
        self.asked.append(seconds)
        if self.proxy and not self.cell.for_ever:
            self.proxy.accept_again()
        time.sleep(min(seconds, 0.005))

    def _set_status(self, status: int) -> None:
        for name in BASE:
            self.admin("PATCH", f"jobs/{self.ids[name]}", {"status": status})

    def _write_log(self) -> None:
        (job,) = [each for each in self._all() if each["name"] == "kept"]
        writer = Logs(self.admin.store / "logs").open(job["versions"][0]["version_id"], 0)
        writer.write(LOG.encode())
        writer.close()

    def _await_late_effects(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            seen = self.admin("GET", "requests")["requests"]
            done = [
                each
                for each in seen
                if each["method"] == self.cell.call.method
                and self._pattern.search(f"{each['path']}?{each['query']}".rstrip("?"))
            ]
            if len(done) >= self._matched:
                self._matched = 0
                return
            assert time.monotonic() < deadline, "the late request never came to its end"
            time.sleep(0.02)

    def _all(self) -> list[dict[str, Any]]:
        return [each for each in self.admin("GET", "jobs") if each["workspace"] == self.workspace]

    def _newest_id(self) -> int:
        project = self.admin.running.project_id
        body = {"project_id": project, "workspace": "probe", "name": f"probe-{time.time_ns()}"}
        made = int(self.admin("POST", "jobs", body)["job_id"])
        self.admin("DELETE", f"jobs/{made}")
        return made
