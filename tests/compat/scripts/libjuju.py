"""What the scripts for python-libjuju share."""

import asyncio
import os
import time
from pathlib import Path

from frames import write_down

IN_PROGRESS = "JujuAPIError: upgrade in progress"

write_down()


class Closing:
    """Disconnects behind the block, also if it never connected."""

    def __init__(self, thing):
        self.thing = thing

    async def __aenter__(self):
        return self.thing

    async def __aexit__(self, *_):
        await self.thing.disconnect()


def facade(cls, connected):
    """A facade on the connection of a controller or model."""
    return cls.from_connection(connected.connection())


def announced(connected):
    """The highest version of each facade that the login announced."""
    return {entry["name"]: max(entry["versions"]) for entry in connected.connection().info["facades"]}


def agents(model):
    """The version that each agent reports, by machine id or unit name, as the model's deltas have it."""
    found = {name: machine.safe_data["agent-status"]["version"] for name, machine in model.machines.items()}
    return found | {name: unit.safe_data["agent-status"]["version"] for name, unit in model.units.items()}


class Changes:
    """Every version that a connected model's agents were seen at, in order."""

    def __init__(self, model):
        self.seen = {name: [version] for name, version in agents(model).items()}
        self._model = model
        model.add_observer(self)

    async def __call__(self, *_):
        for name, version in agents(self._model).items():
            steps = self.seen.setdefault(name, [])
            if version and steps[-1:] != [version]:
                steps.append(version)

    def all_went(self, before, after):
        """Whether every agent was seen at the one version, then at the other, and at no third."""
        return bool(self.seen) and all(steps == [before, after] for steps in self.seen.values())


async def all_at(model, version, seconds):
    """``block_until`` on "all agents at X"."""
    await model.block_until(lambda: set(agents(model).values()) == {version}, timeout=seconds)


async def until_upgraded(controller, name, version, seconds):
    """Waits until the controller answers on a version; returns each different refusal that was seen meanwhile.

    Connects anew each time, as a script does that is run again and again. Whoever keeps the upgrade from its end until
    it was seen finds the file that SEEN names.
    """
    seen, deadline = [], time.monotonic() + seconds
    while True:
        try:
            async with Closing(controller()) as connected:
                await connected.connect(name)
                await connected.list_models()
                if connected.connection().info["server-version"] == version:
                    return seen
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            if said not in seen:
                seen.append(said)
            if said == IN_PROGRESS:
                Path(os.environ["SEEN"]).touch()
        assert time.monotonic() < deadline, f"not on {version} after {seconds} s: {seen}"
        await asyncio.sleep(0.3)
