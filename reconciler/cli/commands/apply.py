"""`reconciler apply`: carry out a fresh plan, or a saved one."""

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.applying import Applying, Choices
from reconciler.cli.settings import Settings


@click.command()
@click.argument("plan", required=False, type=click.Path(path_type=Path))
@options.definition_options
@options.state_options
@options.selection_options
@options.platform_options
@options.consent_options
@options.adopt_option
@options.delete_timeout_option
@options.auto_approve_option
@options.option(
    "--expect", metavar="DIGEST", help="Apply only the plan with this digest (sha256:…)."
)
@options.option(
    "--wait", is_flag=True, help="Wait until the jobs have ended, and retry as defined."
)
@options.option("--fail-fast", is_flag=True, help="Begin nothing more after the first failure.")
@options.output_options
@click.pass_obj
def command(
    settings: Settings,
    plan: Path | None,
    auto_approve: bool,
    expect: str | None,
    wait: bool,
    fail_fast: bool,
) -> int:
    """Carry out a fresh plan (asks first), or exactly the saved PLAN.

    Records every step; whatever dies and whenever, the next apply picks it up.
    """
    choices = Choices(auto_approve, expect, wait, fail_fast)
    applying = Applying(settings, "apply", choices)
    return applying.apply_saved(plan) if plan else applying.apply()
