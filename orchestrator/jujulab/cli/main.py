"""The program: finds the command, runs it, and turns what went wrong into a sentence and an exit code."""

from __future__ import annotations

import difflib
import importlib
import os
import re
import sys
from collections.abc import Sequence

import click
from click.exceptions import Exit

from jujulab.cli import catalogue
from jujulab.cli.context import Talk
from jujulab.cli.framework import CONTEXT, PROGRAM, talk_options
from jujulab_core.errors import JujulabError, RpcError, UsageError

# Juju tells the owner of a blocked model how to unblock it, whatever the command was.
BLOCKED = "operation is blocked"

INTRODUCTION = """\
jujulab is a fleet of real Linux containers that behaves as Juju machines. Rehearse a Juju upgrade on it, \
break it on purpose, and see that it recovers, before you touch production.

The commands named as Juju's take Juju's options and answer with Juju's words, so that `alias juju=jujulab` works.
"""

FIRST_STEPS = (
    ("jujulab doctor", "can this host run a lab?"),
    ("jujulab up", "make a lab of a controller and three machines"),
    ("jujulab status", "look at it"),
    ("jujulab upgrade-controller --wait", "upgrade the controller, then"),
    ("jujulab upgrade-model --wait", "the machines"),
    ("jujulab down", "remove it all"),
)

EXIT_CODES = (
    ("0", "done, also when there was nothing to do"),
    ("1", "failed"),
    ("2", "the command line, or a file it names, is wrong"),
    ("4", "with --wait or --watch: the upgrade ended with machines that failed, a stop rule stopped it, or it asks"),
    ("5", "refused by a deadline"),
    ("6", "this host cannot run a lab"),
    ("130", "interrupted"),
)

ENVIRONMENT = (
    ("JUJULAB_DATA", "directory of the labs' secrets and the client store (~/.local/state/jujulab)"),
    ("JUJULAB_IMAGES", "first part of the images' names (jujulab): a checkout of its own for each"),
    ("JUJULAB_CLIENT_VERSION", "version this client claims to be; by default the controller's"),
    ("JUJU_CONTROLLER", "controller to use instead of the current one"),
    ("JUJU_MODEL", "[CONTROLLER:]MODEL to use instead of the current one"),
    ("JUJU_STATUS_ISO_TIME", "true: show times in UTC"),
    ("NO_COLOR", "any text: no colour"),
)


class Program(click.Group):
    """The group of all commands; imports a command's module when it is called for."""

    def __init__(self) -> None:
        version = click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_show_version,
            help="Show the version of this client.",
        )
        params = [*talk_options(), version]
        super().__init__(PROGRAM, params=params, context_settings=CONTEXT, no_args_is_help=False)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, without their aliases."""
        return sorted(catalogue.present())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command by its name or an alias."""
        name = catalogue.ALIASES.get(cmd_name, cmd_name)
        if name not in catalogue.present():
            return None
        module = importlib.import_module(f"jujulab.cli.commands.{catalogue.module_of(name)}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command.

        Raises:
            UsageError: There is no such command; names the nearest one.
        """
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            close = difflib.get_close_matches(name, [*catalogue.present(), *catalogue.ALIASES], n=1)
            raise UsageError(
                f'"{name}" is not a {PROGRAM} command',
                next_step=f"did you mean `{PROGRAM} {close[0]}`?" if close else f"see `{PROGRAM} --help`",
            )
        return name, command, args[1:]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes what the program is for, how to begin, and the commands by section."""
        formatter.write_usage(PROGRAM, "[OPTIONS] COMMAND [ARGUMENTS]")
        for paragraph in INTRODUCTION.strip().split("\n\n"):
            formatter.write_paragraph()
            formatter.write_text(paragraph)
        with formatter.section("To begin"):
            formatter.write_dl(FIRST_STEPS, col_max=36)
        for section in (catalogue.LAB, catalogue.UPGRADES, catalogue.JUJU):
            names = [name for name in catalogue.COMMANDS if name in catalogue.present()]
            rows = [(n, catalogue.COMMANDS[n].help) for n in names if catalogue.COMMANDS[n].section == section]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)
        self.format_options(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)
        with formatter.section("Environment"):
            formatter.write_dl(ENVIRONMENT)
        formatter.write_paragraph()
        formatter.write_text(f"`{PROGRAM} COMMAND --help` explains a command and shows examples.")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options only; :meth:`format_help` lists the commands."""
        click.Command.format_options(self, ctx, formatter)


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from jujulab.client_version import client_version, host_binary
        from jujulab.store import Store

        click.echo(host_binary(client_version(Store.default())))
        context.exit()


def _about_value(error: click.BadParameter) -> str:
    """What is wrong with a value; click's words about numbers are not for people."""
    if match := re.fullmatch(r"'(.*)' is not a valid (integer|float)(?: range)?\.", error.message, re.DOTALL):
        return f'"{match[1]}" is not a {"whole number" if match[2] == "integer" else "number"}'
    kind = error.param.type if error.param is not None else None
    if isinstance(kind, click.IntRange | click.FloatRange) and " is not in the range " in error.message:
        value = error.message.partition(" ")[0]
        return (
            f"{value} is not from {kind.min} to {kind.max}" if kind.max is not None else f"{value} is below {kind.min}"
        )
    return error.message


def explain(error: click.ClickException) -> UsageError:
    """Says in Juju's words what click found wrong with the command line."""
    if isinstance(error, click.NoSuchOption):
        return UsageError(f"option provided but not defined: {error.option_name}")
    if isinstance(error, click.BadOptionUsage) and "requires" in error.message:
        return UsageError(f"option needs an argument: {error.option_name}")
    is_option = isinstance(error, click.BadParameter) and isinstance(error.param, click.Option)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return UsageError(f"missing {error.param.opts[-1] if is_option else error.param.human_readable_name}")
    if isinstance(error, click.BadParameter) and error.param is not None:
        what = f"option {error.param.opts[-1]}" if is_option else error.param.human_readable_name.strip("[].")
        return UsageError(f"invalid value for {what}: {_about_value(error)}")
    return UsageError(error.format_message())


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; errors are told on stderr."""
    talk = Talk()
    try:
        with Program().make_context(PROGRAM, list(arguments) or ["--help"], obj=talk) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        return tell(explain(error), talk)
    except JujulabError as error:
        return tell(error, talk)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read our output has read enough; keep the interpreter from complaining at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        step = f"run it again with --debug to see where; please report it as a fault of {PROGRAM}"
        return tell(JujulabError(f"{type(error).__name__}: {error}", next_step=step), talk)
    return 0


def tell(error: JujulabError, talk: Talk) -> int:
    """Prints the error that is being handled; returns its exit code."""
    if talk.debug:
        import traceback

        traceback.print_exc()
    click.echo(f"ERROR {error}", err=True)
    if isinstance(error, RpcError) and error.code == BLOCKED:
        from jujulab_core.rules.texts import hint_for

        click.echo("\n".join(hint_for(error.code, str(error.info.get("block") or ""))), err=True)
    # The controller says of its own refusals what to do instead.
    step = error.next_step or (error.info.get("next-step") if isinstance(error, RpcError) else None)
    if step:
        click.echo(f"Next: {step}", err=True)
    return error.exit_code


def main() -> None:
    """The entry point of the program."""
    sys.exit(run(sys.argv[1:]))
