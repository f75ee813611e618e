"""``sync-agent-binaries``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option

if TYPE_CHECKING:
    from jujulab.session import Session
    from jujulab.syncing.run import Wanted
    from jujulab.syncing.sources import Place


@juju_command(
    examples=[
        (
            "Copy the newest 2.6 from the internet into the model's storage:",
            "jujulab sync-agent-binaries --version 2.6",
        ),
        (
            "Copy it to a directory, and on the other side of an air gap from there:",
            "jujulab sync-agent-binaries --version 2.6 --local-dir=/srv/sync; "
            "jujulab sync-agent-binaries --version 2.6 --source=/srv/sync",
        ),
    ],
    see_also=["upgrade-model", "upgrade-controller", "streams", "controller-config"],
    aliases=["sync-agent-binary", "sync-tools"],
)
@model_option
@click.option("--version", "version", default="", metavar="M[.M]", help="Copy a major[.minor] version.")
@click.option("--agent-version", default="", metavar="VERSION", help="The same; a whole version is taken as well.")
@click.option("--all", "everything", is_flag=True, help="Copy all versions, not only the newest.")
@click.option("--stream", default="released", show_default=True, metavar="STREAM", help="Stream to copy from.")
@click.option("--source", type=click.Path(path_type=Path), metavar="DIR", help="Directory to copy from.")
@click.option("--local-dir", type=click.Path(path_type=Path), metavar="DIR", help="Directory to copy to.")
@click.option("--destination", type=click.Path(path_type=Path), metavar="DIR", help="The old name of --local-dir.")
@click.option("--dry-run", is_flag=True, help="Say what would be copied, and copy nothing.")
@click.option("--public", is_flag=True, help="With --local-dir: everybody on this host may read the files.")
def command(
    model: str | None,
    version: str,
    agent_version: str,
    everything: bool,
    stream: str,
    source: Path | None,
    local_dir: Path | None,
    destination: Path | None,
    dry_run: bool,
    public: bool,
) -> None:
    """Copy agent binaries from the internet, or from a directory, into a model's storage or into a directory.

    It is for controllers without access to the internet: this client needs it (unless --source is given), the
    controller does not. Without --version the version is this client's. Whatever is copied is checked: the signature of
    the metadata, then the size and the hash of every binary.

    What --local-dir makes can be served as a mirror, for the model setting agent-metadata-url. Its metadata is not
    signed: the controller believes it only if its setting allow-unsigned-metadata is true.
    """
    from jujulab.session import connect_model
    from jujulab.syncing import targets
    from jujulab.syncing.run import sync
    from jujulab_core.rules import metadata, syncing

    if destination is not None:
        output.info(syncing.DESTINATION_DEPRECATED)
        local_dir = local_dir or destination
    if public and local_dir is None:
        output.info(syncing.PUBLIC_IGNORED)
    with connect_model(model) as session:
        wanted = _wanted(session, version, agent_version, everything=everything, stream=stream)
        config = session.client.call("Controller", "ControllerConfig")["config"]
        place = _place(session, source)
        target: targets.Target
        if local_dir is not None:
            target = targets.Directory(local_dir, stream, public=public)
        else:
            target = targets.Model(session)
        sync(place, str(config[metadata.METADATA_KEY]), target, wanted, output.info, dry_run=dry_run)


def _wanted(session: Session, version: str, agent_version: str, *, everything: bool, stream: str) -> Wanted:
    from jujulab.client_version import client_version
    from jujulab.syncing.run import Wanted
    from jujulab_core.errors import UsageError
    from jujulab_core.rules.syncing import parse_major_minor
    from jujulab_core.simplestreams import check_stream
    from jujulab_core.version import Number

    check_stream(stream)
    if version and agent_version:
        raise UsageError("--version and --agent-version mean the same: give one of them")
    if agent_version.count(".") >= 2 or "-" in agent_version:
        exact = Number.parse(agent_version)
        return Wanted(exact.major, exact.minor, exact, everything, stream)
    if version or agent_version:
        return Wanted(*parse_major_minor(version or agent_version), None, everything, stream)
    own = client_version(session.store, session.controller.name)
    return Wanted(own.major, own.minor, None, everything, stream)


def _place(session: Session, source: Path | None) -> Place:
    from jujulab.lab import names
    from jujulab.lab.engine import Engine, address
    from jujulab.lab.provision import lab_of
    from jujulab.syncing.sources import Directory, LabInternet
    from jujulab_core.errors import JujulabError

    if source is not None:
        return Directory(source)
    with Engine() as engine:
        lab = lab_of(engine, session.controller.name)
        container = engine.find(names.container(lab, names.STREAMS))
        where = address(container, names.internet(lab)) if container else ""
    if not where:
        raise JujulabError(
            "the internet cannot be reached from this client either", next_step="copy from a directory with --source"
        )
    return LabInternet(where, session.controller.ca_cert)
