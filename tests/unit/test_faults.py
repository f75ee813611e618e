"""The kinds of faults, their records and targets; what they do to a lab is shown end to end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound

from jujulab.faults import disk, hands, traffic
from jujulab.faults.kinds import conf_damaged
from jujulab.faults.model import Kind, Record, Scene
from jujulab.faults.registry import find, kinds
from jujulab.faults.targets import Scope, Target
from jujulab_core import agentconf
from jujulab_core.errors import JujulabError, UsageError
from tests.support.fake_machine import FakeMachine

ROOT = Path(__file__).resolve().parents[2]
# Those of the command line's specification, and one of the twelve that a rehearsal begins with (section L.3).
SPECIFIED = {
    "model-migrating",
    *("internet-down", "slow-internet", "corrupt-binary", "missing-binary", "stale-index", "unsigned-index"),
    *("agent-stop", "agent-kill", "agent-hang", "machine-stop", "machine-pause", "partition", "slow-network"),
    *("disk-full", "sshd-down", "hostkey-changed", "conf-damaged", "clock-skew", "controller-kill"),
    *("controller-disk-full", "orchestrator-kill", "wrench"),
}


def test_the_kinds_are_those_of_the_specification_and_the_modules() -> None:
    assert set(kinds()) == SPECIFIED
    for name, kind in kinds().items():
        assert kind.name == name
        assert kind.help.endswith(".")


def test_the_guide_has_a_row_for_every_kind() -> None:
    """The table's first columns are what the code says; `python -m jujulab.faults.table` prints it."""
    from jujulab.faults.table import rows

    guide = (ROOT / "docs" / "how-to" / "break-things.md").read_text()
    for row in rows():
        assert row in guide.splitlines()


