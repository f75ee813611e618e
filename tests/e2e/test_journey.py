"""The way of an operator through a lab, from `up` to every agent verified on the new version.

The tests of this module build on one another: they are one journey, in steps that can be read one by one.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.support import Lab, Watch, run

pytestmark = pytest.mark.e2e

AGENTS = {"0", "1", "2", "3", "4", "ubuntu/0", "ubuntu/1", "ubuntu/2", "haproxy/0", "haproxy/1", "nrpe/0", "nrpe/1"}


def test_every_agent_has_logged_in_when_up_returns(lab: Lab, watch: Watch) -> None:
    assert lab.versions() == dict.fromkeys(AGENTS, "2.6.4")
    status = lab.status()
    assert status["model"]["version"] == "2.6.4"
    assert {machine["juju-status"]["current"] for machine in status["machines"].values()} == {"started"}


def test_up_again_changes_nothing(lab: Lab) -> None:
    before = {container.id: container.attrs["State"]["StartedAt"] for container in lab.machines()}
    lab.juju("up", "tests/e2e/lab.yaml")
    assert {container.id: container.attrs["State"]["StartedAt"] for container in lab.machines()} == before


def test_a_machine_is_laid_out_as_jujus_are(lab: Lab) -> None:
    machine = lab.machine(0)
    assert run(machine, "readlink /var/lib/juju/tools/machine-0").strip() == "/var/lib/juju/tools/2.6.4-bionic-amd64"
    assert run(machine, "head -1 /var/lib/juju/agents/machine-0/agent.conf").strip() == "# format 2.0"
    assert run(machine, "stat -c %a /var/lib/juju/agents/machine-0/agent.conf").strip() == "600"
    assert run(machine, "systemctl is-active jujud-machine-0 jujud-unit-ubuntu-0").split() == ["active", "active"]
    assert '"version":"2.6.4-bionic-amd64"' in run(machine, "cat /var/lib/juju/tools/machine-0/downloaded-tools.txt")
    assert "juju.worker" in run(machine, "cat /var/log/juju/machine-0.log")
    assert run(machine, "systemctl --failed --no-legend").strip() == ""
    assert machine.attrs["HostConfig"]["Privileged"] is False


def test_a_model_above_its_controller_is_refused_with_jujus_words(lab: Lab) -> None:
    refused = lab.juju("upgrade-model", "--agent-version", "2.6.10", expect=1)
    assert (
        "ERROR model cannot be upgraded to 2.6.10 while the controller is 2.6.4: upgrade 'controller' model first"
        in refused.stderr
    )
    assert lab.juju("model-config", "agent-version").stdout == "2.6.4\n"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["upgrade-model", "--agent-version", "4"], 2, 'ERROR invalid version "4"'),
        (["upgrade-model", "-m", "e2e-aws:nowhere"], 1, "ERROR model e2e-aws:admin/nowhere not found"),
        (
            ["upgrade-model", "-m", "e2e-aws:controller", "--agent-version", "2.6.9"],
            1,
            "no matching agent binaries available",
        ),
        (["upgrade-model", "--agent-version", "2.6.3"], 1, "cannot change version from 2.6.4 to lower version 2.6.3"),
        (["upgrade-model", "--dev"], 2, "ERROR option provided but not defined: --dev"),
        (["publish", "2.6"], 2, 'ERROR invalid version "2.6"'),
        (["status", "-m", "nowhere:default"], 1, "ERROR controller nowhere not found"),
        (
            ["up", "--name", "other", "--controller", "e2e-aws"],
            2,
            'the controller name "e2e-aws" is taken by lab "e2e"',
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_changes_nothing(lab: Lab, words: list[str], code: int, text: str) -> None:
    assert text in lab.juju(*words, expect=code).stderr
    assert lab.juju("model-config", "agent-version").stdout == "2.6.4\n"


def test_a_dry_run_names_what_would_be_chosen(lab: Lab) -> None:
    said = lab.juju("upgrade-controller", "--dry-run").stderr
    assert "best version:\n    2.7.8" in said
    assert "upgrade to this version by running\n    juju upgrade-controller" in said
    assert lab.juju("model-config", "-m", "e2e-aws:controller", "agent-version").stdout == "2.6.4\n"


def test_the_controller_goes_first_to_the_latest_stable_version(lab: Lab) -> None:
    done = lab.juju("upgrade-model", "-m", "e2e-aws:controller", "--wait")
    assert done.stdout.splitlines()[0] == "started upgrade to 2.7.8"
    assert "best version:\n    2.7.8" in done.stderr
    assert lab.versions("controller") == {"0": "2.7.8"}
    assert lab.status("controller")["model"]["version"] == "2.7.8"
    assert lab.juju.json("show-controller", "e2e-aws")["e2e-aws"]["details"]["agent-version"] == "2.7.8"
    # The model stays where it is until it is asked for itself.
    assert set(lab.versions().values()) == {"2.6.4"}


def test_then_the_model_and_no_workload_notices(lab: Lab) -> None:
    before = lab.workloads()
    assert len(re.findall(r"MainPID=[1-9]", "".join(before.values()))) == 7
    lab.juju("upgrade-model", "--agent-version", "2.6.10", "--wait")
    assert lab.versions() == dict.fromkeys(AGENTS, "2.6.10")
    assert lab.workloads() == before


def test_reported_version_link_and_running_code_are_the_same(lab: Lab) -> None:
    for machine in lab.machines():
        shown = run(machine, "sudo upgradectl show").split("\n")
        for line in filter(None, shown):
            tag, binary, state, pid = line.split()
            assert (binary, state) == ("2.6.10-bionic-amd64", "active"), f"{machine.name} {tag}"
            assert f"tools/{tag}/jujud" in run(machine, f"tr '\\0' ' ' < /proc/{pid}/cmdline")
        version = run(machine, "/var/lib/juju/tools/$(ls /var/lib/juju/tools | grep ^machine-)/jujud version").strip()
        assert version == "2.6.10-bionic-amd64"


def test_each_version_came_from_the_internet_once(lab: Lab) -> None:
    assert lab.fetched() == {
        "juju-2.6.4-bionic-amd64.tgz": 1,
        "juju-2.6.10-bionic-amd64.tgz": 1,
        "juju-2.7.8-bionic-amd64.tgz": 1,
    }


def test_the_record_names_every_agent(lab: Lab) -> None:
    record = lab.juju.json("show-upgrade")
    assert record["status"] == "complete"
    agents = [agent for machine in record["machines"] for agent in machine["agents"]]
    assert len(agents) == len(AGENTS)
    assert {agent["phase"] for agent in agents} == {"done"}
    assert {upgrade["status"] for upgrade in lab.juju.json("upgrades")["upgrades"]} == {"complete"}


def test_nothing_to_do_is_no_error(lab: Lab) -> None:
    assert "no upgrades available" in lab.juju("upgrade-model", "--agent-version", "2.6.10").stderr


def test_by_stream_one_minor_version_at_a_time(lab: Lab) -> None:
    lab.juju("upgrade-controller", "--agent-stream", "proposed", "--wait")
    assert lab.versions("controller") == {"0": "2.8.0"}
    lab.juju("upgrade-model", "--agent-stream", "proposed", "--wait")
    assert set(lab.versions().values()) == {"2.7.8"}
    lab.juju("upgrade-model", "--agent-stream", "proposed", "--wait")
    assert lab.versions() == dict.fromkeys(AGENTS, "2.8.0")
    assert lab.juju("model-config", "agent-version").stdout == "2.8.0\n"


def test_what_is_added_starts_on_the_models_version(lab: Lab) -> None:
    lab.juju("add-model", "second", "--no-switch")
    lab.juju("add-unit", "ubuntu", "--to", "4")
    lab.juju("add-machine")
    lab.juju("deploy", "ubuntu", "other", "-m", "e2e-aws:second")
    lab.juju("up", "tests/e2e/lab.yaml")
    assert lab.versions() == dict.fromkeys({*AGENTS, "5", "ubuntu/3"}, "2.8.0")
    assert lab.versions("second") == {"0": "2.8.0", "other/0": "2.8.0"}
    lab.juju("destroy-model", "second", "-y")
    assert "second" not in lab.juju("models").stdout


def test_ssh_and_the_logs(lab: Lab) -> None:
    assert lab.juju("ssh", "0", "hostname").stdout.strip() == lab.status()["machines"]["0"]["instance-id"]
    assert lab.juju("ssh", "ubuntu/0", "sudo", "id", "-u").stdout.strip() == "0"
    log = lab.juju("debug-log", "--replay", "--no-tail", "--limit", "2000").stdout
    assert re.search(r"^machine-0: \d\d:\d\d:\d\d INFO juju\.", log, re.MULTILINE)


def test_files_go_there_and_back(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("some text\n")
    lab.juju("scp", str(tmp_path / "there"), "0:/tmp/there")
    lab.juju("scp", "ubuntu/0:/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "some text\n"


def test_new_models_begin_with_the_defaults(lab: Lab) -> None:
    lab.juju("model-defaults", "agent-stream=proposed")
    lab.juju("add-model", "third", "--no-switch")
    assert lab.juju("model-config", "-m", "e2e-aws:third", "agent-stream").stdout == "proposed\n"
    assert re.search(r"^agent-stream +released +proposed$", lab.juju("model-defaults").stdout, re.MULTILINE)
    lab.juju("model-defaults", "--reset", "agent-stream")
    lab.juju("destroy-model", "third", "-y")
    said = lab.juju("model-defaults", "agent-version=2.6.10", expect=1).stderr
    assert said.startswith("ERROR agent-version cannot have a default value")


def test_a_lab_that_was_stopped_goes_on(lab: Lab) -> None:
    lab.juju("stop", "e2e")
    assert lab.juju.json("labs")["labs"]["e2e"]["state"] == "stopped"
    lab.juju("start", "e2e")
    assert set(lab.versions().values()) == {"2.8.0"}
    lab.juju("publish", "2.8.1", "--stream", "proposed")
    lab.juju("upgrade-controller", "--agent-stream", "proposed", "--wait")
    lab.juju("upgrade-model", "--agent-stream", "proposed", "--wait")
    assert set(lab.versions().values()) == {"2.8.1"}


def test_the_invariants_held_all_the_way(watch: Watch) -> None:
    assert watch.violations() == []
