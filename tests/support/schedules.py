"""``python -m tests.support.schedules [COUNT] [FIRST]``: simulated upgrades, one a seed, on all processors.

Prints how many were tried, in what time, and which steps of the rollout's table none of them took (the rarest are those
of machines that somebody else had upgraded before). Ends with 1 at the first that breaks an invariant; its seed brings
it back.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from jujulab.rollout.phases import TRANSITIONS, Phase
from tests.support import rollout_world

CHUNK = 250


def chunk(first: int, end: int) -> dict[tuple[Phase, Phase], int]:
    """Runs some schedules; returns each step that was seen with the first seed that showed it."""
    seen: dict[tuple[Phase, Phase], int] = {}
    for seed in range(first, min(first + CHUNK, end)):
        for step in rollout_world.run(seed):
            seen.setdefault(step, seed)
    return seen


def main(count: int, first: int = 0) -> int:
    """Runs `count` schedules from the seed `first` on."""
    began, seen = time.monotonic(), {}
    end = first + count
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        try:
            for found in pool.map(partial(chunk, end=end), range(first, end, CHUNK)):
                seen = found | seen
        except AssertionError as error:
            pool.shutdown(cancel_futures=True)
            sys.stderr.write(f"ERROR {error}\n")
            return 1
    missing = [f"{row.old} to {row.new}" for row in TRANSITIONS if (row.old, row.new) not in seen]
    sys.stdout.write(f"{count} schedules in {time.monotonic() - began:.0f} s hold every invariant\n")
    never = f"; never {', '.join(missing)}" if missing else ""
    sys.stdout.write(f"{len(seen)} of {len(TRANSITIONS)} steps of the table were taken{never}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:] or ["100000"])))
