"""The `reconciler` command: finds the subcommand, turns errors into messages and exit codes."""

import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence

import click

from reconciler import __version__
from reconciler.errors import ReconcilerError, UsageError

COMMANDS = {
    "init": "Write a commented starter definition.",
    "validate": "Check the definition, offline; --live also asks the platform.",
    "fmt": "Bring the definition into its canonical form; --check for CI.",
    "plan": "Show what apply would do.",
    "apply": "Carry out a fresh plan (asks first) or a saved one.",
    "destroy": "Plan and apply the removal of all that the state records.",
    "drift": "Compare the state with the actual jobs; never writes anything.",
    "show": "Render a saved plan.",
    "status": "Show the recorded jobs with their live status.",
    "wait": "Block until jobs finish; the exit code tells the outcome.",
    "watch": "Plan and apply again and again, within what is allowed.",
    "logs": "Print jobs' logs.",
    "stop": "Stop running jobs; their records stay.",
    "adopt": "Take over existing jobs.",
    "migrate": "Move a stack's records to another version of the platform's API.",
    "catalog": "Show the flavors or engines that the platform offers.",
    "history": "Show who applied what, when, from which commit.",
    "state": "List, show, move, forget, restore what is recorded.",
    "emulator": "Serve the embedded platform in the foreground.",
    "schema": "Print the JSON Schema of the definition, or of the plan.",
    "completion": "Print the shell completion script (bash, zsh, fish).",
}
"""The subcommands, each in `cli/commands/<name>.py`; imported only when one is run."""

_INTERRUPTED = 130


class _Commands(click.Group):
    """A group that imports a subcommand's module when it is needed, and not before."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"reconciler.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = _did_you_mean(args[0])
            raise click.UsageError(error.message + hint, ctx) from error

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="reconciler")
def cli() -> None:
    """Keep ML training jobs as code: plan, apply, and detect drift.

    A definition file says which training jobs should exist; `plan` shows what differs, `apply`
    makes it so and records every step, `drift` tells when someone else changed things.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that its outcome has (see `errors`)."""
    _expect_many_values()
    sys.exit(run(sys.argv[1:] if args is None else args))


def _expect_many_values() -> None:
    """Look for garbage seldom: what a run reads lives until it ends, and nearly none is cyclic.

    At Python's own pace, after every 700 new values, a plan of 10,000 jobs spends a third of its
    time on looking, and a tenth if each value is looked at once. So this begins beyond what such
    a plan holds; a process that runs for long gets there in time.
    """
    gc.freeze()
    gc.set_threshold(2_000_000, 20, 100)


def run(args: Sequence[str]) -> int:
    """Run a command line; return its exit code. Every failure has become a message by then."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(list(args), prog_name="reconciler", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: nothing more was begun.", err=True)
        return _INTERRUPTED
    except ReconcilerError as error:
        return _fail(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(ReconcilerError("File problem", f"{where}{error.strerror or error}"))
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is still told in words
        return _bug(error)
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> int:
    from reconciler.render.text import clean_lines

    click.echo("\n".join(clean_lines(f"error: {error.format_message()}")), err=True)
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "reconciler"
        click.echo(f"  `{where} --help` shows what there is.", err=True)
        return UsageError.exit_code
    return 1


def _fail(error: ReconcilerError) -> int:
    from reconciler.cli.output import wants_color
    from reconciler.render.messages import render_error

    click.echo(render_error(error, color=wants_color(sys.stderr)), err=True, nl=False)
    return error.exit_code


def _bug(error: Exception) -> int:
    from reconciler.render.text import clean

    click.echo(
        f"error: Internal error\n  {type(error).__name__}: {clean(str(error))}\n"
        "  This is a defect of reconciler, not of your files. What was sent is recorded.\n"
        "  Please report it with the output of the same command and RECONCILER_TRACEBACK=1.",
        err=True,
    )
    if os.environ.get("RECONCILER_TRACEBACK"):
        raise error
    return 1


def _did_you_mean(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, COMMANDS, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
