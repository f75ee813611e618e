"""Tools that read the output of `status`, yaml and json, of models in every state: what they say of it is right."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from jujulab_core.waiting import Deadline, wait_for
from tests.compat import environments
from tests.compat.environments import Environment, client_store
from tests.compat.labs import wait_until_complete
from tests.compat.table import Table
from tests.e2e.support import PROGRAM, Lab

pytestmark = pytest.mark.e2e

MODEL = "readers"
FROM, TO = "3.6.1", "3.6.4"
SECONDS = 180
KEYS = yaml.safe_load((environments.HERE / "data" / "status-keys.yaml").read_text())
DOCTOR, WAIT = "juju-doctor 0.1.10", "juju-wait 2.8.4"


@dataclass(frozen=True)
class Readers:
    """The tools, and a directory with a command of Juju's name for those that look for it."""

    doctor: Environment
    wait: Environment
    jubilant: Environment
    backports: Environment
    bin: Path

    def diagnosis(self, lab: Lab, state: str) -> str:
        """What juju-doctor, which reads yaml, finds wrong with the model; nothing if its probe passed."""
        path = self.bin / "status.yaml"
        path.write_text(lab.juju("status", "-m", f"{lab.controller}:{MODEL}", "--format", "yaml").stdout)
        probe = (environments.SCRIPTS / "doctor_probe.py").as_uri()
        command = [str(self.doctor.path / "bin" / "juju-doctor"), "check", "--probe", probe, "--status", str(path)]
        done = subprocess.run(
            [*command, "--verbose", "--format", "json"], capture_output=True, text=True, check=False, timeout=120
        )
        said = json.loads(done.stdout)
        assert said["passed"] + said["failed"] == 1, said
        found = "passed" if said["passed"] else _message(said)
        self.doctor.table.record(DOCTOR, f"check --status, {state}", found)
        return "" if said["passed"] else found

    def waited(self, lab: Lab, state: str, *words: str) -> subprocess.CompletedProcess[str]:
        """How juju-wait, which reads json, ended."""
        environment = {
            **os.environ,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            **client_store(lab),
            "JUJU_MODEL": f"{lab.controller}:{MODEL}",
        }
        command = [str(self.wait.path / "bin" / "juju-wait"), "--workload", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
        said = done.stderr.splitlines() or [""]
        self.wait.table.record(WAIT, f"juju-wait, {state}", f"exit {done.returncode}: {said[-1]}")
        return done

    def parsed(self, lab: Lab, client: Environment, model: str = MODEL) -> dict[str, Any]:
        """What jubilant, or jubilant-backports, made of the json."""
        package = "jubilant" if client is self.jubilant else "jubilant_backports"
        words = ("jubilant_status.py", package, str(PROGRAM), f"{lab.controller}:{model}")
        return client.run(*words, env=client_store(lab)).check().facts


@pytest.fixture(scope="module")
def readers(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Readers:
    directory = tmp_path_factory.mktemp("bin")
    (directory / "juju").symlink_to(PROGRAM)
    return Readers(
        environments.python("juju-doctor", DOCTOR, table),
        environments.python("juju-wait", WAIT, table),
        environments.python("jubilant", "jubilant 1.14.0", table),
        environments.python("jubilant-backports", "jubilant-backports 1.4.0", table),
        directory,
    )


def test_at_rest_all_is_well(readers: Readers, lab36: Lab, lab29: Lab) -> None:
    labs = [lab36, lab29]
    assert [readers.diagnosis(lab, f"at rest, {lab.controller}") for lab in labs] == ["", ""]
    # Most of its time it makes sure that nothing changes.
    with ThreadPoolExecutor() as pool:
        for done in pool.map(lambda lab: readers.waited(lab, f"at rest, {lab.controller}"), labs):
            assert done.returncode == 0, done.stderr
            assert "All units idle" in done.stderr


@pytest.mark.parametrize(
    ("era", "client", "related"),
    [("3", "jubilant", ["nrpe"]), ("3", "backports", ["nrpe"]), ("2", "backports", [""])],
)
def test_nothing_that_the_types_know_is_missing(
    request: pytest.FixtureRequest, readers: Readers, era: str, client: str, related: list[str]
) -> None:
    lab = request.getfixturevalue({"3": "lab36", "2": "lab29"}[era])
    facts = [readers.parsed(lab, getattr(readers, client), model) for model in (MODEL, "controller")]
    # Juju 2 names the applications that are related, not what the types ask for.
    assert facts[0]["Juju.status"]["related"]["haproxy"] == related
    assert facts[0]["Juju.status"]["relations"]["haproxy"] == ["juju-info"]
    assert facts[0]["Juju.status"]["subordinate-to"]["nrpe"] == ["haproxy"]
    keys = [entry["statustypes.Status: each key that it knows"] for entry in facts]
    # What one of the models has is not missing.
    absent = set(keys[0]["absent"]) & {*keys[1]["absent"], *_of_applications(keys[0]["absent"])}
    assert _unexcused(absent, [*KEYS["absent"]["all"], *KEYS["absent"][era]]) == []
    unread = {key for entry in keys for key in entry["unread"]}
    assert _unexcused(unread, KEYS["unread"].get(client, [])) == []


def test_a_lost_agent_is_seen(readers: Readers, lab36: Lab) -> None:
    number = _machine(lab36, "haproxy/0")
    lab36.juju("fault", "agent-stop", f"{MODEL}:machine-{number}", f"{MODEL}:nrpe/0", "-c", lab36.controller)
    try:
        wait_for(lambda: _seen(lab36, number, "down"), Deadline(SECONDS))
        wait_for(lambda: _seen(lab36, "nrpe/0", "lost"), Deadline(SECONDS))
        assert readers.diagnosis(lab36, "an agent lost") == f"machine {number} is down; nrpe/0 is lost"
        done = readers.waited(lab36, "an agent lost", "--machine-error-timeout", "1")
        assert done.returncode == 1, done.stderr
        assert f"Machine {number} is in down" in done.stderr
        for client in (readers.jubilant, readers.backports):
            said = readers.parsed(lab36, client)["Juju.status"]
            lost = {name: word for name, (word, _) in said["agents"].items() if word not in ("started", "idle")}
            assert lost == {number: "down", "nrpe/0": "lost"}
    finally:
        lab36.juju("heal", "--all", "-c", lab36.controller)
        wait_for(lambda: _seen(lab36, number, "started"), Deadline(SECONDS))
        wait_for(lambda: _seen(lab36, "nrpe/0", "idle"), Deadline(SECONDS))


def test_amid_an_upgrade_both_versions_are_seen(readers: Readers, lab36: Lab) -> None:
    model = f"{lab36.controller}:{MODEL}"
    lab36.juju("upgrade-model", "-m", model, "--agent-version", TO, "--canary", "1", "--health-time", "10s")

    def canary() -> tuple[bool | None, str]:
        found = lab36.versions(MODEL)
        return (True if set(found.values()) == {FROM, TO} else None), f"{found}"

    wait_for(canary, Deadline(SECONDS), 0.2)
    lab36.juju("pause-upgrade", "-m", model)
    old = {name for name, version in lab36.versions(MODEL).items() if version == FROM}
    said = readers.diagnosis(lab36, "amid an upgrade").split("; ")
    assert {entry.removeprefix("machine ") for entry in said} == {f"{name} runs {FROM}" for name in old}
    for client in (readers.jubilant, readers.backports):
        found = readers.parsed(lab36, client)["Juju.status"]
        assert found["model"] == TO
        assert {name for name, (_, version) in found["agents"].items() if version == FROM} == old
    assert {name for name, version in lab36.versions(MODEL).items() if version == FROM} == old, "it went on"
    lab36.juju("resume-upgrade", "-m", model)

    wait_until_complete(lab36, MODEL)
    assert set(lab36.versions(MODEL).values()) == {TO}


def _message(said: dict[str, Any]) -> str:
    """The words of the one assertion that failed, behind those on where it did."""
    texts = [text for text in _texts(said) if text.startswith("Exception ")]
    assert len(texts) == 1, said
    return texts[0].partition("): ")[2]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _of_applications(keys: Iterable[str]) -> set[str]:
    """The keys that only a model with applications can have."""
    return {key for key in keys if key.startswith("applications.")}


def _unexcused(keys: Iterable[str], excuses: Sequence[tuple[str, str]]) -> list[str]:
    return sorted(key for key in keys if not any(fnmatchcase(key, pattern) for pattern, _reason in excuses))


def _machine(lab: Lab, unit: str) -> str:
    return str(lab.status(MODEL)["applications"][unit.partition("/")[0]]["units"][unit]["machine"])


def _seen(lab: Lab, name: str, word: str) -> tuple[bool | None, str]:
    status = lab.status(MODEL)
    agents = {number: machine["juju-status"]["current"] for number, machine in status["machines"].items()}
    for application in status["applications"].values():
        for unit in application.get("units", {}).values():
            for subordinate, entry in unit.get("subordinates", {}).items():
                agents[subordinate] = entry["juju-status"]["current"]
    return (True if agents[name] == word else None), f"{name} is {agents[name]}"
