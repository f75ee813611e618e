"""The orchestrator's hands on a real SSH server that breaks off, hangs, or is another than it should be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from jujulab.rollout import hands as module
from jujulab.rollout.acts import Act, Result
from jujulab.rollout.checks import Verdict
from jujulab.rollout.hands import FencedError, Hands
from jujulab.rollout.model import Agent, Binary, Machine
from jujulab.rollout.phases import Phase
from jujulab_core.rollout import Check
from jujulab_core.waiting import Deadline, wait_for
from tests.leaks import open_files
from tests.support.ssh_server import Behaviour, SshServer, answers, breaks, hangs, make_key

UP = "machine-0 2.6.10-bionic-amd64 active 12\n"
GIVEN_UP = "machine-0 2.6.10-bionic-amd64 failed 0\n"
SECONDS = 1.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    key, text = make_key()
    (tmp_path / "key").write_text(text)
    made = SshServer(key)
    yield made
    made.close()


@pytest.fixture
def hands(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    made = Hands(tmp_path / "key")
    # A machine's own port is not ours to take. With it the name goes that paramiko looks a host key up by.
    made._config.port = server.port
    monkeypatch.setattr(paramiko.client, "SSH_PORT", server.port)
    for name in ("_COMMAND_SECONDS", "_STAGE_SECONDS"):
        monkeypatch.setattr(module, name, SECONDS)
    yield made
    made.close()


def machine(server: SshServer, key: paramiko.PKey | None = None) -> Machine:
    agent = Agent("machine-0", Phase.RESTARTING, "", "2.6.4", False, 0.0, False, 1, 1, "", "")
    binary = Binary("2.6.10-bionic-amd64", "https://controller/tools", "00", 1)
    pinned = f"ssh-ed25519 {(key or server.key).get_base64()}"
    return Machine(
        "0", "127.0.0.1", "i-0", pinned, "2.6.4", "2.6.4-bionic-amd64", binary, "", "", "", 0.0, None, (agent,)
    )


@pytest.mark.parametrize(
    ("behaves", "expected"),
    [
        (answers(0, UP), (True, False)),
        (answers(0, GIVEN_UP), (False, False)),
        # None of these has seen an agent that failed.
        (breaks(), (False, True)),
        (breaks(GIVEN_UP), (False, True)),
        (hangs, (False, True)),
        (answers(0), (False, True)),
        (answers(0, "machine-0\n"), (False, True)),
        (answers(1, err="sudo: a password is required"), (False, True)),
    ],
)
def test_only_an_agent_that_was_seen_to_have_failed_is_bad(
    hands: Hands, server: SshServer, behaves: Behaviour, expected: tuple[bool, bool]
) -> None:
    server.behaves = behaves
    found = hands.perform(machine(server), Act.LOOK, 1)
    assert (found.ok, found.unreachable) == expected, found


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize("act", [Act.SWAP, Act.ROLL_BACK, Act.STAGE, Act.LOOK])
def test_every_act_ends_in_time_on_a_machine_that_is_frozen(
    hands: Hands, server: SshServer, act: Act, accepts: bool
) -> None:
    server.behaves, server.accepts_exec = hangs, accepts
    began = time.monotonic()
    found = hands.perform(machine(server), act, 1)
    assert time.monotonic() - began < SECONDS + 1
    assert found == Result(
        act, False, f"it cannot be reached over SSH: no answer within {SECONDS:g} s", unreachable=True
    )
    # The next try has a connection of its own.
    server.behaves, server.accepts_exec = answers(0, UP), True
    assert hands.perform(machine(server), act, 1) == Result(act, True)
    assert server.logins == 2


def test_a_trickle_of_words_is_no_answer(hands: Hands, server: SshServer) -> None:
    def trickle(channel: paramiko.Channel, _command: str) -> None:
        for _ in range(100):
            if channel.closed:
                return
            channel.sendall(b"x")
            time.sleep(0.05)

    server.behaves = trickle
    began = time.monotonic()
    assert hands.perform(machine(server), Act.SWAP, 1).unreachable
    assert time.monotonic() - began < SECONDS + 1


def test_a_check_that_is_cut_off_cannot_tell(hands: Hands, server: SshServer) -> None:
    server.behaves = breaks()
    found = hands.perform(machine(server), Act.CHECK, 1, [Check("up", "exec", "true")])
    assert found.opinion.verdict is Verdict.CANNOT_TELL


def test_the_machine_has_the_last_word_on_who_may_act(hands: Hands, server: SshServer) -> None:
    server.behaves = answers(70, err="token 1 is older than 2")
    with pytest.raises(FencedError, match="older"):
        hands.perform(machine(server), Act.SWAP, 1)
    server.behaves = answers(71, err="tools/2.6.10-bionic-amd64 is not complete on this machine")
    assert hands.perform(machine(server), Act.SWAP, 2).unstaged


@pytest.mark.parametrize("refused", ["host key", "login"])
def test_who_is_refused_leaves_nothing_open(hands: Hands, server: SshServer, refused: str) -> None:
    wrong = machine(server, make_key()[0] if refused == "host key" else None)
    if refused == "login":
        server.allowed = make_key()[0]
    files, threads = open_files(), threading.active_count()
    for _ in range(5):
        assert not hands.perform(wrong, Act.SWAP, 1).ok
        hands.prepare(wrong)
    assert server.logins == 10

    def probe() -> tuple[bool | None, str]:
        now = threading.active_count(), open_files()
        return now == (threads, files) or None, f"{now} to be {threads, files} again"

    wait_for(probe, Deadline(10), 0.05)


@pytest.mark.parametrize("other", [False, True], ids=["nobody is there", "another one is there"])
def test_a_machine_that_has_another_address_is_found_by_its_name(
    hands: Hands, server: SshServer, other: bool, tmp_path: Path
) -> None:
    """As after a restart of the engine, when its own agent does not run to tell."""
    here = machine(server)
    address = "127.0.0.2" if other else "127.0.0.3"
    elsewhere = SshServer(server.allowed, ("127.0.0.2", server.port)) if other else None
    try:
        assert hands.perform(replace(here, address=address, instance_id="localhost"), Act.SWAP, 1).ok
        assert server.commands == ["sudo -n upgradectl swap 1 2.6.10-bionic-amd64 machine-0"]
        lost = hands.perform(replace(here, address=address), Act.SWAP, 1)
        assert "host key" in lost.reason if other else lost.unreachable
        assert elsewhere is None or elsewhere.commands == []
    finally:
        if elsewhere is not None:
            elsewhere.close()


STAGE = "sudo -n upgradectl stage 1 2.6.4-bionic-amd64 https://controller/old 5a 7"
BACK = "sudo -n upgradectl swap 1 2.6.4-bionic-amd64 machine-0"


@pytest.mark.parametrize(
    ("sha256", "stage", "expected", "commands"),
    [
        ("5a", 0, Result(Act.ROLL_BACK, True), [BACK, STAGE, BACK]),
        ("5a", 1, Result(Act.ROLL_BACK, False, "the binary is gone: no room"), [BACK, STAGE]),
        # Nobody offers it.
        ("", 0, Result(Act.ROLL_BACK, False, "not complete", unstaged=True), [BACK]),
    ],
)
def test_a_machine_that_lacks_the_binary_to_go_back_to_gets_it_first(
    hands: Hands, server: SshServer, sha256: str, stage: int, expected: Result, commands: list[str]
) -> None:
    there: list[str] = []

    def behave(channel: paramiko.Channel, command: str) -> None:
        if " stage " in command:
            there.append(command)
            answers(stage, err="no room" if stage else "")(channel, command)
        else:
            answers(0 if there else 71, err="" if there else "not complete")(channel, command)

    server.behaves = behave
    before = Binary("2.6.4-bionic-amd64", "https://controller/old", sha256, 7)
    assert hands.perform(replace(machine(server), before=before), Act.ROLL_BACK, 1) == expected
    assert server.commands == commands
