"""What an upgrade is once a decision has been recorded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jujulab.rollout.acts import Change
from jujulab.rollout.model import Agent, Machine, Upgrade
from jujulab.rollout.phases import Phase


def apply(upgrade: Upgrade, changes: Sequence[Change], now: float) -> Upgrade:
    """The upgrade as it is once the changes are recorded."""
    by_machine = {change.machine: change for change in changes}

    def touched(agent: Agent, change: Change) -> Agent:
        begins = change.phase in (Phase.SWAPPING, Phase.ROLLING_BACK) and agent.phase is not change.phase
        before = agent.logins if begins else agent.logins_before
        return replace(agent, phase=change.phase, reason=change.reason, logins_before=before)

    def changed(machine: Machine) -> Machine:
        change = by_machine.get(machine.id)
        if change is None:
            return machine
        agents = tuple(touched(agent, change) for agent in machine.agents)
        return replace(machine, agents=agents, since=now, deadline=change.deadline)

    return replace(upgrade, machines=tuple(changed(machine) for machine in upgrade.machines))
