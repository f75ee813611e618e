"""The small pure parts of the command line."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import click
import pytest

from jujulab.cli import blocks, constraints, durations, keyvalues, placement, remote, upgradecontrol
from jujulab.cli.commands import debug_log
from jujulab.cli.table import columns, render
from jujulab.cli.upgradeoptions import rollout
from jujulab.yamltext import dump
from jujulab_core.errors import JujulabError, RpcError, UsageError
from jujulab_core.rpc import results


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100ms", 0.1), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("7", 7), ("0.5", 0.5), ("1.5m", 90)],
)
def test_durations(text: str, expected: float) -> None:
    assert durations.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "soon", "5 m", "-5s", "5x", "m5", "1e3", "٣s"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(UsageError, match="invalid duration"):
        durations.seconds(text)


def test_key_values(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a: 1\nb: text\n")
    assert keyvalues.parse([str(file), "b=other=more", "c="]) == {"a": 1, "b": "other=more", "c": ""}


@pytest.mark.parametrize("content", [None, "- a\n", "a: [", "1: 2\n"])
def test_bad_key_values(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=r"config\.yaml"):
        keyvalues.parse([str(file)])


@pytest.mark.parametrize(
    ("text", "expected", "line"),
    [
        ("", {}, ""),
        ("cores=2 arch=amd64", {"cores": 2, "arch": "amd64"}, "arch=amd64 cores=2"),
        ("mem=4G root-disk=1.5T", {"mem": 4096, "root-disk": 1572864}, "mem=4096M root-disk=1572864M"),
        ("mem=512 cpu-cores=1", {"mem": 512, "cores": 1}, "cores=1 mem=512M"),
        ("tags=a,b zones=", {"tags": ["a", "b"], "zones": []}, "tags=a,b zones="),
        ("allocate-public-ip=true", {"allocate-public-ip": True}, "allocate-public-ip=true"),
    ],
)
def test_constraints(text: str, expected: dict[str, Any], line: str) -> None:
    assert constraints.parse([text]) == expected
    assert constraints.shown(expected) == line


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("foo=1", 'unknown constraint "foo"'),
        ("mem", 'malformed constraint "mem"'),
        ("cores=two", 'bad "cores" constraint: must be a non-negative integer'),
        ("cores=1 cpu-cores=1", 'bad "cpu-cores" constraint: already set'),
        ("mem=-1", 'bad "mem" constraint: must be a non-negative float with optional M/G/T/P suffix'),
        ("mem=G", 'bad "mem" constraint: must be a non-negative float with optional M/G/T/P suffix'),
        ("arch=vax", 'bad "arch" constraint: "vax" not recognized'),
    ],
)
def test_bad_constraints(text: str, error: str) -> None:
    with pytest.raises(UsageError) as refused:
        constraints.parse([text])
    assert str(refused.value) == error


def test_placement() -> None:
    assert placement.parse(None) == []
    assert placement.parse("0, 12") == [{"scope": "#", "directive": "0"}, {"scope": "#", "directive": "12"}]
    for text in ("lxd:0", "0,", "zone=a", "-1"):
        with pytest.raises(UsageError, match="invalid --to parameter"):
            placement.parse(text)


def test_tables_are_padded_to_the_widest_cell() -> None:
    rows = [("a", "1", ""), ("longer", "22", "x"), ("b",)]
    assert render(("Name", "Count", "Note"), rows, right=("Count",)).split("\n") == [
        "Name    Count  Note",
        "a           1",
        "longer     22  x",
        "b",
    ]
    assert columns([]) == ""
    coloured = render(("S",), [(("active", "green"),), (("x", ""),)])
    assert coloured != click.unstyle(coloured) == "S\nactive\nx"


def test_yaml_is_as_juju_writes_it() -> None:
    tree = {"machines": {"0": {"on": True, "list": ["a"], "text": "x: y"}}, "ca": "A\nB\n", "empty": {}, "none": ""}
    assert dump(tree) == (
        'machines:\n  "0":\n    "on": true\n    list:\n    - a\n    text: "x: y"\n'
        'ca: |\n  A\n  B\nempty: {}\nnone: ""\n'
    )


def test_results() -> None:
    assert results.check_all({"results": [{}, {"result": 1}]}) == [{}, {"result": 1}]
    assert results.check_all({}) == []
    with pytest.raises(RpcError, match=r"^gone \(not found\)$"):
        results.check_all({"results": [{"error": {"message": "gone", "code": "not found"}}]})
    both = {"results": [{"error": {"message": "a"}}, {"error": {"message": "b"}}]}
    with pytest.raises(JujulabError, match=r"^a\nb$"):
        results.check_all(both)


def test_command_sets() -> None:
    assert [blocks.check_set(name) for name in ("all", "destroy-model", "remove-object")] == [
        "BlockChange",
        "BlockDestroy",
        "BlockRemove",
    ]


STATUS = {
    "machines": {
        "0": {"dns-name": "172.20.0.4", "instance-id": "juju-1a2b3c-0"},
        "1": {"dns-name": "", "instance-id": "juju-1a2b3c-1"},
    },
    "applications": {"ubuntu": {"units": {"ubuntu/0": {"machine": "0", "subordinates": {"nrpe/0": {}}}}}},
}


@pytest.mark.parametrize(
    ("text", "user"), [("0", "ubuntu"), ("ubuntu/0", "ubuntu"), ("nrpe/0", "ubuntu"), ("root@ubuntu/0", "root")]
)
def test_targets(text: str, user: str) -> None:
    assert remote.find(text, STATUS) == (user, "172.20.0.4", "juju-1a2b3c-0")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1", "machine 1 has no address yet"),
        ("7", "machine 7 not found"),
        ("ubuntu/9", 'unit "ubuntu/9" not found'),
        ("host", '"host" is not a machine or a unit'),
        ("-oProxyCommand=x", "is not a machine or a unit"),
        ("a@b@0", "is not a machine or a unit"),
    ],
)
def test_bad_targets(text: str, error: str) -> None:
    with pytest.raises(JujulabError, match=error):
        remote.find(text, STATUS)


@pytest.mark.parametrize(
    ("upgrade", "step"),
    [
        (None, "see them with `jujulab status`"),
        ({"status": "complete"}, "see them with `jujulab status`"),
        ({"status": "paused"}, "follow upgrade 3 to its end with `jujulab show-upgrade 3 --watch`"),
        (
            {"status": "failed"},
            "`jujulab retry-upgrade --id 3` tries them again; `jujulab abort-upgrade 3 --rollback` goes back to 2.6.4",
        ),
        ({"status": "failed", "is-controller": True}, "`jujulab retry-upgrade --id 3` tries them again"),
        ({"status": "aborted", "roll-back": True}, "`jujulab abort-upgrade 3 --rollback` tries once more to put them"),
    ],
)
def test_what_to_do_about_agents_that_are_behind(upgrade: dict[str, Any] | None, step: str) -> None:
    said = upgradecontrol.step_about_those_behind(upgrade and {"id": 3, "from": "2.6.4"} | upgrade)
    assert said.startswith(step)
    assert said.endswith("; --ignore-agent-versions goes on without them")


def test_ssh_uses_nothing_of_the_users_own() -> None:
    line = remote.ssh_line(Path("/lab"), remote.find("0", STATUS), ["ls", "-l"], pty=True)
    assert line[:3] == ["ssh", "-F", "none"]
    assert line[-7:] == ["-t", "-l", "ubuntu", "172.20.0.4", "--", "ls", "-l"]
    assert remote.ssh_line(Path("/lab"), remote.find("0", STATUS), ["--", "ls", "-l"], pty=True) == line
    for setting in (
        "IdentityFile=/lab/ssh/id_ed25519",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "UserKnownHostsFile=/lab/ssh/known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "HostKeyAlias=juju-1a2b3c-0",
    ):
        assert line[line.index(setting) - 1] == "-o"


RECORD = {
    "tag": "machine-0",
    "ts": "2026-01-02T15:04:05.678901Z",
    "sev": "INFO",
    "mod": "juju.worker.upgrader",
    "loc": "upgrader.go:1",
    "msg": "message",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "machine-0: 15:04:05 INFO juju.worker.upgrader message"),
        (
            {"date": True, "ms": True, "location": True},
            "machine-0: 2026-01-02 15:04:05.678 INFO juju.worker.upgrader upgrader.go:1 message",
        ),
    ],
)
def test_lines_of_the_log(given: dict[str, Any], expected: str) -> None:
    options = dict.fromkeys(("date", "ms", "utc", "location"), False) | given
    assert click.unstyle(debug_log.line(RECORD, options, UTC)) == expected


def test_entities_of_the_log() -> None:
    names = ["0", "ubuntu/0", "machine-3", "unit-a-b-1"]
    assert [debug_log.entity_tag(name) for name in names] == ["machine-0", "unit-ubuntu-0", "machine-3", "unit-a-b-1"]


def options(**given: Any) -> dict[str, Any]:
    ours = {"canary": 0, "batch": "", "max_failures": "", "max_unreachable": "", "health_time": ""}
    return ours | dict.fromkeys(("no_rollback", "ignore_missing_binaries", "lift_quarantine"), False) | given


def test_rollout_options() -> None:
    assert rollout(options()) == {}
    assert rollout(options(ignore_missing_binaries=True)) == {"ignore-missing-binaries": True}
    assert rollout(options(lift_quarantine=True)) == {"lift-quarantine": True}
    given = options(canary=1, batch="25%", max_failures="0", max_unreachable="10%", health_time="1m30s")
    assert rollout(given) == {
        "rollout": {
            "canary": 1,
            "batch": "25%",
            "max-failures": "0",
            "max-unreachable": "10%",
            "health-time": 90,
            "no-rollback": False,
        }
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batch": "many"}, '--batch is "many": give a number of machines or a percentage such as 25%'),
        ({"batch": "-1"}, '--batch is "-1": give a number of machines or a percentage such as 25%'),
        ({"max_failures": "101%"}, '--max-failures is "101%": give a number of machines or a percentage such as 25%'),
        ({"max_unreachable": "%"}, '--max-unreachable is "%": give a number of machines or a percentage such as 25%'),
        ({"health_time": "soon"}, 'invalid duration "soon"'),
    ],
)
def test_rollout_options_that_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        rollout(options(**given))
    assert str(refused.value) == words
