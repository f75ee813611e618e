"""The kinds of upgrades that the crash map follows, as people ask for them, and how each must end.

One that is like the others up to a certain boundary is stopped there first: the map of it begins at that boundary, and
everything before is the same each time.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

from jujulab_core.errors import DeadlineError
from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.crash_lab import REACH_SECONDS, Boundary, CrashLab
from tests.e2e.support import run

# A command that is followed to its end, and the exit code that it must have.
Errand = tuple[Sequence[str], int]
# Whatever happens, an upgrade comes to its end within this time.
END_SECONDS = 180.0
# What the command line says when there was no answer.
_LOST = re.compile(
    "the connection to|cannot connect|secure connection|no answer from the controller|whether the upgrade was started"
)
# What it says to who asks again for what was done in spite of that.
_DONE_ALREADY = re.compile(r"is over \(complete\)")
_FAILED = 4


@dataclass(frozen=True)
class Ending:
    """How an upgrade must end.

    Attributes:
        status: Of the whole.
        phases: Of each machine and its units, by the machine's id.
        goes_back: Whether every agent ends on the version that it had before.
    """

    status: str
    phases: Mapping[str, str]
    goes_back: bool = False


class Upgrade:
    """An upgrade of a model, Juju's own way, by somebody who stays and watches.

    Attributes:
        kind: What the map calls it.
        minor: The minor version that it stays in.
        options: What is asked for beyond the version.
        start: The orchestrator's boundary at which the map begins; empty: with the request.
        meanwhile: The phase that the second machine comes to while the orchestrator stands there.
        part: How the boundaries begin that are unlike those of other kinds; empty: all.
        ending: How it must end.
        version: Where it goes.
        before: The version that it comes from, where it must end there.
    """

    kind: ClassVar[str] = "model"
    minor: ClassVar[str] = "2.6"
    options: ClassVar[tuple[str, ...]] = ()
    start: ClassVar[str] = ""
    meanwhile: ClassVar[str] = ""
    part: ClassVar[str] = ""
    ending: ClassVar[Ending] = Ending("complete", {"0": "done", "1": "done"})

    def __init__(self, lab: CrashLab) -> None:
        self.lab = lab
        self.version = self.choose()
        self.before = self._model_version() if self.ending.goes_back else ""
        self._pool = ThreadPoolExecutor(1, "person")
        self._errands: Future[str] | None = None

    def choose(self) -> str:
        """The version to go to."""
        return self.lab.next_version(self.minor)

    def ready(self) -> None:
        """Brings the lab to where this kind begins."""

    def errands(self) -> Sequence[Errand]:
        """What a person does."""
        return [(self.request(), 0)]

    def tidy(self) -> None:
        """Undoes what would stand in the way of the next."""

    def request(self) -> list[str]:
        """The command that asks for the upgrade."""
        return ["upgrade-model", *self.model, "--agent-version", self.version, *self.options, "--wait"]

    @property
    def model(self) -> tuple[str, str]:
        """The option that names the model."""
        return ("-m", f"{self.lab.lab.controller}:default")

    @property
    def wanted(self) -> str:
        """The version that all must run at the end."""
        return self.before if self.ending.goes_back else self.version

    def prepare(self) -> None:
        """Goes to where the map of this kind begins."""
        self.ready()
        if not self.start:
            return
        self.lab.stop_at(self._begin)
        self._set_out()
        assert self.lab.wait_stopped(self._begin), f"the orchestrator did not come to {self.start}"

        def probe() -> tuple[bool | None, str]:
            (other,) = self.lab.lab.juju.json("show-upgrade", *self.model)["machines"][1:]
            phases = {agent["phase"] for agent in other["agents"]}
            return phases == {self.meanwhile} or None, f"machine 1 to be {self.meanwhile}: {phases}"

        wait_for(probe, Deadline(REACH_SECONDS), 0.1)

    def go(self, boundary: Boundary | None = None) -> bool:
        """Goes on from there; until a process stands at the boundary, where one is given. Says whether one does."""
        if boundary == self._begin:
            return True
        if boundary is not None:
            self.lab.stop_at(boundary)
        if self.start:
            self.lab.release(self._begin)
        else:
            self._set_out()
        return boundary is None or self.lab.wait_stopped(boundary)

    def end(self) -> str:
        """Waits for the end; returns an empty text if it was the right one, else what was said."""
        assert self._errands is not None
        try:
            return self._errands.result()
        finally:
            self._pool.shutdown()

    def record(self) -> list[Boundary]:
        """Carries it out with nobody killed, and returns the boundaries that it passed, in their order."""
        self.prepare()
        self.lab.note_passed()
        self.go()
        said = self.end()
        assert said == "", f"{self.kind}: {said}"
        passed = [boundary for boundary in self.lab.passed(self.kind) if boundary.name.startswith(self.part)]
        self.tidy()
        return [self._begin, *passed] if self.start and self._begin not in passed else passed

    @property
    def _begin(self) -> Boundary:
        return Boundary(self.kind, self.start, "orchestrator")

    def _set_out(self) -> None:
        self._errands = self._pool.submit(self._run_errands)

    def _run_errands(self) -> str:
        return next(filter(None, (self._run(words, code) for words, code in self.errands())), "")

    def _run(self, words: Sequence[str], code: int) -> str:
        """Whoever lost the controller before its answer came is told so, and asks again, as anybody would."""
        lost = ""

        def probe() -> tuple[list[str] | None, str]:
            nonlocal lost
            asked = self.lab.lab.juju.start(*words)
            try:
                said, _ = asked.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                asked.kill()
                said, _ = asked.communicate()
                return [f"{words[0]} did not end within {END_SECONDS:g} s: {said}"], ""
            if asked.returncode == code or (lost and _DONE_ALREADY.search(said)):
                return [""], ""
            if _LOST.search(said):
                lost = said
                return None, f"an answer to {words[0]}: {said}"
            return [f"{words[0]}: exit {asked.returncode}: {said}"], ""

        try:
            return wait_for(probe, Deadline(END_SECONDS), 1.0)[0]
        except DeadlineError as error:
            return str(error)

    def _model_version(self) -> str:
        shown = self.lab.lab.juju.json("show-model", f"{self.lab.lab.controller}:default")
        return str(shown["default"]["agent-version"])


class OfController(Upgrade):
    """One of the controller with its own model."""

    kind = "controller"
    minor = "2.7"
    ending = Ending("complete", {"0": "done"})

    def request(self) -> list[str]:
        """The command that asks for the upgrade."""
        controller = ("-c", self.lab.lab.controller)
        return ["upgrade-controller", *controller, "--agent-version", self.version, "--wait"]


class OverSsh(Upgrade):
    """The agent of the first machine is dead before it, so its binary is staged over SSH."""

    kind = "over-ssh"
    start = "orchestrator/acting-stage"
    meanwhile = "done"

    def ready(self) -> None:
        """Stops the agent."""
        run(self.lab.places["machine"], "systemctl stop jujud-machine-0")


class Checked(Upgrade):
    """In waves, with a check of the user's own and a time in which all must be well."""

    kind = "checked"
    options = ("--canary", "1", "--health-time", "1s")
    start = "orchestrator/acting-check"
    meanwhile = "staged"
    check: ClassVar[Mapping[str, object]] = {"name": "boots", "exec": "test -d /run/systemd/system"}

    def ready(self) -> None:
        """Gives the model its check."""
        self.lab.lab.juju("model-config", *self.model, f"rollout-checks={json.dumps([self.check])}")

    def tidy(self) -> None:
        """Takes the check away."""
        self.lab.lab.juju("model-config", *self.model, "--reset", "rollout-checks")


