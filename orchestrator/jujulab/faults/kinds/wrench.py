"""``wrench``: Juju's own fault injection (the Juju upgrade specification, section G.5), as far as agents have it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.files import read_file, write_file
from jujulab.faults.hands import find, remove
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab_core import layout, tags
from jujulab_core.errors import UsageError

_STEPS = ("always-try-upgrade", "fail-upgrade-start", "fail-upgrade", "short-upgrade-timeout")
_DATABASE = "upgrade-database"
_FEATURES = {"machine-agent": _STEPS, "unit-agent": _STEPS, _DATABASE: ("watch-upgrade",)}


def _category(options: Mapping[str, str], usual: str) -> str:
    return options["category"] or (_DATABASE if options["feature"] in _FEATURES[_DATABASE] else usual)


def _check(options: Mapping[str, str]) -> None:
    features = options["feature"].split(",")
    known = _FEATURES[_category(options, "machine-agent")]
    wrong = [feature for feature in features if feature not in known]
    if wrong:
        raise UsageError(f'no agent knows the wrench "{wrong[0]}"', next_step=f"choose of: {', '.join(known)}")


def _path(category: str) -> PurePosixPath:
    return PurePosixPath(f"{layout.DATA_DIR}/wrench/{category}")


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    category = _category(options, f"{tags.split_tag(target.tag)[0]}-agent")
    container, path = find(scene, target.container), _path(category)
    before = read_file(container, path).decode()
    features = [feature for feature in options["feature"].split(",") if feature not in before.split()]
    note({"category": category, "features": features})
    # Of root, and writable by nobody else: agents trust no other.
    write_file(container, path, "".join(f"{line}\n" for line in [*before.splitlines(), *features]).encode())
    return f"wrote {options['feature']} to {path}"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], noted: Json) -> None:
    container, path = find(scene, target.container), _path(noted["category"])
    lines = read_file(container, path).decode().splitlines()
    rest = [line for line in lines if line.strip() not in noted["features"]]
    if rest:
        write_file(container, path, "".join(f"{line}\n" for line in rest).encode())
    elif lines:
        remove(scene, target.container, path)


KIND = Kind(
    "wrench",
    "Juju's own fault injection: upgrade steps of the agent meet a wrench, or several (feature=A,B).",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.AGENT, Scope.CONTROLLER}),
    options={"feature": "fail-upgrade", "category": ""},
    allowed={"category": ("", *_FEATURES)},
    check_options=_check,
    stacks=True,
)
