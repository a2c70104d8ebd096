"""The state: what we recorded of the platform, and the journal entries that change it.

Folding entries into a state is a pure function, so that a reader, a writer and a crash in
between all come to the same state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from reconciler.model.address import Address, kept_aside
from reconciler.model.base import Model, Moment
from reconciler.model.job import JobRecord, Outcome, PastRun
from reconciler.model.platform import PlatformIdentity
from reconciler.model.spec import JobSpec

FORMAT_VERSION = "1.0"
_REMEMBERED = 10
"""How many earlier runs a record tells of."""


class Intent(Model):
    """A changing request that we were about to send; durable before it leaves.

    `job_id` is the job that is deleted, replaced or updated; `spec` is what is created, or whose
    description is set. `at` is by the platform's clock, so that a job's creation time can be
    held against it. `result` is the record that success will leave behind, but for its ids. A
    `version` is a further run of the job `job_id`, whose latest one was `version_id`. `aside` is
    where the record of a superseded job goes once the job that supersedes it is recorded.
    """

    kind: Literal["create", "replace", "update", "delete", "version"]
    address: Address
    at: Moment
    name: str
    job_id: str | None = None
    version_id: str | None = None
    result: JobRecord | None = None
    aside: Address | None = None

    @property
    def spec(self) -> JobSpec | None:
        """The configuration that the request carries, if it carries one."""
        return self.result.spec if self.result else None


class Opened(Model):
    """An intent: its request may be sent from now on, and may have had its effect."""

    entry: Literal["opened"] = "opened"
    intent: Intent


class Recorded(Model):
    """What is now known of an address: its record, or that it has none; closes its intents.

    A record of the job that is recorded already leaves open what was to create one beside it.
    """

    entry: Literal["recorded"] = "recorded"
    address: Address
    record: JobRecord | None


class Removed(Model):
    """The first half of a replacement: the old job is gone, its intent stays open."""

    entry: Literal["removed"] = "removed"
    address: Address
    job_id: str


class Closed(Model):
    """The address's intents had no effect: the platform refused, or nothing was sent.

    Speaks of the newest one; earlier ones that were to create a job beside it stay open.
    """

    entry: Literal["closed"] = "closed"
    address: Address


class Observed(Model):
    """A refresh saw how a run ended. Changes no configuration, so the serial stays."""

    entry: Literal["observed"] = "observed"
    address: Address
    job_id: str
    outcome: Outcome


class Moved(Model):
    """A record got another address; no job was touched."""

    entry: Literal["moved"] = "moved"
    source: Address
    target: Address


class Bound(Model):
    """The state now belongs to this platform, project and workspace."""

    entry: Literal["bound"] = "bound"
    platform: PlatformIdentity


Entry = Annotated[
    Opened | Recorded | Removed | Closed | Observed | Moved | Bound, Field(discriminator="entry")
]
ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


class State(Model):
    """What we recorded, at one serial.

    `lineage` names the state for life; `serial` grows with every entry that changes what is
    recorded, so a plan made at one serial fits no other. `salt` (hex) keys the hashes of
    secrets. `intents` holds, per address, the requests whose outcome is not known yet, oldest
    first. `platform` is None until the first apply.
    """

    format_version: str = FORMAT_VERSION
    stack: str
    lineage: str
    serial: int = 0
    salt: str
    platform: PlatformIdentity | None = None
    records: dict[Address, JobRecord] = Field(default_factory=dict)
    intents: dict[Address, Annotated[tuple[Intent, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )


class Change(Model):
    """What a run did to some addresses: how many, and the first of them."""

    verb: Literal["create", "replace", "update", "delete", "record", "forget", "move"]
    count: int
    addresses: tuple[str, ...]


class Run(Model):
    """Who wrote a snapshot, when, with which command, from which commit, and what it had done.

    `commit` is the definition's, with `+changes` when files differed from it; None outside of a
    repository. `changes` are those recorded since the snapshot before.
    """

    by: str
    host: str
    at: Moment
    command: str
    commit: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One stored version of a state, as `state history` lists it.

    `name` is what `state restore` takes; `saved_at` is when it was written, `run` by whom.
    """

    name: str
    serial: int
    saved_at: datetime
    jobs: int
    run: Run | None = None


