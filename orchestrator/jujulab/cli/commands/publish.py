"""``publish``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import click

from jujulab.cli import output, table
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option
from jujulab.cli.steps import steps
from jujulab_core import publishing
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.version import Number

_UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@juju_command(
    examples=[
        ("A release:", "jujulab publish 2.6.10"),
        ("A release candidate of a realistic size:", "jujulab publish 2.7-rc1 --stream proposed --size 30MB"),
        ("A realistic internet, all that was ever released of 2.6 and 2.7:", "jujulab publish --all 2.6 --all 2.7"),
        ("A bad release, on purpose:", "jujulab publish 2.6.11 --defect crash-on-start"),
    ],
    see_also=["streams", "upgrade-model"],
)
@click.argument("versions", nargs=-1)
@controller_option
@click.option(
    "--all", "minors", multiple=True, metavar="M.m", help="All real releases of a minor version, such as 2.6."
)
@click.option(
    "--stream",
    type=click.Choice(["released", "proposed", "devel", "testing"]),
    help="Stream to offer them in. By default released; with --all those that they were really in.",
)
@click.option("--series", default="", metavar="S,..", help="Series of the binaries' names.")
@click.option(
    "--arch", default="", metavar="A,..", help="Architectures of the binaries' names. By default this host's."
)
@click.option("--size", default="0", metavar="SIZE", help="Pad each tarball to a size, such as 30MB.")
@click.option("--defect", default="", metavar="KIND", help="Build a fault in; the kinds are below.")
@format_option()
def command(
    versions: tuple[str, ...],
    controller: str | None,
    minors: tuple[str, ...],
    stream: str | None,
    series: str,
    arch: str,
    size: str,
    defect: str,
    output_format: str,
) -> None:
    """Build agent binaries and put them, signed, on the lab's internet.

    The version is in the code that runs: an agent of 2.6.10 says so because it runs from that tarball. The same
    input gives the same bytes. Defects are `crash-on-start`, `crash-after=SECONDS`, `hang-on-start`,
    `fail-upgrade-step`, `never-ready` and `wrong-version`.

    What the controller has fetched of a version it goes on serving, whatever is published of that version later.
    """
    from jujulab.lab import publish
    from jujulab.lab.engine import Engine
    from jujulab.lab.provision import lab_of
    from jujulab.session import controller_name

    numbers = [Number.parse(version) for version in versions]
    if bool(numbers) == bool(minors):
        raise UsageError("no version specified" if not numbers else "give either versions or --all, not both")
    publishing.check_numbers(numbers)
    publishing.check_series(_split(series))
    publishing.check_arches(_split(arch))
    if defect:
        publishing.check_defect(defect)
    named = ", ".join([*map(str, numbers), *(f"all of {minor}" for minor in minors)])
    bytes_wanted = parse_size(size)
    name = controller_name(controller)
    with Engine() as engine, steps() as report:
        lab = lab_of(engine, name)
        report(f'building {named} for the internet of lab "{lab}"')
        published = publish.publish(
            engine,
            lab,
            numbers,
            minors=minors,
            stream=stream or "",
            series=_split(series),
            arches=_split(arch),
            size=bytes_wanted,
            defect=defect,
        )
    rows = [(entry["stream"], entry["binary"], str(entry["size"]), entry["sha256"]) for entry in published]
    header = ("Stream", "Binary", "Size", "SHA-256")
    output.emit({"published": published}, output_format, lambda: table.render(header, rows, right=("Size",)))
    for binary in _cached_otherwise(name, published):
        output.info(
            f"WARNING the controller has fetched another {binary} before and goes on serving that one\n"
            "Next: publish the change as another version"
        )


def _cached_otherwise(controller: str, published: Iterable[Mapping[str, Any]]) -> list[str]:
    """The binaries that the controller's cache holds with other bytes; none where the controller cannot be asked."""
    from jujulab.session import connect_controller

    cached: dict[str, set[str]] = {}
    # What was published is published, whether the controller is there or not.
    with contextlib.suppress(JujulabError), connect_controller(controller) as session:
        for entry in session.client.call("LabProvisioner", "Binaries")["binaries"]:
            cached.setdefault(entry["version"], set()).add(entry["sha256"])
    return [entry["binary"] for entry in published if cached.get(entry["binary"], set()) - {entry["sha256"]}]


def parse_size(text: str) -> int:
    """Bytes of a size such as ``30MB`` or ``1.5MiB``.

    Raises:
        UsageError: It is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if not match or match[2] not in _UNITS:
        raise UsageError(
            f'"{text}" is not a size: write a number and one of {", ".join(unit for unit in _UNITS if unit)}'
        )
    return int(float(match[1]) * _UNITS[match[2]])


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
