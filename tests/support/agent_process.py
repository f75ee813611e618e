"""A real agent in a process of its own, run from a tarball that the builder has made."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from jujulab_agent.builder.jujud import build_jujud
from jujulab_core import agentconf
from jujulab_core.version import Binary
from jujulab_core.waiting import Deadline, wait_for
from tests.support.fake_controller import MODEL, FakeController


class AgentProcess:
    """A machine agent below a directory of the test's own."""

    def __init__(
        self, data_dir: Path, controller: FakeController, binary: str = "2.6.4-bionic-amd64", defect: str = ""
    ) -> None:
        self.data_dir = data_dir
        self.binary = Binary.parse(binary)
        self.tag = "machine-0"
        tools = data_dir / "tools" / binary
        tools.mkdir(parents=True)
        (tools / "jujud").write_bytes(build_jujud(self.binary.number, defect=defect))
        (tools / "jujud").chmod(0o755)
        (data_dir / "tools" / self.tag).symlink_to(tools)
        self.conf_path = data_dir / "agents" / self.tag / "agent.conf"
        self.conf_path.parent.mkdir(parents=True)
        conf: dict[str, agentconf.Value] = {
            "tag": self.tag,
            "datadir": str(data_dir),
            "nonce": "a nonce",
            "upgradedToVersion": str(self.binary.number),
            "cacert": controller.ca,
            "controller": "controller-c",
            "model": f"model-{MODEL}",
            "apiaddresses": [controller.address],
            "apipassword": "a password",
            "values": {},
        }
        self.conf_path.write_text(agentconf.dump(conf))
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = data_dir / "log"

    def edit_conf(self, **changes: agentconf.Value) -> None:
        conf = agentconf.load(self.conf_path.read_text())
        self.conf_path.write_text(agentconf.dump(conf | changes))

    def command(self) -> list[str]:
        link = self.data_dir / "tools" / self.tag / "jujud"
        return [str(link), "machine", "--data-dir", str(self.data_dir), "--machine-id", "0", "--debug"]

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stderr=log, stdout=log, env={"PATH": os.environ["PATH"]})

    def wait_for_threads(self, number: int, timeout: float = 10) -> None:
        """Waits until the process has that many threads."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task")

        def probe() -> tuple[bool | None, str]:
            return len(list(tasks.iterdir())) >= number or None, f"the agent to start {number} threads"

        wait_for(probe, Deadline(timeout), 0.01)

    def stop(self, timeout: float = 5) -> int:
        """Sends SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        finally:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return self.log_path.read_text()
