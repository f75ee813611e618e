"""The machine agents of several controllers while they upgrade: who waits for whom, and what they say (section K)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jujulab_core import agentconf
from jujulab_core.waiting import Deadline, wait_for
from tests.support.agent_process import AgentProcess
from tests.support.fake_controller import ALONE, FakeController

SECONDS = 20
# How long a controller waits for another one with the wrench `short-upgrade-timeout`, and then before it tries again.
SHORT_SECONDS, SHORT_RETRY_SECONDS = 15, 1
# Between two versions of 2.6 there are steps for the one that leads its database only.
STEP_OF_2_6 = "add models-logs-size to controller config"

# What it says when it rests.
STARTED = "started: "

Stand = dict[str, Any]
LEADS: Stand = ALONE | {"alone": False}
FOLLOWS: Stand = LEADS | {"primary": False}
BEHIND: Stand = {"behind": ["1", "2"]}
DATABASE_DONE: Stand = {"database-done": True}
PRIMARY_DONE: Stand = DATABASE_DONE | {"primary-done": True}

# Who gives up: the primary and another one of 2.6, one of 2.7 for want of the database, and one of 2.9.
_ABORTED = f"aborted wait for other controllers: timed out after {SHORT_SECONDS}s"
MISSING = (
    ("2.6.4", "2.6.10", LEADS | BEHIND, _ABORTED),
    ("2.6.4", "2.6.9", FOLLOWS, _ABORTED),
    ("2.6.10", "2.7.1", FOLLOWS, "timed out waiting for primary database upgrade"),
    ("2.8.13", "2.9.0", FOLLOWS | DATABASE_DONE | BEHIND, _ABORTED),
)


class Upgrading:
    """The agent of a controller that has just got a new version, and how it stands with the others each time it asks.

    Attributes:
        heard: What it has asked, told and said, in order; what is said again counts once.
        noted: What its configuration said it had been upgraded to, each time that it told something.
        stands: The answers that are left; the last one stays.
        unanswered: What it asks or tells, as in ``heard``, that is never answered.
    """

    def __init__(self, directory: Path, controller: FakeController, version: str, *stands: Stand) -> None:
        self.heard: list[str] = []
        self.noted: list[str] = []
        self.unanswered = ""
        self.stands = list(stands)
        self.controller = controller
        self.version = version
        self.agent = AgentProcess(directory / "juju", controller, f"{version}-bionic-amd64")
        (self.agent.data_dir / "wrench").mkdir()
        controller.handlers |= {
            "LabAgent.Controllers": self._asks,
            "LabAgent.PrimaryDone": self._tells,
            "LabAgent.ControllersMissing": self._misses,
            "Machiner.SetStatus": self._says,
        }

    def wait_for(self, *heard: str) -> None:
        """Waits until it has been heard with exactly this."""
        wait_for(lambda: (self.heard == [*heard] or None, f"{heard}, not {self.heard}"), Deadline(SECONDS), 0.01)

    def upgraded_to(self) -> str:
        return str(agentconf.load(self.agent.conf_path.read_text())["upgradedToVersion"])

    def steps(self) -> list[str]:
        """The upgrade steps that it has run."""
        found = [line.partition("running upgrade step: ")[2] for line in self.agent.log().splitlines()]
        return [step for step in found if step]

    async def _asks(self, params: dict[str, Any]) -> Stand:
        await self._hear("asks", params)
        return self.stands.pop(0) if len(self.stands) > 1 else self.stands[0]

    async def _tells(self, params: dict[str, Any]) -> dict[str, Any]:
        self.noted.append(self.upgraded_to())
        await self._hear(f"tells {params['what']}", params)
        return {}

    async def _misses(self, params: dict[str, Any]) -> dict[str, Any]:
        await self._hear(f"misses: {params['reason']}", params)
        return {}

    def _says(self, params: dict[str, Any]) -> dict[str, Any]:
        word = "{status}: {info}".format(**params["entities"][0])
        if [one for one in self.heard if ": " in one][-1:] != [word]:
            self.heard.append(word)
        return {"results": [{}]}

    async def _hear(self, word: str, params: dict[str, Any]) -> None:
        assert params["version"] == self.version
        self.heard.append(word)
        if word == self.unanswered:
            await asyncio.Event().wait()


@contextmanager
def upgrading(
    directory: Path, came_from: str, version: str, *stands: Stand, wrench: str = "", unanswered: str = ""
) -> Iterator[Upgrading]:
    """The agent of a controller that has just gone from one version to another."""
    directory.mkdir(exist_ok=True)
    with FakeController(directory) as controller:
        made = Upgrading(directory, controller, version, *stands)
        made.agent.edit_conf(upgradedToVersion=came_from, jobs=["JobManageModel", "JobHostUnits"])
        path = made.agent.data_dir / "wrench" / "machine-agent"
        path.touch(0o644)
        path.write_text(wrench)
        made.unanswered = unanswered
        made.agent.start()
        try:
            yield made
        finally:
            made.agent.stop()


@pytest.fixture(scope="module", autouse=True)
def missing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Upgrading]]:
    """One agent for each of ``MISSING``; as it takes them a while to give up, they begin before all tests."""
    directory = tmp_path_factory.mktemp("missing")
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                upgrading(directory / version, came_from, version, stand, wrench="short-upgrade-timeout\n")
            )
            for came_from, version, stand, _ in MISSING
        ]


def test_of_2_6_the_primary_waits_for_all_and_tells_before_it_notes(tmp_path: Path) -> None:
    stands = (LEADS | BEHIND, LEADS | {"behind": ["2"]}, LEADS)
    with upgrading(tmp_path, "2.6.4", "2.6.10", *stands) as primary:
        primary.wait_for("started: upgrading to 2.6.10", *("asks",) * 3, "tells primary", STARTED)
        assert primary.noted == ["2.6.4"]
        assert primary.upgraded_to() == "2.6.10"
        assert primary.steps() == [STEP_OF_2_6]


def test_of_2_6_the_others_wait_for_the_primary_and_tell_nothing(tmp_path: Path) -> None:
    # All of them being ready is not enough.
    stands = (FOLLOWS | BEHIND, FOLLOWS, FOLLOWS | {"primary-done": True})
    with upgrading(tmp_path, "2.6.4", "2.6.10", *stands) as follower:
        follower.wait_for("started: upgrading to 2.6.10", *("asks",) * 3, STARTED)
        assert follower.upgraded_to() == "2.6.10"
        assert follower.steps() == []


@pytest.mark.parametrize(("came_from", "version"), [("2.6.10", "2.7.1"), ("2.7.8", "2.8.13")])
def test_from_2_7_on_the_primary_upgrades_the_database_first(tmp_path: Path, came_from: str, version: str) -> None:
    # For the database it waits for nobody: it asks who leads, and whether it still does.
    with upgrading(tmp_path, came_from, version, *(LEADS | BEHIND,) * 3, LEADS) as primary:
        primary.wait_for(
            f"started: upgrading database for {version}",
            *("asks", "asks", "tells database"),
            f"started: database upgrade for {version} completed",
            f"started: upgrading to {version}",
            *("asks", "asks", "tells primary"),
            STARTED,
        )
        assert primary.noted == [came_from, came_from]
        first = "add controller node docs" if version == "2.7.1" else "drop old presence database"
        assert primary.steps()[0] == first


@pytest.mark.parametrize(("came_from", "version"), [("2.6.10", "2.7.1"), ("2.7.8", "2.8.13")])
def test_from_2_7_on_the_others_wait_for_the_database_and_then_for_the_primary(
    tmp_path: Path, came_from: str, version: str
) -> None:
    stands = (FOLLOWS | BEHIND, FOLLOWS | BEHIND, FOLLOWS | DATABASE_DONE, FOLLOWS | DATABASE_DONE)
    with upgrading(tmp_path, came_from, version, *stands, FOLLOWS | PRIMARY_DONE) as follower:
        follower.wait_for(
            *(f"started: upgrading database for {version}", "asks"),
            *(f"started: waiting on primary database upgrade for {version}", "asks", "asks"),
            f"started: confirmed primary database upgrade for {version}",
            *(f"started: upgrading to {version}", "asks", "asks"),
            STARTED,
        )
        assert "drop old presence database" not in follower.steps()
        assert "add controller node docs" not in follower.steps()


def test_from_2_9_on_the_primary_waits_for_all_and_tells_of_the_database_only(tmp_path: Path) -> None:
    with upgrading(tmp_path, "2.8.13", "2.9.0", *(LEADS | BEHIND,) * 3, LEADS) as primary:
        primary.wait_for(
            *("started: upgrading database for 2.9.0", "asks", "asks", "tells database"),
            "started: database upgrade for 2.9.0 completed",
            *("started: upgrading to 2.9.0", "asks", "asks"),
            STARTED,
        )
        assert primary.upgraded_to() == "2.9.0"


def test_from_2_9_on_the_others_wait_for_all_and_not_for_the_primary(tmp_path: Path) -> None:
    # Nobody tells of the primary any more; if somebody did, it would mean nothing.
    ready = FOLLOWS | PRIMARY_DONE
    with upgrading(tmp_path, "2.8.13", "2.9.0", FOLLOWS, FOLLOWS, *(ready | BEHIND,) * 2, ready) as follower:
        follower.wait_for(
            *("started: upgrading database for 2.9.0", "asks"),
            *("started: waiting on primary database upgrade for 2.9.0", "asks", "asks"),
            "started: confirmed primary database upgrade for 2.9.0",
            *("started: upgrading to 2.9.0", "asks", "asks"),
            STARTED,
        )
        assert follower.upgraded_to() == "2.9.0"


def test_one_that_begins_to_lead_while_it_waits_goes_first(tmp_path: Path) -> None:
    stands = (FOLLOWS | BEHIND, LEADS | BEHIND, LEADS)
    with upgrading(tmp_path, "2.6.4", "2.6.10", *stands) as one:
        one.wait_for("started: upgrading to 2.6.10", *("asks",) * 3, "tells primary", STARTED)
        assert one.steps() == [STEP_OF_2_6]


def test_one_that_leads_no_more_while_it_waits_follows(tmp_path: Path) -> None:
    # The new primary waits for the others, and this one for the new primary.
    stands = (LEADS | BEHIND, FOLLOWS, FOLLOWS | {"primary-done": True})
    with upgrading(tmp_path, "2.6.4", "2.6.10", *stands) as one:
        one.wait_for("started: upgrading to 2.6.10", *("asks",) * 3, STARTED)
        assert one.steps() == []


def test_one_that_begins_to_lead_upgrades_the_database_that_the_last_one_has_not(tmp_path: Path) -> None:
    with upgrading(tmp_path, "2.6.10", "2.7.1", *(FOLLOWS | BEHIND,) * 2, LEADS) as one:
        one.wait_for(
            *("started: upgrading database for 2.7.1", "asks"),
            *("started: waiting on primary database upgrade for 2.7.1", "asks", "asks"),
            *("started: upgrading database for 2.7.1", "tells database"),
            "started: database upgrade for 2.7.1 completed",
            *("started: upgrading to 2.7.1", "asks", "tells primary"),
            STARTED,
        )
        assert "add controller node docs" in one.steps()


def test_one_that_begins_to_lead_leaves_the_database_that_the_last_one_has_upgraded(tmp_path: Path) -> None:
    with upgrading(tmp_path, "2.6.10", "2.7.1", FOLLOWS, FOLLOWS, LEADS | DATABASE_DONE) as one:
        one.wait_for(
            *("started: upgrading database for 2.7.1", "asks"),
            *("started: waiting on primary database upgrade for 2.7.1", "asks", "asks"),
            "started: confirmed primary database upgrade for 2.7.1",
            *("started: upgrading to 2.7.1", "asks", "tells primary"),
            STARTED,
        )
        assert one.steps() == []


def test_one_that_leads_no_more_leaves_the_database_to_the_next(tmp_path: Path) -> None:
    with upgrading(tmp_path, "2.6.10", "2.7.1", LEADS, FOLLOWS, FOLLOWS | PRIMARY_DONE) as one:
        one.wait_for(
            *("started: upgrading database for 2.7.1", "asks", "asks", "asks"),
            "started: confirmed primary database upgrade for 2.7.1",
            *("started: upgrading to 2.7.1", "asks"),
            STARTED,
        )
        assert one.steps() == []


def test_a_connection_that_is_lost_ends_no_wait(tmp_path: Path) -> None:
    heard = ["started: upgrading to 2.6.10", "asks"]
    with upgrading(tmp_path, "2.6.4", "2.6.10", LEADS | BEHIND, LEADS, unanswered="asks") as primary:
        primary.wait_for(*heard)
        primary.unanswered = "tells primary"
        primary.controller.drop_all()
        heard += ["asks", "asks", "tells primary"]
        primary.wait_for(*heard)
        assert primary.upgraded_to() == "2.6.4"
        primary.unanswered = ""
        primary.controller.drop_all()
        primary.wait_for(*heard, "tells primary", STARTED)


@pytest.mark.parametrize("arrived", [True, False])
def test_one_that_is_killed_before_it_notes_runs_its_steps_again(tmp_path: Path, arrived: bool) -> None:
    with upgrading(tmp_path, "2.6.4", "2.6.10", LEADS, unanswered="tells primary") as primary:
        primary.wait_for("started: upgrading to 2.6.10", "asks", "tells primary")
        assert primary.agent.process is not None
        primary.agent.process.kill()
        primary.agent.process.wait(SECONDS)
        assert primary.upgraded_to() == "2.6.4"
        primary.heard.clear()
        primary.unanswered = ""
        # What it told has arrived, or was lost with the one that led then.
        primary.stands = [LEADS | {"primary-done": arrived}]
        primary.agent.start()
        tells = () if arrived else ("tells primary",)
        primary.wait_for("started: upgrading to 2.6.10", "asks", *tells, STARTED)
        assert primary.upgraded_to() == "2.6.10"
        assert primary.steps() == [STEP_OF_2_6] * 2


def test_who_misses_the_others_gives_up_once(missing: list[Upgrading]) -> None:
    for one, (_, version, _, reason) in zip(missing, MISSING, strict=True):
        missed = one.controller.wait_for("LabAgent.ControllersMissing", timeout=SHORT_SECONDS + SECONDS)
        assert missed == {"version": version, "reason": reason}
    # What would be tried again would be before long.
    with pytest.raises(AssertionError, match=r"^no LabAgent\.Controllers "):
        missing[-1].controller.wait_for("LabAgent.Controllers", timeout=2 * SHORT_RETRY_SECONDS)
    for one, (came_from, version, _, reason) in zip(missing, MISSING, strict=True):
        failed = f"error: upgrade to {version} failed (giving up): {reason}"
        assert one.heard[-2:] == [failed, f"misses: {reason}"]
        assert [word for word in one.heard if word.startswith(("error", "misses", "tells"))] == one.heard[-2:]
        # It stays there, to be sent back or repaired.
        assert one.upgraded_to() == came_from
        assert one.agent.process is not None
        assert one.agent.process.poll() is None
