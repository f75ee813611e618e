"""Which release's rules hold.

Source: the Juju upgrade specification, the table at its beginning and sections C.1, C.3 and C.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from jujulab_core.version import Number


class Era(StrEnum):
    """A run of releases with the same rules, named after the first of them; eras compare by age.

    Comparing the names as text gives their order, because each is the beginning of a version with one-digit
    numbers.
    """

    V2_6 = "2.6"
    V2_7 = "2.7"
    V2_8 = "2.8"
    V2_9 = "2.9"
    V2_9_33 = "2.9.33"
    V3_6 = "3.6"

    @property
    def controller_chooses(self) -> bool:
        """Whether the controller chooses the version; up to 2.9.32 the client does."""
        return self >= Era.V2_9_33


# The last release of each era. It stands for the era where a person forces an era that the real version is
# not of.
_TIPS = {
    Era.V2_6: Number(2, 6, 11),
    Era.V2_7: Number(2, 7, 9),
    Era.V2_8: Number(2, 8, 14),
    Era.V2_9: Number(2, 9, 32),
    Era.V2_9_33: Number(2, 9, 52),
    Era.V3_6: Number(3, 6, 26),
}

_SERVER_CHOOSES_FROM = Number(2, 9, 33)


def era_of(version: Number) -> Era:
    """The era that a release belongs to.

    In-between versions: whatever is older than 2.7 (2.5, say) counts as 2.6; any 2.x after 2.9 counts as 2.9.33;
    every 3.x counts as 3.6, whose rules section C.5 gives for all of 3.x, and 4.0 as well, for want of more.
    """
    if version.major >= 3:
        return Era.V3_6
    if version >= _SERVER_CHOOSES_FROM:
        return Era.V2_9_33
    if (version.major, version.minor) < (2, 7):
        return Era.V2_6
    return {7: Era.V2_7, 8: Era.V2_8, 9: Era.V2_9}[version.minor]


def era_for(controller: Number, client: Number) -> Era:
    """The era by which a client and a controller settle on a version.

    - A 3.x controller chooses itself, whatever the client: 3.6.
    - A controller from 2.9.33 on chooses for clients that know how to ask it (2.9.33 and later).
    - Otherwise the client chooses, by its own release's rules; a client from 2.9.33 on then takes the path of
      2.9 (section C.3, item 6).
    """
    if era_of(controller) is Era.V3_6:
        return Era.V3_6
    return min(era_of(client), max(era_of(controller), Era.V2_9))


def major_minimums(era: Era, version: Number) -> Mapping[int, Number]:
    """By major version the lowest version that may step up to it (section C.1, step 8; section D.2).

    Args:
        era: The era.
        version: The release whose table is asked for; it is of that era.
    """
    if era is Era.V3_6:
        return MappingProxyType({3: Number(2, 9, 43)})
    if era is Era.V2_9_33 or version >= Number(2, 9, 32):
        return MappingProxyType({})
    if era <= Era.V2_7 or version <= Number(2, 8, 6):
        return MappingProxyType({2: Number(1, 25, 4)})
    if version <= Number(2, 8, 9):
        return MappingProxyType({3: Number(2, 9, 0)})
    return MappingProxyType({3: Number(2, 8, 9)})


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that one side of an upgrade follows.

    Attributes:
        era: The era.
        version: The release, for what changed within an era.
        minimums: By major version the lowest version that may step up to it.
    """

    era: Era
    version: Number
    minimums: Mapping[int, Number]

    @classmethod
    def of_era(cls, era: Era, version: Number, minimums: Mapping[int, Number] | None = None) -> Rules:
        """The rules of an era as they were in a release, or at the era's end if the release is of another."""
        release = version if era_of(version) is era else _TIPS[era]
        return cls(era, release, major_minimums(era, release) if minimums is None else minimums)

    @classmethod
    def for_client(cls, controller: Number, client: Number) -> Rules:
        """The rules of a client that asks a controller."""
        return cls.of_era(era_for(controller, client), client)

    @classmethod
    def for_server(cls, controller: Number) -> Rules:
        """The rules of a controller."""
        return cls.of_era(era_of(controller), controller)
