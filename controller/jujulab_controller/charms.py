"""Charm names as users write them, and the URLs that status shows; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from jujulab_controller.errors import BAD_REQUEST
from jujulab_core.errors import RpcError
from jujulab_core.simplestreams import SERIES_NUMBERS
from jujulab_core.tags import APPLICATION_RE
from jujulab_core.version import Number

_CHARM_RE = re.compile(
    rf"(?:(?P<schema>cs|ch|local):)?(?:~[a-z0-9-]+/)?(?:[a-z0-9]+/){{0,2}}(?P<name>{APPLICATION_RE.pattern})(?:-(?P<rev>\d{{1,9}}))?"
)
# The lab has no charm store; a charm without a revision is taken as its first, and one without a channel as stable.
_DEFAULT_REVISION = 1
DEFAULT_CHANNEL = "stable"
# As a revision: none was asked for.
LATEST = -1


class Charm(NamedTuple):
    """A charm.

    Attributes:
        url: As status shows it: ``cs:ubuntu-12``, ``ch:amd64/jammy/ubuntu-24``.
        name: ``ubuntu``.
        revision: 12.
    """

    url: str
    name: str
    revision: int


def parse(text: str, controller: Number, series: str, arch: str, revision: int = LATEST) -> Charm:
    """Reads ``ubuntu``, ``cs:ubuntu-12``, ``cs:bionic/ubuntu-12`` or ``ch:ubuntu``.

    Args:
        text: What the user wrote.
        controller: The controller's version: up to 2.8 a bare name is the charm store's, later Charmhub's.
        series: Part of a Charmhub URL.
        arch: Part of a Charmhub URL.
        revision: What was asked for beside the name; a revision within the name goes over it.

    Raises:
        RpcError: It is not a charm's name.
    """
    match = _CHARM_RE.fullmatch(text)
    if not match:
        raise RpcError(f'cannot parse name and/or revision in URL "{text}": name "{text}" not valid')
    name = match["name"]
    if match["rev"]:
        revision = int(match["rev"])
    elif revision == LATEST:
        revision = _DEFAULT_REVISION
    schema = match["schema"] or ("cs" if (controller.major, controller.minor) < (2, 9) else "ch")
    middle = f"{arch}/{series}/" if schema == "ch" else ""
    return Charm(f"{schema}:{middle}{name}-{revision}", name, revision)


def channel_of(origin: Mapping[str, Any]) -> str:
    """The channel that a charm's origin names, as people write it: ``2/edge``; empty where it names none."""
    return "/".join(str(origin[key]) for key in ("track", "risk", "branch") if origin.get(key))


def workload_version(charm: str, series: str) -> str:
    """What a charm's workload says of itself: the ubuntu charm the release it runs on, others nothing."""
    return SERIES_NUMBERS.get(series, "") if charm == "ubuntu" else ""


def base_of(series: str) -> dict[str, str]:
    """A series as Juju 3 shows it: ``{"name": "ubuntu", "channel": "18.04/stable"}``."""
    return {"name": "ubuntu", "channel": f"{SERIES_NUMBERS.get(series, series)}/stable"}


def series_of(base: dict[str, str]) -> str:
    """The series of a base; empty when the base is not one that is known."""
    channel = str(base.get("channel", "")).split("/")[0]
    return next((name for name, number in SERIES_NUMBERS.items() if number == channel), "")


def series_wanted(series: str, base: Mapping[str, Any]) -> str:
    """The series that a client asks for by its name or by a base; empty where it asks for none.

    Raises:
        RpcError: The base is not one that is known.
    """
    found = series or series_of({"channel": str(base.get("channel") or "")})
    if not found and base.get("channel"):
        raise RpcError(f'base "{base.get("name") or "ubuntu"}@{base["channel"]}" not valid', BAD_REQUEST)
    return found


def endpoint(end: Mapping[str, Any], interface: str, scope: str) -> dict[str, Any]:
    """One end of a relation, as a charm's metadata describes it."""
    return {
        "name": end["name"],
        "role": end["role"],
        "interface": interface,
        "optional": False,
        "limit": 0,
        "scope": scope,
    }
