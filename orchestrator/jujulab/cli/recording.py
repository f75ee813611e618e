"""Writes the commands that change a lab into the lab's history."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.exceptions import Exit

# Commands that change a lab that is there. `up` begins one, and `down` removes its history with it.
COMMANDS = frozenset(
    {
        "abort-upgrade",
        "add-machine",
        "add-model",
        "add-unit",
        "create-backup",
        "deploy",
        "destroy-model",
        "fault",
        "heal",
        "pause-upgrade",
        "publish",
        "remove-machine",
        "remove-unit",
        "resolved",
        "restore-backup",
        "resume-upgrade",
        "retry-provisioning",
        "retry-upgrade",
        "start",
        "stop",
        "sync-agent-binaries",
        "upgrade-controller",
        "upgrade-model",
    }
)
# Their parameters that tell what was done. None of these is ever a secret.
TOLD = frozenset(
    {
        "accept",
        "agent_stream",
        "agent_version",
        "application",
        "batch",
        "canary",
        "charm",
        "count",
        "defect",
        "dry_run",
        "duration",
        "everything",
        "everywhere",
        "force",
        "health_time",
        "ids",
        "ignore_agent_versions",
        "kind",
        "machines",
        "max_failures",
        "max_unreachable",
        "minors",
        "model",
        "name",
        "no_rollback",
        "num_units",
        "options",
        "rollback",
        "series",
        "stream",
        "targets",
        "to",
        "units",
        "upgrade_id",
        "version",
        "versions",
        "wait",
    }
)


@contextmanager
def recorded(command: str, given: Mapping[str, Any]) -> Iterator[None]:
    """Writes the begin and the end of a command, if it changes a lab that has a directory here.

    Args:
        command: Its name.
        given: Its parameters by name.
    """
    history = history_of(given) if command in COMMANDS else None
    if history is None:
        yield
        return
    from jujulab.history.event import Kind
    from jujulab.history.recorder import Recorder, outcome_of

    recorder = Recorder(history, "cli")
    told = {name: plain(given[name]) for name in sorted(TOLD & given.keys()) if given[name]}
    recorder.add(Kind.INVOKE, command, {"arguments": told})
    try:
        yield
    except Exit as ended:
        recorder.add(Kind.FAIL if ended.exit_code else Kind.OK, command, {"exit": ended.exit_code})
        raise
    except BaseException as error:
        recorder.add(outcome_of(error), command, {"error": f"{type(error).__name__}: {error}"})
        raise
    recorder.add(Kind.OK, command)


def history_of(given: Mapping[str, Any]) -> Path | None:
    """The history of the lab that a command's parameters mean; None where there is no such lab (yet).

    Args:
        given: The command's parameters; those that name a lab, a controller or a model count.
    """
    from jujulab.history.event import FILE_NAME
    from jujulab.store import Store

    store = Store.default()
    lab = given.get("lab")
    if "lab" in given and not lab:
        # Such commands take the only lab that there is.
        lab = next(iter(store.labs()), None)
    if not lab:
        from jujulab.session import resolve_controller
        from jujulab_core.errors import JujulabError

        model = given.get("model") or os.environ.get("JUJU_MODEL") or ""
        name = given.get("controller") or str(model).rpartition(":")[0] or None
        try:
            lab = resolve_controller(store, name).region
        except JujulabError:
            # The command says so itself.
            return None
    return store.root / "labs" / str(lab) / FILE_NAME if lab in store.labs() else None


def plain(value: Any) -> Any:
    """A parameter as JSON."""
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value if isinstance(value, bool | int | float) else str(value)
