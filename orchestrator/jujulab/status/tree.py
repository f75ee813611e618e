"""From the wire's ``FullStatus`` to the data tree that ``status --format json`` prints.

Keys and their order are those of the Juju upgrade specification, section F.3. Empty keys are left out, except
``machines`` and ``applications``. The tree has two shapes: Juju 2's and, from client version 3 on, Juju 3's,
which has bases in place of series and objects in place of names in ``relations``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jujulab.status import charms
from jujulab.status.times import TimeForm

Tree = dict[str, Any]
Wire = Mapping[str, Any]


class Shape(NamedTuple):
    """How the tree is to look.

    Attributes:
        client: Major and minor version of the client that is being stood for.
        times: How times are shown.
    """

    client: tuple[int, int] = (2, 6)
    times: TimeForm = TimeForm()

    @property
    def has_bases(self) -> bool:
        """Whether this is Juju 3's shape."""
        return self.client >= (3, 0)


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sorting key that puts ``ubuntu/10`` behind ``ubuntu/9``."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|\D+", name)]


def build(wire: Wire, controller: str, shape: Shape, *, storage: bool = False) -> Tree:
    """The whole tree.

    Args:
        wire: The answer of ``Client.FullStatus``.
        controller: The controller's name, which only the client knows.
        shape: How it is to look.
        storage: Whether storage was asked for; from 2.9 on it is always shown.
    """
    relations = _relations(wire.get("relations") or ())

    def application(_: str, entry: Wire) -> Tree:
        return _application(entry, shape)

    tree: Tree = {
        "model": _model(wire["model"], controller, shape),
        "machines": _each(wire.get("machines"), lambda _, entry: _machine(entry, shape)),
        "applications": _each(wire.get("applications"), application),
    }
    for name, entry in tree["applications"].items():
        if shape.has_bases and "relations" in entry:
            entry["relations"] = _with_interfaces(name, entry["relations"], relations)
    if storage or shape.client >= (2, 9):
        # Empty, as Juju shows it of a model that has none.
        tree["storage"] = {}
    if timestamp := shape.times.timestamp(wire.get("controller-timestamp")):
        tree["controller"] = {"timestamp": timestamp}
    return tree


def _each(entries: Wire | None, convert: Callable[[str, Wire], Tree]) -> Tree:
    return {name: convert(name, (entries or {})[name]) for name in sorted(entries or {}, key=natural)}


def _filled(tree: Tree) -> Tree:
    return {key: value for key, value in tree.items() if value or value == 0}


def _status(wire: Wire | None, shape: Shape) -> Tree:
    wire = wire or {}
    life = wire.get("life")
    error = (wire.get("err") or {}).get("message") if isinstance(wire.get("err"), Mapping) else None
    return _filled(
        {
            "current": wire.get("status"),
            "message": wire.get("info"),
            "since": shape.times.since(wire.get("since")),
            "version": wire.get("version"),
            "life": None if life == "alive" else life,
            "err": error,
        }
    )


def _model(wire: Wire, controller: str, shape: Shape) -> Tree:
    meter = wire.get("meter-status") or {}
    return _filled(
        {
            "name": wire["name"],
            "type": wire.get("type") or "iaas",
            "controller": controller,
            "cloud": wire.get("cloud-tag", "").removeprefix("cloud-"),
            "region": wire.get("region"),
            "version": wire.get("version"),
            "upgrade-available": wire.get("available-version"),
            "model-status": _status(wire.get("model-status"), shape),
            "meter-status": meter if meter.get("color") else None,
            "sla": wire.get("sla"),
        }
    )


def _machine(wire: Wire, shape: Shape) -> Tree:
    return _filled(
        {
            "juju-status": _status(wire.get("agent-status"), shape),
            "hostname": wire.get("hostname") if shape.client >= (2, 9) else None,
            "dns-name": wire.get("dns-name"),
            "ip-addresses": list(wire.get("ip-addresses") or ()),
            "instance-id": wire.get("instance-id"),
            "display-name": wire.get("display-name"),
            "machine-status": _status(wire.get("instance-status"), shape),
            "modification-status": _status(wire.get("modification-status"), shape),
            **_platform(wire, shape),
            "network-interfaces": {
                name: _interface(entry) for name, entry in sorted((wire.get("network-interfaces") or {}).items())
            },
            "containers": _each(wire.get("containers"), lambda _, entry: _machine(entry, shape)),
            "constraints": wire.get("constraints"),
            "hardware": wire.get("hardware"),
            "controller-member-status": _member_status(wire),
            "ha-primary": wire.get("primary-controller-machine") if shape.client >= (2, 9) else None,
            "lxd-profiles": wire.get("lxd-profiles"),
        }
    )


def _platform(wire: Wire, shape: Shape) -> Tree:
    base = wire.get("base") or {}
    if shape.has_bases and base.get("name"):
        channel = str(base.get("channel", ""))
        return {"base": {"name": base["name"], "channel": channel.removesuffix("/stable")}}
    return {"series": wire.get("series")}


