"""What agents must say before their machine counts as being on a version. Pure."""

from __future__ import annotations

from jujulab.rollout.model import Agent, Machine
from jujulab_core.rollout import Check, Options
from jujulab_core.upgradetexts import is_under_way


def is_up(agent: Agent, version: str) -> bool:
    """The new process itself has logged in, says that it is this version, and has run its upgrade steps.

    Only a login since the exchange began counts, and what was said after it: anything else is the old process's.
    """
    at_rest = agent.status in ("started", "idle", "executing") and not is_under_way(agent.message)
    return at_rest and _is_new(agent, version)


def late(machine: Machine, version: str) -> tuple[Agent, ...]:
    """The agents of a machine that are not up on this version."""
    return tuple(agent for agent in machine.agents if not is_up(agent, version))


def unsteady(machine: Machine, version: str) -> tuple[Agent, ...]:
    """The agents that are not up on this version, or have not been all the time since their machine's phase began.

    One that crashed and logged in again is up whenever somebody looks, but for a moment.
    """
    return tuple(
        agent for agent in machine.agents if not is_up(agent, version) or agent.connected_since > machine.since
    )


def run_steps(agents: tuple[Agent, ...], version: str) -> bool:
    """Whether all of these are there and merely busy with their upgrade steps."""
    return all(_is_new(agent, version) for agent in agents)


def gave_up(machine: Machine, version: str) -> str:
    """What an agent says that has given up on its upgrade steps (the Juju upgrade specification, section G.3).

    Only of this version: until an agent has logged in again, its last word is that of the process before.
    """
    words = f"upgrade to {version} failed (giving up)"
    said = (agent for agent in machine.agents if agent.message.startswith(words) and _is_new(agent, version))
    return next((f"{agent.tag}: {agent.message}" for agent in said), "")


def why_late(agent: Agent, version: str) -> str:
    """Why an agent is not up."""
    if not agent.connected:
        return f"{agent.tag} has not logged in again"
    if agent.version != version:
        return f"{agent.tag} reports {agent.version or 'no version'} instead of {version}"
    if not agent.spoken:
        return f"{agent.tag} has logged in but has not said how it is"
    if agent.logins <= agent.logins_before:
        return f"{agent.tag} is still the process from before the exchange"
    return f"{agent.tag} is {agent.status}: {agent.message or 'no message'}"


def checks_of(machine: Machine, options: Options) -> tuple[Check, ...]:
    """The user's checks that are made on this machine."""
    return tuple(check for check in options.checks if check.concerns(machine.id, machine.applications))


def _is_new(agent: Agent, version: str) -> bool:
    return agent.connected and agent.spoken and agent.logins > agent.logins_before and agent.version == version
