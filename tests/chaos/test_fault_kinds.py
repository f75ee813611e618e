"""Every kind of fault on a lab: that it breaks what it says, and that mending restores what was there."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from docker import DockerClient

from jujulab_core.waiting import Deadline, wait_for
from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

SECONDS = 90.0
# What somebody would notice of a machine: files with owners, modes and contents, mounts, filters, queues, services.
STATE = """
for dir in /etc/ssh /etc/systemd/system /var/lib/juju; do
    find $dir -type f ! -name '*.db*' ! -path '*/locks/*' -exec stat -c '%n %a %u %s' {} + -exec sha256sum {} + | sort
done
grep juju /proc/mounts
tc qdisc show dev eth0
systemctl is-active ssh jujud-machine-0 jujud-unit-ubuntu-0
"""


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of two machines with a unit each."""
    data = tmp_path_factory.mktemp("data")
    with support.lab(engine, data, "kinds", "kinds", "--name", "kinds", "--machines", "2", "--units", "2") as made:
        yield made


def rules(lab: Lab, name: str) -> str:
    """The packet filter in a container's network, seen from beside it: a machine may not look at its own."""
    image = lab.container("streams").image.tags[0].replace("streams", "base")
    output: bytes = lab.docker.containers.run(
        image, ["iptables", "-S"], network_mode=f"container:{name}", cap_add=["NET_ADMIN"], remove=True
    )
    return output.decode()


def faults(lab: Lab) -> list[int]:
    """The numbers of the faults in force."""
    return [entry["id"] for entry in lab.juju.json("faults")["faults"]]


def settled(lab: Lab) -> None:
    """Waits until every agent is at rest."""

    def probe() -> tuple[bool | None, str]:
        status = lab.status()
        late = [name for name, entry in status["machines"].items() if entry["juju-status"]["current"] != "started"]
        for application in status["applications"].values():
            late += [name for name, unit in application["units"].items() if unit["juju-status"]["current"] != "idle"]
        return (None, f"agents to be back: {late}") if late else (True, "")

    wait_for(probe, Deadline(SECONDS), 1.0)


# What is looked at in the machine while it is broken; the command fails if it is not.
BROKEN = {
    ("agent-stop", "ubuntu/0"): "! systemctl is-active jujud-unit-ubuntu-0",
    ("agent-stop", "machine-0", "hold=yes"): "systemctl start jujud-machine-0; ! systemctl is-active jujud-machine-0",
    ("agent-hang", "machine-0"): "grep '^State:.T' /proc/$(systemctl show -P MainPID jujud-machine-0)/status",
    ("partition", "machine-0"): "! timeout 2 curl -sk https://controller:17070/",
    ("slow-network", "machine-0", "rate=1mbit", "loss=1%"): "tc qdisc show dev eth0 | grep tbf",
    ("disk-full", "machine-0"): "[ $(df --output=avail -m /var/lib/juju | tail -1) -eq 100 ]",
    ("disk-full", "ubuntu/0", "free=0"): "! ln -s x /var/lib/juju/tools/x && ! touch /var/lib/juju/agents/x",
    ("sshd-down", "machine-0"): "! pgrep sshd",
    ("hostkey-changed", "machine-0"): "[ -e /etc/ssh/jujulab-kept-key ]",
    ("conf-damaged", "machine-0"): "grep no-such-controller /var/lib/juju/agents/machine-0/agent.conf",
    ("conf-damaged", "ubuntu/0", "what=truncated"): "! grep apipassword /var/lib/juju/agents/unit-ubuntu-0/agent.conf",
    ("clock-skew", "machine-0", "by=36h"): "tail -1 /var/log/juju/machine-0.log | grep $(date -d '36 hours' -u +%F)",
    ("wrench", "ubuntu/0"): "grep fail-upgrade /var/lib/juju/wrench/unit-agent",
}


@pytest.mark.parametrize("words", BROKEN, ids=lambda words: "-".join(words).replace("/", ""))
def test_it_breaks_what_it_says_and_is_mended_exactly(lab: Lab, words: tuple[str, ...]) -> None:
    machine = lab.machine(0)
    kind, target, *options = words
    before, filters = run(machine, STATE), rules(lab, str(machine.name))
    said = lab.juju("fault", kind, target, *(word for option in options for word in ("--option", option))).stdout
    assert said.startswith("fault 1: default:")
    wait_for(
        lambda: (machine.exec_run(["sh", "-c", BROKEN[words]]).exit_code == 0 or None, f"{kind} to show"),
        Deadline(SECONDS),
    )
    lab.juju("heal", "1")
    assert run(machine, STATE) == before
    assert rules(lab, str(machine.name)) == filters
    assert faults(lab) == []