def fold(state: State, entries: Iterable[Entry]) -> State:
    """Return the state after the entries, in order.

    Total: an entry about an address that the state does not know changes nothing but the
    serial. Cost grows with the entries, not with the product of entries and records.
    """
    records, intents = dict(state.records), dict(state.intents)
    serial, platform = state.serial, state.platform
    for entry in entries:
        if not isinstance(entry, Observed):
            serial += 1
        match entry:
            case Opened(intent=intent):
                intents[intent.address] = (*intents.get(intent.address, ()), intent)
            case Recorded(address=address, record=record):
                _record(records, intents, address, record)
            case Removed(address=address):
                if known := records.get(address):
                    records[address] = _without_job(known, intents.get(address, ()))
            case Closed(address=address):
                _close(intents, address)
            case Observed(address=address, job_id=job_id, outcome=outcome):
                if (known := records.get(address)) and known.job_id == job_id:
                    records[address] = known.model_copy(update={"outcome": outcome})
            case Moved(source=source, target=target):
                if source in records:
                    records[target] = records.pop(source)
                    _rename_dependency(records, source, target)
                if source in intents:
                    intents[target] = tuple(
                        _readdressed(intent, target) for intent in intents.pop(source)
                    )
            case Bound(platform=identity):
                platform = identity
    return state.model_copy(
        update={
            "records": records,
            "intents": intents,
            "serial": serial,
            "platform": platform,
        }
    )


def _record(
    records: dict[Address, JobRecord],
    intents: dict[Address, tuple[Intent, ...]],
    address: Address,
    record: JobRecord | None,
) -> None:
    settled, known = intents.pop(address, ()), records.get(address)
    if record is None:
        records.pop(address, None)
        return
    if known and known.job_id == record.job_id and (left := _beside(settled)):
        intents[address] = left
    if known and (aside := _aside(settled, record, known)):
        records[aside] = _superseded(known, record)
        known = None
    records[address] = _following(_with_known_outcome(record, known), known)


def _close(intents: dict[Address, tuple[Intent, ...]], address: Address) -> None:
    closed = intents.pop(address, ())
    if closed and not closed[-1].aside and (left := _beside(closed)):
        intents[address] = left


def _readdressed(intent: Intent, target: Address) -> Intent:
    """Return an intent of another address, beside which its superseded job is kept, too."""
    update: dict[str, Address] = {"address": target}
    if intent.aside and intent.job_id:
        update["aside"] = kept_aside(target, intent.job_id)
    return intent.model_copy(update=update)


def _beside(intents: tuple[Intent, ...]) -> tuple[Intent, ...]:
    """Return the creates of a job beside the recorded one.

    What becomes of the recorded one says nothing of them: such a job may still appear.
    """
    return tuple(each for each in intents if each.aside)


def _aside(intents: tuple[Intent, ...], record: JobRecord, known: JobRecord) -> Address | None:
    """Return where the known record goes that the new one supersedes, if an intent says so."""
    if known.job_id in (None, record.job_id):
        return None
    named = (each.aside for each in reversed(intents) if each.name == record.name)
    return next((aside for aside in named if aside), None)


def _superseded(known: JobRecord, record: JobRecord) -> JobRecord:
    """Return a record that goes aside; it is treated as its block says from now on."""
    return known.model_copy(
        update={
            "protect": record.protect,
            "retain": record.retain,
            "ttl_after_finished": record.ttl_after_finished,
        }
    )


def _rename_dependency(records: dict[Address, JobRecord], source: Address, target: Address) -> None:
    for address, record in records.items():
        if source in record.depends_on:
            renamed = {
                target if each == source else each: run for each, run in record.depends_on.items()
            }
            records[address] = record.model_copy(update={"depends_on": renamed})


def _following(record: JobRecord, known: JobRecord | None) -> JobRecord:
    """Keep the last runs of an address, with how they ended."""
    if known is None:
        return record
    earlier = _earlier(known, record.run)
    return record if record.earlier == earlier else record.model_copy(update={"earlier": earlier})


def _earlier(known: JobRecord, run: str | None) -> tuple[PastRun, ...]:
    if known.job_id is None or known.run == run:
        return known.earlier
    past = PastRun(
        job_id=known.job_id,
        version_id=known.version_id,
        attempt=known.attempt,
        created_at=known.created_at,
        outcome=known.outcome,
    )
    return (*known.earlier, past)[-_REMEMBERED:]


def _with_known_outcome(record: JobRecord, known: JobRecord | None) -> JobRecord:
    """Keep how the run ended, when the new record speaks of the same run and was made before."""
    if known is None or known.outcome is None or record.outcome is not None:
        return record
    if known.job_id != record.job_id:
        return record
    if None not in (known.version_id, record.version_id) and known.version_id != record.version_id:
        return record
    return record.model_copy(update={"outcome": known.outcome})


def _without_job(record: JobRecord, intents: tuple[Intent, ...]) -> JobRecord:
    """Take the deleted job out of a record; the attempt counts as the newest open intent says."""
    attempts = [intent.result.attempt for intent in intents if intent.result]
    return record.model_copy(
        update={
            "job_id": None,
            "version_id": None,
            "outcome": None,
            "earlier": _earlier(record, None),
            "attempt": attempts[-1] if attempts else record.attempt,
        }
    )
