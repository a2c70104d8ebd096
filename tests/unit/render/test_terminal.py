"""Plans, drift and results as people see them, held by golden files."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.job import Status
from reconciler.model.plan import Plan, Reason
from reconciler.model.report import ApplyResult, Report
from reconciler.render.terminal import render_apply, render_drift, render_plan
from reconciler.render.text import display_width
from reconciler.render.words import drift_words, reason_words
from tests.build import (
    a_change,
    a_diagnostic,
    a_drift,
    a_plan,
    a_report,
    a_spec,
    an_action,
    an_action_result,
    an_actual,
    an_apply_result,
)
from tests.unit.render.reports import kinds, many

Golden = Callable[[str, str], None]
INK = re.compile(r"\x1b\[[0-9;]+m")
HOSTILE = "x\x1b[2J\x1b]0;owned\x07\r\n\x9b1A\u202egnp\x00\x7f"
LONG = "s3-like/" * 40
SCRIPT = "set -e\npip install -r requirements.txt\npython train.py\necho done\n"


def every_kind() -> Plan:
    """Return a plan in which every kind and most reasons occur."""
    evaluation = a_spec(
        "eval", workers=2, pool_id="pool-1", flavor=None, engine=None, image="swr/team/eval:3"
    )
    actions = [
        an_action("create", "jobtest_TF"),
        an_action("create", "eval", evaluation, reason=Reason.VANISHED),
        an_action("create", "half", reason=Reason.INTERRUPTED),
        an_action(
            "replace",
            "bert",
            changes=(
                a_change(),
                a_change("engine.version", "TF-1.8.0-python3.6", "TF-2.1.0-python3.6"),
                a_change("description", "old", "new text", forces_replace=False),
            ),
            interrupts=True,
            running_ms=4_320_000,
        ),
        an_action(
            "replace",
            "changed-outside",
            reason=Reason.DRIFTED,
            changes=(a_change("inputs", [{"path": "/bucket/a/"}], [{"path": "/bucket/b/"}]),),
        ),
        an_action("replace", "flaky", reason="retry 2/3"),
        an_action("replace", "dependent", reason="dependency_replaced"),
        an_action(
            "update",
            "described",
            changes=(a_change("description", None, "why it runs", forces_replace=False),),
        ),
        an_action("delete", "old-finished"),
        an_action("delete", "old-waiting", interrupts=True),
        an_action("adopt", "taken"),
        an_action("forget", "cleaned-up"),
        an_action("forget", "kept", reason=Reason.RETAINED),
        an_action("blocked", "report", depends_on=("jobtest_TF", "eval")),
        an_action("blocked", "foreign-name", reason=Reason.NAME_TAKEN),
    ]
    return a_plan(*actions, noop=14)


def live_work() -> Report:
    """Return a report that deletes jobs in every status."""
    actions = [
        an_action("delete", f"is-{status}", interrupts=status.is_live, running_ms=0)
        for status in Status
    ]
    unknown = an_action("delete", "not-told", interrupts=True)
    statuses = {action.address: status for action, status in zip(actions, Status, strict=True)}
    return a_report(a_plan(*actions, unknown), statuses=statuses)


def sweep() -> Plan:
    """Return a plan of a full grid, and of a sweep of which only some jobs change."""
    grid = [
        an_action("create", f"resnet[batch_size={size},lr={rate}]")
        for size in (32, 64, 128)
        for rate in ("0.1", "0.01")
    ]
    some = [
        an_action("replace", f"bert[lr={rate},seed={seed}]", changes=(a_change(),))
        for rate, seed in (("0.1", 1), ("0.2", 2), ("0.3", 1))
    ]
    running = an_action("replace", "bert[lr=0.4,seed=1]", interrupts=True, running_ms=61_000)
    sizes = [
        an_action("create", f"size[workers={number}]", a_spec(workers=number)) for number in (1, 2)
    ]
    return a_plan(*grid, *some, running, *sizes)


def long_values() -> Plan:
    """Return a plan whose values do not fit on a line."""
    changes = (
        a_change("code_dir", f"/{LONG}", f"/{LONG}v2/"),
        a_change("command", SCRIPT, SCRIPT.replace("train.py", "train.py --epochs 90")),
        a_change("parameters.a_parameter_with_a_name_longer_than_columns_are", "1", "2"),
        a_change("environment.TOKEN", None, "  padded "),
        a_change("auto_stop_hours", 4, None),
        a_change("volumes", [], [{"type": "nfs", "source": "/a", "target": "/b"}]),
    )
    name = "a-name-that-is-as-long-as-the-platform-allows-a-name-to-be-64-ch"
    return a_plan(an_action("replace", name, changes=changes), an_action("create", name + "2"))


def wide() -> Plan:
    """Return a plan with characters that take two columns, or none."""
    changes = (a_change("description", "手書き数字認識", "数字 🚀", forces_replace=False),)
    return a_plan(
        an_action("update", "学習", changes=changes),
        an_action("update", "é", a_spec("e"), changes=changes),
        an_action("delete", "plain"),
    )


def hostile() -> Report:
    """Return a report with a terminal's commands in every text that comes from outside."""
    changes = (a_change(HOSTILE, HOSTILE, f"{HOSTILE}2"), a_change("p", [HOSTILE], {HOSTILE: 1}))
    problem = a_diagnostic(summary=HOSTILE, detail=HOSTILE, hint=HOSTILE)
    spec = a_spec(HOSTILE, flavor=HOSTILE, image=HOSTILE, boot_file=HOSTILE)
    plan = a_plan(
        an_action("create", HOSTILE, spec),
        an_action("create", f"sweep[{HOSTILE}]", spec),
        an_action("create", f"sweep[a={HOSTILE}]", spec),
        an_action("replace", f"{HOSTILE}2", reason=HOSTILE, job_id=HOSTILE, changes=changes),
        an_action("blocked", f"{HOSTILE}3", depends_on=(HOSTILE,)),
        stack=HOSTILE,
        drift=(a_drift(HOSTILE, changes=changes),),
        diagnostics=(problem,),
    )
    foreign = an_actual(None, name=HOSTILE, job_id=HOSTILE)
    return a_report(plan, saved_to=HOSTILE, unmanaged=(foreign,), recovered=(HOSTILE,))