def test_machines_are_stopped_and_paused(lab: Lab) -> None:
    lab.juju("fault", "machine-stop", "default:machine-0", "--option", "how=power-cut")
    lab.juju("fault", "machine-pause", "ubuntu/1")
    assert [lab.machine(number).status for number in (0, 1)] == ["exited", "paused"]
    refused = lab.juju("fault", "agent-stop", "machine-0", expect=1).stderr
    assert "default:machine-0 does not run" in refused
    assert "jujulab heal 1" in refused
    lab.juju("heal", "--all")
    assert [lab.machine(number).status for number in (0, 1)] == ["running", "running"]
    settled(lab)


def test_what_is_killed_comes_back(lab: Lab) -> None:
    killed = lab.container("orchestrator").attrs["State"]["Pid"]
    for kind in ("controller-kill", "orchestrator-kill"):
        assert "killed" in lab.juju("fault", kind).stdout
    assert "systemd starts it again" in lab.juju("fault", "agent-kill", "machine-1").stdout

    def probe() -> tuple[bool | None, str]:
        state = lab.container("orchestrator").attrs["State"]
        return (state["Running"] and state["Pid"] != killed) or None, "the orchestrator to be back"

    wait_for(probe, Deadline(SECONDS))
    settled(lab)
    assert faults(lab) == []


def test_faults_overlap_and_are_mended_in_any_order_also_over_a_stop_of_the_lab(lab: Lab) -> None:
    before = run(lab.machine(0), STATE)
    for words in (
        ["disk-full", "machine-0"],
        ["conf-damaged", "machine-0", "--option", "what=password", "--option", "restart=no"],
        ["wrench", "machine-0"],
        ["partition", "machine-0", "--option", "from=controller"],
        ["machine-stop", "machine-1"],
        ["machine-pause", "machine-0"],
    ):
        lab.juju("fault", *words)
    assert "in force on default:machine-0 already: fault 1" in lab.juju("fault", "disk-full", "0", expect=1).stderr
    lab.juju("stop", lab.name)
    said = lab.juju("start", lab.name).stderr
    assert "fault 5 is in force: machine-stop default:machine-1" in said
    assert [lab.machine(number).status for number in (0, 1)] == ["paused", "exited"]
    # In an order that nobody would choose: the machine is still paused.
    for number in ("2", "4", "1"):
        lab.juju("heal", number)
        assert lab.machine(0).status == "paused"
    lab.juju("heal", "--all")
    settled(lab)
    assert run(lab.machine(0), STATE) == before


def test_a_restart_of_the_target_by_somebody_else_loses_nothing(lab: Lab) -> None:
    before = run(lab.machine(0), STATE)
    lab.juju("fault", "disk-full", "machine-0", "--option", "free=0")
    lab.juju("fault", "slow-network", "machine-0", "--option", "rate=10mbit")
    lab.machine(0).restart(timeout=1)
    settled(lab)
    lab.juju("heal", "--all")
    assert run(lab.machine(0), STATE) == before


def test_it_is_mended_after_a_time_and_the_command_does_not_wait(lab: Lab) -> None:
    said = lab.juju("fault", "machine-pause", "machine-0", "--for", "3s")
    assert "it is mended by itself at" in said.stderr
    wait_for(lambda: (lab.machine(0).status == "running" or None, "machine 0 to run"), Deadline(SECONDS))
    wait_for(lambda: (not ledger(lab) or None, "the ledger to be empty"), Deadline(SECONDS))


def ledger(lab: Lab) -> str:
    """What is written down, by nobody's help."""
    return run(lab.container("streams"), "cat /var/lib/jujulab/faults.json 2>/dev/null || true")


def test_a_command_that_is_killed_in_the_making_leaves_what_it_takes_to_mend(lab: Lab) -> None:
    before = run(lab.machine(0), STATE)
    making = lab.juju.start("fault", "clock-skew", "machine-0")
    wait_for(lambda: ('"active"' in ledger(lab) or None, "the fault to be written down"), Deadline(SECONDS), 0.02)
    making.send_signal(signal.SIGKILL)
    making.communicate()
    assert [entry["kind"] for entry in json.loads(ledger(lab))] == ["clock-skew"]
    lab.juju("heal", "--all")
    settled(lab)
    assert run(lab.machine(0), STATE) == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["machine-stop"], 2, "machine-stop needs a target: a machine"),
        (["machine-stop", "machine-9"], 2, "the machines are: machine-0, machine-1"),
        (["machine-stop", "ubuntu/9"], 2, "there is no unit ubuntu/9 in model default"),
        (["machine-stop", "nowhere:machine-0"], 2, 'there is no model "nowhere" here'),
        (["disk-full", "orchestrator"], 2, "this cannot be done to the orchestrator"),
        (["partition", "orchestrator", "--option", "from=orchestrator"], 1, "there is nobody to cut"),
        (["controller-kill", "--for", "1m"], 2, "controller-kill is over at once"),
        (["meteor", "machine-0"], 2, 'there is no kind of fault "meteor"'),
        (["internet-down", "-c", "nowhere"], 1, "controller nowhere not found"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(lab: Lab, words: list[str], code: int, said: str) -> None:
    assert said in lab.juju("fault", *words, expect=code).stderr
    assert faults(lab) == []