def _interface(wire: Wire) -> Tree:
    return _filled(
        {
            "ip-addresses": list(wire.get("ip-addresses") or ()),
            "mac-address": wire.get("mac-address", ""),
            "gateway": wire.get("gateway"),
            "dns-nameservers": wire.get("dns-nameservers"),
            "space": wire.get("space"),
            "is-up": bool(wire.get("is-up")),
        }
    )


def _member_status(wire: Wire) -> str | None:
    if "JobManageModel" not in (wire.get("jobs") or ()):
        return None
    votes = (bool(wire.get("wants-vote")), bool(wire.get("has-vote")))
    return {
        (True, True): "has-vote",
        (True, False): "adding-vote",
        (False, True): "removing-vote",
        (False, False): "no-vote",
    }[votes]


def _application(wire: Wire, shape: Shape) -> Tree:
    charm = charms.parse(wire.get("charm", ""))
    system = (wire.get("base") or {}).get("name") or ("centos" if "centos" in (wire.get("series") or "") else "ubuntu")
    return _filled(
        {
            # From Charmhub, charms are shown by their names alone.
            "charm": charm.name if charm.origin == "charmhub" else wire.get("charm", ""),
            **_platform(wire, shape),
            "os": None if shape.has_bases else system,
            "charm-origin": charm.origin,
            "charm-name": charm.name,
            "charm-rev": charm.revision,
            "charm-channel": wire.get("charm-channel") if shape.client >= (2, 9) else None,
            "charm-version": wire.get("charm-version"),
            "can-upgrade-to": wire.get("can-upgrade-to"),
            "exposed": bool(wire.get("exposed")),
            "life": None if wire.get("life") == "alive" else wire.get("life"),
            "application-status": _status(wire.get("status"), shape),
            "relations": {name: list(apps) for name, apps in sorted((wire.get("relations") or {}).items())},
            "subordinate-to": list(wire.get("subordinate-to") or ()),
            "units": _each(wire.get("units"), lambda _, entry: _unit(entry, shape)),
            "version": wire.get("workload-version"),
            "endpoint-bindings": wire.get("endpoint-bindings"),
        }
    )


def _unit(wire: Wire, shape: Shape) -> Tree:
    tree = {
        "workload-status": _status(wire.get("workload-status"), shape),
        "juju-status": _status(wire.get("agent-status"), shape),
        "leader": wire.get("leader") or None,
        "upgrading-from": wire.get("charm"),
        "machine": wire.get("machine"),
        "open-ports": list(wire.get("opened-ports") or ()),
        "public-address": wire.get("public-address"),
        "address": wire.get("address"),
        "subordinates": _each(wire.get("subordinates"), lambda _, entry: _unit(entry, shape)),
    }
    return _filled(tree)


class Relation(NamedTuple):
    """A relation as the table shows it; ``kind`` is ``peer``, ``regular`` or ``subordinate``."""

    provider: str
    requirer: str
    interface: str
    kind: str
    message: str


def relation_rows(wire: Wire) -> list[Relation]:
    """The relations of a model, for ``status --relations``."""
    rows = []
    for entry in wire.get("relations") or ():
        ends = {end["role"]: f"{end['application']}:{end['name']}" for end in entry["endpoints"]}
        provider = ends.get("provider") or ends.get("peer", "")
        subordinate = any(end.get("subordinate") for end in entry["endpoints"])
        kind = "peer" if "peer" in ends else "subordinate" if subordinate else "regular"
        status = entry.get("status") or {}
        message = status.get("info") or ""
        if status.get("status") not in (None, "", "joined"):
            message = f"{status['status']}  {message}".rstrip()
        rows.append(Relation(provider, ends.get("requirer", provider), entry["interface"], kind, message))
    return sorted(rows)


def _relations(wire: Iterable[Wire]) -> dict[tuple[str, str], tuple[str, str]]:
    """The interface and scope of each endpoint, by application and endpoint name."""
    return {
        (end["application"], end["name"]): (entry.get("interface", ""), entry.get("scope", ""))
        for entry in wire
        for end in entry["endpoints"]
    }


def _with_interfaces(
    application: str, relations: Mapping[str, list[str]], known: Mapping[tuple[str, str], tuple[str, str]]
) -> Tree:
    tree = {}
    for endpoint, others in relations.items():
        interface, scope = known.get((application, endpoint), ("", ""))
        tree[endpoint] = [{"related-application": other, "interface": interface, "scope": scope} for other in others]
    return tree


def is_mixed(wire: Mapping[str, Any]) -> bool:
    """Whether some agent does not run its model's version (section F.2): something is, or was, under way.

    Args:
        wire: What ``FullStatus`` answered.
    """
    machines = (wire.get("machines") or {}).values()
    applications = (wire.get("applications") or {}).values()
    units = (unit for application in applications for unit in (application.get("units") or {}).values())
    agents = [entry.get("agent-status") or {} for entry in (*machines, *units)]
    return any(agent.get("version") != wire["model"].get("version") for agent in agents)
