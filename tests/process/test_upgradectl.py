"""``upgradectl stage`` against a real server that is slow: how long it keeps others out."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from jujulab.rollout import hands
from jujulab_core import agentconf
from jujulab_core.waiting import Deadline, wait_for
from tests.support.fake_controller import MODEL, FakeController

FILES = Path(__file__).parents[2] / "images/machine/files/usr/local"
BINARY = "2.6.10-bionic-amd64"
SIZE = 1024 * 1024


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[FakeController]:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(SIZE // 4096):
            await response.write(bytes(4096))
            await asyncio.sleep(0.1)
        return response

    with FakeController(tmp_path) as running:
        running.files[f"/model/{MODEL}/tools/{BINARY}"] = trickle
        yield running


class Machine:
    """A machine's directories, and an upgradectl that works on them."""

    def __init__(self, directory: Path, controller: FakeController, seconds: int | None = None) -> None:
        self.data_dir = directory / "juju"
        for name in ("tools", "locks", "agents/machine-0"):
            (self.data_dir / name).mkdir(parents=True)
        (self.data_dir / "agents/machine-0/agent.conf").write_text(agentconf.dump({"cacert": controller.ca}))
        self.url = f"https://{controller.address}/model/{MODEL}/tools/{BINARY}"
        script = (FILES / "sbin/upgradectl").read_text().replace("/usr/local/lib", str(FILES / "lib"))
        if seconds is not None:
            script = re.sub(r"(?m)^FETCH_SECONDS=\d+$", f"FETCH_SECONDS={seconds}", script)
        self.script = directory / "upgradectl"
        self.script.write_text(script)

    def stage(self, token: int) -> subprocess.Popen[str]:
        command = ["sh", str(self.script), "stage", str(token), BINARY, self.url, "00", str(SIZE)]
        environment = {"PATH": os.environ["PATH"], "JUJULAB_DATA_DIR": str(self.data_dir)}
        return subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=self.data_dir
        )

    def wait_for_download(self) -> None:
        def probe() -> tuple[bool | None, str]:
            found = list(self.data_dir.glob("tmp-stage-*/tools.tar.gz"))
            return (found and found[0].stat().st_size > 0) or None, "the download to begin"

        wait_for(probe, Deadline(15), 0.02)

    def is_free(self) -> bool:
        lock = str(self.data_dir / "locks/fence.lock")
        return subprocess.run(["flock", "--nonblock", lock, "true"], check=False).returncode == 0


def test_a_slow_download_ends_before_the_orchestrator_gives_it_up(tmp_path: Path, controller: FakeController) -> None:
    seconds = int(re.search(r"(?m)^FETCH_SECONDS=(\d+)$", (FILES / "sbin/upgradectl").read_text())[1])  # type: ignore[index]
    assert seconds + 30 <= hands._STAGE_SECONDS
    machine = Machine(tmp_path, controller, seconds=2)
    began = time.monotonic()
    staging = machine.stage(1)
    _, said = staging.communicate(timeout=15)
    assert staging.returncode == 1
    assert time.monotonic() - began < 10
    assert f'failed to fetch agent binaries from "{machine.url}"' in said
    assert machine.is_free()
    assert not list(machine.data_dir.glob("tmp-stage-*"))


def test_the_lock_of_one_that_was_killed_is_free_at_once(tmp_path: Path, controller: FakeController) -> None:
    machine = Machine(tmp_path, controller)
    staging = machine.stage(1)
    machine.wait_for_download()
    assert not machine.is_free()
    # The script only: its download lives on.
    staging.kill()
    staging.wait()
    try:
        assert machine.is_free()
    finally:
        os.killpg(staging.pid, signal.SIGKILL)
        staging.communicate()
