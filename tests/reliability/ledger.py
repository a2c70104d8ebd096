"""What really happened, by the platform's own history and by what was approved: nobody's opinion.

It looks at every changing request when it leaves, and at state and platform between the steps. It
knows nothing of how the planner decides, and finds a duplicate, an orphan, a lost record or a
deletion that nobody approved by counting jobs.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler.backends.base import Backend
from reconciler.model.address import Address, is_aside, kept_aside, owner_of, selects
from reconciler.model.definition import Move, Removal
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import Action, ActionKind, Plan, Reason
from reconciler.model.report import ApplyResult, Result
from reconciler.model.spec import JobSpec, Secret
from reconciler.model.state import State
from reconciler.providers.memory_platform import MemoryPlatform
from tests.reliability.likeness import find_twins, fixed
from tests.reliability.secrecy import MARK, seal, seal_like

_DESTROYS = (ActionKind.DELETE, ActionKind.REPLACE)
_CREATES = (ActionKind.CREATE, ActionKind.REPLACE)


class ViolationError(AssertionError):
    """An invariant does not hold; the message starts with the column that counts it."""


@dataclass(slots=True)
class Ledger:
    """What one stack did to the platform.

    `sent` has every job that a request of this stack created; `released` those that it no longer
    answers for, because the user said so (`state rm`, `restore`, retain) or because a stranger
    changed them before anybody could tell whose they were. `approved` are the actions of the plan
    in force, `versions` the platform's when that was made. `succeeded` are the runs that a
    command saw end well; `chain` counts the retries in a row of one configuration, `attempts` says
    which address each job was created for, `retrying` the addresses whose last job was deleted to
    be retried. `twins` are the jobs of others that nobody can tell from one that an open intent
    was to create: same name, all of its configuration, made when ours would have been. Decision
    0002 accepts that such a job is taken for ours. `deletions` are the jobs whose deletion the
    platform accepted, whether they are gone by now or not. `environment` has the values of
    secrets, `kept` are the `removed` blocks that let go of jobs.
    """

    platform: MemoryPlatform
    backend: Backend
    sent: dict[str, JobSpec] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    adoptable: set[str] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)
    succeeded: dict[str, str | None] = field(default_factory=dict)
    approved: dict[Address, Action] = field(default_factory=dict)
    versions: dict[str, str | None] = field(default_factory=dict)
    desired: Mapping[Address, DesiredJob] = field(default_factory=dict)
    chain: dict[Address, tuple[int, Mapping[str, object]]] = field(default_factory=dict)
    attempts: dict[str, Address] = field(default_factory=dict)
    retrying: set[Address] = field(default_factory=set)
    twins: set[str] = field(default_factory=set)
    deletions: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)
    kept: tuple[Address, ...] = ()
    requests: int = 0
    last: State | None = None

    # Before and during a run.

    def present(self) -> dict[str, str | None]:
        """Return the version of every job that exists."""
        return {job.job_id: job.version_id for job in self.platform.jobs}

    def approve(
        self,
        plan: Plan,
        desired: Mapping[Address, DesiredJob],
        versions: Mapping[str, str | None] | None = None,
        removed: Collection[Removal] = (),
    ) -> None:
        """Note what the user agreed to, and what the platform was like when it was planned."""
        self.approved = {action.address: action for action in plan.actions}
        self.desired = {address: self.sealed(job) for address, job in desired.items()}
        self.kept = tuple(each.address for each in removed if each.keep)
        self.versions = dict(self.present() if versions is None else versions)
        self.adoptable |= {
            action.job_id or "" for action in plan.actions if action.kind is ActionKind.ADOPT
        }
        for each in plan.moved:
            self._follow(each.source, each.target)
        for action in plan.actions:
            self._check_not_paid_twice(action)

    def check_moves(self, plan: Plan, moves: Collection[Move]) -> None:
        """A move that is due is planned: its source is recorded, and nothing is at its target."""
        state = self.backend.read()
        planned = {(each.source, each.target) for each in plan.moved}
        known = {*state.records, *state.intents} if state else set()
        for move in moves:
            is_due = move.source in known and move.target not in known
            if is_due and state and move.source not in state.intents:
                due = {(move.source, move.target)} | {
                    (each, kept_aside(move.target, each.rpartition("@")[2]))
                    for each in state.records
                    if is_aside(each) and owner_of(each) == move.source
                }
                if not due <= planned:
                    raise ViolationError(f"lost: {due - planned} is due, and not planned")
                known ^= {move.source, move.target}

    def sealed(self, job: DesiredJob) -> DesiredJob:
        """Return a job as it is to be recorded: with the hashes of its secrets."""
        state = self.backend.read()
        if state is None:
            return job
        record = state.records.get(job.address)
        known = record.spec if record else None
        return replace(job, spec=seal(job.spec, self.environment, state.salt, known))

    def adopting(self, wanted: DesiredJob, job_id: str) -> None:
        """The user named a job to take over."""
        self.adoptable.add(job_id)
        self.approved = {
            wanted.address: Action(
                kind=ActionKind.ADOPT,
                address=wanted.address,
                name=wanted.spec.name,
                reason=Reason.ADOPTED,
                job_id=job_id,
                result=JobRecord(job_id=job_id, name=wanted.spec.name, spec=wanted.spec),
            )
        }

    def about_to_create(self, spec: JobSpec) -> None:
        """A create leaves: its intent is durable, and the plan lists it."""
        self.requests += 1
        intents = [
            intent
            for intents in self._state().intents.values()
            for intent in intents
            if intent.kind == "create" and intent.result and intent.result.spec == spec
        ]
        if not intents:
            raise ViolationError(f"orphans: a create of {spec.name} left without an intent")
        action = self.approved.get(intents[-1].address)
        if action is None or action.kind not in _CREATES:
            raise ViolationError(f"unapproved: a create of {spec.name}, approved was {action}")

    def created(self, job_id: str, spec: JobSpec) -> None:
        """A create had its effect, whether anybody learned of it or not."""
        self.sent[job_id] = spec
        for action in self.approved.values():
            if action.kind in _CREATES and action.name == spec.name:
                self._count_attempt(action, spec)
                self.attempts[job_id] = action.address

    def check_arrived(self, job_id: str, spec: JobSpec) -> None:
        """The platform has the values whose hashes were announced, and no others."""
        salt = self._state().salt
        [job] = [each for each in self.platform.jobs if each.job_id == job_id]
        secrets = [each for each in spec.parameters.values() if isinstance(each, Secret)]
        if job.spec is None or any(each.hmac is None for each in secrets):
            raise ViolationError(f"lost: {job_id} was announced without the hashes of its secrets")
        if fixed(seal_like(job.spec, spec, salt)) != fixed(spec):
            raise ViolationError(f"lost: {job_id} is not what was announced: {spec}")

    def about_to_add_version(self, job_id: str, version_id: str) -> None:
        """A version is asked for: durable, approved for this job, and not of a protected one."""
        self.requests += 1
        action = self._approved_for(job_id, (ActionKind.REPLACE,))
        if action is None or action.strategy != "new_version":
            raise ViolationError(f"unapproved: a version of {job_id}, approved was {action}")
        self._require_intent(self._state(), action.address, job_id, ("version",))
        if job_id in self.protected:
            raise ViolationError(f"unapproved: a version of the protected job {job_id}")
        if self.versions.get(job_id) != version_id:
            raise ViolationError(f"unapproved: a version of {job_id}, which is another one now")
        self.succeeded.pop(job_id, None)

    def about_to_delete(self, job_id: str) -> None:
        """A delete leaves: durable, approved by id, not protected, and of the version planned."""
        self.requests += 1
        state = self._state()
        action = self._approved_for(job_id, _DESTROYS)
        if action is None or action.strategy == "new_version":
            raise ViolationError(f"unapproved: a delete of {job_id}, approved were {self.approved}")
        self._require_intent(state, action.address, job_id, ("delete", "replace"))
        self.retrying -= {action.address}
        if action.reason.startswith(Reason.RETRY):
            self.retrying.add(action.address)
        if action.address not in self.desired and selects(self.kept, action.address):
            raise ViolationError(f"unapproved: a delete of {job_id}, which is to be let go")
        record = state.records.get(action.address)
        wanted = self.desired.get(action.address)
        if job_id in self.protected or (record and record.protect):
            raise ViolationError(f"unapproved: a delete of the protected job {job_id}")
        if wanted and wanted.lifecycle.protect:
            raise ViolationError(f"unapproved: a delete of {job_id}, which is to be protected")
        now = self.present()
        if job_id in now and now[job_id] != self.versions.get(job_id):
            raise ViolationError(f"unapproved: a delete of {job_id}, which is another version now")

    def deleted(self, job_id: str) -> None:
        """A delete was accepted, whether anybody learned of it or not."""
        self.deletions.add(job_id)
        self.succeeded.pop(job_id, None)

    def about_to_update(self, job_id: str, description: str) -> None:
        """A description is set: durable, approved by id, and the one that was approved."""
        self.requests += 1
        kinds = (ActionKind.UPDATE, ActionKind.ADOPT, ActionKind.REPLACE)
        action = self._approved_for(job_id, kinds)
        if action and action.kind is ActionKind.REPLACE and action.strategy != "new_version":
            action = None
        if action is None or action.result is None or action.result.spec.description != description:
            raise ViolationError(f"unapproved: {job_id} described {description!r}: {self.approved}")
        self._require_intent(self._state(), action.address, job_id, ("update", "version"))

    def about_to_stop(self, job_id: str) -> None:
        """A stop leaves: the job is one that the state records."""
        self.requests += 1
        if job_id not in {record.job_id for record in self._state().records.values()}:
            raise ViolationError(f"unapproved: a stop of {job_id}, which is not recorded")

    # After a run.

    def finish(self, result: ApplyResult | None) -> None:
        """Learn what an apply that ran to its end says of protection; forget what is uncertain."""
        state = self.backend.read()
        for action in self.approved.values():
            if action.result is None or not action.result.protect:
                self.protected -= {action.job_id or ""}
        for each in result.of(Result.DONE) if result else ():
            record = state.records.get(each.action.address) if state else None
            if record and record.job_id and each.action.result and each.action.result.protect:
                self.protected.add(record.job_id)
        for action in self.approved.values():
            if action.kind is ActionKind.FORGET and state and action.address not in state.records:
                self.release({action.job_id or ""})
        self.approved = {}

    def note_succeeded(self) -> None:
        """A command that holds the lock has just seen every recorded job."""
        live = {job.job_id: job for job in self.platform.jobs}
        state = self.backend.read()
        for record in state.records.values() if state else ():
            job = live.get(record.job_id or "")
            is_run = job and record.version_id in (None, job.version_id)
            if job and is_run and job.status is Status.SUCCEEDED:
                self.succeeded[job.job_id] = record.version_id

    def release(self, job_ids: Collection[str]) -> None:
        """Answer for these jobs no longer."""
        self.released |= set(job_ids)
        self.protected -= set(job_ids)

    def release_unrecorded(self) -> None:
        """Answer no longer for what the state does not know, after the user changed the state."""
        state = self.backend.read()
        known = {job_id for _, job_id in self._owned(state)} if state else set()
        self.release(self.sent.keys() - known)
        records = state.records.values() if state else ()
        self.protected &= {record.job_id or "" for record in records if record.protect}
        self.chain.clear()

    def removed_unseen(self, job_id: str) -> None:
        """A stranger removed a job that nobody had recorded: its attempt never happened for us."""
        address = self.attempts.get(job_id)
        count, same_as = self.chain.get(address, (0, {})) if address else (0, {})
        if address and count > 1:
            self.chain[address] = count - 1, same_as

    def _follow(self, source: Address, target: Address) -> None:
        """Count on at the address that a record is to have."""
        if source in self.chain:
            self.chain[target] = self.chain.pop(source)
        if source in self.retrying:
            self.retrying ^= {source, target}
        self.attempts |= {job_id: target for job_id, at in self.attempts.items() if at == source}

    # Between the steps.

    def check(self) -> None:
        """Hold state and platform against what really happened."""
        state = self.backend.read()
        self._check_succession(state)
        if state and state != self.last and MARK in state.model_dump_json():
            raise ViolationError("other: the state has the value of a secret")
        if state is None:
            if self._answered_for():
                raise ViolationError("orphans: jobs were created and there is no state")
            return
        owned = list(self._owned(state))
        known = {job_id for _, job_id in owned}
        for job in self._answered_for():
            if job.job_id not in known:
                raise ViolationError(
                    f"orphans: {job.job_id} ({job.name}) is neither recorded nor meant"
                )
        live = {job.job_id for job in self._answered_for()}
        addresses = [address for address, job_id in owned if job_id in live]
        if len(addresses) != len(set(addresses)):
            raise ViolationError(f"duplicates: two live jobs of one address: {owned}")
        for address, record in state.records.items():
            self._check_record(address, record)
        self.twins = set(find_twins(state, self.platform))
        self.last = state

    def _answered_for(self) -> list[ActualJob]:
        return [
            job
            for job in self.platform.jobs
            if job.job_id in self.sent and job.job_id not in self.released
        ]

    def _owned(self, state: State) -> Iterator[tuple[Address, str]]:
        """Yield each job that a record or an open intent speaks of, once by address."""
        for address in {*state.records, *state.intents}:
            record = state.records.get(address)
            ids = {record.job_id} if record and record.job_id else set()
            for intent in state.intents.get(address, ()):
                ids |= {
                    job_id
                    for job_id, spec in self.sent.items()
                    if intent.kind == "create" and intent.result and intent.result.spec == spec
                }
            live = {job.job_id for job in self.platform.jobs}
            kept = {each.job_id for each in state.intents.get(address, ()) if each.aside}
            yield from (
                (kept_aside(address, job_id) if job_id in kept else address, job_id)
                for job_id in ids
                if job_id in live
            )

    def _check_record(self, address: Address, record: JobRecord) -> None:
        job_id = record.job_id
        if job_id is None or job_id in self.sent or job_id in self.adoptable:
            return
        if job_id in self.twins:
            self.adoptable.add(job_id)
            return
        raise ViolationError(f"unapproved: {address} records {job_id}, which is somebody else's")

    def _check_succession(self, state: State | None) -> None:
        last = self.last
        if last is None:
            return
        if state is None:
            raise ViolationError("lost: the state is gone")
        if state.lineage != last.lineage:
            raise ViolationError("lost: the lineage changed")
        if state.serial < last.serial or (
            state.serial == last.serial and _configuration(state) != _configuration(last)
        ):
            raise ViolationError(f"lost: the serial went from {last.serial} to {state.serial}")

    def _check_not_paid_twice(self, action: Action) -> None:
        state = self.backend.read()
        record = state.records.get(action.address) if state else None
        wanted = self.desired.get(action.address)
        if not record or not wanted or record.job_id not in self.succeeded:
            return
        if state and any(each.kind != "update" for each in state.intents.get(action.address, ())):
            return  # what an interrupted run was approved to replace is completed
        if self.succeeded[record.job_id] != record.version_id:
            return
        codes = {each.digest for each in (record.code, wanted.code) if each}
        same = fixed(record.spec) == fixed(wanted.spec) and len(codes) < 2
        there = record.job_id in self.versions
        now = self.versions.get(record.job_id)
        moved = there and record.version_id is not None and now != record.version_id
        if action.reason == Reason.DEPENDENCY_REPLACED:
            self._check_ran_again(action, record, state)
            return
        if action.kind is ActionKind.REPLACE and same and there and not moved:
            raise ViolationError(f"duplicates: {action.address} succeeded and is replaced as it is")
        allowed = wanted.lifecycle.on_missing == "recreate"
        if action.kind is ActionKind.CREATE and same and not allowed:
            raise ViolationError(f"duplicates: {action.address} succeeded and is paid for again")

    def _check_ran_again(self, action: Action, record: JobRecord, state: State | None) -> None:
        """A job that it depends on has another run now, or is to get one by the same plan."""
        for address, run in record.depends_on.items():
            now = state.records.get(address) if state else None
            if now is not None and now.run != run:
                return
            before = self.approved.get(address)
            if before and (before.kind in _CREATES or before.kind is ActionKind.BLOCKED):
                return
        raise ViolationError(f"duplicates: {action.address} is run again, and nothing it needs is")

    def _count_attempt(self, action: Action, spec: JobSpec) -> None:
        """Count the retries in a row, by the reasons of the plans that led to them."""
        former, same_as = self.chain.get(action.address, (0, None))
        again = action.reason.startswith(Reason.RETRY) or (
            action.reason == Reason.INTERRUPTED and action.address in self.retrying
        )
        attempt = former + 1 if again and same_as == fixed(spec) else 1
        self.chain[action.address] = attempt, fixed(spec)
        wanted = self.desired.get(action.address)
        if again and wanted and attempt > max(wanted.lifecycle.max_attempts, 1) and former:
            raise ViolationError(f"duplicates: {action.address} is tried {attempt} times")

    def _approved_for(self, job_id: str, kinds: Collection[ActionKind]) -> Action | None:
        return next(
            (a for a in self.approved.values() if a.job_id == job_id and a.kind in kinds), None
        )

    def _require_intent(
        self, state: State, address: Address, job_id: str, kinds: Collection[str]
    ) -> None:
        intents = state.intents.get(address, ())
        if not any(each.kind in kinds and each.job_id == job_id for each in intents):
            raise ViolationError(f"lost: a change of {job_id} left without an intent")

    def _state(self) -> State:
        state = self.backend.read()
        if state is None:
            raise ViolationError("lost: a changing request left before there was a state")
        return state


def _configuration(state: State) -> object:
    """Return what a plan depends on."""
    records = {
        address: record.model_copy(update={"outcome": None})
        for address, record in state.records.items()
    }
    return records, state.intents, state.platform
