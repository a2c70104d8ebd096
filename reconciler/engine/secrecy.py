"""Secrets through a run: one vault, keyed by the state's salt, for all that is read and sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.diagnostics import Diagnostic, error, warning
from reconciler.engine.context import Context
from reconciler.errors import PlanStaleError
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, JobRecord
from reconciler.model.plan import Action, ActionKind
from reconciler.model.secrets import Vault, secrets_of, unsealed, without_hashes
from reconciler.model.spec import JobSpec
from reconciler.model.state import Entry, Recorded, State

_SENDING = (ActionKind.CREATE, ActionKind.REPLACE, ActionKind.BLOCKED)


def open_vault(context: Context, state: State, specs: Iterable[JobSpec]) -> Vault:
    """Make the vault of a state, for what it records and for further specs; the provider has it."""
    recorded = (record.spec for record in state.records.values())
    meant = (
        intent.spec
        for intents in state.intents.values()
        for intent in intents
        if intent.spec is not None
    )
    vault = Vault.of((*recorded, *meant, *specs), state.salt, context.environment)
    context.provider.keep_secrets(vault)
    return vault


def sealed_jobs(
    desired: Mapping[Address, DesiredJob], state: State, vault: Vault
) -> Mapping[Address, DesiredJob]:
    """Return the desired jobs with the hashes of their secrets.

    A secret whose variable is not set is taken to be what is recorded of it, so that it is no
    change that nobody made.
    """
    if not vault.places:
        return desired
    sealed = dict(desired)
    for address, job in desired.items():
        if secrets_of(job.spec):
            record = state.records.get(address)
            sealed[address] = replace(job, spec=_sealed(job.spec, record, vault))
    return sealed


def _sealed(spec: JobSpec, record: JobRecord | None, vault: Vault) -> JobSpec:
    sealed = vault.seal(spec)
    known = secrets_of(record.spec) if record else {}
    sections = {"parameters": dict(sealed.parameters), "environment": dict(sealed.environment)}
    for (section, key), secret in secrets_of(sealed).items():
        recorded = known.get((section, key))
        if secret.hmac is None and recorded is not None and recorded.secret == secret.secret:
            sections[section][key] = recorded
    return sealed.model_copy(update=sections)


def sealed_state(state: State, desired: Mapping[Address, DesiredJob], vault: Vault) -> State:
    """Return the state with plain values sealed where the definition says that they are secret.

    What once stood in a definition openly is recorded openly; shown or compared it must not be.
    """
    if not vault.places:
        return state
    records = {
        address: _hidden(record, desired.get(address), vault)
        for address, record in state.records.items()
    }
    intents = {
        address: tuple(
            each.model_copy(update={"result": _hidden(each.result, desired.get(address), vault)})
            if each.result
            else each
            for each in of_address
        )
        for address, of_address in state.intents.items()
    }
    return state.model_copy(update={"records": records, "intents": intents})


def _hidden(record: JobRecord, desired: DesiredJob | None, vault: Vault) -> JobRecord:
    spec = vault.hide(record.spec, like=desired.spec if desired else None)
    return record if spec is record.spec else record.model_copy(update={"spec": spec})


def resealed(recorded: State | None, sealed: State) -> tuple[Entry, ...]:
    """Return the entries that take plain values of secrets out of what is recorded.

    Not where a request is open, which such an entry would close.
    """
    if recorded is None:
        return ()
    return tuple(
        Recorded(address=address, record=record)
        for address, record in sealed.records.items()
        if record is not recorded.records.get(address) and address not in sealed.intents
    )


def check_secrets(
    actions: Sequence[Action], desired: Mapping[Address, DesiredJob], vault: Vault
) -> Iterator[Diagnostic]:
    """Tell of variables that are not set: an error where they are to be sent, else a warning."""
    if not vault.places:
        return
    sending = {action.address for action in actions if action.kind in _SENDING}
    untold: dict[str, list[DesiredJob]] = {}
    for address, job in desired.items():
        for place, secret in secrets_of(job.spec).items():
            if secret.secret in vault.environment:
                continue
            if address in sending:
                yield _not_set(job, ".".join(place), secret.secret)
            else:
                untold.setdefault(secret.secret, []).append(job)
    for name, jobs in untold.items():
        where = f'job "{jobs[0].address}"' if len(jobs) == 1 else f"{len(jobs)} jobs"
        yield warning(
            "Secret is not set",
            f"Whether its value has changed in {where} cannot be told: the environment variable "
            f"{name} is not set.",
            f"Set it before you run the command (export {name}=…).",
            location=jobs[0].location,
            code="secret",
        )


def _not_set(job: DesiredJob, path: str, name: str) -> Diagnostic:
    return error(
        "Secret is not set",
        f'Job "{job.address}": {path} is read from the environment variable {name}, which is not '
        "set.",
        f"Set it before you run the command (export {name}=…).",
        address=job.address,
        location=job.place(path),
        code="secret",
    )


def check_planned(actions: Iterable[Action], vault: Vault) -> tuple[Diagnostic, ...]:
    """Return an error for each secret of a saved plan that is not set.

    Raises `PlanStaleError` for one whose value is not the one that was planned with.
    """
    problems: list[Diagnostic] = []
    changed: list[str] = []
    for action in actions:
        if action.result is None or action.kind not in _SENDING:
            continue
        job = DesiredJob(action.address, action.result.spec, location=action.location)
        for place, secret in secrets_of(job.spec).items():
            path, value = ".".join(place), vault.environment.get(secret.secret)
            if value is None:
                problems.append(_not_set(job, path, secret.secret))
            elif secret.hmac not in (None, vault.hash(value)):
                changed.append(f'Job "{action.address}": {path} (secret {secret.secret})')
    if changed:
        raise PlanStaleError(
            "Secrets have changed since the plan was made",
            "\n".join(changed),
            "Nothing was changed. Make a new plan with `reconciler plan` and review that.",
        )
    return tuple(problems)


def before_its_salt(action: Action) -> Action:
    """Return an action without hashes: of a plan for a state that is only to come, with its salt.

    Otherwise no two such plans would be alike, and none would fit the state that apply begins.
    """
    result = action.result
    return action.model_copy(
        update={
            "after": without_hashes(action.after),
            "changes": tuple(
                change.model_copy(
                    update={
                        "before": without_hashes(change.before),
                        "after": without_hashes(change.after),
                    }
                )
                for change in action.changes
            ),
            "result": result and result.model_copy(update={"spec": unsealed(result.spec)}),
        }
    )


def with_hashes(action: Action, vault: Vault) -> Action:
    """Return an action whose result has the hashes of its secrets, as it is recorded."""
    if action.result is None:
        return action
    spec = vault.seal(action.result.spec)
    if spec is action.result.spec:
        return action
    return action.model_copy(update={"result": action.result.model_copy(update={"spec": spec})})
