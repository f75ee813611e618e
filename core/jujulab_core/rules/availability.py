"""Which agent binaries can be had: the controller's own storage, then the streams.

Source: the Juju upgrade specification, sections C.4, I.4 and I.5.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from jujulab_core.version import Binary, Number, binary_series

NO_BINARIES = "no agent binaries available"
NO_MATCHING_BINARIES = "no matching agent binaries available"

RELEASED = "released"

# From this version of the controller on, what is uploaded for one model is there for all (section I.6).
_UPLOADS_SHARED_FROM = Number(2, 9, 12)

_FALLBACKS = {
    RELEASED: (RELEASED,),
    "proposed": ("proposed", RELEASED),
    "devel": ("devel", "proposed", RELEASED),
    "testing": ("testing", "devel", "proposed", RELEASED),
}


def streams_searched(stream: str, version: Number | None = None, *, development: bool = False) -> tuple[str, ...]:
    """The streams that one request looks in, the preferred one first (section I.4).

    Args:
        stream: The stream in force; empty means ``released``. A word that Juju does not know has no fallback.
        version: The exact version that agents and bootstrap ask for; None for the search of an upgrade command.
        development: The old model config key of that name.
    """
    stream = stream or RELEASED
    if stream == RELEASED and (development or (version is not None and version.is_development)):
        return _FALLBACKS["devel"]
    return _FALLBACKS.get(stream, (stream,))


def uploads_are_shared(controller: Number) -> bool:
    """Whether a controller of this version keeps what is uploaded in the controller model."""
    return controller >= _UPLOADS_SHARED_FROM


@dataclass(frozen=True, slots=True)
class Availability:
    """The answer to a search.

    Attributes:
        binaries: What was found; each of them once, in the order of the preferred sources.
        error: Juju's words where nothing was found, else empty.
    """

    binaries: tuple[Binary, ...]
    error: str = ""

    @property
    def versions(self) -> tuple[Number, ...]:
        """The versions found, ascending. One series or arch is enough for a version to count (section C.4)."""
        return tuple(sorted({binary.number for binary in self.binaries}))


def find(
    storage: Collection[Binary],
    streams: Mapping[str, Collection[Binary]] | None,
    searched: Iterable[str],
    matches: Callable[[Binary], bool],
) -> Availability:
    """Merges the controller's storage and the streams (section C.4).

    A binary in storage hides the same one in a stream, and one in a preferred stream hides that of a later one. Where
    storage has a match, a failure of the streams is silently ignored.

    Args:
        storage: What the model's catalogue and the controller model's hold.
        streams: By stream what the metadata lists; None where no metadata could be read.
        searched: The streams to look in, see `streams_searched`.
        matches: Which binaries are looked for, see `of_major`.
    """
    listed = [binary for stream in searched for binary in (streams or {}).get(stream, ())]
    found = tuple(dict.fromkeys(binary for binary in (*storage, *listed) if matches(binary)))
    if found:
        return Availability(found)
    return Availability((), NO_MATCHING_BINARIES if listed else NO_BINARIES)


def of_major(major: int, minor: int = -1) -> Callable[[Binary], bool]:
    """Matches the binaries of a major version, and of one minor version unless that is -1."""
    return lambda binary: binary.number.major == major and minor in (-1, binary.number.minor)


def uncovered(
    machines: Mapping[str, tuple[str, str]], target: Number, available: Collection[Binary]
) -> dict[Binary, tuple[str, ...]]:
    """The binaries that an upgrade needs and nobody has, each with the ids of the machines that need it.

    Juju does not look: a version counts as available if any series or arch of it is (section C.4), and the agent of a
    machine of another one then tries for ever. This check is ours.

    Args:
        machines: Series and arch by machine id.
        target: Where the model shall go.
        available: What storage and streams have.
    """
    there = set(available)
    missing: dict[Binary, list[str]] = {}
    for machine, (series, arch) in machines.items():
        binary = Binary(target, binary_series(target, series), arch)
        if binary not in there:
            missing.setdefault(binary, []).append(machine)
    return {binary: tuple(ids) for binary, ids in missing.items()}


def missing_text(missing: Mapping[Binary, Collection[str]]) -> str:
    """The one sentence that refuses an upgrade for which binaries are missing."""
    parts = [
        f"{binary} for machine{'s' * (len(ids) > 1)} {', '.join(ids)}"
        for binary, ids in sorted(missing.items(), key=lambda entry: str(entry[0]))
    ]
    return (
        f"no agent binaries available of {'; '.join(parts)}: these agents could never be upgraded; publish or sync the "
        "binaries first, or give --ignore-missing-binaries to start as Juju would"
    )
