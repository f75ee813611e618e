"""What `up` says when it cannot, and that it goes on where it was cut short."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e.support import PROGRAM, Juju, left_behind

pytestmark = pytest.mark.e2e


def test_a_port_in_use_is_named_and_nothing_is_left(engine: DockerClient, tmp_path: Path) -> None:
    juju = Juju(tmp_path / "data")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lab = tmp_path / "lab.yaml"
        lab.write_text(f"lab: e2e-port\ncontroller: {{api-port: {port}}}\n")
        said = juju("up", str(lab), expect=2).stderr
    assert f"ERROR port {port} of this host is in use" in said
    assert left_behind(engine, "e2e-port") == []


def test_a_malformed_lab_file_is_named_with_line_and_key(engine: DockerClient, tmp_path: Path) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text("lab: e2e-bad\nmodels:\n  default:\n    machines: lots\n")
    said = Juju(tmp_path / "data")("up", str(lab), expect=2).stderr
    assert said == f"ERROR {lab}, line 4: models.default.machines must be a whole number\n"
    assert left_behind(engine, "e2e-bad") == []


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "JUJULAB_DATA": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    done = subprocess.run([PROGRAM, "up"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 6
    assert "the Docker engine does not answer" in done.stderr
    assert "Next: " in done.stderr


def test_an_interrupted_up_goes_on_when_it_is_run_again(engine: DockerClient, tmp_path: Path) -> None:
    juju = Juju(tmp_path / "data")
    words = ("up", "--name", "e2e-cut", "--machines", "3", "--units", "3")
    try:
        for what in ("starting the controller", "starting 3 machines"):
            running = juju.start(*words)
            assert running.stdout is not None
            said = []
            for line in running.stdout:
                said.append(line)
                if what in line:
                    running.send_signal(signal.SIGINT)
                    break
            said += running.communicate(timeout=60)[0]
            assert running.returncode == 130, "".join(said)
        juju(*words)
        machines = juju.json("status")["machines"]
        assert {number: entry["juju-status"]["current"] for number, entry in machines.items()} == dict.fromkeys(
            ("0", "1", "2"), "started"
        )
    finally:
        with contextlib.suppress(AssertionError):
            juju("down", "e2e-cut", "-y")
    assert left_behind(engine, "e2e-cut") == []
