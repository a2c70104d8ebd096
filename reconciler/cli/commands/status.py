"""`reconciler status`: the recorded jobs with their live status, and their results."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.model.address import sweep_of, sweep_of_all

if TYPE_CHECKING:
    from reconciler.engine.context import Context
    from reconciler.model.report import StatusRow


@click.command()
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=completing.recorded)
@options.definition_options
@options.state_options
@options.platform_options
@options.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Show the last NAME that each log tells, as in `accuracy: 0.95` (repeatable).",
)
@options.option(
    "--sort", metavar="NAME", help="The highest NAME first; -NAME: the lowest. Implies --metric."
)
@options.option("--watch", is_flag=True, help="Show it again and again, until all have ended.")
@options.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    metavar="S",
    help="Seconds between two looks of --watch. Default: 2",
)
@options.output_options
@click.pass_obj
def command(
    settings: Settings,
    addresses: tuple[str, ...],
    metrics: tuple[str, ...],
    sort: str | None,
    watch: bool,
    interval: float,
) -> None:
    """Show the recorded jobs (or those at ADDR, a glob) with live status, duration, attempt.

    ADDR may be the key of a sweep: its jobs are then compared by the results in their logs.
    """
    from reconciler.engine.jobs import select
    from reconciler.engine.outcomes import read_status
    from reconciler.engine.results import follow_status

    sorting = (sort.removeprefix("-"),) if sort else ()
    wanted = tuple(dict.fromkeys((*metrics, *sorting)))
    output, workspace, interrupts = Output(settings), Workspace(settings), Interrupts()
    view = _View(output, wanted, sort, compares=bool(addresses))
    with (
        interrupts.installed(),
        workspace.connected("status", stop=interrupts.stop) as (context, _),
    ):
        if watch:
            for rows in follow_status(context, addresses, interval=interval):
                view.show_again(view.with_results(context, rows))
            view.end()
        else:
            rows = read_status(context, select(context.backend.read(), addresses))
            view.show(view.with_results(context, rows))
            view.suggest(rows, workspace.options)


class _View:
    """How the rows are shown, once or again and again.

    A terminal is drawn anew each time; elsewhere each change is a line, and the table comes at
    the end; programs get a line of JSON for each change.
    """

    def __init__(
        self, output: Output, wanted: Sequence[str], sort: str | None, *, compares: bool
    ) -> None:
        self._output = output
        self._wanted = wanted
        self._sort = sort
        self._compares = compares
        self._is_live = output.is_terminal and sys.stdout.isatty()
        self._rows: Sequence[StatusRow] = ()

    def with_results(self, context: "Context", rows: "Sequence[StatusRow]") -> "list[StatusRow]":
        """Read the metrics that were asked for, or those of a sweep that is to be compared."""
        from reconciler.engine.results import with_metrics
        from reconciler.planning.metrics import by_metric

        of_sweep = self._compares and sweep_of_all(row.address for row in rows)
        if self._wanted or of_sweep:
            rows = with_metrics(context, rows, self._wanted)
        return by_metric(rows, self._sort) if self._sort else list(rows)

    def show(self, rows: "Sequence[StatusRow]") -> None:
        """Show the rows in the formats that were asked for."""
        from reconciler.planning.metrics import metric_names
        from reconciler.render.structured import status_json
        from reconciler.render.tables import render_status

        output = self._output
        output.show(
            {
                "terminal": lambda: render_status(
                    rows,
                    now=datetime.now(UTC),
                    width=output.width,
                    color=output.color,
                    verbose=output.verbose,
                    metrics=metric_names(rows, self._wanted),
                ),
                "json": lambda: status_json(rows),
            }
        )

    def show_again(self, rows: "Sequence[StatusRow]") -> None:
        """Show the rows anew, or what is different from last time."""
        from reconciler.render.structured import status_line
        from reconciler.render.tables import render_change

        before = {row.address: row for row in self._rows}
        self._rows = rows
        if self._is_live:
            click.clear()
            self.show(rows)
            return
        for row in rows:
            if row.address in before and _is_same(before[row.address], row):
                continue
            click.echo(status_line(row) if self._output.is_json else render_change(row), nl=False)

    def end(self) -> None:
        """Show the table where there were only lines, and write the reports."""
        if not self._is_live and not self._output.is_json:
            self.show(self._rows)

    def suggest(self, rows: "Sequence[StatusRow]", options: str) -> None:
        """Tell how a sweep's results are compared, to whoever looks at it among others."""
        keys = {key: None for row in rows if (key := sweep_of(row.address))}
        if keys and not (self._wanted or self._compares) and self._output.is_terminal:
            key = next(iter(keys))
            self._output.say(f"Next: `reconciler status {key}{options}` compares its results.")


def _is_same(one: "StatusRow", other: "StatusRow") -> bool:
    return (one.job_id, one.status, one.is_gone, one.attempt) == (
        other.job_id,
        other.status,
        other.is_gone,
        other.attempt,
    )
