"""The agent's rules that need neither a controller nor a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_agent import _release, defects, space, wrench
from jujulab_agent.logs import BATCH_LINES, BUFFERED_LINES, Log
from jujulab_agent.session import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, retry_delay
from jujulab_agent.upgrader import decide
from jujulab_core.version import Number


@pytest.mark.parametrize(
    ("current", "desired", "previous", "stage", "message"),
    [
        ("2.6.4", "2.6.4", None, False, "desired agent binary version: 2.6.4"),
        ("2.6.4", "2.6.10", None, True, "upgrade requested from 2.6.4 to 2.6.10"),
        ("2.6.4", "2.6.4.1", None, True, "upgrade requested from 2.6.4 to 2.6.4.1"),
        ("2.6.4.1", "2.6.4", None, True, "upgrade requested from 2.6.4.1 to 2.6.4"),
        ("2.6.4", "2.7.0", None, True, "upgrade requested from 2.6.4 to 2.7.0"),
        # A lower patch is obeyed; a lower minor or major is not.
        ("2.6.10", "2.6.4", None, True, "upgrade requested from 2.6.10 to 2.6.4"),
        (
            "2.7.0",
            "2.6.10",
            None,
            False,
            "desired agent binary version: 2.6.10 is older than current 2.7.0, refusing to downgrade",
        ),
        (
            "3.0.0",
            "2.9.1",
            None,
            False,
            "downgrade from 3.0.0 to 2.9.1 is not possible",
        ),
        # Going back is obeyed while the upgrade steps have not finished.
        ("2.7.0", "2.6.10", "2.6.10", True, "upgrade requested from 2.7.0 to 2.6.10"),
        (
            "2.7.0",
            "2.6.9",
            "2.6.10",
            False,
            "desired agent binary version: 2.6.9 is older than current 2.7.0, refusing to downgrade",
        ),
        # From 2.9 on a lower minor is obeyed, and a build of one's own is no reason to change.
        ("2.9.1", "2.8.0", None, True, "upgrade requested from 2.9.1 to 2.8.0"),
        ("2.9.1.2", "2.9.1", None, False, "desired agent binary version: 2.9.1"),
        ("2.9.1.2", "2.9.1.3", None, True, "upgrade requested from 2.9.1.2 to 2.9.1.3"),
    ],
)
def test_what_an_agent_does_about_a_desired_version(
    current: str, desired: str, previous: str | None, stage: bool, message: str
) -> None:
    before = Number.parse(previous) if previous else None
    assert decide(Number.parse(current), Number.parse(desired), before) == (stage, message)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_retries_back_off_and_stay_bounded(failures: int, chance: float) -> None:
    delay = retry_delay(failures, chance)
    assert FIRST_RETRY_SECONDS / 2 <= delay <= LONGEST_RETRY_SECONDS
    assert retry_delay(failures + 1, chance) >= delay


def test_log_lines_keep_their_order_and_their_bound(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log()
    for number in range(BUFFERED_LINES + 10):
        log.info("juju.x", str(number))
    log.debug("juju.x", "not written without --debug")
    batch = log.take_batch()
    assert [line["message"] for line in batch] == [str(number) for number in range(10, 10 + BATCH_LINES)]
    assert batch[0]["location"].startswith("test_agent_rules.py:")
    log.error("juju.x", "a newer one")
    log.put_back(batch)
    # The newer line took a place, so the oldest had to go.
    assert log.take_batch()[: BATCH_LINES - 1] == batch[1:]
    written = capfd.readouterr().err.splitlines()
    assert len(written) == BUFFERED_LINES + 11
    assert written[-1][20:] == "ERROR juju.x a newer one"


def test_what_does_not_fit_is_dropped_from_the_old_end() -> None:
    log = Log()
    log.info("juju.x", "old")
    batch = log.take_batch()
    for number in range(BUFFERED_LINES):
        log.info("juju.x", str(number))
    log.put_back(batch)
    assert log.take_batch()[0]["message"] == "0"


@pytest.mark.parametrize(("version", "reported"), [("2.6.10", "2.6.9"), ("2.7.0", "2.6.99"), ("2.0.0", "2.0.99")])
def test_a_wrong_version_is_another(monkeypatch: pytest.MonkeyPatch, version: str, reported: str) -> None:
    monkeypatch.setattr(_release, "DEFECT", "wrong-version")
    assert str(defects.reported_version(Number.parse(version))) == reported


def test_a_wrench_counts_only_if_nobody_else_could_have_thrown_it(tmp_path: Path) -> None:
    assert not wrench.active(str(tmp_path), "machine-agent", "fail-upgrade")
    path = tmp_path / "wrench" / "machine-agent"
    path.parent.mkdir()
    path.write_text("always-try-upgrade\n fail-upgrade \n")
    path.chmod(0o644)
    assert wrench.active(str(tmp_path), "machine-agent", "fail-upgrade")
    assert not wrench.active(str(tmp_path), "machine-agent", "fail-upgrade-start")
    assert not wrench.active(str(tmp_path), "unit-agent", "fail-upgrade")
    path.chmod(0o666)
    assert not wrench.active(str(tmp_path), "machine-agent", "fail-upgrade")


def test_too_little_space_is_told_in_jujus_words(monkeypatch: pytest.MonkeyPatch) -> None:
    free = os.statvfs_result((4096, 4096, 0, 0, 103 * 256, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: free)
    with pytest.raises(space.NotEnoughSpaceError) as caught:
        space.check_free_space("/var/lib/juju")
    assert str(caught.value) == (
        'not enough free disk space on "/var/lib/juju" for upgrade: 103MiB available, require 250MiB'
    )
