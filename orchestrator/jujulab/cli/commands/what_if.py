"""``what-if``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

import click

from jujulab.cli.context import talk
from jujulab.cli.framework import JujuCommand
from jujulab_core.errors import UsageError
from jujulab_core.rules.availability import RELEASED
from jujulab_core.rules.eras import Era
from jujulab_core.rules.flags import Flags
from jujulab_core.rules.selection import Command
from jujulab_core.rules.whatif import Access, Outcome, Question, evaluate
from jujulab_core.tags import split_tag
from jujulab_core.version import Number


class _Version(click.ParamType[Number]):
    """A version number."""

    name = "version"

    def convert(self, value: str | Number, param: click.Parameter | None, ctx: click.Context | None) -> Number:
        return value if isinstance(value, Number) else Number.parse(value)


_UPGRADE_FLAGS = (
    *("--agent-version", "--agent-stream", "--build-agent", "--dry-run", "--ignore-agent-versions"),
    *("--reset-previous-upgrade", "-y", "--yes", "-q", "--quiet", "-v", "--verbose", "--debug"),
)


class _WhatIf(JujuCommand):
    """Takes the upgrade's own flags behind ``--`` as well as before it; behind it no others."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        for word in args[cut + 1 :]:
            name = word.partition("=")[0]
            if name.startswith("-") and name not in _UPGRADE_FLAGS:
                raise UsageError(f"option provided but not defined: {name}")
        return super().parse_args(ctx, args[:cut] + args[cut + 1 :])


VERSION = _Version()


@click.command(
    "what-if",
    cls=_WhatIf,
    examples=[
        (
            "Which version would be chosen?",
            "jujulab what-if --client 2.6.10 --agent 2.4.7 --available 2.4.7,2.5.8,2.6.10 --explain",
        ),
        (
            "May the model go above its controller?",
            "jujulab what-if --client 2.8.13 --agent 2.5.8 --hosted --controller-agent 2.6.10 "
            "--available 2.7.0 -- --agent-version 2.7.0",
        ),
        (
            "Without the internet, and with binaries that were put into the controller before:",
            "jujulab what-if --client 2.6.10 --agent 2.6.3 --storage 2.6.3,2.6.10 --streams-unreachable",
        ),
    ],
    see_also=["upgrade-model", "upgrade-controller"],
)
@click.option("--client", type=VERSION, required=True, help="Version of the client.")
@click.option("--agent", type=VERSION, required=True, help="The model's agent-version.")
@click.option(
    "--controller-agent", type=VERSION, help="Version that the controller runs. By default the model's. With --hosted."
)
@click.option("--hosted", is_flag=True, help="The model is a hosted one, not the controller model.")
@click.option(
    "--available",
    default="",
    metavar="V,..",
    help="Versions on the internet; VERSION@STREAM for another than released.",
)
@click.option("--storage", default="", metavar="V,..", help="Versions in the controller's cache.")
@click.option("--streams-unreachable", is_flag=True, help="The controller cannot reach the internet.")
@click.option("--unofficial", is_flag=True, help="The local jujud is not an official one.")
@click.option("--official-local", type=VERSION, help="The local jujud is an official one of this version.")
@click.option(
    "--major-map",
    metavar="M:V,..",
    help="Lowest version that may step up to major version M. By default as in the release.",
)
@click.option(
    "--agents-behind",
    multiple=True,
    metavar="V:TAG,..",
    help="Agents that report another version than the model's. Can be repeated.",
)
@click.option("--upgrade-record", is_flag=True, help="A record of an upgrade in progress exists.")
@click.option("--blocked", metavar="MESSAGE", help="`disable-command all` is in force; the message may be empty.")
@click.option(
    "--access",
    type=click.Choice(get_args(Access)),
    default="superuser",
    show_default=True,
    help="The user's access to the model; login and superuser are to the controller.",
)
@click.option(
    "--rules",
    "era",
    type=click.Choice([era.value for era in Era]),
    help="Rules to follow. By default those of the controller and, up to 2.9.32, of the client.",
)
@click.option(
    "--command",
    "upgrade_command",
    type=click.Choice(get_args(Command)),
    default="upgrade-model",
    show_default=True,
    help="The command that is typed.",
)
@click.option("--explain", is_flag=True, help="At the end say on stderr which rule decided.")
@click.option("--agent-version", default="", metavar="V", help="The upgrade's flag: the version to go to.")
@click.option("--agent-stream", default="", metavar="S", help="The upgrade's flag: the stream to search.")
@click.option("--build-agent", is_flag=True, help="The upgrade's flag: build and upload the local jujud.")
@click.option("--dry-run", is_flag=True, help="The upgrade's flag: only say what would be done.")
@click.option("--ignore-agent-versions", is_flag=True, help="The upgrade's flag: do not check the agents' versions.")
@click.option("--reset-previous-upgrade", is_flag=True, help="The upgrade's flag: clear a stuck record first.")
@click.option("-y", "--yes", is_flag=True, help="The upgrade's flag: do not ask before clearing it.")
def command(explain: bool, **given: Any) -> None:
    """Say what an upgrade command would do, without a lab.

    Prints on stdout and stderr exactly what the upgrade command would print in the situation described, and ends
    with its exit code. Nothing is contacted and nothing is changed. A prompt takes its answer from stdin.

    The upgrade's own flags may stand behind `--`.
    """
    question = _question(given)
    outcome = evaluate(question)
    if outcome.waiting:
        _print(outcome)
        answered = evaluate(replace(question, answer=sys.stdin.readline()))
        outcome = replace(
            answered,
            stdout=answered.stdout.removeprefix(outcome.stdout),
            stderr=answered.stderr.removeprefix(outcome.stderr),
        )
    _print(outcome)
    if explain:
        click.echo(f"rule: {outcome.rule}", err=True)
    click.get_current_context().exit(outcome.exit_code)


