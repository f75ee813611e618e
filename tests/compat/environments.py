"""An environment of its own for each client, and scripts that run in it.

What an environment holds is pinned, with hashes, in ``locks/NAME.txt`` (made from ``locks/NAME.in`` by
``make lock``). It is made once, in ``build/compat/NAME``, and again whenever its lock changes.

A script prints an object a line for each call it made: ``{"call": "Model.connect", "result": "ok"}``, or
``{"call": ..., "error": "what went wrong"}``; other lines are talk. ``scripts/calls.py`` does that for Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compat.table import FAILED, Row, Table
from tests.e2e.support import Lab

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SCRIPTS = HERE / "scripts"
SECONDS = 900


@dataclass(frozen=True)
class Outcome:
    """How a script ended.

    Attributes:
        code: Its exit code.
        rows: The calls that it told of.
        facts: By call what it told beside the result (key ``facts``).
        output: All that it printed, for messages.
    """

    code: int
    rows: list[Row]
    facts: dict[str, Any]
    output: str

    def check(self) -> Outcome:
        """Fails the test unless the script ended well, told of at least one call, and none failed."""
        failed = [f"{row.call}: {row.result}" for row in self.rows if row.failed]
        assert self.code == 0, f"exit {self.code}\n{self.output}"
        assert self.rows, f"it told of no call\n{self.output}"
        assert not failed, "\n".join([*failed, self.output])
        return self


@dataclass(frozen=True)
class Environment:
    """A client, installed.

    Attributes:
        client: What the table calls it: ``python-libjuju 3.6.1.3``.
        command: What runs a script in it: the path of its ``python`` or ``node``.
        path: Where it is.
        table: Where its calls are recorded.
    """

    client: str
    command: tuple[str, ...]
    path: Path
    table: Table

    def run(
        self, script: str | Path, *arguments: str, env: dict[str, str] | None = None, seconds: float = SECONDS
    ) -> Outcome:
        """Runs a script of ``scripts/`` (or any other, by its whole path) and records its calls.

        Args:
            script: Its name.
            *arguments: Its arguments.
            env: What is added to the environment.
            seconds: How long it may take.
        """
        command = [*self.command, str(SCRIPTS / script), *arguments]
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("JUJU", "PYTHON"))}
        try:
            done = subprocess.run(
                command,
                env=variables | (env or {}),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
            code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as expired:
            said = expired.stdout or b""
            output = said.decode(errors="replace") if isinstance(said, bytes) else said
            code, output = -1, f"{output}\nnot done after {seconds} s"
        return self._outcome(code, output)

    def _outcome(self, code: int, output: str) -> Outcome:
        rows, facts = [], {}
        for line in output.splitlines():
            told = _object(line)
            if "call" in told:
                result = f"{FAILED}: {told['error']}" if "error" in told else str(told.get("result", "ok"))
                rows.append(self.table.record(self.client, told["call"], result))
                facts[told["call"]] = told.get("facts")
        if code:
            rows.append(self.table.record(self.client, "(the script)", f"{FAILED}: exit {code}"))
        return Outcome(code, rows, facts, output)


def _object(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def client_store(lab: Lab) -> dict[str, str]:
    """Where a lab's client store is, in the words of Juju's own clients and of ours."""
    return {"JUJU_DATA": str(lab.juju.data), "JUJULAB_DATA": str(lab.juju.data)}


def python(name: str, client: str, table: Table) -> Environment:
    """The environment of a client from the Python package index.

    Args:
        name: Of its lock file.
        client: What the table calls it.
        table: Where its calls are recorded.
    """
    lock, path = HERE / "locks" / f"{name}.txt", ROOT / "build" / "compat" / name
    stamp, wanted = path / "made-from", f"{sys.version} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(path)], check=True)
        pip = [str(path / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--require-hashes", "--requirement", str(lock)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        stamp.write_text(wanted)
    return Environment(client, (str(path / "bin" / "python"),), path, table)


def node(name: str, client: str, table: Table) -> Environment:
    """The environment of a client from npm.

    Args:
        name: Of the directory with its ``package.json`` and ``package-lock.json``.
        client: What the table calls it.
        table: Where its calls are recorded.
    """
    lock, path = HERE / "locks" / name, ROOT / "build" / "compat" / name
    stamp, wanted = path / "made-from", hashlib.sha256((lock / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        path.mkdir(parents=True, exist_ok=True)
        for file in lock.iterdir():
            (path / file.name).write_bytes(file.read_bytes())
        done = subprocess.run(
            ["npm", "ci", "--silent", "--ignore-scripts"], cwd=path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        stamp.write_text(wanted)
    return Environment(client, ("env", f"NODE_PATH={path / 'node_modules'}", "node"), path, table)
