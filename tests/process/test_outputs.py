"""The columns and keys of what the commands print, by era, against a table (`data/outputs.yaml`)."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jujulab.cli import main
from jujulab.lab import provision
from jujulab.store import Store
from jujulab_core.rpc import Client
from jujulab_core.version import Number, binary_series
from tests.support.controller_process import ADMIN_PASSWORD, Controller, Machine, running

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data" / "outputs.yaml").read_text())
ERAS = (("2.6.10", "bionic"), ("2.9.29", "bionic"), ("3.6.9", "jammy"))
# What has no eras is looked at in the first and the last.
PAIRS = [
    pytest.param(era, case, id=f"{era[0]}-{case['run']}")
    for era in ERAS
    for case in CASES
    if ("eras" in case or era != ERAS[1])
    and not ("until" in case and Number.parse(era[0]) >= Number.parse(case["until"]))
]


def run(line: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run(shlex.split(line))
    assert code == 0, f"{line}: exit {code}\n{err.getvalue()}"
    return out.getvalue()


@pytest.fixture(scope="module")
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Number]:
    """A controller of this version, with a machine, a unit, a second user, a frozen model and a backup."""
    text, series = request.param
    number, clients = Number.parse(text), list[Client]()
    with pytest.MonkeyPatch.context() as patch, running(tmp_path_factory.mktemp("era"), None, text, series) as made:
        for name in ("JUJU_MODEL", "JUJU_CONTROLLER", "JUJULAB_CLIENT_VERSION", "JUJU_STATUS_ISO_TIME"):
            patch.delenv(name, raising=False)
        patch.setenv("JUJULAB_DATA", str(made.directory / "store"))
        endpoints = [f"127.0.0.1:{made.port}"]
        known = (made.uuid, endpoints, made.ca, "docker", "test", text, "admin", ADMIN_PASSWORD)
        Store.default().add_controller("aws", *known)

        def log_in(client: Client, _name: str, _report: Any) -> None:
            for wanted in client.call("LabProvisioner", "Pending")["machines"]:
                clients.extend(agents(made, wanted["model-uuid"], f"{number}-{binary_series(number, series)}-amd64"))

        patch.setattr(provision, "provision_pending", log_in)
        fill(number)
        try:
            yield number
        finally:
            for client in clients:
                client.close()


def fill(version: Number) -> None:
    run("add-model frozen")
    run("disable-command all -m frozen 'not today'")
    run("add-user bob")
    run("add-model default")
    run("grant bob read frozen")
    run("deploy ubuntu")
    if version.major < 3:
        run("create-backup -m controller --no-download --keep-copy")


def agents(controller: Controller, model: str, binary: str) -> list[Client]:
    machine = Machine(controller, model, "0")
    machine.report(binary)
    address = {"value": "10.0.0.2", "type": "ipv4", "scope": "local-cloud"}
    change = {"tag": "machine-0", "addresses": [address]}
    machine.client.call("Machiner", "SetMachineAddresses", {"machine-addresses": [change]})
    unit = machine.unit("unit-ubuntu-0")
    unit.call("Upgrader", "SetTools", {"agent-tools": [{"tag": "unit-ubuntu-0", "tools": {"version": binary}}]})
    for method, status, info in (("SetAgentStatus", "idle", ""), ("SetUnitStatus", "active", "ready")):
        entity = {"tag": "unit-ubuntu-0", "status": status, "info": info, "data": {}}
        unit.call("Uniter", method, {"entities": [entity]})
    return [machine.client, unit]


def expected(case: dict[str, Any], version: Number, form: str) -> dict[str, list[str]]:
    keys = dict(case.get("keys") or {})
    for first, other in (case.get("eras") or {}).items():
        if version >= Number.parse(first):
            keys |= other.get("keys") or {}
    return keys | (case.get("yaml") or {} if form == "yaml" else {})


def titles(case: dict[str, Any], version: Number) -> list[list[str]]:
    found: list[list[str]] = case.get("columns") or []
    for first, other in (case.get("eras") or {}).items():
        if version >= Number.parse(first) and "columns" in other:
            found = other["columns"]
    return found


def at(tree: Any, path: str) -> Iterator[Any]:
    """What is at a path; fails where nothing is."""
    if not path:
        yield tree
        return
    name, _, rest = path.partition(".")
    entries = list(tree.values() if isinstance(tree, dict) else tree) if name == "*" else [tree[name]]
    assert entries
    for entry in entries:
        yield from at(entry, rest)


@pytest.mark.parametrize(("version", "case"), PAIRS, indirect=["version"])
def test_what_is_printed(version: Number, case: dict[str, Any]) -> None:
    for form, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        if wanted := expected(case, version, form):
            tree = load(run(f"{case['run']} --format {form}"))
        for path, keys in wanted.items():
            for entry in at(tree, path):
                sure = [key for key in keys if not key.startswith("(")]
                order = [key.strip("()") for key in keys]
                assert set(sure) <= set(entry) <= set(order), f"{form}: {path or 'at the top'}: {list(entry)}"
                assert [key for key in order if key in entry] == list(entry), f"{form}: {path}: {list(entry)}"
    lines = run(case["run"]).splitlines() if titles(case, version) else []
    for header in titles(case, version):
        assert header in [re.split(r" {2,}", line.strip()) for line in lines], "\n".join(lines)
