"""What the commands that upgrade say in the eras, against a real controller's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from jujulab_core.rpc.channel import tls_context
from tests.fixtures import archives
from tests.support.controller_process import Streams
from tests.support.live_lab import Lab, live


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "www")
    made.publish(*(f"{version}-bionic-amd64" for version in ("2.6.4", "2.6.10")))
    # Versions that no machine of these labs can get.
    made.publish("2.6.5-bionic-arm64", "2.9.51-ubuntu-arm64", "3.6.5-ubuntu-arm64")
    # One that can be copied to a controller, which looks into what it is given.
    made.publish("2.9.40-ubuntu-amd64", archive=archives.good())
    made.publish("2.6.11-bionic-amd64", "2.6.11-xenial-amd64", stream="proposed")
    yield made
    made.close()


@pytest.fixture
def lab_of(
    streams: Streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str], Lab]]:
    with ExitStack() as stack:
        yield lambda version: stack.enter_context(live(streams, tmp_path, monkeypatch, capsys, version))


@pytest.mark.parametrize(
    ("version", "target", "binary"),
    [
        ("2.6.4", "2.6.5", "2.6.5-bionic-amd64"),
        ("2.9.50", "2.9.51", "2.9.51-ubuntu-amd64"),
        ("3.6.4", "3.6.5", "3.6.5-ubuntu-amd64"),
    ],
)
def test_a_missing_binary_is_an_error_in_all_eras(
    lab_of: Callable[[str], Lab], version: str, target: str, binary: str
) -> None:
    lab = lab_of(version)
    command = f"upgrade-controller --agent-version {target}"
    for line in (command, f"{command} --dry-run"):
        done = lab.run(line)
        assert (done.code, done.out) == (1, ""), done
        assert f"ERROR no agent binaries available of {binary} for machine 0: these agents could never" in done.err
        assert "(not found)" not in done.err
    assert lab.run(f"{command} --dry-run --ignore-missing-binaries").code == 0
    assert lab.ok(f"{command} --ignore-missing-binaries") == f"started upgrade to {target}\n"


def test_agents_look_in_the_stream_that_the_upgrade_was_asked_from(lab_of: Callable[[str], Lab]) -> None:
    lab = lab_of("2.6.4")

    def download(series: str) -> int:
        address = f"https://127.0.0.1:{lab.controller.port}/tools/2.6.11-{series}-amd64"
        try:
            with urlopen(address, context=tls_context(lab.controller.ca)) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    lab.ok("upgrade-controller --agent-stream proposed")
    assert download("bionic") == 200
    lab.record({"machine-0": ("restarting", "")})
    lab.controller.kill()
    lab.controller.start("2.6.11")
    lab.zero = lab.controller.machine_zero()
    lab.report_zero("2.6.11")
    lab.record({"machine-0": ("done", "")}, "complete")
    assert lab.ok("model-config -m controller agent-stream") == "proposed\n"
    # What Juju up to 2.9.25 did to every agent (issue 13752).
    lab.ok("model-config -m controller --reset agent-stream")
    assert (download("xenial"), download("bionic")) == (400, 200)


def test_only_a_refused_upgrade_is_told_of_the_reset(lab_of: Callable[[str], Lab]) -> None:
    lab = lab_of("2.6.4")
    lab.ok("upgrade-controller --agent-version 2.6.10")
    lab.report_zero("2.6.10")
    # A request that is refused for the record.
    done = lab.run("upgrade-controller --agent-version 2.6.11 --agent-stream proposed")
    assert "ERROR upgrade in progress (upgrade in progress)\n\nPlease wait for the upgrade" in done.err
    # In upgrade mode the reading before the request is refused already.
    lab.controller.kill()
    lab.controller.start("2.6.10")
    done = lab.run("upgrade-controller --agent-version 2.6.11 --agent-stream proposed")
    assert done == (1, "", "ERROR upgrade in progress (upgrade in progress)\n")


@pytest.mark.parametrize(("version", "lacking"), [("2.9.11", 1), ("2.9.12", 0)])
def test_who_sees_what_was_copied_for_one_model(
    lab_of: Callable[[str], Lab], streams: Streams, tmp_path: Path, version: str, lacking: int
) -> None:
    (tmp_path / "tools").symlink_to(streams.directory)
    lab = lab_of(version)
    lab.ok("add-model one")
    lab.ok("add-model two")
    copy = f"sync-agent-binary --agent-version 2.9.40 --source {tmp_path}"
    assert "copied 1 agent binaries" in lab.run(f"{copy} -m one").err
    assert "; 0 agent binaries to be copied" in lab.run(f"{copy} -m one --dry-run").err
    assert f"; {lacking} agent binaries to be copied" in lab.run(f"{copy} -m two --dry-run").err
