"""Mutations of what decides: folding, recovery, the truth table, guards, staleness."""

from tests.reliability.mutations.mutation import Mutation

STATE = "reconciler/model/state.py"
RECOVERY = "reconciler/planning/recovery.py"
ACTIONS = "reconciler/planning/actions.py"
DECIDE = "reconciler/planning/decide.py"
PLANNER = "reconciler/planning/planner.py"
GUARDS = "reconciler/planning/guards.py"
STALENESS = "reconciler/engine/staleness.py"
ENGINE = ("tests/unit/engine",)
FOLD = ("tests/unit/model/test_fold.py",)
PLANNING = ("tests/unit/planning",)
SAVED = ("tests/unit/engine/test_saved_plans.py",)

MUTATIONS = (
    # Folding.
    *(
        Mutation(f"fold: drops {what}", STATE, old, new, FOLD)
        for what, old, new in (
            (
                "opened",
                "intents[intent.address] = (*intents.get(intent.address, ()), intent)",
                "pass",
            ),
            (
                "recorded",
                "records[address] = _following(_with_known_outcome(record, known), known)",
                "pass",
            ),
            (
                "removed",
                "records[address] = _without_job(known, intents.get(address, ()))",
                "pass",
            ),
            (
                "closed",
                "case Closed(address=address):\n                _close(intents, address)",
                "case Closed(address=address):\n                pass",
            ),
            (
                "observed",
                'records[address] = known.model_copy(update={"outcome": outcome})',
                "pass",
            ),
            ("kept aside", "records[aside] = _superseded(known, record)", "pass"),
            ("moved", "records[target] = records.pop(source)", "pass"),
            ("moved intents", "                if source in intents:\n", "                if 0:\n"),
            ("bound", "                platform = identity\n", "                pass\n"),
        )
    ),
    Mutation(
        "fold: serial does not grow",
        STATE,
        "            serial += 1\n",
        "            serial += 0\n",
        FOLD,
    ),
    Mutation(
        "fold: retry counter lost between the halves",
        STATE,
        "attempts[-1] if attempts else record.attempt",
        "record.attempt",
        FOLD,
    ),
    # Recovery.
    Mutation(
        "recovery: any job of that name is ours",
        RECOVERY,
        """            continue
        if any(change.forces_replace for change in drift_changes(intent.result.spec, job.spec)):
            continue
        return with_ids(intent.result, job)
    return None


def _find_our_version(""",
        """            continue
        return with_ids(intent.result, job)
    return None


def _find_our_version(""",
        ("tests/unit/planning/test_recovery.py",),
    ),
    Mutation(
        "recovery: jobs older than the intent are ours",
        RECOVERY,
        "    return intent.at - CLOCK_SKEW <= created_at <= intent.at + LATEST\n",
        "    return created_at <= intent.at + LATEST\n",
        ("tests/unit/planning/test_recovery.py",),
    ),
    Mutation(
        "recovery: jobs of long after are ours",
        RECOVERY,
        "    return intent.at - CLOCK_SKEW <= created_at <= intent.at + LATEST\n",
        "    return intent.at - CLOCK_SKEW <= created_at\n",
        ("tests/unit/planning/test_recovery.py",),
    ),
    Mutation(
        "recovery: the job on its way out is the new one",
        RECOVERY,
        "    if job.spec is None or any(intent.job_id == job.job_id for intent in intents):\n",
        "    if job.spec is None:\n",
        ("tests/unit/planning/test_recovery.py",),
    ),
    Mutation(
        "recovery: one job for two addresses",
        RECOVERY,
        "        if found and owners.setdefault(found.job_id, address) == address:\n",
        "        if found:\n",
        ("tests/unit/planning/test_recovery.py",),
    ),
    # Deciding.
    Mutation(
        "decide: retry counter not kept",
        ACTIONS,
        'overrides.pop("attempt", 1)',
        '0 * overrides.pop("attempt", 1) + 1',
        PLANNING,
    ),
    Mutation(
        "decide: protected jobs retried",
        DECIDE,
        "        and not _is_protected(desired, record)\n    )\n",
        "    )\n",
        PLANNING,
    ),
    Mutation(
        "decide: finished jobs paid for again",
        DECIDE,
        '        case "accept_finished" | "error" if record.has_succeeded:\n',
        '        case "accept_finished" | "error" if not record.has_succeeded:\n',
        PLANNING,
    ),
    Mutation(
        "decide: another version goes unseen",
        DECIDE,
        "        record.version_id != actual.version_id\n",
        "        False\n",
        PLANNING,
    ),
    Mutation(
        "decide: adopts what differs",
        ACTIONS,
        "allowed and actual.spec is not None and not forces_replace(differences)",
        "allowed",
        PLANNING,
    ),
    Mutation(
        "planner: does not wait for the name",
        PLANNER,
        "        return action if action.waits else _after(action, owner)\n",
        "        return action\n",
        PLANNING,
    ),
    Mutation(
        "ordering: dependents of a failure begun",
        "reconciler/planning/ordering.py",
        "            return self._drop_dependents(action)\n",
        "            pass\n",
        (*PLANNING, *ENGINE),
    ),
    Mutation(
        "refresh: a job missing in the list is gone",
        "reconciler/engine/refresh.py",
        "        and listing.by_id(record.job_id) is None\n",
        "        and False\n",
        ENGINE,
    ),
    # Guards and staleness.
    Mutation(
        "guard skipped: protect", GUARDS, "        *_protected(actions, state),\n", "", PLANNING
    ),
    Mutation(
        "guard skipped: interrupt",
        GUARDS,
        "        *(() if consent.interrupt_running else _interrupting(actions)),\n",
        "",
        PLANNING,
    ),
    Mutation(
        "guard skipped: mass delete",
        GUARDS,
        "        *(() if consent.mass_delete else _mass_delete(actions, state)),\n",
        "",
        PLANNING,
    ),
    Mutation(
        "guard skipped: identity",
        GUARDS,
        "    if state.platform is None or state.platform == actual:\n",
        "    if True:\n",
        PLANNING,
    ),
    Mutation(
        "guards of a saved plan skipped",
        "reconciler/engine/apply.py",
        "        refuse_errors(check_guards(actions, state, consent))\n",
        "",
        ENGINE,
    ),
    Mutation(
        "stale: another version goes unseen",
        STALENESS,
        "        wanted.version_id != actual.version_id\n",
        "        False\n",
        SAVED,
    ),
    Mutation(
        "stale: a later serial goes unseen",
        STALENESS,
        "    if plan.state.serial != found.serial:\n",
        "    if False:\n",
        SAVED,
    ),
    Mutation(
        "stale: an edited plan goes unseen",
        STALENESS,
        "    if plan.digest != plan.computed_digest:\n",
        "    if False:\n",
        SAVED,
    ),
)
