"""Frames that a client might send, from nearly right to nonsense: the calls of the access table, bent."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

import jujulab_controller.facades.all
from jujulab_controller.facades.versions import offered
from jujulab_controller.rpc import registry
from jujulab_controller.rpc.registry import Where, Who
from jujulab_core.version import Number

# Importing the facades is what registers them.
_FACADES = jujulab_controller.facades.all.__all__
ACCESS = Path(__file__).parents[1] / "process" / "data" / "access.yaml"
METHODS: dict[str, list[dict[str, Any]]] = yaml.safe_load(ACCESS.read_text())["methods"]
# Most of these are somewhere; none of them is what the test itself needs to log in again.
NAMES = [
    *("machine-0", "machine-1", "machine-0-lxd-1", "unit-ubuntu-0", "user-fuzz", "user-bob", "user-bob@remote"),
    *("application-ubuntu", "cloud-docker", "cloudcred-docker_fuzz_x", "ubuntu", "ubuntu/0", "bionic", "jammy"),
    *("2.6.4", "2.6.10", "2.9.50", "3.6.10", "2.6.10-bionic-amd64", "3.6.10-ubuntu-amd64", "released", "latest"),
    *("read", "write", "admin", "superuser", "grant", "revoke", "started", "active", "BlockChange", "BlockDestroy"),
    *("0", "1", "-1", "", " ", "/", "..", "a" * 300, "\x00", "é\u202e", "%s", "'; drop table models", "{}", "null"),
]
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**30, 0.5, 1e300]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(NAMES),
    st.text(max_size=20),
)


def _keys() -> list[str]:
    found: set[str] = set()

    def look(value: Any) -> None:
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(child)
        if isinstance(value, dict):
            found.update(map(str, value))

    look([case.get("params") for cases in METHODS.values() for case in cases])
    return sorted(found)


_KEYS = st.one_of(st.sampled_from(_keys()), st.text(max_size=8))
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=12,
)


class World(NamedTuple):
    """What the names in the table's parameters stand for.

    Attributes:
        names: ``$model`` and the like.
        tags: Further names of things that are there.
        version: The controller's.
    """

    names: dict[str, str]
    tags: tuple[str, ...]
    version: Number


def filled(value: Any, world: World) -> Any:
    """A template with real names in place of ``$NAME``."""
    if isinstance(value, dict):
        return {key: filled(child, world) for key, child in value.items()}
    if isinstance(value, list):
        return [filled(child, world) for child in value]
    return world.names.get(value, value) if isinstance(value, str) else value


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


@st.composite
def params(draw: st.DrawFn, method: str, world: World) -> Any:
    """The parameters of a call: as the table has them, bent in a place or two, or made up."""
    cases = METHODS.get(method)
    if cases is None or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    made: Any = filled(copy.deepcopy(draw(st.sampled_from(cases)).get("params") or {}), world)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from(_places(made)))
        bent = draw(st.one_of(VALUES, st.sampled_from(world.tags)))
        if not place:
            return bent if draw(st.integers(0, 4)) == 0 else {**made, draw(_KEYS): bent} if made else bent
        parent = made
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = bent
    return made


def _known(who: Who, where: Where, version: Number) -> list[tuple[str, int]]:
    """What a login may call on a kind of connection: methods with the version of their facade."""
    return [
        (f"{facade.name}.{method}", number)
        for facade in registry.everything()
        if who & facade.who and where & facade.where
        for number in offered(facade.name, version)
        for method in facade.methods
    ]


@st.composite
def calls(draw: st.DrawFn, number: int, world: World, who: Who, where: Where) -> dict[str, Any]:
    """A frame that has its parts, whatever is in them; mostly a call that this login may make here."""
    method, version = draw(st.sampled_from(sorted(METHODS))), draw(st.integers(-1, 25))
    if draw(st.integers(0, 9)):
        method, version = draw(st.sampled_from(_known(who, where, world.version)))
    facade, _, name = method.partition(".")
    frame: dict[str, Any] = {
        "request-id": number,
        "type": facade,
        "version": version,
        "request": name,
        "params": draw(params(method, world)),
    }
    if draw(st.integers(0, 4)) == 0:
        frame["id"] = draw(st.one_of(st.sampled_from(["1", "2", 1]), VALUES))
    if draw(st.sampled_from((True, *[False] * 29))):
        frame[draw(st.sampled_from(sorted(frame)))] = draw(VALUES)
    return frame


@st.composite
def nonsense(draw: st.DrawFn, sent: str) -> str:
    """What is sent in place of a call, and is none."""
    kind = draw(st.sampled_from(("text", "marks", "value", "cut", "deep")))
    if kind == "text":
        return draw(st.text(max_size=200))
    if kind == "marks":
        return draw(st.text('[]{}",:0 ', max_size=200))
    if kind == "value":
        return json.dumps(draw(VALUES))
    if kind == "cut":
        cut = draw(st.integers(0, len(sent)))
        return sent[:cut] + draw(st.text(max_size=3)) + sent[cut + draw(st.integers(0, 3)) :]
    return sent.replace('"params": ', '"params": {"deep": ' + "[" * draw(st.integers(1, 3000)))


@st.composite
def exchanges(draw: st.DrawFn, world: World, who: Who, where: Where) -> list[str]:
    """Some frames, one after another: calls, and in every fourth exchange one that is none.

    Not more: it may end the connection, and with it what the frames behind it would have shown.
    """
    first = draw(st.integers(1, 2**32))
    frames = [json.dumps(draw(calls(first + place, world, who, where))) for place in range(draw(st.integers(1, 12)))]
    if draw(st.sampled_from((True, False, False, False))):
        place = draw(st.integers(0, len(frames) - 1))
        frames[place] = draw(nonsense(frames[place]))
    return frames
