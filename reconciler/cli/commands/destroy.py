"""`reconciler destroy`: remove all that the state records."""

import click

from reconciler.cli import options
from reconciler.cli.applying import Applying, Choices
from reconciler.cli.settings import Settings


@click.command()
@options.definition_options
@options.state_options
@options.selection_options
@options.platform_options
@options.option(
    "--interrupt-running",
    to="interrupt_running",
    is_flag=True,
    help="Allow to delete jobs that are pending or running.",
)
@options.delete_timeout_option
@options.auto_approve_option
@options.option("--fail-fast", is_flag=True, help="Begin nothing more after the first failure.")
@options.output_options
@click.pass_obj
def command(settings: Settings, auto_approve: bool, fail_fast: bool) -> int:
    """Delete every job that the state records (asks first); retained jobs are only forgotten.

    Protected jobs make it refuse; --target and --exclude limit it.
    """
    settings.allow_mass_delete = True
    choices = Choices(auto_approve=auto_approve, fail_fast=fail_fast)
    return Applying(settings, "destroy", choices).destroy()
