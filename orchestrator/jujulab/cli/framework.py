"""The kind of click command that all of ours are: Juju's help layout and Juju's words for a wrong command line.

Usage::

    @juju_command(examples=[("Upgrade the current model:", "jujulab upgrade-model")], see_also=["status"])
    @model_option
    def command(model: str | None) -> None:
        '''Upgrade the agents of a model.

        More paragraphs, which become the details.
        '''
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import click

from jujulab.cli.context import Talk
from jujulab_core.errors import UsageError

PROGRAM = "jujulab"
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
Example = tuple[str, str]
HelpList = tuple[str, Callable[[], Sequence[tuple[str, str]]]]


def _talk_option(*names: str, field: str, text: str) -> click.Option:
    def set_field(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Talk), field, True)
        if value and field == "debug":
            logging.basicConfig(level=logging.DEBUG)

    return click.Option(names, is_flag=True, expose_value=False, is_eager=True, callback=set_field, help=text)


def talk_options() -> list[click.Parameter]:
    """The options that stand before or behind any command's name."""
    return [
        _talk_option("-q", "--quiet", field="quiet", text="Show no informational output."),
        _talk_option("-v", "--verbose", field="verbose", text="Show more verbose output."),
        _talk_option("--debug", field="debug", text="Show tracebacks and the libraries' logs."),
    ]


class JujuCommand(click.Command):
    """A command with details, examples and a list of related commands in its help."""

    def __init__(
        self,
        *args: Any,
        examples: Sequence[Example] = (),
        see_also: Sequence[str] = (),
        aliases: Sequence[str] = (),
        lists: Sequence[HelpList] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lists = lists
        self.examples = examples
        self.see_also = see_also
        self.aliases = aliases
        self.params.extend(talk_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments.

        Raises:
            UsageError: ``unrecognized args: ["foo"]``, Juju's words, for arguments that are too many.
        """
        allowed, ctx.allow_extra_args = ctx.allow_extra_args, True
        rest = super().parse_args(ctx, [word for arg in args for word in self._plain_flag(arg)])
        if rest and not allowed and not ctx.resilient_parsing:
            raise UsageError(f"unrecognized args: {json.dumps(list(rest), separators=(' ', ':'))}")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; one that changes a lab is written into the lab's history."""
        from jujulab.cli.recording import recorded

        with recorded(self.name or "", ctx.params):
            return super().invoke(ctx)

    def _plain_flag(self, arg: str) -> list[str]:
        """Go programs also take ``--flag=true`` and ``--flag=false``."""
        name, equals, value = arg.partition("=")
        for option in self.params if equals and value in ("true", "false") else ():
            if isinstance(option, click.Option) and option.is_flag and name in option.opts:
                return [name] if value == "true" else option.secondary_opts[:1]
        return [arg]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the help in Juju's order: usage, summary, options, details, examples, related commands."""
        summary, _, details = inspect.cleandoc(self.help or "").partition("\n\n")
        self.format_usage(ctx, formatter)
        with formatter.section("Summary"):
            formatter.write_text(summary)
        self.format_options(ctx, formatter)
        if details:
            with formatter.section("Details"):
                formatter.write_text(details)
        for title, entries in self.lists:
            with formatter.section(title):
                formatter.write_dl(list(entries()))
        if self.examples:
            with formatter.section("Examples"):
                for index, (text, line) in enumerate(self.examples):
                    if index:
                        formatter.write_paragraph()
                    formatter.write_text(text)
                    formatter.write(f"{'':>{formatter.current_indent + 4}}{line}\n")
        for title, names in (("Aliases", self.aliases), ("See also", self.see_also)):
            if names:
                with formatter.section(title):
                    formatter.write_text(", ".join(names))


def juju_command(
    *,
    examples: Sequence[Example],
    see_also: Sequence[str] = (),
    aliases: Sequence[str] = (),
    lists: Sequence[HelpList] = (),
    **attributes: Any,
) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a function a command; its docstring is the help.

    Args:
        examples: Pairs of a sentence and a command line.
        see_also: Names of related commands.
        aliases: Other names of this command, for the help.
        lists: For the help: titles, and what makes the pairs of a term and its explanation below each.
        attributes: Passed on to click.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        name = function.__module__.rpartition(".")[2].replace("_", "-")
        attributes["context_settings"] = CONTEXT | attributes.get("context_settings", {})
        return click.command(
            name,
            cls=JujuCommand,
            examples=examples,
            see_also=see_also,
            aliases=aliases,
            lists=lists,
            **attributes,
        )(function)

    return decorate
