"""`reconciler migrate`: move a stack's records to another version of the platform's API."""

import sys

import click

from reconciler.cli import options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.plans import renderers
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import V2, Workspace
from reconciler.errors import UsageError
from reconciler.model.migration import Migration
from reconciler.model.report import Report


@click.command()
@options.option("--to", "to", type=click.Choice([V2]), required=True, help="API version to use.")
@options.definition_options
@options.state_options
@options.platform_options
@options.auto_approve_option
@options.output_options
@click.pass_obj
def command(settings: Settings, to: str, auto_approve: bool) -> int:
    """Move the records of finished jobs, and show what would be run again (asks first).

    No job is touched. A job that is pending or running stands against it. Afterwards the
    definition says `api: modelarts/v2`, and nothing else in it changes.
    """
    output, workspace = Output(settings), Workspace(settings)
    if not auto_approve and not sys.stdin.isatty():
        raise UsageError(
            "Nobody to ask", "There is no terminal to ask for approval.", "Give --auto-approve."
        )
    workspace.check_expressible(to)
    state = workspace.recorded()
    if state is None or state.platform is None:
        output.say(f"Nothing is recorded yet. Write `api: {to}` in the definition.")
        return 0
    if state.platform.api == to:
        output.say(f'The stack "{state.stack}" has moved to {to} already.')
        return 0
    return _Moving(settings, workspace, output, auto_approve).run(state.platform.api, to)


class _Moving:
    """One run of the command, with something to move."""

    def __init__(
        self, settings: Settings, workspace: Workspace, output: Output, auto_approve: bool
    ) -> None:
        self.settings = settings
        self.workspace = workspace
        self.output = output
        self.auto_approve = auto_approve
        self.interrupts = Interrupts()

    def run(self, source: str, target: str) -> int:
        """Look at both versions, show, ask, and record."""
        from reconciler.engine.migration import migrate

        stop = self.interrupts.stop
        with (
            self.interrupts.installed(),
            self.workspace.connected("migrate", stop=stop, api=source) as (before, _),
            self.workspace.connected("migrate", stop=stop, api=target) as (after, platform),
        ):
            request = self.workspace.request(platform, "migrate")
            moved = migrate(before, after, request, platform.identity, self._confirm)
        if moved is None:
            self.output.say("Nothing was moved.")
            return 1
        self.output.say(f"Moved. Write `api: {target}` in the definition, then `reconciler plan`.")
        return 0

    def _confirm(self, migration: Migration, report: Report) -> bool:
        from reconciler.render.migration import migration_json, render_migration

        def for_people() -> str:
            plan = renderers(report, self.output)["terminal"]()
            return f"{render_migration(migration)}\nPlan for {migration.target.api}:\n\n{plan}"

        self.output.show(
            {"terminal": for_people, "json": lambda: migration_json(migration, report)}
        )
        approved = self.auto_approve or click.confirm("Move the records?", err=True)
        if approved:
            self.interrupts.begin_changes()
        return approved
