"""``python -m tests.fuzz --minutes M``: see ``make fuzz``.

Fresh controllers, one after another, get frames by other examples each time, until the time is over.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.fuzz.target import ERAS, Target, fresh

EXAMPLES = settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def main() -> int:
    """Runs it; a crash ends it with the frames that brought it about."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    end, sent, answers = time.monotonic() + 60 * parser.parse_args().minutes, 0, 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        for number in itertools.count():
            controller = fresh(Path(directory) / str(number), ERAS[number % len(ERAS)])
            try:
                target = Target(controller)
                try:
                    target.fire_all(EXAMPLES)
                finally:
                    target.close()
            finally:
                controller.stop()
            sent, answers = sent + target.sent, answers + target.answers.total()
            left = max(0.0, end - time.monotonic())
            print(
                f"{sent} frames sent, {answers} answers and closed connections, no crash; {left:.0f} s to go",
                flush=True,
            )
            if not left:
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
