"""What an orchestrator may do on a machine: ``upgradectl`` in the real image, with stand-ins for agents."""

from __future__ import annotations

import datetime
import tarfile
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from jujulab.lab import pki
from tests.support.seeded import AGENT, Bench, Tarball, bench, run, tarball, wait

pytestmark = pytest.mark.e2e

TOOLS = "/var/lib/juju/tools"
OLD = tarball("2.6.4-bionic-amd64")
NEW = tarball("2.6.10-bionic-amd64", agent=AGENT + "# newer\n")
CRASHES = tarball("2.6.9-bionic-amd64", agent="#!/bin/sh\nexit 1\n")

# A unit's agent, as the machine agent deploys it: a link and a service.
UNIT = "unit-ubuntu-0"
DEPLOY_UNIT = f"""
ln -s {TOOLS}/{OLD.binary} {TOOLS}/{UNIT}
cat > /etc/systemd/system/jujud-{UNIT}.service <<'END'
[Service]
ExecStart={TOOLS}/{UNIT}/jujud unit
Restart=on-failure
END
systemctl start jujud-{UNIT}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench("upgradectl", tmp_path_factory.mktemp("ssh")) as made:
        yield made


@pytest.fixture(scope="module")
def server(lab: Bench) -> Container:
    made = lab.server("controller", pki.make_controller_cert(lab.ca, datetime.datetime.now(datetime.UTC)))
    for what in (OLD, NEW, CRASHES):
        publish(lab, made, what)
    return made


@pytest.fixture(scope="module")
def machine(lab: Bench, server: Container) -> Container:
    made = lab.machine("0", OLD)
    wait(made, "systemctl is-active -q jujud-machine-0")
    wait(made, "systemctl is-system-running >/dev/null 2>&1")
    run(made, DEPLOY_UNIT)
    run(made, stage(1, NEW))
    return made


def publish(lab: Bench, server: Container, what: Tarball) -> None:
    lab.put(server, what.url.removeprefix("https://controller"), what.data)


def stage(token: int, what: Tarball, sha256: str = "") -> str:
    return f"upgradectl stage {token} {what.binary} {what.url} {sha256 or what.sha256} {len(what.data)}"


def left_over(machine: Container) -> str:
    return run(machine, f"ls -d {TOOLS}/unpacking-* {TOOLS}/.*.new /var/lib/juju/tmp-* 2>/dev/null || true")


def test_swap_links_restarts_and_tells_what_was_there(machine: Container) -> None:
    before = run(machine, "upgradectl show")
    answer = run(machine, f"upgradectl swap 2 {NEW.binary} machine-0 {UNIT}")
    assert answer == f"machine-0 {OLD.binary}\n{UNIT} {OLD.binary}\n"
    after = run(machine, "upgradectl show")
    for text, binary in ((before, OLD.binary), (after, NEW.binary)):
        rows = [line.split() for line in text.splitlines()]
        assert [row[:3] for row in rows] == [["machine-0", binary, "active"], [UNIT, binary, "active"]]
    pids = [{line.split()[3] for line in text.splitlines()} for text in (before, after)]
    assert not pids[0] & pids[1]
    assert "0" not in pids[1]
    assert run(machine, f"readlink {TOOLS}/machine-0").strip() == f"{TOOLS}/{NEW.binary}"


def test_with_a_machine_go_all_its_units(machine: Container) -> None:
    for binary, was in ((OLD.binary, NEW.binary), (NEW.binary, OLD.binary)):
        assert run(machine, f"upgradectl swap 2 {binary} machine-0") == f"machine-0 {was}\n{UNIT} {was}\n"
    # One whose service is not there yet is left to who installs it.
    run(machine, f"ln -s {TOOLS}/{OLD.binary} {TOOLS}/unit-new-0")
    assert "unit-new-0" not in run(machine, f"upgradectl swap 2 {NEW.binary} machine-0")
    run(machine, f"rm {TOOLS}/unit-new-0")


def test_at_every_moment_of_a_swap_the_link_leads_to_an_agent(machine: Container) -> None:
    seen = run(
        machine,
        f"(until [ -e /tmp/stop ]; do [ -x {TOOLS}/machine-0/jujud ] || echo broken; done) & "
        f"for i in 1 2 3 4 5; do for b in {OLD.binary} {NEW.binary}; do "
        f"upgradectl swap 2 $b machine-0 >/dev/null; systemctl reset-failed; done; done; touch /tmp/stop; wait",
    )
    assert seen == ""
    assert left_over(machine) == ""


def test_a_token_below_the_highest_seen_is_refused(machine: Container) -> None:
    run(machine, f"upgradectl swap 7 {NEW.binary} machine-0")
    before = run(machine, "upgradectl show")
    for refused in (f"upgradectl swap 6 {OLD.binary} machine-0", stage(6, CRASHES)):
        said = run(machine, refused, expect=70)
        assert said == ("token 6 is older than 7, which this machine has seen: another orchestrator holds the lease\n")
    assert run(machine, "upgradectl show") == before
    run(machine, f"upgradectl swap 7 {NEW.binary} machine-0")


def test_a_person_is_not_fenced(machine: Container) -> None:
    for binary in (OLD.binary, NEW.binary):
        run(machine, f"upgradectl swap by-hand {binary} machine-0 {UNIT}")
        rows = [line.split()[1:3] for line in run(machine, "upgradectl show").splitlines()]
        assert rows == [[binary, "active"], [binary, "active"]]
    run(machine, f"upgradectl swap 6 {OLD.binary} machine-0", expect=70)


def test_units_are_restarted_after_their_machine(machine: Container) -> None:
    run(machine, f"upgradectl swap by-hand {NEW.binary} {UNIT} machine-0")
    began = "systemctl show -P ExecMainStartTimestampMonotonic jujud-machine-0 jujud-" + UNIT
    host, unit = (int(line) for line in run(machine, began).split())
    assert host < unit


def test_an_incomplete_directory_is_refused_before_anything_changes(machine: Container) -> None:
    before = run(machine, "upgradectl show")
    run(machine, f"mkdir {TOOLS}/2.7.0-bionic-amd64; cp {TOOLS}/machine-0/jujud {TOOLS}/2.7.0-bionic-amd64")
    said = run(machine, "upgradectl swap 8 2.7.0-bionic-amd64 machine-0", expect=71)
    assert said == "tools/2.7.0-bionic-amd64 is not complete on this machine\n"
    assert run(machine, "upgradectl show") == before


@pytest.mark.parametrize(
    "words",
    [
        "swap",
        "swap x 2.6.4-bionic-amd64 machine-0",
        "swap 9 ../../etc machine-0",
        "swap 9 2.6.4-bionic-amd64 ../machine-0",
        "swap 9 2.6.4-bionic-amd64 machine-7",
        "swap 9 2.6.4-bionic-amd64 machine-0 unit-ubuntu-7",
        "stage 9 2.6.4-bionic-amd64 http://controller/x 00 1",
        "stage 9 2.6.4-bionic-amd64 https://controller/x 00 much",
        "show all",
        "purge",
    ],
)
def test_wrong_words_change_nothing(machine: Container, words: str) -> None:
    before = run(machine, "upgradectl show")
    said = run(machine, f"upgradectl {words}", expect=64)
    assert len(said.splitlines()) == 1
    assert run(machine, "upgradectl show") == before


def test_an_agent_that_crashed_too_often_is_started_again_by_a_swap(machine: Container) -> None:
    run(machine, stage(9, CRASHES))
    run(machine, f"upgradectl swap 9 {CRASHES.binary} machine-0")
    wait(machine, "systemctl is-failed -q jujud-machine-0")
    run(machine, f"upgradectl swap 9 {OLD.binary} machine-0")
    assert run(machine, "systemctl is-active jujud-machine-0") == "active\n"


def test_stage_repairs_a_directory_that_is_damaged(machine: Container) -> None:
    run(machine, f"rm {TOOLS}/{CRASHES.binary}/jujud")
    run(machine, stage(9, CRASHES))
    run(machine, f"test -x {TOOLS}/{CRASHES.binary}/jujud")


def test_stage_refuses_what_is_not_what_was_promised(lab: Bench, machine: Container) -> None:
    other = Tarball("2.6.6-bionic-amd64", OLD.data)
    publish(lab, lab.engine.client.containers.get("jujulab-upgradectl-controller"), other)
    assert "tarball sha256 mismatch" in run(machine, stage(9, other, sha256="0" * 64), expect=1)
    size = len(other.data)
    shorter = stage(9, other).replace(f" {size}", f" {size - 1}")
    assert "tarball size mismatch" in run(machine, shorter, expect=1)
    missing = stage(9, Tarball("2.6.7-bionic-amd64", OLD.data))
    assert 'failed to fetch agent binaries from "https://controller/' in run(machine, missing, expect=1)
    run(machine, f"test ! -e {TOOLS}/{other.binary}")
    assert left_over(machine) == ""


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry("../escaped"), 'bad name "../escaped" in agent binary archive'),
        (entry("/tmp/escaped"), 'bad name "/tmp/escaped" in agent binary archive'),
        (entry("sub/file"), 'bad name "sub/file" in agent binary archive'),
        (entry("sub", tarfile.DIRTYPE), "bad file type d in file"),
        (entry("link", tarfile.SYMTYPE, "/etc/shadow"), "bad file type l in file"),
        (entry("link", tarfile.LNKTYPE, "jujud"), "bad file type h in file"),
        (entry("null", tarfile.CHRTYPE), "bad file type c in file"),
        (entry("pipe", tarfile.FIFOTYPE), "bad file type p in file"),
        (entry("jujud"), 'duplicate file "jujud" in agent binary archive'),
    ],
)
def test_stage_unpacks_plain_files_at_the_root_only(
    lab: Bench, server: Container, machine: Container, bad: tarfile.TarInfo, why: str
) -> None:
    what = Tarball("2.6.8-bionic-amd64", tarball("2.6.8-bionic-amd64", bad).data)
    publish(lab, server, what)
    assert why in run(machine, stage(9, what), expect=1)
    run(machine, f"test ! -e {TOOLS}/{what.binary} -a ! -e /tmp/escaped -a ! -e {TOOLS}/escaped")
    assert left_over(machine) == ""


def test_swap_over_ssh_as_the_orchestrator_does_it(lab: Bench, machine: Container) -> None:
    answer = lab.ssh(machine, "sudo", "-n", "upgradectl", "swap", "10", NEW.binary, "machine-0", UNIT)
    assert answer.returncode == 0, answer.stderr
    assert [line.split()[0] for line in answer.stdout.splitlines()] == ["machine-0", UNIT]
    refused = lab.ssh(machine, "sudo", "-n", "upgradectl", "swap", "9", OLD.binary, "machine-0")
    assert refused.returncode == 70
