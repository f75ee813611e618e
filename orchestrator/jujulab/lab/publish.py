"""The lab's internet: what it offers, and adding to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from docker.models.containers import Container

from jujulab.lab import names
from jujulab.lab.engine import Engine
from jujulab_core.errors import JujulabError
from jujulab_core.version import Number


def publish(
    engine: Engine,
    lab: str,
    versions: Iterable[Number],
    *,
    minors: Sequence[str] = (),
    stream: str = "",
    series: Sequence[str] = (),
    arches: Sequence[str] = (),
    size: int = 0,
    defect: str = "",
) -> list[dict[str, Any]]:
    """Builds agent binaries of these versions and puts them, signed, on the lab's internet.

    Args:
        engine: Where the lab is.
        lab: Its name.
        versions: What to build.
        minors: In their place, minor versions of which to build all that the release catalogue has.
        stream: The stream to offer them in; by default ``released``, for `minors` those of the catalogue.
        series: Series of the binaries' names; by default what the versions' era is usual with.
        arches: Architectures of the names; by default that of this host.
        size: Bytes to pad each tarball to; 0 for none.
        defect: A fault to build in, one of `jujulab_core.publishing.DEFECTS`; empty for none.

    Returns:
        For each binary ``{"binary", "stream", "path", "size", "sha256"}``.

    Raises:
        JujulabError: The lab has no internet, or the builder refused.
    """
    command = ["jujulab-publish", "publish", *map(str, versions)]
    command += [f"--all={minor}" for minor in minors]
    for flag, value in (
        ("--stream", stream),
        ("--series", ",".join(series)),
        ("--arch", ",".join(arches)),
        ("--defect", defect),
    ):
        if value:
            command += [flag, value]
    if size:
        command += ["--size", str(size)]
    published: list[dict[str, Any]] = json.loads(engine.run_in(_streams(engine, lab), command))["published"]
    return published


def offered(engine: Engine, lab: str) -> list[dict[str, Any]]:
    """All that the lab's internet offers, in the same form."""
    entries: list[dict[str, Any]] = json.loads(engine.run_in(_streams(engine, lab), ["jujulab-publish", "list"]))[
        "published"
    ]
    return entries


def _streams(engine: Engine, lab: str) -> Container:
    container = engine.find(names.container(lab, names.STREAMS))
    if container is None:
        raise JujulabError(f'there is no lab "{lab}"', next_step="see what there is with 'jujulab labs'")
    return container