class Paused(Checked):
    """A check cannot tell whether the first machine is good: a person looks, and says that it is."""

    kind = "paused"
    options = ()
    meanwhile = "done"
    check: ClassVar[Mapping[str, object]] = {"name": "doubtful", "exec": "exit 127", "on": ["0"]}

    def errands(self) -> Sequence[Errand]:
        """The pause ends the waiting; then all is as usual."""
        watch = ["show-upgrade", *self.model, "--watch"]
        return [(self.request(), _FAILED), (["resume-upgrade", *self.model, "--accept", "0"], 0), (watch, 0)]


class RolledBack(Upgrade):
    """It was complete, and somebody puts all of it back."""

    kind = "roll-back"
    ending = Ending("aborted", {"0": "rolled-back", "1": "rolled-back"}, goes_back=True)

    def ready(self) -> None:
        """Carries the upgrade out."""
        self.lab.lab.juju(*self.request())

    def errands(self) -> Sequence[Errand]:
        """Puts it back."""
        return [(["abort-upgrade", *self.model, "--rollback", "--wait"], 0)]


class Lost(RolledBack):
    """The first machine has lost what it goes back to, and has no agent that could fetch it."""

    kind = "lost"
    part = "upgradectl/"

    def ready(self) -> None:
        """Carries the upgrade out, and takes away the old version."""
        super().ready()
        lose = f"systemctl stop jujud-machine-0 && rm -r /var/lib/juju/tools/{self.before}-*"
        run(self.lab.places["machine"], lose)


class Bad(Upgrade):
    """Its agents crash, so that the canary is put back by itself, and nobody else begins."""

    kind = "bad"
    options = ("--canary", "1", "--lift-quarantine")
    start = "orchestrator/acting-look"
    meanwhile = "staged"
    ending = Ending("failed", {"0": "rolled-back", "1": "skipped"}, goes_back=True)

    def choose(self) -> str:
        """The same each time, out of quarantine."""
        return self.lab.bad_version(self.minor)

    def errands(self) -> Sequence[Errand]:
        """Sees it fail."""
        return [(self.request(), _FAILED)]

    def tidy(self) -> None:
        """The model itself still wants the bad version: it gets the one back that its agents have."""
        self.lab.lab.juju("abort-upgrade", *self.model, "--rollback", "--wait")


KINDS: Mapping[str, type[Upgrade]] = {
    one.kind: one for one in (OfController, Upgrade, Checked, Paused, OverSsh, RolledBack, Lost, Bad)
}
