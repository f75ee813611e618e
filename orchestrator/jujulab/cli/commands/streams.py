"""``streams``."""

from __future__ import annotations

from typing import Any

from jujulab.cli import output, table
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option
from jujulab_core.version import Binary


@juju_command(examples=[("Of the current controller:", "jujulab streams")], see_also=["publish", "upgrade-model"])
@controller_option
@format_option()
def command(controller: str | None, output_format: str) -> None:
    """Show the agent binaries that the internet offers and that the controller has cached.

    The internet's side is what the controller finds there: the metadata, with its signature verified.
    """
    from jujulab.session import connect_controller

    with connect_controller(controller) as session:
        answer = session.client.call("LabProvisioner", "Binaries")
    if answer["internet-error"]:
        output.info(f"the internet cannot be read: {answer['internet-error']}")
    rows = [_row(entry["stream"], "internet", entry) for entry in answer["internet"]]
    rows += [_row("", "cache", entry) for entry in answer["binaries"]]
    rows.sort(
        key=lambda row: (row["where"] != "internet", row["stream"], Binary.parse(row["binary"]).number, row["binary"])
    )
    output.emit({"binaries": rows}, output_format, lambda: _tabular(rows))


def _row(stream: str, where: str, entry: dict[str, Any]) -> dict[str, Any]:
    binary = Binary.parse(entry["version"])
    return {
        "where": where,
        "stream": stream,
        "binary": entry["version"],
        "version": str(binary.number),
        "series": binary.series,
        "arch": binary.arch,
        "size": entry["size"],
        "sha256": entry["sha256"],
    }


def _tabular(rows: list[dict[str, Any]]) -> str:
    cells = [
        (row["where"], row["stream"], row["version"], row["series"], row["arch"], str(row["size"]), row["sha256"][:16])
        for row in rows
    ]
    return table.render(("Where", "Stream", "Version", "Series", "Arch", "Size", "SHA-256"), cells, right=("Size",))
