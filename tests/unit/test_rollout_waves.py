"""Waves and stop rules: tables, and every fleet of up to six machines against a plain reference."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest

from jujulab.rollout import waves
from jujulab.rollout.model import Options
from jujulab.rollout.phases import UNREACHABLE, Phase

BORNE = ["", "0", "1", "3", "6", "1%", "17%", "34%", "50%", "99%", "100%"]
# What a machine counts as. Six sorts are enough: the others count as one of these.
SORTS = {
    "fine": (Phase.DONE, ""),
    "waits": (Phase.PENDING, ""),
    "failed": (Phase.FAILED, "bad"),
    "goes back": (Phase.RETURNING, "bad"),
    "unreachable": (Phase.FAILED, f"{UNREACHABLE}no way in"),
    "stranded": (Phase.STRANDED, f"{UNREACHABLE}no way in"),
}


def reference(sorts: tuple[str, ...], failures: str, unreachable: str, waved: bool) -> bool:
    """The stop rule in ten lines."""

    def borne(text: str, default: float) -> float:
        if not text:
            return default
        return math.floor(int(text[:-1]) * len(sorts) / 100) if text[-1] == "%" else int(text)

    failed = sum(sort in ("failed", "goes back") for sort in sorts)
    lost = sum(sort in ("unreachable", "stranded") for sort in sorts)
    most = borne(failures, 0 if waved else math.inf)
    return failed > most or lost > borne(unreachable, most)


@pytest.mark.parametrize("waved", [False, True])
def test_the_stop_rule_is_the_reference_for_every_small_fleet(waved: bool) -> None:
    tried = 0
    for count in range(1, 7):
        # Order does not matter to a sum: combinations are every fleet there is.
        for sorts in itertools.combinations_with_replacement(SORTS, count):
            machines: Any = [SimpleNamespace(phase=SORTS[s][0], reason=SORTS[s][1]) for s in sorts]
            for failures, unreachable in itertools.product(BORNE, ["", "0", "1", "50%"]):
                options = Options(batch="1" if waved else "", max_failures=failures, max_unreachable=unreachable)
                expected = reference(sorts, failures, unreachable, waved)
                assert waves.must_stop(machines, options) == expected, (sorts, failures, unreachable)
                tried += 1
    assert tried == 923 * 44


@pytest.mark.parametrize("phase", list(Phase))
def test_what_counts_as_failed(phase: Phase) -> None:
    counts = {Phase.FAILED, Phase.ROLLING_BACK, Phase.RETURNING, Phase.ROLLED_BACK, Phase.STRANDED}
    machine: Any = SimpleNamespace(phase=phase, reason="")
    assert waves.must_stop([machine], Options(max_failures="0")) == (phase in counts)


@pytest.mark.parametrize(
    ("count", "options", "sizes"),
    [
        (50, Options(canary=1, careful=True), [1, 49]),
        (51, Options(canary=1, careful=True), [1, 13, 13, 13, 11]),
        (51, Options(max_failures="1", careful=True), [13, 13, 13, 12]),
        (51, Options(canary=1, batch="40", careful=True), [1, 40, 10]),
        (500, Options(), [500]),
    ],
)
def test_large_fleets_go_in_batches_unless_they_go_jujus_way(count: int, options: Options, sizes: list[int]) -> None:
    assert [len(wave) for wave in waves.waves([str(number) for number in range(count)], options)] == sizes


@pytest.mark.parametrize(
    ("count", "batch"), list(itertools.product(range(1, 7), ["1", "2", "1%", "25%", "50%", "100%"]))
)
def test_every_machine_is_in_one_wave_and_no_wave_is_larger_than_asked(count: int, batch: str) -> None:
    for canary in range(count + 2):
        made = waves.waves([str(number) for number in range(count)], Options(canary=canary, batch=batch))
        assert [name for wave in made for name in wave] == [str(number) for number in range(count)]
        size = math.ceil(int(batch[:-1]) * count / 100) if batch.endswith("%") else int(batch)
        assert all(len(wave) <= size for wave in made[1 if canary else 0 :])
        assert not canary or len(made[0]) == min(canary, count)
