"""``clock-skew``: an agent sees another time than the rest of the lab.

A container cannot have a clock of its own: Linux has namespaces for monotonic clocks only. So the agent's process is
started with libfaketime, which answers for the kernel when it asks for the time of day; timers and the times of
files are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.cli.durations import seconds
from jujulab.faults import services
from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.hands import find, is_active
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target

_NAME = "clock"
# images/machine/Dockerfile puts it there, whatever the architecture.
_LIBRARY = "/usr/local/lib/jujulab/libfaketime.so"


def _offset(options: Mapping[str, str]) -> str:
    text = options["by"]
    sign = "-" if text.startswith("-") else "+"
    return f"{sign}{seconds(text.lstrip('+-')):g}"


def _check(options: Mapping[str, str]) -> None:
    _offset(options)


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    container = find(scene, target.container)
    note({"active": is_active(scene, container, target.service)})
    variables = {
        "LD_PRELOAD": _LIBRARY,
        "FAKETIME": _offset(options),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    text = "[Service]\n" + "".join(f"Environment={key}={value}\n" for key, value in variables.items())
    services.put_drop_in(scene, container, target.service, _NAME, text)
    wrong = f"with its clock {_offset(options)} s off"
    if services.restart(scene, target.container, target.service):
        return f"restarted {target.service} {wrong}"
    return f"{target.service} does not run; it starts {wrong}"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], noted: Json) -> None:
    if services.remove_drop_in(scene, target.container, target.service, _NAME):
        # Also where it did not run when its clock was changed: it may have been started since.
        services.restart(scene, target.container, target.service, given_up=noted["active"])


KIND = Kind(
    "clock-skew",
    "The agent is restarted with a clock that is fast (by=1h) or slow (by=-1h); the rest of its machine is not.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.AGENT, Scope.CONTROLLER}),
    options={"by": "1h"},
    check_options=_check,
)
