"""``jujulab-publish``: what the streams container's publisher can do."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from jujulab_agent.builder import catalogue
from jujulab_agent.builder.jujud import build_jujud
from jujulab_agent.builder.publisher import Tree
from jujulab_agent.builder.tarball import build_tarball
from jujulab_core import publishing
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.simplestreams import Item, check_stream
from jujulab_core.version import Binary, Number, binary_series

DEFAULT_ROOT = "/srv/streams"
# What up to Juju 2.8 a binary is made for if nobody says.
DEFAULT_SERIES = "bionic"
DEFAULT_STREAM = "released"

_MACHINE_ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf", "i686": "i386", "ppc64le": "ppc64el"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, next_step=f"see {self.prog} --help")


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; prints JSON on stdout, or one sentence on stderr. Returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        result = options.run(options)
    except JujulabError as error:
        sys.stderr.write(f"{error.told()}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"ERROR cannot write the streams: {error}\n")
        return 1
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="jujulab-publish", description="Publishes agent binaries on the lab's internet.")
    parser.add_argument("--root", default=DEFAULT_ROOT, help="directory of the streams (default %(default)s)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    init = commands.add_parser("init", help="make the signing key on first use and print its public part")
    init.add_argument("--url", required=True, help="where the streams are served; becomes part of the key's name")
    init.set_defaults(run=_init)

    publish = commands.add_parser("publish", help="build versions and add them to a stream")
    publish.add_argument("versions", nargs="*", metavar="VERSION")
    publish.add_argument(
        "--all", action="append", default=[], metavar="M.m", help="all real releases of a minor version"
    )
    publish.add_argument("--stream", help=f"default {DEFAULT_STREAM}; with --all all that the release catalogue has")
    publish.add_argument("--series", help=f"comma-separated (default {DEFAULT_SERIES}; with --all the catalogue's)")
    publish.add_argument("--arch", help="comma-separated (default: this machine's)")
    publish.add_argument("--size", type=int, metavar="BYTES", help="pad each tarball to about this many bytes")
    publish.add_argument("--step", action="append", default=[], metavar="TEXT", help="an upgrade step to run")
    publish.add_argument("--defect", default="", metavar="KIND", help=f"one of {', '.join(publishing.DEFECTS)}")
    publish.set_defaults(run=_publish)

    restamp = commands.add_parser("restamp", help="write the indices anew, or as an attacker would offer them")
    restamp.add_argument("--age", type=float, default=0, metavar="SECONDS", help="how old they shall look")
    restamp.add_argument("--unsigned", action="store_true", help="without their signed forms")
    restamp.set_defaults(run=_restamp)

    listing = commands.add_parser("list", help="print what is published")
    listing.set_defaults(run=_list)
    return parser


def _init(options: argparse.Namespace) -> dict[str, Any]:
    return {"public-key": Tree(Path(options.root)).init(f"Simplestreams of {options.url}")}


def _publish(options: argparse.Namespace) -> dict[str, Any]:
    wanted = _wanted(options)
    arches = _arches(options.arch)
    if options.defect:
        publishing.check_defect(options.defect)
    tree = Tree(Path(options.root))
    published = []
    for stream, versions in wanted.items():
        tarballs: dict[Binary, bytes] = {}
        for number, series in versions.items():
            content = build_tarball(build_jujud(number, options.step, options.defect), options.size)
            for name in series:
                tarballs |= {Binary(number, binary_series(number, name), arch): content for arch in arches}
        items = tree.publish(stream, tarballs, datetime.now(UTC))
        published += [_printed(stream, item) for item in _in_order(items)]
    return {"published": published}


def _wanted(options: argparse.Namespace) -> dict[str, dict[Number, tuple[str, ...]]]:
    """What is to be published: by stream the versions, and the series of each."""
    if bool(options.versions) == bool(options.all):
        raise UsageError("give either versions or --all with a minor version such as 2.6")
    series = tuple(_split(options.series, "series")) if options.series else ()
    publishing.check_series(series)
    stream = check_stream(options.stream or DEFAULT_STREAM)
    numbers = sorted({Number.parse(text) for text in options.versions})
    publishing.check_numbers(numbers)
    wanted = {stream: dict.fromkeys(numbers, series or (DEFAULT_SERIES,))} if numbers else {}
    for text in options.all:
        minor = catalogue.load().minor(text)
        streams = {stream: minor.streams.get(stream, ())} if options.stream else minor.streams
        for name, versions in streams.items():
            if not versions:
                raise UsageError(f"the release catalogue has nothing of {text} in stream {name}")
            wanted.setdefault(name, {}).update(dict.fromkeys(versions, series or minor.series))
    return wanted


def _restamp(options: argparse.Namespace) -> dict[str, Any]:
    updated = datetime.now(UTC) - timedelta(seconds=options.age)
    Tree(Path(options.root)).restamp(updated, signed=not options.unsigned)
    return {"updated": updated.isoformat()}


def _list(options: argparse.Namespace) -> dict[str, Any]:
    streams = Tree(Path(options.root)).published()
    listed = [_printed(stream, item) for stream, items in sorted(streams.items()) for item in _in_order(items)]
    return {"published": listed}


def _arches(text: str | None) -> list[str]:
    machine = platform.machine()
    arches = _split(text or _MACHINE_ARCHES.get(machine, machine), "arch")
    publishing.check_arches(arches)
    return arches


def _split(text: str, what: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f'"{text}" is not a comma-separated list of {what}')
    return names


def _in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.binary.number, item.binary.series, item.binary.arch))


def _printed(stream: str, item: Item) -> dict[str, Any]:
    return {
        "binary": str(item.binary),
        "stream": stream,
        "path": item.path,
        "size": item.size,
        "sha256": item.sha256,
    }
