"""What `apply` and `destroy` share: approval, progress, the result, the exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from reconciler.cli.checks import require_definition
from reconciler.cli.ends import failure_of
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.plans import FORMATS, documents, read_plan, renderers
from reconciler.cli.progress import Progress, make_progress
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.engine.apply import Approval, apply, apply_saved
from reconciler.engine.context import Context
from reconciler.engine.request import Request
from reconciler.engine.staleness import check_digest, check_expected
from reconciler.engine.walking import Walked, request_of, see_through, waiting_in
from reconciler.errors import InterruptedRunError, UsageError
from reconciler.model.address import Address
from reconciler.model.events import Event
from reconciler.model.plan import Plan, PlanPlatform
from reconciler.model.report import ApplyResult, Report, Result
from reconciler.render.outcome import render_apply
from reconciler.render.structured import apply_document, apply_json, plan_document

_NOT_WITH_A_PLAN = {
    "variables": "--var",
    "profile": "--profile",
    "targets": "--target",
    "excludes": "--exclude",
    "adopt": "--adopt",
}


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose for this run beyond the common settings."""

    auto_approve: bool = False
    expect: str | None = None
    wait: bool = False
    fail_fast: bool = False


class Applying:
    """One run of `apply` or `destroy` from the command line."""

    def __init__(self, settings: Settings, command: str, choices: Choices) -> None:
        """Take what the user set; nothing is read yet."""
        self.settings = settings
        self.command = command
        self.choices = choices
        self.output = Output(settings, FORMATS)
        self.workspace = Workspace(settings)
        self.interrupts = Interrupts()
        self._approved: Plan | None = None

    def apply(self) -> int:
        """Plan, ask, carry out, and with `--wait` see the jobs through to their ends."""
        self._require_approval()
        require_definition(self.workspace, self.output)
        with self._context() as (context, platform):
            request = self.workspace.request(platform, self.command)
            return self._carry_out(context, request)

    def destroy(self) -> int:
        """Plan, ask and carry out the removal of everything that is recorded."""
        self._require_approval()
        with self._context() as (context, platform):
            request = self.workspace.request(platform, self.command)
            return self._carry_out(
                context, replace(request, desired={}, sources=(), destroying=True)
            )

    def apply_saved(self, path: Path) -> int:
        """Carry out exactly a saved plan."""
        self._refuse_planning_options()
        saved = read_plan(path)
        check_digest(saved)  # before anything is asked of the places that the plan names
        check_expected(saved, self.choices.expect)
        with self._context(saved) as (context, _):
            result = apply_saved(
                context,
                saved,
                Approval(self._show_and_begin, self.choices.expect),
                self.workspace.consent,
                fail_fast=self.choices.fail_fast,
            )
            code = self._conclude(result)
            request = request_of(saved, self.workspace.consent)
            return self._wait(context, request, code, awaited=None)

    @contextmanager
    def _context(self, plan: Plan | None = None) -> Iterator[tuple[Context, PlanPlatform]]:
        self.progress = self._make_progress()
        try:
            with (
                self.interrupts.installed(),
                self.workspace.connected(
                    self.command, emit=self._emit, stop=self.interrupts.stop, plan=plan
                ) as connected,
            ):
                yield connected
        finally:
            self.progress.close()

    def _make_progress(self) -> Progress:
        if self.output.is_json:
            return make_progress(mode="json", color=False, stream=sys.stdout)
        return self.output.progress()

    def _emit(self, event: Event) -> None:
        self.progress(event)

    def _carry_out(self, context: Context, request: Request) -> int:
        approval = Approval(self._confirm, self.choices.expect)
        result = apply(context, request, approval, fail_fast=self.choices.fail_fast)
        awaited = [each for each in request.desired if each in request.selection]
        return self._wait(context, request, self._conclude(result), awaited=awaited)

    def _wait(
        self, context: Context, request: Request, code: int, *, awaited: list[Address] | None
    ) -> int:
        """With `--wait`: see the jobs through, begin what waited, retry, tell how all ended."""
        if not self.choices.wait or self.interrupts.stop.is_set():
            return code
        self.interrupts.end_changes()
        walked = see_through(
            context,
            request,
            waiting_in(self._approved) if self._approved else {},
            awaited=awaited,
            confirm=self._show_step,
            between=self.interrupts.end_changes,
            fail_fast=self.choices.fail_fast,
        )
        self._renew_progress()
        return self._tell_ends(context, walked, code)

    def _tell_ends(self, context: Context, walked: Walked, code: int) -> int:
        if walked.left:
            self.output.say(f"Still waiting for other jobs: {', '.join(sorted(walked.left))}.")
        if failure := failure_of(context, walked.ended):
            raise failure
        if rows := walked.ended.rows:
            many = len(rows) > 1
            self.output.say(f"All {len(rows)} jobs succeeded." if many else "The job succeeded.")
        return code

    def _confirm(self, report: Report) -> bool:
        """Show the plan and ask, unless the approval was given beforehand."""
        self._approved = report.plan
        self._show(report)
        if report.plan.is_empty or self.choices.auto_approve or self.choices.expect:
            self.interrupts.begin_changes()
            return True
        question = "Destroy all this?" if self.command == "destroy" else "Apply this plan?"
        approved = click.confirm(question, err=True)
        if approved:
            self.interrupts.begin_changes()
        return approved

    def _show_and_begin(self, report: Report) -> bool:
        self._approved = report.plan
        self._show(report)
        self.interrupts.begin_changes()
        return True

    def _show_step(self, report: Report) -> bool:
        """Show what goes on now of a plan that was approved before, if anything does."""
        if not report.plan.is_empty:
            self._show(report)
        self.interrupts.begin_changes()
        return True

    def _show(self, report: Report) -> None:
        if self.output.is_json:
            self.progress(Event(type="plan", data=plan_document(report.plan)))
        else:
            self._renew_progress()
        if self.output.is_terminal:
            click.echo(renderers(report, self.output)["terminal"](), nl=False)
        self.output.show(documents(report, self.output))

    def _conclude(self, result: ApplyResult) -> int:
        """Show what was done; return the exit code that it has."""
        if self.output.is_json:
            self.progress(Event(type="summary", data=apply_document(result)))
        elif result.results or result.recovered or result.moved:
            self._renew_progress()
            self.output.say("")
            self._show_result(result)
        if result.interrupted:
            return InterruptedRunError.exit_code
        return 1 if result.of(Result.FAILED) or not result.verified else 0

    def _show_result(self, result: ApplyResult) -> None:
        """Show what was done, on stderr if the plan's report took stdout."""
        told = partial(
            render_apply,
            result,
            width=self.output.width,
            color=self.output.color,
            verbose=self.output.verbose,
            awaited=self.choices.wait,
            options=self.workspace.options,
        )
        self.output.show({"terminal": told, "json": lambda: apply_json(result)})
        if not self.output.is_terminal:
            self.output.say(told().removesuffix("\n"))

    def _renew_progress(self) -> None:
        """Leave the terminal clean for a result; later events start a new line."""
        self.progress.close()
        self.progress = self._make_progress()

    def _require_approval(self) -> None:
        if self.choices.auto_approve or self.choices.expect or sys.stdin.isatty():
            return
        raise UsageError(
            "Nobody to ask",
            "There is no terminal to ask for approval.",
            "Give --auto-approve, --expect DIGEST, or a saved plan.",
        )

    def _refuse_planning_options(self) -> None:
        given = [name for name in _NOT_WITH_A_PLAN if getattr(self.settings, name)]
        if given:
            flags = ", ".join(_NOT_WITH_A_PLAN[name] for name in given)
            raise UsageError(
                "A saved plan is applied as it is",
                f"It cannot be combined with {flags}.",
                "Make a new plan with these options, or leave them out.",
            )
