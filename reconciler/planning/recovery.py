"""What became of requests whose outcome was never recorded: decided from intents and listing.

An interrupted run leaves intents without outcome in the journal. Which of them had their effect
can be told from the platform's jobs alone, so the next run settles them before it plans.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, JobRecord
from reconciler.model.platform import Listing
from reconciler.model.state import Closed, Entry, Intent, Recorded, Removed, State
from reconciler.planning.diff import drift_changes

CLOCK_SKEW = timedelta(seconds=5)
"""How much earlier than its intent a job of ours may seem to be created: `Date` headers count
whole seconds, and the platform's machines need not agree to the second."""


LATEST = timedelta(hours=1)
"""How long after its intent a request may still have its effect. A job that appears later under
the same name is somebody else's, however much it is like what was once meant."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The journal entries that settle open intents, and the addresses whose job was found."""

    entries: tuple[Entry, ...] = ()
    recovered: tuple[Address, ...] = ()


def recover(state: State, listing: Listing) -> Recovery:
    """Settle the open intents that the listing can settle.

    A job created by us is told by its exact name, a configuration equal to what was sent, and a
    creation no earlier than the intent; a job that merely bears the name is somebody else's. A
    create that left no job stays open: its request may still be on the way, and a repetition
    finds out by the name. A job belongs to one address: to the one that records it, else to the
    one that meant it last. `listing` must carry the specs of the candidates.
    """
    entries: list[Entry] = []
    recovered: list[Address] = []
    owners = {record.job_id: address for address, record in state.records.items()}
    for address, intents in sorted(state.intents.items(), key=_newest_first):
        found = _find_ours(intents, listing) or _find_our_version(intents, listing)
        if found and owners.setdefault(found.job_id, address) == address:
            settled: list[Entry] = [Recorded(address=address, record=found)]
        else:
            settled = _settle(address, intents[-1], state.records.get(address), listing)
        entries += settled
        if any(isinstance(entry, Recorded) for entry in settled):
            recovered.append(address)
    return Recovery(tuple(entries), tuple(sorted(recovered)))


def _newest_first(item: tuple[Address, tuple[Intent, ...]]) -> tuple[float, Address]:
    address, intents = item
    return -intents[-1].at.timestamp(), address


def _find_ours(intents: Sequence[Intent], listing: Listing) -> JobRecord | None:
    for name in dict.fromkeys(intent.name for intent in reversed(intents)):
        job = listing.by_name(name)
        if job and (found := is_ours(intents, job)):
            return found
    return None


def is_ours(intents: Iterable[Intent], job: ActualJob) -> JobRecord | None:
    """Return the record of a job that one of these intents created, newest intent first.

    A job that one of them was to delete is on its way out, however much it looks like the new one.
    """
    intents = tuple(intents)
    if job.spec is None or any(intent.job_id == job.job_id for intent in intents):
        return None
    for intent in reversed(intents):
        if intent.result is None or intent.kind != "create" or job.name != intent.name:
            continue
        if job.created_at is not None and not _may_have_made(intent, job.created_at):
            continue
        if any(change.forces_replace for change in drift_changes(intent.result.spec, job.spec)):
            continue
        return with_ids(intent.result, job)
    return None


def _find_our_version(intents: Sequence[Intent], listing: Listing) -> JobRecord | None:
    for job_id in dict.fromkeys(each.job_id for each in intents if each.kind == "version"):
        job = listing.by_id(job_id)
        if job and (found := is_our_version(intents, job)):
            return found
    return None


def is_our_version(intents: Iterable[Intent], job: ActualJob) -> JobRecord | None:
    """Return the record of a job's latest version if one of these intents created it.

    It is another one than it was to follow, and configured as was sent. Nobody else could have
    meant just that; if someone did, it is what was wanted all the same.
    """
    for intent in reversed(tuple(intents)):
        if intent.kind != "version" or intent.job_id != job.job_id or intent.result is None:
            continue
        if None in (intent.version_id, job.version_id) or intent.version_id == job.version_id:
            continue
        if job.spec is None:
            continue
        if any(change.forces_replace for change in drift_changes(intent.result.spec, job.spec)):
            continue
        return with_ids(intent.result, job)
    return None


def _may_have_made(intent: Intent, created_at: datetime) -> bool:
    return intent.at - CLOCK_SKEW <= created_at <= intent.at + LATEST


def with_ids(result: JobRecord, job: ActualJob) -> JobRecord:
    """Fill in what the platform gave the job."""
    return result.model_copy(
        update={
            "job_id": job.job_id,
            "version_id": job.version_id,
            "created_at": job.created_at or result.created_at,
        }
    )


def _settle(
    address: Address, intent: Intent, record: JobRecord | None, listing: Listing
) -> list[Entry]:
    """Settle the newest intent of an address whose new job, if it was to have one, is not there."""
    match intent.kind:
        case "delete":
            gone = intent.job_id is not None and listing.by_id(intent.job_id) is None
            return [Recorded(address=address, record=intent.result)] if gone else []
        case "update":
            return [_settle_update(address, intent, listing)]
        case "replace":
            return _settle_removal(address, intent, record, listing)
        case _:
            return []


def _settle_update(address: Address, intent: Intent, listing: Listing) -> Entry:
    job = listing.by_id(intent.job_id)
    if job and intent.result and job.description == intent.result.spec.description:
        return Recorded(address=address, record=with_ids(intent.result, job))
    return Closed(address=address)


def _settle_removal(
    address: Address, intent: Intent, record: JobRecord | None, listing: Listing
) -> list[Entry]:
    """Note that the old job of a replacement is gone; the intent stays open for the new one."""
    if intent.job_id is None or listing.by_id(intent.job_id) is not None:
        return []
    if record is None or record.job_id is None:
        return []
    return [Removed(address=address, job_id=intent.job_id)]