def with_problems() -> Report:
    """Return a report with drift, an error and a warning, and everything beside the plan."""
    queue = a_diagnostic(
        "warning",
        "Flavor is sold out",
        detail="The flavor modelarts.p3.large.public.free is sold out, so that the job would "
        "wait in the queue until a machine is free.",
        hint="",
    )
    nowhere = a_diagnostic(summary="Too many deletes at once", location=None, hint="")
    drift = (
        a_drift("bert"),
        a_drift("lost", "vanished"),
        a_drift("other", "replaced", changes=(a_change("version_id", "20", "21"),)),
    )
    plan = a_plan(
        an_action("replace", "bert", reason=Reason.DRIFTED, changes=(a_change(),)),
        noop=3,
        drift=drift,
        diagnostics=(a_diagnostic(), queue, nowhere),
    )
    foreign = an_actual(None, name="by-hand", job_id="99")
    return a_report(plan, unmanaged=(foreign,), recovered=("a", "b"))


REPORTS = {
    "nothing": a_report(a_plan(noop=14)),
    "no-jobs": a_report(a_plan()),
    "one": a_report(),
    "only-blocked": a_report(a_plan(an_action("blocked", depends_on=("prep",)), noop=1)),
    "every-kind": a_report(
        every_kind(),
        statuses={"old-finished": Status.SUCCEEDED, "old-waiting": Status.PENDING},
    ),
    "sweep": a_report(sweep()),
    "live-work": live_work(),
    "long-values": a_report(long_values()),
    "wide": a_report(wide()),
    "hostile": hostile(),
    "problems": with_problems(),
    "saved": a_report(saved_to="my plan.json"),
    "apply": a_report(command="apply"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_plan(name: str, golden: Golden) -> None:
    golden(f"plan/{name}.txt", render_plan(REPORTS[name]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("every-kind-40", {"width": 40}),
        ("every-kind-120", {"width": 120}),
        ("every-kind-color", {"color": True}),
        ("every-kind-verbose", {"verbose": 1}),
        ("long-values-40", {"width": 40}),
        ("long-values-verbose", {"verbose": 1}),
        ("problems-verbose", {"verbose": 1}),
        ("problems-color", {"color": True}),
        ("sweep-verbose", {"verbose": 1}),
    ],
)
def test_plan_in_other_shapes(name: str, options: dict[str, Any], golden: Golden) -> None:
    report = REPORTS[name.rpartition("-")[0]]

    golden(f"plan/{name}.txt", render_plan(report, **options))


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", REPORTS)
def test_no_line_is_wider_than_asked_but_the_digest(name: str, width: int) -> None:
    for verbose in (0, 1):
        text = render_plan(REPORTS[name], width=width, verbose=verbose)

        wide = [line for line in text.splitlines() if display_width(line) > width]
        assert all(line.startswith("Digest: ") for line in wide), wide


@pytest.mark.parametrize("name", REPORTS)
def test_colour_adds_nothing_but_ink(name: str) -> None:
    report = REPORTS[name]

    colored = render_plan(report, color=True, verbose=1)

    assert INK.search(colored)
    plain_lines = [line.rstrip() for line in INK.sub("", colored).splitlines()]
    assert plain_lines == render_plan(report, verbose=1).splitlines()


@pytest.mark.parametrize("render", [render_plan, render_drift])
@pytest.mark.parametrize("verbose", [0, 1])
def test_no_foreign_text_reaches_the_terminal_raw(render: Callable[..., str], verbose: int) -> None:
    colored = render(hostile(), color=True, verbose=verbose)

    left = INK.sub("", colored)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", left)
    assert INK.sub("", colored).count("\\x1b[2J") > 1


def test_a_thousand_actions_take_one_line_each() -> None:
    actions = [an_action("create", f"job-{number:04}") for number in range(1000)]

    lines = render_plan(a_report(a_plan(*actions))).splitlines()

    assert sum(line.startswith("  + create") for line in lines) == 1000
    assert len(lines) < 1020
    assert any(line == "Plan: 1,000 to create. 0 unchanged." for line in lines)


def test_every_deleted_job_of_a_sweep_is_named() -> None:
    actions = [an_action("delete", f"resnet[seed={number}]") for number in range(100)]

    text = render_plan(a_report(a_plan(*actions)))

    assert set(map(str, range(100))) <= set(re.findall(r"\d+", text))


def test_ten_thousand_actions_are_shown_without_a_wait() -> None:
    actions = [
        an_action("replace", f"job-{number}", changes=(a_change(), a_change("flavor", "a", "b")))
        for number in range(10_000)
    ]
    report = a_report(a_plan(*actions))
    began = time.process_time()

    text = render_plan(report, color=True)

    assert text.count("replace  ") == 10_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_of_its_own(reason: Reason) -> None:
    words = reason_words(an_action(reason=reason))

    others = {reason_words(an_action(reason=each)) for each in Reason if each is not reason}
    assert words not in others
    assert "_" not in words


def test_a_reason_of_a_later_version_is_shown_as_it_is() -> None:
    assert reason_words(an_action(reason="became_too_old")) == "became too old"


@pytest.mark.parametrize(
    ("name", "report", "options"),
    [
        ("none", a_report(a_plan(noop=3), command="drift"), {}),
        ("some", with_problems(), {}),
        ("some-verbose-color", with_problems(), {"verbose": 1, "color": True}),
    ],
)
def test_drift(name: str, report: Report, options: dict[str, Any], golden: Golden) -> None:
    golden(f"drift/{name}.txt", render_drift(report, **options))


def test_drift_kinds_have_words_of_their_own() -> None:
    kinds = {a_drift(kind=kind).kind for kind in ("changed", "replaced", "vanished")}

    assert len({drift_words(kind) for kind in kinds}) == 3


FAILED = an_action_result(
    an_action("create", "eval"),
    "failed",
    error="The platform refused the request\nModelArts.0104: the name is taken.\nChoose another.",
)
SKIPPED = an_action_result(an_action("create", "report"), "skipped", error='"eval" was not done')
MANY = [
    an_action_result(an_action("create", f"job-{number}"), "failed", error="Quota exceeded")
    for number in range(30)
]
RESULTS = {
    "done": an_apply_result(
        an_action_result(),
        an_action_result(an_action("replace", "b")),
        an_action_result(an_action("delete", "c")),
        an_action_result(an_action("forget", "d")),
    ),
    "deleted": an_apply_result(an_action_result(an_action("delete"))),
    "nothing": ApplyResult(),
    "failed": an_apply_result(an_action_result(), FAILED, SKIPPED),
    "all-failed": an_apply_result(FAILED),
    "many-failed": an_apply_result(an_action_result(), *MANY),
    "interrupted": an_apply_result(an_action_result(), SKIPPED, interrupted=True),
    "recovered": an_apply_result(recovered=("lost", "found")),
    "mismatch": an_apply_result(verified=False, mismatches=("resnet",)),
    "hostile": an_apply_result(
        an_action_result(an_action("create", HOSTILE), "failed", error=HOSTILE),
        recovered=(HOSTILE,),
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_apply(name: str, golden: Golden) -> None:
    golden(f"apply/{name}.txt", render_apply(RESULTS[name]))


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("width", [40, 80])
def test_apply_fits_and_colours_nothing_but_its_own_words(name: str, width: int) -> None:
    colored = render_apply(RESULTS[name], width=width, color=True, verbose=1)

    plain = INK.sub("", colored)
    assert all(display_width(line) <= width for line in plain.splitlines())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain)


def test_verbose_names_every_failed_job() -> None:
    text = render_apply(RESULTS["many-failed"], verbose=1)

    assert all(f"job-{number}: create: Quota exceeded" in text for number in range(30))


def test_a_common_change_of_many_jobs_is_told_once() -> None:
    lines = render_plan(many(1000)).splitlines()

    heads = [line for line in lines if re.match(r" *\S+ (create|replace|update|delete)\b", line)]
    assert len(heads) == 1000, "each job has its line"
    assert sum("parameters.lr" in line for line in lines) == 2
    assert "-/+ replace  job-0997  definition changed (as job-0001)" in lines
    assert len(lines) < 1020


def test_few_jobs_are_told_whole_and_so_are_all_when_asked() -> None:
    assert render_plan(many(20)).count("parameters.lr") == 10
    assert render_plan(many(1000), verbose=1).count("parameters.lr  0.1 → 0.2") == 500


def test_what_a_plan_costs_stands_out() -> None:
    shown = render_plan(kinds(), color=True)

    assert "\x1b[1;33mEstimated cost: 1,234.50 CNY" in shown