def test_a_record_survives_the_ledger() -> None:
    record = Record(
        3,
        "agent-stop",
        ("default:machine-2",),
        {"hold": "no"},
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:05:00Z",
        ("stopped it",),
        {"default:machine-2": Target("jujulab-demo-juju-1a2b3c-2", "machine-2")},
        {"default:machine-2": {"active": True}},
    )
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    ("kind", "targets", "options", "reason"),
    [
        ("internet-down", ("x",), {}, "internet-down takes no target"),
        ("corrupt-binary", (), {}, "corrupt-binary needs a target: a version"),
        ("corrupt-binary", ("2.6.10",), {"hwo": "hash"}, 'corrupt-binary has no option "hwo"'),
        ("corrupt-binary", ("2.6.10",), {"how": "much"}, 'corrupt-binary cannot do how="much"'),
        ("agent-stop", (), {}, "agent-stop needs a target: an agent"),
        ("agent-stop", ("machine-0",), {"hold": "maybe"}, 'agent-stop cannot do hold="maybe"'),
        ("slow-network", ("machine-0",), {}, "slow-network needs at least one of rate, latency and loss"),
        ("slow-network", ("machine-0",), {"rate": "fast"}, '"fast" is not a rate'),
        ("slow-network", ("machine-0",), {"loss": "100%"}, '"100%" is not a share of packets'),
        ("slow-internet", (), {"rate": "0kbit"}, '"0kbit" is not a rate'),
        ("disk-full", ("machine-0",), {"free": "some"}, '"some" is not a size'),
        ("wrench", ("machine-0",), {"feature": "spanner"}, 'no agent knows the wrench "spanner"'),
        ("clock-skew", ("machine-0",), {"by": "soon"}, 'invalid duration "soon"'),
        ("stale-index", (), {"age": "old"}, 'invalid duration "old"'),
        ("partition", ("machine-0",), {"from": "reality"}, 'partition cannot do from="reality"'),
    ],
)
def test_what_a_kind_does_not_take(kind: str, targets: tuple[str, ...], options: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find(kind).check(targets, options)


def test_options_are_completed() -> None:
    assert find("stale-index").check((), {}) == {"age": "1d"}
    assert find("stale-index").check((), {"age": "60d"}) == {"age": "60d"}
    with pytest.raises(UsageError, match='no kind of fault "internet-donw"'):
        find("internet-donw")


def test_where_there_is_only_one_target_it_need_not_be_named() -> None:
    assert {kind.name: kind.only_target for kind in kinds().values() if kind.only_target} == {
        "controller-disk-full": "controller",
        "controller-kill": "controller",
        "orchestrator-kill": "orchestrator",
    }
    assert find("controller-kill").check((), {}) == {}


def test_what_is_over_at_once_has_nothing_to_make_again() -> None:
    def ends(kind: Kind) -> bool:
        return kind.at_once and kind.again is None

    assert {name for name, kind in kinds().items() if ends(kind)} == {
        "agent-kill",
        "controller-kill",
        "orchestrator-kill",
    }
    assert all(kind.scopes <= set(Scope) for kind in kinds().values())


@pytest.mark.parametrize(
    ("text", "bits"), [("256kbit", 256_000), ("1mbit", 1_000_000), ("0.5mbit", 500_000), ("800bit", 800)]
)
def test_rates(text: str, bits: int) -> None:
    assert traffic.bits_per_second(text) == bits


@pytest.mark.parametrize(("text", "mib"), [("0", 0), ("100MiB", 100), ("249M", 249)])
def test_free_space(text: str, mib: int) -> None:
    assert disk.free_mib({"free": text}) == mib


GOOD: dict[str, agentconf.Value] = {
    "tag": "machine-0",
    "apiaddresses": ["controller:17070"],
    "apipassword": "right",
    "upgradedToVersion": "2.6.4",
}


def test_a_conf_is_mended_where_it_was_damaged_and_nowhere_else() -> None:
    good = agentconf.dump(GOOD).encode()
    options = {"what": "password"}
    noted = {"bad": conf_damaged.fingerprint("wrong")}
    since = agentconf.dump({**GOOD, "apipassword": "wrong", "upgradedToVersion": "2.6.10"}).encode()
    mended = conf_damaged.mended(since, good, options, noted)
    assert mended is not None
    assert agentconf.load(mended.decode()) == {**GOOD, "upgradedToVersion": "2.6.10"}
    # Written anew by its agent, repaired by hand, or lost: it is left alone.
    for other in (good, agentconf.dump({**GOOD, "apipassword": "newer"}).encode(), b"", b"\xff"):
        assert conf_damaged.mended(other, good, options, noted) is None


CONF = "/var/lib/juju/agents/machine-0/agent.conf"
TARGET = Target("machine", "machine-0")
RESTART = "systemctl restart jujud-machine-0.service"


def machine(state: str) -> FakeMachine:
    files = {CONF: agentconf.dump(GOOD).encode()}
    files |= dict.fromkeys(("/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"), b"a good key")
    return FakeMachine(files, state)


def record(kind: str) -> Record:
    return Record(1, kind, ("machine-0",), find(kind).check(("machine-0",), {}), "", on={"machine-0": TARGET})


@pytest.mark.parametrize("kind", ["clock-skew", "conf-damaged"])
@pytest.mark.parametrize(
    ("before", "later", "restarts"),
    [
        ("active", "active", (True, True)),
        ("activating", "activating", (True, True)),
        # It has failed by what was done to it.
        ("active", "failed", (True, True)),
        # Another fault has stopped it, before or since.
        ("active", "inactive", (True, False)),
        ("inactive", "inactive", (False, False)),
        # It was started since, and sees what is false.
        ("inactive", "active", (False, True)),
        ("failed", "failed", (False, False)),
    ],
)
def test_an_agent_that_does_not_run_is_not_started_by_a_fault(
    kind: str, before: str, later: str, restarts: tuple[bool, bool]
) -> None:
    made = machine(before)
    good = dict(made.files)
    find(kind).inject(made.scene, record(kind), made.keep)
    assert (RESTART in made.did) is restarts[0]
    assert made.files != good
    made.did, made.state = [], later
    find(kind).heal(made.scene, replace(record(kind), state=made.noted))
    assert (RESTART in made.did) is restarts[1]
    assert made.files == good


@pytest.mark.parametrize("kind", ["clock-skew", "conf-damaged", "hostkey-changed"])
def test_what_mending_needs_is_noted_before_anything_is_changed(kind: str) -> None:
    made = machine("active")
    find(kind).inject(made.scene, record(kind), made.keep)
    assert made.did[0] == "note"


class HelperContainer:
    """What Docker would make; its command is run here."""

    def __init__(self, image: str, command: list[str], **kwargs: object) -> None:
        self.command, self.kwargs, self.parts = command, kwargs, []
        self.removed = False

    def attach(self, **_: object) -> HelperContainer:
        return self

    def start(self) -> None:
        ended = subprocess.run(self.command, capture_output=True, check=False)
        self.parts = [(ended.stdout[:3], None), (None, ended.stderr), (ended.stdout[3:], None)]

    def __iter__(self) -> Iterator[tuple[bytes | None, bytes | None]]:
        return iter(self.parts)

    def close(self) -> None:
        pass

    def wait(self, condition: str) -> None:
        raise NotFound("it has removed itself")

    def remove(self, force: bool) -> None:
        self.removed = True


def helpers(made: list[HelperContainer]) -> Scene:
    def create(*args: Any, **kwargs: object) -> HelperContainer:
        made.append(HelperContainer(*args, **kwargs))
        return made[-1]

    client = SimpleNamespace(containers=SimpleNamespace(create=create))
    return Scene(SimpleNamespace(client=client), "demo")  # type: ignore[arg-type]


DIES = "echo half; kill -KILL $PPID $$"


@pytest.mark.parametrize(
    ("script", "may_be_killed", "expected"),
    [
        ("echo words; echo noise >&2", False, "words\n"),
        ("printf 'no end' >&2", False, ""),
        (DIES, True, "half\n"),
    ],
)
def test_what_a_helper_prints(script: str, may_be_killed: bool, expected: str) -> None:
    made: list[HelperContainer] = []
    assert hands.beside(helpers(made), "x", hands.NETWORK, script, "do it", may_be_killed=may_be_killed) == expected
    assert made[0].kwargs["auto_remove"]


@pytest.mark.parametrize(
    ("script", "may_be_killed", "reason"),
    [
        ("echo one >&2; echo two >&2; false; echo never", False, "cannot do it: two"),
        ("exit 3", True, "cannot do it: exit code 3"),
        (DIES, False, "cannot do it: it was killed"),
    ],
)
def test_why_a_helper_fails(script: str, may_be_killed: bool, reason: str) -> None:
    with pytest.raises(JujulabError) as raised:
        hands.beside(helpers([]), "x", hands.NETWORK, script, "do it", may_be_killed=may_be_killed)
    assert str(raised.value) == reason


def test_a_helper_that_cannot_start_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: HelperContainer) -> None:
        raise APIError("no", explanation="no")

    monkeypatch.setattr(HelperContainer, "start", refuse)
    made: list[HelperContainer] = []
    with pytest.raises(JujulabError, match="cannot do it: no"):
        hands.beside(helpers(made), "x", hands.NETWORK, "true", "do it")
    assert made[0].removed
