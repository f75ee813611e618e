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
        ("From 2.9 on, one version:", "jujulab sync-agent-binary --agent-version 2.9.37"),
    ],
    see_also=["upgrade-model", "upgrade-controller", "streams", "controller-config"],
    aliases=["sync-agent-binary", "sync-tools"],
)
@model_option
@click.option("--version", "version", default="", metavar="M[.M]", help="Copy a major[.minor] version.")
@click.option(
    "--agent-version", default="", metavar="VERSION", help="Copy a whole version; from 2.9 on it must be given."
)
@click.option("--all", "everything", is_flag=True, help="Copy all versions, not only the newest.")
@click.option("--stream", default="released", show_default=True, metavar="STREAM", help="Stream to copy from.")
@click.option("--dev", is_flag=True, help="Deprecated: the same as --stream testing.")
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
    dev: bool,
    source: Path | None,
    local_dir: Path | None,
    destination: Path | None,
    dry_run: bool,
    public: bool,
) -> None:
    """Copy agent binaries from the internet, or from a directory, into a model's storage or into a directory.

    It is for controllers without access to the internet: this client needs it (unless --source is given), the
    controller does not. Without --version the version is this client's. Clients from 2.9 on copy one version only: they
    know neither --version nor --all, --dev and --destination. Whatever is copied is checked: the signature of
    the metadata, then the size and the hash of every binary.

    What --local-dir makes can be served as a mirror, for the model setting agent-metadata-url. Its metadata is not
    signed: the controller believes it only if its setting allow-unsigned-metadata is true.
    """
    from jujulab.client_version import client_version
    from jujulab.session import connect_model
    from jujulab.syncing import targets
    from jujulab.syncing.run import Wanted, sync
    from jujulab_core.rules import metadata, syncing
    from jujulab_core.simplestreams import check_stream

    stream = "testing" if dev else stream
    check_stream(stream)
    versions = syncing.parse_versions(version, agent_version)
    given = {"--version": version, "--all": everything, "--dev": dev, "--destination": destination}
    if destination is not None:
        output.info(syncing.DESTINATION_DEPRECATED)
        local_dir = local_dir or destination
    if public and local_dir is None:
        output.info(syncing.PUBLIC_IGNORED)
    with connect_model(model) as session:
        client = client_version(session.store, session.controller.name)
        syncing.check_flags(client, {flag for flag, value in given.items() if value}, versions)
        versions = versions or syncing.Versions(client.major, client.minor)
        wanted = Wanted(*versions, everything=everything, stream=stream)
        config = session.client.call("Controller", "ControllerConfig")["config"]
        place = _place(session, source)
        target: targets.Target
        if local_dir is not None:
            target = targets.Directory(local_dir, stream, public=public)
        else:
            target = targets.Model(session)
        sync(place, str(config[metadata.METADATA_KEY]), target, wanted, output.info, dry_run=dry_run)


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