def _print(outcome: Outcome) -> None:
    click.echo(outcome.stderr, err=True, nl=False)
    click.echo(outcome.stdout, nl=False)


def _question(given: dict[str, Any]) -> Question:
    """Reads the situation from the command's options.

    Raises:
        UsageError: An option's value is malformed, or two of them contradict each other.
    """
    controller, agent = given["controller_agent"], given["agent"]
    if given["hosted"] and given["upgrade_command"] == "upgrade-controller":
        raise UsageError("--hosted contradicts --command upgrade-controller, which upgrades the controller model")
    if controller is not None and controller != agent and not given["hosted"]:
        raise UsageError(
            "--controller-agent differs from --agent, but the controller model runs the controller's own version",
            next_step="add --hosted, or leave --controller-agent out",
        )
    return Question(
        client=given["client"],
        agent=agent,
        controller_agent=controller,
        hosted=given["hosted"],
        command=given["upgrade_command"],
        available=_by_stream(given["available"]),
        storage=_versions(given["storage"]),
        streams_unreachable=given["streams_unreachable"],
        unofficial=given["unofficial"],
        official_local=given["official_local"],
        major_map=None if given["major_map"] is None else _major_map(given["major_map"]),
        agents_behind=_agents_behind(given["agents_behind"]),
        upgrade_record=given["upgrade_record"],
        blocked=given["blocked"],
        access=given["access"],
        era=None if given["era"] is None else Era(given["era"]),
        agent_version=given["agent_version"],
        flags=Flags(
            agent_stream=given["agent_stream"],
            build_agent=given["build_agent"],
            dry_run=given["dry_run"],
            ignore_agent_versions=given["ignore_agent_versions"],
            reset_previous_upgrade=given["reset_previous_upgrade"],
            yes=given["yes"],
            verbose=talk().verbose,
        ),
        quiet=talk().quiet,
    )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _versions(text: str) -> tuple[Number, ...]:
    return tuple(Number.parse(word) for word in _words(text))


def _by_stream(text: str) -> dict[str, list[Number]]:
    streams: dict[str, list[Number]] = {}
    for word in _words(text):
        version, _, stream = word.partition("@")
        streams.setdefault(stream or RELEASED, []).append(Number.parse(version))
    return streams


def _major_map(text: str) -> dict[int, Number]:
    minimums = {}
    for word in _words(text):
        major, colon, version = word.partition(":")
        if not colon or not major.isdecimal():
            raise UsageError(f'invalid value for option --major-map: "{word}" is not MAJOR:VERSION')
        minimums[int(major)] = Number.parse(version)
    return minimums


def _agents_behind(texts: Iterable[str]) -> dict[str, Number]:
    agents = {}
    for text in texts:
        version, colon, tags = text.partition(":")
        if not colon or not _words(tags):
            raise UsageError(f'invalid value for option --agents-behind: "{text}" is not VERSION:TAG,TAG')
        for tag in _words(tags):
            split_tag(tag)
            agents[tag] = Number.parse(version)
    return agents
