"""The reports that every document format is tried with."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from reconciler.model.job import Status
from reconciler.model.plan import Estimate, KnownDrift, Reason
from reconciler.model.report import Report
from tests.build import (
    a_change,
    a_diagnostic,
    a_drift,
    a_location,
    a_plan,
    a_platform,
    a_report,
    a_spec,
    an_action,
    an_actual,
)

HOSTILE = (
    "x\x1b[2J\r\n<script>alert(1)</script> \"q\" 'a' & |`t` ```f @team #12 !3 [l](http://e.vil) "
    "![i](//e.vil) *b* _u_ ::error::x,y %0A ]]> --> {0} \u202e\x00\ufffe"
)
"""What would be markup, a command, a mention or a link somewhere, and bytes that XML forbids."""

DIGEST = "sha256:" + "4d" * 32
SCRIPT = "set -e\npip install -r requirements.txt\npython train.py\necho done\n"


def kinds() -> Report:
    """Return a report with every kind, live work, a sweep, drift, problems and dependencies."""
    changed = (
        a_change("engine.version", "TF-1.8.0-python3.6", "TF-2.1.0-python3.6"),
        a_change("command", SCRIPT, SCRIPT.replace("train.py", "train.py --epochs 90")),
        a_change("inputs", [{"path": "/b/a/"}], [{"path": "/b/b/", "kind": "data"}]),
        a_change("description", None, "why | it runs", forces_replace=False),
    )
    sweep = [
        an_action("create", f"resnet[batch_size={size},lr={rate}]")
        for size in (32, 64)
        for rate in ("0.1", "0.01")
    ]
    actions = [
        an_action("create", "prepare"),
        *sweep,
        an_action("replace", "bert", changes=changed, interrupts=True, running_ms=4_320_000),
        an_action("replace", "flaky", reason="retry 2/3"),
        an_action("update", "described", changes=changed[-1:]),
        an_action("delete", "old-finished"),
        an_action("delete", "old-waiting", interrupts=True),
        an_action("adopt", "taken"),
        an_action("forget", "kept", reason=Reason.RETAINED),
        an_action("blocked", "eval", depends_on=(*(each.address for each in sweep), "data")),
        an_action("blocked", "report", depends_on=("eval", "prepare")),
    ]
    problems = (
        a_diagnostic("warning", "Sold out", hint="", code="sold_out"),
        a_diagnostic(),
        a_diagnostic(
            summary="Too many deletes at once",
            detail="Of 12 jobs:\n  old-finished\n  old-waiting",
            hint="`--allow-mass-delete` allows it.",
            location=None,
            address=None,
            code="mass_delete",
        ),
    )
    drift = (
        a_drift("described"),
        a_drift("lost", "vanished", location=None),
        a_drift("other", "replaced", location=a_location(3, file="./team/../jobs/more jobs.yaml")),
    )
    known = KnownDrift(
        **dict(a_drift("tuned")), ignored_because="Ana tunes it", until=date(2030, 1, 1)
    )
    plan = a_plan(
        *actions,
        noop=14,
        drift=drift,
        known_drift=(known,),
        estimate=Estimate(currency="CNY", cost=Decimal("1234.5"), unknown=("prepare",)),
        diagnostics=problems,
    )
    statuses = {"old-finished": Status.SUCCEEDED, "old-waiting": Status.PENDING}
    foreign = an_actual(None, name="by-hand", job_id="99")
    return a_report(
        plan, statuses=statuses, unmanaged=(foreign,), recovered=("found",), notes=("a note",)
    )


def hostile() -> Report:
    """Return a report in which every text from outside is hostile."""
    changes = (
        a_change(HOSTILE, HOSTILE, f"{HOSTILE}2"),
        a_change("p", [HOSTILE], {HOSTILE: 1}),
        a_change("q", "```", "</details>"),
    )
    spec = a_spec(HOSTILE, flavor=HOSTILE, image=HOSTILE, boot_file=HOSTILE)
    place = a_location(file=HOSTILE)
    plan = a_plan(
        an_action("create", HOSTILE, spec, location=place),
        an_action("create", f"sweep[{HOSTILE}]", spec),
        an_action("create", f"sweep[a={HOSTILE}]", spec),
        an_action("replace", f"{HOSTILE}2", reason=HOSTILE, job_id=HOSTILE, changes=changes),
        an_action("blocked", f"{HOSTILE}3", depends_on=(HOSTILE, f"{HOSTILE}4")),
        stack=HOSTILE,
        reconciler_version=HOSTILE,
        drift=(a_drift(HOSTILE, changes=changes, location=place),),
        known_drift=(KnownDrift(**dict(a_drift(HOSTILE)), ignored_because=HOSTILE),),
        estimate=Estimate(currency=HOSTILE, cost=Decimal(1), unknown=(HOSTILE,)),
        diagnostics=(
            a_diagnostic(
                summary=HOSTILE, detail=HOSTILE, hint="one @line, #1", address=HOSTILE, code=HOSTILE
            ),
        ),
    )
    foreign = an_actual(None, name=HOSTILE, job_id=HOSTILE)
    return a_report(
        plan,
        saved_to=HOSTILE,
        options=HOSTILE,
        unmanaged=(foreign,),
        recovered=(HOSTILE,),
        notes=(HOSTILE,),
    )


def many(number: int = 60) -> Report:
    """Return a report of this many actions, a quarter of each kind that does something."""
    changes = (a_change(), a_change("flavor", "modelarts.vm.cpu.8u", "modelarts.p3.large"))
    kinds = ("create", "replace", "update", "delete")
    return a_report(
        a_plan(
            *(
                an_action(
                    kinds[count % 4],
                    f"job-{count:04}",
                    changes=changes if count % 4 in (1, 2) else (),
                )
                for count in range(number)
            )
        )
    )


def drifted(*, some: bool = True) -> Report:
    """Return what `drift` found: something, or nothing."""
    plan = kinds().plan if some else a_plan(noop=3)
    return a_report(plan, command="drift")


def checked() -> Report:
    """Return what was found in a definition of which not even the stack can be read."""
    plan = a_plan(
        stack="",
        platform=a_platform(api="", endpoint="", project_id=""),
        diagnostics=(
            a_diagnostic(summary="Unknown key", address=None, code=""),
            a_diagnostic("warning", "Shared output", hint="", code="shared_output"),
        ),
    )
    return a_report(plan.model_copy(update={"digest": ""}), command="validate")


def reports() -> dict[str, Report]:
    """Return the reports by name, made anew, with a digest that says nothing of their content."""
    found = {
        "empty": a_report(a_plan()),
        "one": a_report(options=" -f jobs/"),
        "kinds": kinds(),
        "hostile": hostile(),
        "many": many(),
        "drift": drifted(),
        "no-drift": drifted(some=False),
        "check": checked(),
        "destroy": a_report(a_plan(an_action("delete", reason=Reason.REMOVED)), command="destroy"),
    }
    plans = {
        name: each.plan.model_copy(update={"digest": DIGEST if each.plan.digest else ""})
        for name, each in found.items()
    }
    return {name: replace(each, plan=plans[name]) for name, each in found.items()}


REPORTS = reports()
