"""Tools that read the output of `status`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.compat import environments
from tests.compat.table import Table
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e


def test_juju_doctor_reads_our_status(table: Table, lab36: Lab, tmp_path: Path) -> None:
    client = environments.python("juju-doctor", "juju-doctor 0.1.10", table)
    status = tmp_path / "status.yaml"
    status.write_text(lab36.juju("status", "-m", f"{lab36.controller}:jubilant", "--format", "yaml").stdout)
    probe = (environments.SCRIPTS / "doctor_probe.py").as_uri()
    command = [str(client.path / "bin" / "juju-doctor"), "check", "--probe", probe, "--status", str(status)]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["passed"], said["failed"]) == (1, 0), said
    table.record(client.client, "check --status", f"{said['passed']} probe passed")
