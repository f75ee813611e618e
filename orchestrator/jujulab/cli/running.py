"""Running a command on many machines, and the two forms in which Juju shows the results."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from jujulab.cli import remote
from jujulab.cli.remote import Target
from jujulab.status.tree import natural
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.tags import MACHINE_RE, UNIT_RE

AT_ONCE = 16


@dataclass(frozen=True)
class Result:
    """What came of the command on one target.

    Attributes:
        name: The machine or unit that was named.
        machine: The machine it ran on.
        code: The exit code; None if it did not end in time.
        stdout: Its output.
        stderr: What it said besides.
    """

    name: str
    machine: str
    code: int | None
    stdout: str
    stderr: str

    @property
    def is_unit(self) -> bool:
        """Whether a unit was named."""
        return "/" in self.name


def split(texts: Iterable[str]) -> list[str]:
    """The parts of comma-separated lists."""
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def choose(
    status: Mapping[str, Any],
    *,
    everywhere: bool,
    machines: Sequence[str],
    applications: Sequence[str],
    units: Sequence[str],
) -> dict[str, Target]:
    """The targets that the options name, by machine id or unit name.

    Args:
        status: The model's full status, as the controller gives it.
        everywhere: All machines.
        machines: These machines.
        applications: All units of these.
        units: These units.

    Raises:
        UsageError: Juju's words for options that do not fit together, or name nothing that can be.
        JujulabError: Something is not there.
    """
    if everywhere and (machines or applications or units):
        raise UsageError("You cannot specify --all and individual machines, applications or units")
    if not (everywhere or machines or applications or units):
        raise UsageError("You must specify a target, either through --all, --machine, --application or --unit")
    bad = [f'  "{name}" is not a valid machine id' for name in machines if not MACHINE_RE.fullmatch(name)]
    bad += [f'  "{name}" is not a valid unit name' for name in units if not UNIT_RE.fullmatch(name)]
    if bad:
        raise UsageError("The following run targets are not valid:\n" + "\n".join(bad))
    known = status.get("applications") or {}
    names = [*(status.get("machines") or {})] if everywhere else [*machines, *units]
    for application in applications:
        if application not in known:
            raise JujulabError(f'application "{application}" not found', next_step="see `jujulab status`")
        names += [*(known[application].get("units") or {})]
    return {name: remote.find(name, status) for name in sorted(dict.fromkeys(names), key=natural)}


def run_on(lab: Path, targets: Mapping[str, Target], words: Sequence[str], limit: float) -> list[Result]:
    """Runs a command as root on each target, several at once.

    Args:
        lab: The directory with the lab's secrets.
        targets: By machine id or unit name.
        words: The command, as a shell takes it.
        limit: Seconds for each.
    """
    line = ["sudo", "-n", "bash", "-c", shlex.quote(" ".join(words))]

    def one(name: str) -> Result:
        command = remote.ssh_line(lab, targets[name], line, pty=False)
        machine = targets[name].instance.rpartition("-")[2]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return Result(name, machine, None, "", "")
        return Result(name, machine, done.returncode, done.stdout, done.stderr)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, targets))


def list_of(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Juju 2's form: a list with MachineId, UnitId, Stdout, Stderr, ReturnCode; what is empty is left out."""
    entries = []
    for result in results:
        entry: dict[str, Any] = {"MachineId": result.machine}
        if result.is_unit:
            entry["UnitId"] = result.name
        if result.code is None:
            entry["Error"] = "command timed out"
        entry["Stdout"] = result.stdout
        entry |= {"Stderr": result.stderr} if result.stderr else {}
        entry |= {"ReturnCode": result.code} if result.code else {}
        entries.append(entry)
    return entries


def tasks(results: Sequence[Result]) -> dict[str, Any]:
    """Juju 3's form: a task by target (the wire compatibility notes, section 15)."""
    tree = {}
    for number, result in enumerate(results, 1):
        status = "aborted" if result.code is None else "failed" if result.code else "completed"
        outcome: dict[str, Any] = {"return-code": result.code if result.code is not None else 1}
        outcome |= {"stdout": result.stdout} if result.stdout else {}
        outcome |= {"stderr": result.stderr} if result.stderr else {}
        entry: dict[str, Any] = {"id": str(number), "status": status, "results": outcome}
        tree[result.name] = entry | ({"unit": result.name} if result.is_unit else {"machine": result.machine})
    return tree


def pass_on(result: Result, limit: float) -> None:
    """Shows one target's output as it is, and ends with its exit code.

    Raises:
        JujulabError: It did not end in time.
    """
    if result.code is None:
        raise JujulabError(f"timed out waiting for {result.name} after {limit:g}s")
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    click.get_current_context().exit(result.code)


def fail_if_any_did(results: Sequence[Result], limit: float, *, is_new: bool) -> None:
    """Ends with Juju's words if the command was late anywhere or, in Juju 3, failed anywhere.

    Raises:
        JujulabError: ``timed out ...``, or ``the following tasks failed: ...``.
    """
    late = [result.name for result in results if result.code is None]
    if late:
        raise JujulabError(f"timed out waiting for {', '.join(late)} after {limit:g}s")
    failed = [(number, result.name) for number, result in enumerate(results, 1) if result.code]
    if is_new and failed:
        lines = "\n".join(f' - id "{number}" with return code {results[number - 1].code}' for number, _ in failed)
        what = "task failed" if len(failed) == 1 else "tasks failed"
        raise JujulabError(f"the following {what}:\n{lines}")
